/*
 * send - what a host lacks of a fileset, as one stream for receive.sh.
 */
#ifndef DT_FILES_SEND_H
#define DT_FILES_SEND_H

#include "dt/files/probe.h"
#include "dt/files/push.h"

enum send_action {
	SEND_NOTHING,	/* it is there as wanted */
	SEND_NEW,	/* it is not there */
	SEND_CONTENT,	/* it is there with other content */
	SEND_COPY,	/* it is there with another mode or owner */
	SEND_FOLDER	/* a folder that is there, with another mode or owner */
};

struct send;

/*
 * Compares; p must live as long.  backup: a suffix, or NULL.  keep: what an undo
 * needs is kept there.  NULL: ERR_FAIL, a
 * reason that the host cannot take the set as it is ("/etc/motd: a folder there").
 */
struct send *send_new(const struct probe *p, const char *backup, bool keep, struct dt_err *err);
void send_free(struct send *s);

const struct dt_files_done *send_counts(const struct send *s);
enum send_action send_action(const struct send *s, size_t i);

/*
 * The transfers that are needed: one a file system there, none where nothing
 * differs.  send_begin prepares number k (from 0) and says its target folder,
 * or NULL: there are no more.
 */
const char *send_begin(struct send *s, size_t k, bool zstd);
/* The stream of the one begun: up to size bytes; 0: its end, or send_fault says what failed here. */
size_t send_read(struct send *s, char *room, size_t size);
const struct dt_err *send_fault(const struct send *s);

#endif
