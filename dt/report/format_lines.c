/* host, status and compact: what a status line says, set otherwise (dt-output(5), dthost(1)). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/report/hooks.h"
#include "dt/report/spool.h"
#include "dt/report/status_line.h"

struct lines {
	bool ok;		/* the line that is being told */
	bool begun;		/* host: something stands in this line already */
	size_t okay, fail;	/* how many were told */
	size_t column;		/* compact: of its line of dots */
	struct spool failures;	/* status, compact: what follows at the end */
};

int lines_open(struct report *to)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (!l)
		return -1;
	spool_init(&l->failures, SPOOL_MEMORY);
	to->state = l;
	return 0;
}

void lines_close(struct report *to)
{
	struct lines *l = to->state;

	if (l)
		spool_release(&l->failures);
	free(l);
}

/* What was kept for the end. */
static int tell_failures(struct report *to)
{
	struct lines *l = to->state;
	uint64_t end = spool_end(&l->failures);

	for (uint64_t at = 0; at < end;) {
		size_t n = end - at < 65536 ? (size_t)(end - at) : 65536;

		if (spool_read(&l->failures, at, n, &to->out) != 0)
			return report_failed(to, "temporary file");
		if (report_flush(to) != 0)
			return -1;
		at += n;
	}
	return 0;
}

static int keep(struct report *to, const char *data, size_t len)
{
	struct lines *l = to->state;

	return spool_add(&l->failures, data, len) == 0 ? 0 : report_failed(to, "temporary file");
}

/* "STATUS::PROGRAM:MODULE:HOST:" with its colours. */
static int add_head(struct report *to, struct buf *out, const struct status_line *line)
{
	if (report_paint(to, out, line->ok ? COLOR_OKAY : COLOR_FAIL, line->ok ? "okay" : "fail") != 0 ||
	    buf_addf(out, "::%s:%s:", line->program, line->module) != 0 ||
	    report_paint(to, out, COLOR_HOST, line->host) != 0)
		return -1;
	return buf_addc(out, ':');
}

/* ---- host: the line's head, and each line of its message below ---- */

static int host_begin(struct report *to, const struct status_line *line)
{
	struct lines *l = to->state;

	l->begun = false;
	return add_head(to, &to->out, line) != 0 ? -1 : buf_addc(&to->out, '\n');
}

static int host_text(struct report *to, const char *data, size_t len)
{
	struct lines *l = to->state;

	while (len) {
		size_t end, next = status_line_next(data, len, to->run->raw, &end);

		if (!l->begun && buf_addc(&to->out, '\t') != 0)
			return -1;
		if (buf_add(&to->out, data, end) != 0)
			return -1;
		l->begun = next == end;
		if (next > end && buf_addc(&to->out, '\n') != 0)
			return -1;
		data += next;
		len -= next;
	}
	return report_flush(to);
}

static int host_done(struct report *to)
{
	struct lines *l = to->state;

	return buf_adds(&to->out, l->begun ? "\n\n" : "\n");
}

const struct view host_view = { .begin = host_begin, .text = host_text, .done = host_done };

/* ---- status: those okay as they come, those that failed at the end ---- */

static int status_begin(struct report *to, const struct status_line *line)
{
	struct lines *l = to->state;
	struct buf head;
	int r;

	l->ok = line->ok;
	if (line->ok && !l->okay &&
	    (report_paint(to, &to->out, COLOR_OKAY, "okay") != 0 || buf_adds(&to->out, ":\n") != 0))
		return -1;
	*(line->ok ? &l->okay : &l->fail) += 1;
	buf_init(&head, REPORT_ROOM);
	r = buf_addc(&head, '\t') || report_paint(to, &head, COLOR_HOST, line->host) || buf_addc(&head, ':') ? -1 : 0;
	if (r == 0)
		r = line->ok ? buf_add(&to->out, head.data, head.len) : keep(to, head.data, head.len);
	buf_release(&head);
	return r;
}

/* Of a line's message; what failed is kept. */
static int status_text(struct report *to, const char *data, size_t len)
{
	const struct lines *l = to->state;

	if (!l->ok)
		return keep(to, data, len);
	return buf_add(&to->out, data, len) != 0 ? -1 : report_flush(to);
}

static int status_done(struct report *to)
{
	return status_text(to, "\n", 1);
}

int status_summary(struct report *to, const struct tally *t)
{
	const struct lines *l = to->state;

	(void)t;
	if (l->okay && buf_addc(&to->out, '\n') != 0)
		return -1;
	if (!l->fail)
		return 0;
	if (report_paint(to, &to->out, COLOR_FAIL, "fail") != 0 || buf_adds(&to->out, ":\n") != 0 ||
	    tell_failures(to) != 0)
		return -1;
	return buf_addc(&to->out, '\n');
}

const struct view status_view = { .begin = status_begin, .text = status_text, .done = status_done };

/* ---- compact: a dot each, an exclamation mark for what failed; the lines of those at the end ---- */

static int compact_begin(struct report *to, const struct status_line *line)
{
	struct lines *l = to->state;
	struct buf head;
	int r = report_paint(to, &to->out, line->ok ? COLOR_OKAY : COLOR_FAIL, line->ok ? "." : "!");

	l->ok = line->ok;
	l->column++;
	*(line->ok ? &l->okay : &l->fail) += 1;
	if (r != 0 || line->ok)
		return r;
	buf_init(&head, REPORT_ROOM);
	r = add_head(to, &head, line);
	if (r == 0)
		r = keep(to, head.data, head.len);
	buf_release(&head);
	return r;
}

static int compact_text(struct report *to, const char *data, size_t len)
{
	const struct lines *l = to->state;

	return l->ok ? 0 : keep(to, data, len);
}

static int compact_done(struct report *to)
{
	return compact_text(to, "\n", 1);
}

static int compact_aside(struct report *to)
{
	struct lines *l = to->state;
	bool dots = l->column > 0;

	l->column = 0;
	return dots ? buf_addc(&to->out, '\n') : 0;
}

static int count(struct report *to, const char *name, size_t n, size_t total)
{
	/* rounded towards the middle: 100.0% is all of them and 0.0% is none */
	size_t tenths = total ? n * 1000 / total : 0;

	if (n && !tenths)
		tenths = 1;
	return buf_addf(&to->out, "%-8s%8zu  [%3zu.%zu%%]\n", name, n, tenths / 10, tenths % 10);
}

int compact_summary(struct report *to, const struct tally *t)
{
	const struct lines *l = to->state;
	size_t total = l->okay + l->fail;

	(void)t;
	if (compact_aside(to) != 0 || (total && buf_addc(&to->out, '\n') != 0))
		return -1;
	if (buf_addf(&to->out, "%-8s%8zu\n", "Total:", total) != 0)
		return -1;
	if (total && (count(to, "Okay:", l->okay, total) != 0 || count(to, "Fail:", l->fail, total) != 0))
		return -1;
	if (!l->fail)
		return 0;
	return buf_adds(&to->out, "\nFailed:\n") != 0 ? -1 : tell_failures(to);
}

const struct view compact_view = {
	.begin = compact_begin, .text = compact_text, .done = compact_done, .aside = compact_aside,
};

/* ---- a result as the line that it would be ---- */

static int as_line(struct report *to, const struct view *view, const struct result *r)
{
	const struct run_info *run = to->run;
	struct buf fields, message;
	size_t module, host;
	int ret = -1;

	buf_init(&fields, REPORT_ROOM);
	buf_init(&message, to->out.max);
	if (escape_field(&fields, run->program, strlen(run->program)) != 0 || buf_addc(&fields, '\0') != 0)
		goto out;
	module = fields.len;
	if (escape_field(&fields, run->module, strlen(run->module)) != 0 || buf_addc(&fields, '\0') != 0)
		goto out;
	host = fields.len;
	if (escape_field(&fields, r->host, strlen(r->host)) != 0 ||
	    result_message(r, run->stream, run->raw, &message) != 0)
		goto out;
	ret = view->begin(to, &(struct status_line){ r->outcome == OUTCOME_OK, fields.data, fields.data + module,
						     fields.data + host });
	if (ret == 0)
		ret = view->text(to, message.data, message.len);
	if (ret == 0)
		ret = view->done(to);
out:
	buf_release(&fields);
	buf_release(&message);
	return ret;
}

int lines_streamed(struct report *to, const char *host, int stream, const char *data, size_t len)
{
	return compact_aside(to) != 0 ? -1 : omni_streamed(to, host, stream, data, len);
}

int host_end(struct report *to, const struct result *r)
{
	return as_line(to, &host_view, r);
}

int status_end(struct report *to, const struct result *r)
{
	return as_line(to, &status_view, r);
}

int compact_end(struct report *to, const struct result *r)
{
	return as_line(to, &compact_view, r);
}
