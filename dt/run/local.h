/*
 * local - a command here, on behalf of one host.
 */
#ifndef DT_RUN_LOCAL_H
#define DT_RUN_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"

struct local_command {
	char *const *argv;
	char *const *env;	/* NULL: dt's own */
	const char *in;
	size_t in_len;
	int cancel_fd;
	int64_t deadline;	/* 0: none */
	void (*output)(void *arg, int stream, const char *data, size_t len); /* 1: stdout, 2: stderr */
	void *arg;
};

/*
 * Runs it in a process group of its own, to its end.  0 and *status as
 * waitpid(2) has it; or -1 with ERR_LOCAL, ERR_TIMEOUT, ERR_KILLED
 * (cancelled): the group was killed then.
 */
int local_run(const struct local_command *c, int *status, struct dt_err *err);

#endif
