/*
 * feed - a command's stdin, and the stderr that says what belongs there: the
 * answer to a password prompt first, then the caller's bytes, as they stand
 * or as its input function hands them out.
 */
#ifndef DT_SSH_FEED_H
#define DT_SSH_FEED_H

#include "dt/ssh/prompt.h"
#include "dt/ssh/session.h"

struct feed {
	const struct session_exec *req;
	struct prompt prompt;
	struct buf answer;	/* goes before req->in */
	struct buf chunk;	/* of req->input */
	size_t done;		/* of req->in, or of chunk */
	bool ended;		/* req->input has no more */
	bool later;		/* it has nothing yet */
	bool open;		/* req->in may go */
	int asked;
};

void feed_init(struct feed *f, const struct session_exec *req);
void feed_release(struct feed *f);	/* what is left of the answer is zeroed */

/* Bytes of stderr: all but prompts goes to req->output.  0, or -1: ERR_AUTH (no answer, or it was refused). */
int feed_stderr(struct feed *f, const char *data, size_t len, struct dt_err *err);
/* The stream has ended. */
void feed_stderr_end(struct feed *f);

/* What may be written now, *len bytes of it; may call req->input. */
const char *feed_next(struct feed *f, size_t *len);
void feed_wrote(struct feed *f, size_t len);
/* Something may be left to write, now. */
bool feed_wants(const struct feed *f);
/* Readable once feed_next is to be called again, where there is nothing to write now but may be; else -1. */
int feed_fd(const struct feed *f);
/* Nothing is left, and nothing will come: end of file. */
bool feed_is_done(const struct feed *f);

#endif
