/*
 * feed - a command's stdin, and the streams that say what belongs there.
 *
 * Of a command that sudo(8) begins (session_exec.ready), what comes before
 * the command itself is sudo's: a password prompt is answered, and the rest
 * (a lecture, a message of PAM's) is no output, unless the command never begins.
 * stdin is the answer to the prompt first, then the caller's bytes, as they
 * stand or as its input function hands them out.
 */
#ifndef DT_SSH_FEED_H
#define DT_SSH_FEED_H

#include "dt/ssh/prompt.h"
#include "dt/ssh/transport.h"

struct feed {
	struct session *s;
	const struct session_exec *req;
	struct prompt prompt[2];	/* in stdout, in stderr */
	struct buf before[2];	/* what came before the command on them */
	struct buf answer;	/* goes before req->in */
	struct buf chunk;	/* of req->input */
	size_t done;		/* of req->in, or of chunk */
	bool ended;		/* req->input has no more */
	bool later;		/* it has nothing yet */
	bool open;		/* the command has begun: req->in may go */
	int asked;
	struct dt_err refused;	/* why no more goes in; it is waited for the end all the same */
};

void feed_init(struct feed *f, struct session *s, const struct session_exec *req);
void feed_release(struct feed *f);	/* what is left of the answer is zeroed */

/* Bytes of a stream (SESSION_STDOUT or SESSION_STDERR): what is the command's goes to req->output. */
void feed_output(struct feed *f, int stream, const char *data, size_t len);
/* The streams have ended. */
void feed_end(struct feed *f);
/*
 * What came of a run that the transport ended with r: where the password was
 * refused, -1 with ERR_AUTH; nothing has begun then, once its end was seen.
 */
int feed_verdict(const struct feed *f, int r, struct raw_end *end, struct dt_err *err);

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
