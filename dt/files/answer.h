/*
 * answer - what probe.sh and list.sh print, line by line, within bounds.
 *
 * A line with a path ends in "//" and a newline, for no path contains "//"
 * and any may contain a newline; other lines end in a newline.
 */
#ifndef DT_FILES_ANSWER_H
#define DT_FILES_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"

struct answer {
	bool (*has_path)(void *arg, char first);	/* of a line that begins so */
	/* One line without its end, NUL-terminated; it may be written to.  0, or -1 after err_set. */
	int (*line)(void *arg, char *line, size_t len, struct dt_err *err);
	void *arg;
	struct buf rest;	/* of a line that is not complete */
	struct buf said;	/* what came on stderr, its beginning */
	struct dt_err *err;
	bool failed;		/* for dt_exec's enough */
};

void answer_init(struct answer *a, struct dt_err *err);
void answer_release(struct answer *a);
/* dt_exec's output; arg is the answer. */
void answer_add(void *arg, int stream, const char *data, size_t len);
/* A time as stat(1) tells it, and a blank: "1700000000.123456789 ", "-5 ".  What is behind it, or NULL. */
const char *answer_time(const char *text, struct timespec *out);
/* err: "the host's answer makes no sense".  -1. */
int answer_nonsense(struct dt_err *err);

#endif
