/*
 * heard - what a host says to somebody who logs in, for the line that tells of a failure.
 *
 * Before SSH begins: lines of text (RFC 4253 4.2), as "Exceeded MaxStartups".
 * Then banners (RFC 4252 5.4), the methods that may go on (5.1), and why it
 * disconnects (RFC 4253 11.1).  All of it comes from the host: bounded here,
 * and escaped by whoever prints an error.
 */
#ifndef DT_SSH_HEARD_H
#define DT_SSH_HEARD_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"

#define HEARD_TEXT 200	/* bytes of one text; "..." ends a longer one */

struct heard {
	char opening[256];	/* the first bytes: text, the line that begins with "SSH-", what follows */
	size_t opening_len;
	bool listening;		/* heard_packet is to look at packets: while a login goes on */
	char banner[HEARD_TEXT];
	char disconnect[HEARD_TEXT];
	unsigned refusals;	/* answers that a method was refused, or is not enough */
	char methods[128];	/* that may go on, of the last one; "" where not known */
	bool partial;		/* the last one: the method was accepted, but is not enough */
};

/* The first bytes of a connection, as they come. */
void heard_opening(struct heard *h, const char *data, size_t len);
/* A packet of the login, decrypted: at most so many bytes of it are there. */
void heard_packet(struct heard *h, const unsigned char *p, size_t room);
void heard_disconnect(struct heard *h, const char *text, size_t len);
/* A list of methods that was not in a packet: "publickey,password". */
void heard_methods(struct heard *h, const char *list, size_t len);

/*
 * What stood before the line "SSH-2.0-..." or in place of it, without its last
 * newline; out is returned, "" where nothing did.
 */
const char *heard_greeting(const struct heard *h, char out[HEARD_TEXT]);
/* The host speaks another version of SSH ("SSH-1.5-..."), which is in the greeting then. */
bool heard_other_version(const struct heard *h);
/* It refuses this machine for a while (sshd_config(5), PerSourcePenalties). */
bool heard_penalty(const struct heard *h);
/* Adds "; the host says: TEXT" to an error, where the host said something that is not in it yet. */
void heard_add(const struct heard *h, struct dt_err *err);
/* The same for a text that came another way. */
void heard_add_text(const char *text, size_t len, struct dt_err *err);
/* Is this text what OpenSSH says to a source that it penalises? */
bool heard_is_penalty(const char *text);

#endif
