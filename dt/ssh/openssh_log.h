/*
 * openssh_log - what ssh(1) logs (-E) at LogLevel DEBUG2, read for what it received.
 *
 * Its exit status alone does not tell: 255 is its own failure too, and of a
 * status over 255 it takes the low byte.  OpenSSH's clientloop.c and mux.c
 * (9.2 and 10.0 alike) log each message of the protocol (RFC 4254, 6.10) and,
 * last, the status that they came to.
 *
 * A host may put lines of its choice into this log (a debug message), and so
 * does a command of several lines: they may make an end that is known unknown,
 * but not the other way round, for the last word is ssh's and must be its exit status.
 */
#ifndef DT_SSH_OPENSSH_LOG_H
#define DT_SSH_OPENSSH_LOG_H

#include <stdbool.h>

#include "dt/base/buf.h"

struct openssh_log {
	struct buf line;		/* under way */
	struct buf *text;		/* its last lines: ssh's own words, and until begun debug messages of level 1; the caller's */
	bool logged_in;
	bool begun;			/* it has sent the command */
	unsigned more;			/* lines that follow the one that says so, for it shows the command: set by the caller */
	bool closed;			/* the host has closed the channel */
	unsigned statuses, signals;	/* messages received before that: exit-status, exit-signal */
	bool from_master;		/* the status came through a control master */
	bool has_final;
	long final;			/* -1: none came */
};

void openssh_log_init(struct openssh_log *g, struct buf *text);
void openssh_log_release(struct openssh_log *g);
void openssh_log_add(struct openssh_log *g, const char *data, size_t len);

enum openssh_end { OPENSSH_UNKNOWN, OPENSSH_STATUS, OPENSSH_SIGNAL };
/* What ssh(1), which exited with code, received: *status is 0 to 255 then (of a greater one the low byte, but never 0). */
enum openssh_end openssh_log_end(const struct openssh_log *g, int code, int *status);

#endif
