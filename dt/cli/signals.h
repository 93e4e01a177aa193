/*
 * signals - what stops a run, and what asks how far it is.  One set in a process.
 */
#ifndef DT_CLI_SIGNALS_H
#define DT_CLI_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

#include "dt/base/err.h"

/* eventfd(2)s */
struct signals {
	int cancel_fd;	/* what runs is cancelled */
	int signal_fd;	/* the number of the signal that did it */
	int info_fd;	/* SIGUSR1 came */
};

/* At the start of main, before any thread: what all of dt's programs need of the process. */
void signals_init(void);
/* The descriptors, made at the first call; NULL: ERR_FAIL. */
const struct signals *signals_get(struct dt_err *err);
/*
 * From now on the first SIGINT, SIGTERM, SIGHUP or SIGXCPU cancels what runs, and one
 * that comes half a second later or more ends the process at once, which says
 * so; what comes sooner is the same one.  (Until then they end it.)  In a
 * shell, SIGINT never ends it.  After the first call: nothing.
 */
int signals_watch(bool shell, struct dt_err *err);
/* In a shell, a SIGINT behind the first one ends this process, and those below it; 0: none. */
void signals_second(pid_t pid);
/* Between two runs of a shell: forgets what cancelled the last one.  The signal that came, or 0. */
int signals_take(void);

#endif
