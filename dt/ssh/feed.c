#include "dt/ssh/feed.h"

#include <string.h>

#include "dt/base/secret.h"

#define ANSWER_MAX 65536

void feed_init(struct feed *f, const struct session_exec *req)
{
	*f = (struct feed){ .req = req, .open = !req->prompt };
	prompt_init(&f->prompt, req->prompt, req->ready);
	buf_init(&f->answer, ANSWER_MAX);
}

void feed_release(struct feed *f)
{
	prompt_release(&f->prompt);
	if (f->answer.len)
		explicit_bzero(f->answer.data, f->answer.len);
	buf_release(&f->answer);
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

const char *feed_next(const struct feed *f, size_t *len)
{
	if (f->answer.len) {
		*len = f->answer.len;
		return f->answer.data;
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

bool feed_is_done(const struct feed *f)
{
	return f->open && !f->answer.len && f->done == f->req->in_len;
}
