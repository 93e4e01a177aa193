/*
 * kill - the command that ends what another one has left running on a host.
 *
 * Nothing was put around the command to find it by.  sshd(8) and dropbear(8)
 * give all processes of a connection the same SSH_CONNECTION, and all but
 * those that left it are below the process that serves the connection.
 */
#ifndef DT_SSH_KILL_H
#define DT_SSH_KILL_H

#include <stdint.h>
#include <sys/types.h>

#include "dt/base/buf.h"

struct kill_what {
	const char *become;	/* words before it that give it the rights ("sudo -n --"), or NULL */
	int64_t age_ms;		/* since the command was sent; -1: nothing else ran on this connection before */
	const char *entry;	/* of a command on this machine: NAME=VALUE in its environment; else NULL */
	pid_t pid;		/* and its process; 0: that has ended */
};

/*
 * SIGTERM, and SIGKILL a second later, also to what has begun meanwhile; takes some 4 s at the most.  It prints
 * KILL_GONE, or another word where something is left, or none can tell.
 * 0, or -1: no memory.
 */
int kill_command(struct buf *out, const struct kill_what *what);
#define KILL_GONE "gone\n"

#endif
