/*
 * child - a process of ours: its three streams over pipes, in a process group of its own.
 */
#ifndef DT_BASE_CHILD_H
#define DT_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "dt/base/err.h"

struct child {
	pid_t pid;		/* 0: none */
	int in, out, err;	/* our ends, non-blocking, -1 when closed */
	bool reaped;
	int status;		/* of waitpid(2), once reaped */
};

/*
 * Starts argv[0] (searched in PATH) with env (NULL: ours), signals at their
 * defaults.  0, or -1 with ERR_LOCAL "ARGV0: reason".
 */
int child_start(struct child *c, char *const *argv, char *const *env, struct dt_err *err);
/* Starts it in our own process group with our own three streams; *pid is the caller's to reap. */
int child_attached(char *const *argv, pid_t *pid, struct dt_err *err);
void child_close(int *fd);	/* closes one of its ends */
/* Has it ended?  Never blocks. */
bool child_ended(struct child *c);
/* Waits for its end. */
void child_wait(struct child *c);
/* Kills its group where it still runs, reaps it, closes all. */
void child_end(struct child *c);

/* SIGTERM for a process that is not reaped yet, and for all below it, as far as /proc tells. */
void child_terminate(pid_t pid);
/*
 * Kills the groups of all children that run; for a process about to end, from
 * any thread.  (Those beyond the 4096th are not known.)
 */
void child_kill_all(void);

#endif
