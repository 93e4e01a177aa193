#include "dt/ssh/feed.h"

#include <string.h>

#include "dt/base/secret.h"

#define ANSWER_MAX 65536
#define CHUNK 65536
#define BEFORE_MAX 65536

void feed_init(struct feed *f, struct session *s, const struct session_exec *req)
{
	*f = (struct feed){ .s = s, .req = req, .open = !req->ready, .refused = DT_ERR_INIT };
	prompt_init(&f->prompt[0], NULL, req->ready);
	prompt_init(&f->prompt[1], req->prompt, req->ready);
	for (int i = 0; i < 2; i++)
		buf_init(&f->before[i], BEFORE_MAX);
	buf_init(&f->answer, ANSWER_MAX);
	buf_init(&f->chunk, CHUNK);
	f->ended = !req->input;
}

void feed_release(struct feed *f)
{
	for (int i = 0; i < 2; i++) {
		prompt_release(&f->prompt[i]);
		buf_release(&f->before[i]);
	}
	if (f->answer.len)
		explicit_bzero(f->answer.data, f->answer.len);
	buf_release(&f->answer);
	buf_release(&f->chunk);
}

struct passing {
	struct feed *f;
	int stream;
};

static void feed_stream(struct feed *f, int stream, const char *data, size_t len);

static void pass(void *arg, const char *data, size_t len)
{
	const struct passing *p = arg;
	struct feed *f = p->f;
	int i = p->stream == SESSION_STDERR;

	if (!len)
		return;
	if (f->req->ready && !f->prompt[i].past)
		(void)buf_add(&f->before[i], data, len < BEFORE_MAX - f->before[i].len ? len : BEFORE_MAX - f->before[i].len);
	else if (f->req->tty && i)
		feed_stream(f, SESSION_STDOUT, data, len);
	else if (f->req->output)
		f->req->output(f->req->arg, p->stream, data, len);
}

/* A prompt: the answer, or none. */
static void answer(struct feed *f)
{
	if (f->refused.code)
		return;
	if (!f->req->answer)
		(void)err_set(&f->refused, ERR_AUTH, "sudo asks for a password (-K)");
	else if (++f->asked > 1)
		(void)err_set(&f->refused, ERR_AUTH, "sudo refused the password");
	else if (buf_add(&f->answer, secret_bytes(f->req->answer), secret_len(f->req->answer)) != 0 ||
		 buf_addc(&f->answer, '\n') != 0)
		(void)err_nomem(&f->refused);
	/* a closed channel would not end what asks at a terminal */
	if (f->refused.code && f->req->tty && !f->answer.len)
		(void)buf_addc(&f->answer, 4);
}

static void feed_stream(struct feed *f, int stream, const char *data, size_t len)
{
	int i = stream == SESSION_STDERR;
	struct passing p = { f, stream };
	enum prompt_event e = prompt_feed(&f->prompt[i], data, len, pass, &p);

	for (; e != PROMPT_NONE; e = prompt_feed(&f->prompt[i], "", 0, pass, &p)) {
		if (e == PROMPT_ASKED) {
			answer(f);
			continue;
		}
		f->open |= i == 1;
		if (f->before[i].len)
			session_note(f->s, 1, "said before the command: %s", f->before[i].data);
		buf_clear(&f->before[i]);
	}
}

void feed_output(struct feed *f, int stream, const char *data, size_t len)
{
	/* a terminal's is both: what stderr leaves of it is stdout's */
	feed_stream(f, f->req->tty ? SESSION_STDERR : stream, data, len);
}

void feed_end(struct feed *f)
{
	for (int k = 0; k < 2; k++) {
		int i = f->req->tty ? 1 - k : k;
		struct passing p = { f, i ? SESSION_STDERR : SESSION_STDOUT };

		prompt_end(&f->prompt[i], pass, &p);
		/* the command did not begin, and this may say why */
		if (f->before[i].len && f->req->output)
			f->req->output(f->req->arg, p.stream, f->before[i].data, f->before[i].len);
		buf_clear(&f->before[i]);
	}
}

int feed_verdict(const struct feed *f, int r, struct raw_end *end, struct dt_err *err)
{
	if (!f->refused.code || (r != 0 && err->code != ERR_TIMEOUT && err->code != ERR_LOST))
		return r;
	if (r == 0)
		end->begun = false;
	*err = f->refused;
	return -1;
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
	if (f->refused.code && !f->answer.len) {
		*len = 0;
		return "";
	}
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
	return f->answer.len || (!f->refused.code && (f->open && !f->later && !feed_is_done(f)));
}

int feed_fd(const struct feed *f)
{
	return f->later && !f->answer.len && !f->refused.code ? f->req->input_fd : -1;
}

bool feed_is_done(const struct feed *f)
{
	if (f->answer.len)
		return false;
	return f->refused.code || (f->open && f->ended && f->done == (f->req->input ? f->chunk.len : f->req->in_len));
}
