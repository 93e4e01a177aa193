/*
 * services_sh - a text of dt's own as a program on the host.
 *
 * The login shell's start-up files may say anything, on both streams, before
 * the text begins: so that says a random line first, and what came before is
 * no part of its answer.
 */
#include <stdio.h>
#include <string.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/run/services_impl.h"

/* More than this goes by stdin: a command has bounds (libssh2's 34 KB, a csh's words), which a text alone keeps. */
#define WORDS_MAX 4096
#define WORDS_COUNT 200
#define WORDS_LINE_MAX (8UL << 20)
/* What is told of what a host said before. */
#define BEFORE_MAX 400
/* A host that says more than this before is not heard any longer. */
#define GREETING_MAX (4UL << 20)

/* "=" stands nowhere else in it, so that it begins where the last one was seen. */
#define MARK_SIZE 18

/* $1 is the mark; with words by stdin, these are its first line. */
#define BEGIN "echo \"$1\"; echo \"$1\" >&2; shift; "
#define WORDS "n=$(printf \"\\n.\"); n=${n%.}; IFS= read -r w || exit 1; eval \"set -- $w\"; unset n w; "

/* One stream, up to the mark. */
struct before {
	size_t matched;		/* of the mark and its newline */
	bool begun;
};

struct run {
	struct dt_task *task;
	const struct dt_exec *exec;	/* the module's */
	char mark[MARK_SIZE + 2];
	struct before out, err;
	struct buf said;		/* before the mark */
	struct buf line;		/* of words, for stdin */
	size_t line_done, in_done, heard;
	bool enough;			/* the module's, or ours */
};

/* How much of data stands before the mark's end; all of it where that is not there. */
static size_t skip(const struct run *r, struct before *b, const char *data, size_t len)
{
	size_t i = 0;

	for (; i < len && !b->begun; i++) {
		if (data[i] != r->mark[b->matched])
			b->matched = 0;
		if (data[i] == r->mark[b->matched])
			b->begun = !r->mark[++b->matched];
	}
	return i;
}

/* The mark's beginning, which came before its end, was not said by the host.  0. */
static size_t forget(struct run *r, size_t n)
{
	if (r->said.len >= n && memcmp(r->said.data + r->said.len - n, r->mark, n) == 0)
		r->said.data[r->said.len -= n] = '\0';
	return 0;
}

static void on_output(void *arg, int stream, const char *data, size_t len)
{
	struct run *r = arg;
	struct before *b = stream == DT_STDERR ? &r->err : &r->out;

	if (!b->begun) {
		size_t n = skip(r, b, data, len), said = n, room = r->said.max - r->said.len;

		if (b->begun)
			said = n < MARK_SIZE ? forget(r, MARK_SIZE - n) : n - MARK_SIZE;
		(void)buf_add(&r->said, data, said < room ? said : room);
		r->heard += said;
		r->enough = r->enough || r->heard > GREETING_MAX;
		data += n;
		len -= n;
	}
	if (!len)
		return;
	if (r->exec->output)
		r->exec->output(r->exec->arg, stream, data, len);
	else
		(void)output_add(&r->task->result->output, stream, data, len);
	r->enough = r->enough || (r->exec->enough && *r->exec->enough);
}

static size_t on_input(void *arg, char *room, size_t size)
{
	struct run *r = arg;
	size_t n = r->line.len - r->line_done;

	if (n) {
		n = n < size ? n : size;
		memcpy(room, r->line.data + r->line_done, n);
		r->line_done += n;
	} else if (r->exec->input) {
		n = r->exec->input(r->exec->arg, room, size);
		r->enough = r->enough || (r->exec->enough && *r->exec->enough);
	} else {
		n = r->exec->in_len - r->in_done;
		n = n < size ? n : size;
		if (n)
			memcpy(room, r->exec->in + r->in_done, n);
		r->in_done += n;
	}
	return n;
}

/* The words as one line that the text reads back: a newline in one is $n there. */
static int words_line(struct run *r, const char *const *words, size_t n)
{
	struct buf one;
	int bad = 0;

	buf_init(&one, WORDS_LINE_MAX);
	for (size_t i = 0; !bad && i < n; i++) {
		buf_clear(&one);
		bad = quote_arg(&one, words[i]) || (i && buf_addc(&r->line, ' '));
		for (size_t k = 0; !bad && k < one.len; k++)
			bad = one.data[k] == '\n' ? buf_adds(&r->line, "'\"$n\"'") : buf_addc(&r->line, one.data[k]);
	}
	buf_release(&one);
	return bad || buf_addc(&r->line, '\n') ? -1 : 0;
}

static bool by_stdin(const char *const *words, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		len += strlen(words[i]) + 1;
		/* a csh takes no newline */
		if (len > WORDS_MAX || strchr(words[i], '\n'))
			return true;
	}
	return n > WORDS_COUNT;
}

/* The command; NULL is recorded. */
static const char *command(struct run *r, const char *text, const char *const *words, size_t n)
{
	bool stdin_words = by_stdin(words + 1, n - 1);
	const char *argv[] = { "/bin/sh", "-c", NULL, words[0], r->mark }, *command, *rest = "";
	char mark[MARK_SIZE] = "";
	struct dt_err err = DT_ERR_INIT;

	memcpy(mark, r->mark, MARK_SIZE - 1);
	argv[4] = mark;
	argv[2] = services.format(r->task, "%s%s%s", BEGIN, stdin_words ? WORDS : "", text);
	command = argv[2] ? services.quote(r->task, argv, ARRAY_LEN(argv)) : NULL;
	if (!command)
		return NULL;
	if (stdin_words && words_line(r, words + 1, n - 1) != 0) {
		(void)err_set(&err, ERR_LOCAL, "the words for the host's program are too long");
		(void)task_error(r->task, &err);
		return NULL;
	}
	if (!stdin_words && n > 1)
		rest = services.quote(r->task, words + 1, n - 1);
	return rest ? services.format(r->task, "exec %s %s", command, rest) : NULL;
}

/* What the host said, without its last newline. */
static const char *said(struct run *r)
{
	while (r->said.len && strchr(" \t\r\n", r->said.data[r->said.len - 1]))
		r->said.data[--r->said.len] = '\0';
	return r->said.data;
}

int service_sh(struct dt_task *t, const struct dt_exec *e, const char *text, const char *const *words, size_t n,
	       struct dt_exit *end)
{
	struct run r = { .task = t, .exec = e, .mark = "=" };
	struct dt_exec inner = *e;
	struct dt_exit got = { .status = 0 };
	int ret = DT_FAIL;

	if (t->bad)
		return DT_FAIL;
	if (t->env->interactive) {
		struct dt_err err = DT_ERR_INIT;

		(void)err_set(&err, ERR_LOCAL, "-i gives the terminal to a command; this is a program of dt's own");
		return task_error(t, &err);
	}
	random_hex(r.mark + 1, 8);
	r.mark[MARK_SIZE - 1] = '\n';
	r.mark[MARK_SIZE] = '\0';
	buf_init(&r.said, BEFORE_MAX);
	buf_init(&r.line, WORDS_LINE_MAX);
	inner.command = command(&r, text, words, n);
	inner.output = on_output;
	inner.arg = &r;
	inner.enough = &r.enough;
	if (r.line.len || e->input) {
		inner.input = on_input;
		inner.in = NULL;
		inner.in_len = 0;
	}
	if (inner.command)
		ret = services.exec(t, &inner, &got);
	if (end)
		*end = got;
	if (*said(&r) && (r.out.begun || ret != DT_OK))
		task_note(t, 1, "said before dt's program began: ", r.said.data);
	if (!t->bad && !r.out.begun)
		ret = services.fail(t, got.status > 0 ? got.status : 1, "%s%s%s",
				    r.heard > GREETING_MAX ? "it says more than 4 MiB before dt's program" :
				    "dt's program did not begin there", *said(&r) ? ": " : "", said(&r));
	buf_release(&r.said);
	buf_release(&r.line);
	return ret;
}
