/*
 * env - what the ssh room is given by whoever runs it.
 */
#ifndef DT_SSH_ENV_H
#define DT_SSH_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "dt/base/secret.h"

/* One for a run, constant while sessions live, shared by all threads. */
struct ssh_env {
	int cancel_fd;		/* readable from the moment the run is cancelled; -1: never */
	/* Starts a detached thread.  0, or -1 (errno). */
	int (*spawn)(void (*fn)(void *), void *arg);
	const struct secret *password;	/* -k, or NULL */
	const char *ssh_program;	/* for the openssh transport: "ssh" */
	const char *config_file;	/* ssh -F FILE, or NULL for ssh's own default */
	bool accept_new;	/* trust and record a host key seen for the first time, whatever ssh_config says */
	bool sends_password;	/* -K: through sessions, to where no changed host key is let pass */
	/* What "dt trust" must be told to reach a host, a jump host as this run does ("-F conf --port 2222 "), or NULL. */
	const char *trust_options, *trust_hop_options;
	bool lasting;		/* sessions will outlive their runs (session_rest) */
};

/*
 * Waits for events on a descriptor (fd -1: only for time and cancel).
 * Returns revents of fd, 0 when the deadline passed, -1 when cancelled.
 */
int ssh_wait(const struct ssh_env *env, int fd, short events, int64_t deadline);
/* The same, and until also (-1: none) is readable: then SSH_WAIT_ALSO is in what it returns. */
int ssh_wait_also(const struct ssh_env *env, int fd, short events, int also, int64_t deadline);
#define SSH_WAIT_ALSO 0x10000

#endif
