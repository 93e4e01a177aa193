#include "dt/ssh/feed.h"

#include <string.h>

#include "dt/base/secret.h"

#define ANSWER_MAX 65536
#define CHUNK 65536

void feed_init(struct feed *f, const struct session_exec *req)
{
	*f = (struct feed){ .req = req, .open = !req->prompt };
	prompt_init(&f->prompt, req->prompt, req->ready);
	buf_init(&f->answer, ANSWER_MAX);
	buf_init(&f->chunk, CHUNK);
	f->ended = !req->input;
}

void feed_release(struct feed *f)
{
	prompt_release(&f->prompt);
	if (f->answer.len)
		explicit_bzero(f->answer.data, f->answer.len);
	buf_release(&f->answer);
	buf_release(&f->chunk);
}

static void pass(void *arg, const char *data, size_t len)
{
	const struct feed *f = arg;

	if (len && f->req->output)
		f->req->output(f->req->arg, SESSION_STDERR, data, len);
}

int feed_stderr(struct feed *f, const char *data, size_t len, struct dt_err *err)
{
	enum prompt_event e = prompt_feed(&f->prompt, data, len, pass, f);

	for (; e != PROMPT_NONE; e = prompt_feed(&f->prompt, "", 0, pass, f)) {
		if (e == PROMPT_READY) {
			f->open = true;
			continue;
		}
		if (!f->req->answer)
			return err_set(err, ERR_AUTH, "sudo asks for a password (-K)");
		if (++f->asked > 1)
			return err_set(err, ERR_AUTH, "sudo refused the password");
		if (buf_add(&f->answer, secret_bytes(f->req->answer), secret_len(f->req->answer)) != 0 ||
		    buf_addc(&f->answer, '\n') != 0)
			return err_nomem(err);
	}
	return 0;
}

void feed_stderr_end(struct feed *f)
{
	prompt_end(&f->prompt, pass, f);
}

/* A chunk was written: the next one. */
static void refill(struct feed *f)
{
	char *room = buf_reserve(&f->chunk, CHUNK);

	f->done = 0;
	f->chunk.len = room ? f->req->input(f->req->arg, room, CHUNK) : 0;
	f->later = f->chunk.len == SESSION_LATER;
	if (f->later)
		f->chunk.len = 0;
	f->ended = !f->chunk.len && !f->later;
}

const char *feed_next(struct feed *f, size_t *len)
{
	if (f->answer.len) {
		*len = f->answer.len;
		return f->answer.data;
	}
	if (f->req->input) {
		if (f->open && !f->ended && f->done == f->chunk.len) {
			buf_clear(&f->chunk);
			refill(f);
		}
		*len = f->chunk.len - f->done;
		return f->chunk.data + f->done;
	}
	*len = f->open ? f->req->in_len - f->done : 0;
	return f->req->in ? f->req->in + f->done : "";
}

void feed_wrote(struct feed *f, size_t len)
{
	if (f->answer.len) {
		explicit_bzero(f->answer.data, len);
		buf_consume(&f->answer, len);
	} else {
		f->done += len;
	}
}

bool feed_wants(const struct feed *f)
{
	return f->answer.len || (f->open && !f->later && !feed_is_done(f));
}

int feed_fd(const struct feed *f)
{
	return f->later && !f->answer.len ? f->req->input_fd : -1;
}

bool feed_is_done(const struct feed *f)
{
	return f->open && !f->answer.len && f->ended && f->done == (f->req->input ? f->chunk.len : f->req->in_len);
}
