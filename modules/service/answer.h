/*
 * answer - what the shell texts of this folder print (common.sh), taken warily.
 */
#ifndef SERVICE_ANSWER_H
#define SERVICE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "service/supervise.h"

/* Does a supervisor live? */
enum alive { ALIVE_NO, ALIVE_YES, ALIVE_CLOSED, ALIVE_UNTRUSTED };

/* A service, or its log service. */
struct side {
	enum alive alive;
	bool down_file;			/* not started by itself */
	size_t size;			/* of its status file; 64: or more */
	const char *wrong;		/* with its status file; NULL: s is set */
	struct supervise s;
};

/* result: those of S and C in common.sh; M no such service; of a log: F it is in the text, R not all of it, L none. */
struct service {
	char *name;			/* any bytes but a slash */
	char result;
	bool has_log;
	struct side own, log;
};

struct answer {
	struct service *v;
	size_t n;
	long long now;			/* the host's clock */
	char dir[1024];
	bool none, closed;		/* no service folder; it may not be entered */
	bool whole;			/* its end was there */
	char *text;			/* of logs; or NULL */
	size_t text_len, text_room;
	bool heads;			/* asked for: a line before each log says whose it is */
	/* while it comes */
	char line[1024];
	size_t len;
	bool begun, in_text;
	bool failed;			/* for dt_exec's enough: it makes no sense, or there is no memory */
	char said[400];			/* what came on stderr, its beginning */
	size_t said_len;
};

/* dt_exec's output; arg is the answer, which was zeroed. */
void answer_add(void *arg, int stream, const char *data, size_t len);
void answer_release(struct answer *a);

#endif
