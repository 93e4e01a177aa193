/*
 * wire - the bytes between libssh2 and a socket, through callbacks of our own.
 *
 * A packet that the socket does not take at once is queued here, so that
 * libssh2 never sees a partial send (it stalls or fails on one).  An end of
 * file is told to libssh2 as "nothing yet", so that it does not drop data
 * that came with it; the flag says so to us.
 */
#ifndef DT_SSH_WIRE_H
#define DT_SSH_WIRE_H

#include <libssh2.h>
#include <stdbool.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/ssh/env.h"
#include "dt/ssh/heard.h"

/* A keyboard-interactive dialogue, while one may come. */
struct dialogue {
	const struct secret *secret;	/* the answer to the first question, or NULL */
	bool answered;
	char asks[HEARD_TEXT];		/* what nobody here can answer: the login ends there */
};

struct wire {
	int fd;
	struct buf queue;	/* sent by libssh2, not yet taken by the socket */
	char ahead[256];	/* received, and not yet asked for: libssh2 reads the banner byte by byte */
	size_t ahead_at, ahead_len;
	size_t burst;		/* bytes received since libssh2 was last told to wait */
	size_t memory;		/* of the session, in bytes */
	size_t memory_max;	/* a host that sends what nobody asked for fills no more */
	bool eof;		/* the peer has closed its side */
	int error;		/* errno of a failed send or receive, else 0 */
	bool dead;		/* tear-down: every call fails at once */
	bool mute;		/* nothing more is sent */
	struct dialogue *dialogue;
	struct heard heard;
	struct buf *tap;	/* the first bytes received, as many as it takes; or NULL */
	/*
	 * Bytes received so far.  Each call into libssh2 may take in what another
	 * one waits for (data of the other stream, of another channel, a window):
	 * who polls does so only after a round of calls in which this stood still.
	 */
	uint64_t received;
	/*
	 * The exit status of the channel under way, or NULL; what it was last, how
	 * many times it has changed, and whether it did behind the channel's close.
	 */
	const int *watched;
	int seen;
	unsigned changes;
	bool late;
	long closed;		/* the channel that the host has closed last, -1: none */
};

/* What a session with one command may take: 60 KB, two windows, and room. */
#define WIRE_MEMORY (8UL << 20)

void wire_init(struct wire *w, int fd);
/* For libssh2_session_init_ex, whose abstract is the wire. */
void *wire_alloc(size_t n, void **abstract);
void *wire_realloc(void *p, size_t n, void **abstract);
void wire_free(void *p, void **abstract);
/* Begins to watch an exit status, or ends it (NULL). */
void wire_watch(struct wire *w, const int *status);
/* Closes the descriptor, drops what is queued. */
void wire_release(struct wire *w);
/* Installs the callbacks; session's abstract must be the wire. */
void wire_attach(struct wire *w, LIBSSH2_SESSION *session);
/* Sends what is queued as far as the socket takes it. */
void wire_flush(struct wire *w);
/* Is so much queued that no more should be produced? */
bool wire_full(const struct wire *w);
/*
 * Waits until something can go on.  1: try again, 0: the deadline passed,
 * -1: cancelled, -2: the connection has ended (eof or error) and nothing is
 * left to read.  also (-1: none): what is readable there is something too.
 */
int wire_wait(struct wire *w, const struct ssh_env *env, int also, int64_t deadline);
/* Why it ended: what the host said when it disconnected, "connection closed by the host", or errno's text. */
#define WIRE_REASON (HEARD_TEXT + 32)
const char *wire_reason(const struct wire *w, char *buf, size_t size);

#endif
