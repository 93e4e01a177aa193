/* gather: hosts with the same answer, and the answer once; diff: how the others differ from most (dt-output(5)). */
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/gather.h"
#include "dt/report/hooks.h"
#include "dt/report/mask.h"
#include "dt/report/spool.h"
#include "dt/report/status_line.h"

#define MESSAGE_MAX (6UL << 30)	/* of a line that is read: the longest output that dt keeps, escaped */

struct gathered {
	struct gather *gather;
	size_t lines;			/* read so far */
	struct status_line line;	/* the one that is being read, with its message so far */
	struct buf message;
};

int gather_open(struct report *to)
{
	struct gathered *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	to->state = g;
	buf_init(&g->message, MESSAGE_MAX);
	g->gather = gather_new(SPOOL_MEMORY);
	if (g->gather)
		return 0;
	gather_close(to);
	to->state = NULL;
	return -1;
}

void gather_close(struct report *to)
{
	struct gathered *g = to->state;

	if (!g)
		return;
	gather_free(g->gather);
	buf_release(&g->message);
	free(g);
}

/* ---- what a host answered ---- */

/* One final newline is no difference, as in a status line. */
static size_t without_newline(const char *data, size_t len)
{
	return len && data[len - 1] == '\n' ? len - 1 : len;
}

/* Replaces text, from byte from on, by what masking makes of it. */
static int mask_in_place(struct buf *text, size_t from)
{
	struct buf masked;
	int r;

	buf_init(&masked, SIZE_MAX / 2);
	r = buf_add(&masked, text->data, from) || mask(&masked, text->data + from, text->len - from);
	if (r == 0) {
		buf_release(text);
		*text = masked;
		return 0;
	}
	buf_release(&masked);
	return -1;
}

/* The status stays: "exit 3" is another group than "exit 4". */
static int mask_label(struct buf *label)
{
	const char *text = strstr(label->data, ": ");

	return text ? mask_in_place(label, (size_t)(text - label->data)) : 0;
}

/* label and text are ours to change. */
static int add(struct report *to, size_t order, const char *host, bool ok, struct buf *label, struct buf text[2])
{
	struct gathered *g = to->state;
	struct answer a = { .order = order, .host = host, .ok = ok };

	if (to->run->mask &&
	    (mask_label(label) != 0 || mask_in_place(&text[0], 0) != 0 || mask_in_place(&text[1], 0) != 0))
		return -1;
	a.label = label->data;
	for (int i = 0; i < 2; i++) {
		a.text[i] = text[i].data;
		a.len[i] = without_newline(text[i].data, text[i].len);
	}
	return gather_add(g->gather, &a) == 0 ? 0 : report_failed(to, "temporary file");
}

int gather_end(struct report *to, const struct result *r)
{
	struct buf label, text[2];
	int ret = -1;

	buf_init(&label, REASON_MAX + 256);
	buf_init(&text[0], SIZE_MAX / 2);
	buf_init(&text[1], SIZE_MAX / 2);
	if (result_heading(r, &label) == 0 && output_stream(&r->output, STREAM_OUT, &text[0]) == 0 &&
	    output_stream(&r->output, STREAM_ERR, &text[1]) == 0)
		ret = add(to, r->index, r->host, r->outcome == OUTCOME_OK, &label, text);
	buf_release(&label);
	buf_release(&text[0]);
	buf_release(&text[1]);
	return ret;
}

/* ---- the same from a status line ---- */

static int view_begin(struct report *to, const struct status_line *line)
{
	struct gathered *g = to->state;

	g->line = *line;
	buf_clear(&g->message);
	return 0;
}

static int view_text(struct report *to, const char *data, size_t len)
{
	struct gathered *g = to->state;

	return buf_add(&g->message, data, len);
}

static int view_done(struct report *to)
{
	struct gathered *g = to->state;
	size_t output = 0, reason = g->line.ok ? 0 : status_line_reason(g->message.data, g->message.len, &output);
	struct buf label, host, text[2];
	int ret = -1;

	buf_init(&label, MESSAGE_MAX);
	buf_init(&host, REPORT_ROOM);
	buf_init(&text[0], MESSAGE_MAX);
	buf_init(&text[1], 0);
	/* dtools gives no reason */
	if ((g->line.ok || (reason ? unescape(&label, g->message.data, reason) : buf_adds(&label, "failed")) == 0) &&
	    unescape(&host, g->line.host, strlen(g->line.host)) == 0 &&
	    unescape(&text[0], g->message.data + output, g->message.len - output) == 0)
		ret = add(to, g->lines++, host.data, g->line.ok, &label, text);
	buf_release(&label);
	buf_release(&host);
	buf_release(&text[0]);
	buf_release(&text[1]);
	return ret;
}

const struct view gather_view = { .begin = view_begin, .text = view_text, .done = view_done };

/* ---- the groups ---- */

static int add_heading(struct report *to, const struct group *group)
{
	struct buf label;
	int r;

	if (buf_adds(&to->out, REPORT_RULE) != 0 || report_names(to, group->hosts, group->n) != 0)
		return -1;
	buf_init(&label, 6 * (strlen(group->label) + 1));
	r = escape(&label, group->label, strlen(group->label));
	if (r == 0 && label.len)
		r = buf_adds(&to->out, ": ") ||
		    report_paint(to, &to->out, group->ok ? COLOR_INFO : COLOR_FAIL, label.data);
	buf_release(&label);
	return r || buf_adds(&to->out, "\n" REPORT_RULE) ? -1 : 0;
}

/* A group's text in lines, each with its newline: standard output, and after a mark standard error. */
static int whole_text(struct report *to, size_t i, struct buf *out)
{
	struct gathered *g = to->state;
	size_t at;

	if (gather_text(g->gather, i, 0, out) != 0)
		return report_failed(to, "temporary file");
	if (out->len && buf_addc(out, '\n') != 0)
		return -1;
	at = out->len;
	if (buf_adds(out, REPORT_STDERR) != 0)
		return -1;
	if (gather_text(g->gather, i, 1, out) != 0)
		return report_failed(to, "temporary file");
	if (out->len > at + strlen(REPORT_STDERR))
		return buf_addc(out, '\n');
	out->len = at;
	out->data[at] = '\0';
	return 0;
}

static int add_lines(struct report *to, const struct buf *text)
{
	for (const char *p = text->data, *end = p + text->len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (report_text(to, &to->out, p, n) != 0 || buf_addc(&to->out, '\n') != 0 || report_flush(to) != 0)
			return -1;
		p += n + 1;
	}
	return 0;
}

int gather_summary(struct report *to, const struct tally *t)
{
	struct gathered *g = to->state;
	struct buf text;
	int r;

	(void)t;
	buf_init(&text, SIZE_MAX / 2);
	r = gather_sort(g->gather);
	for (size_t i = 0; r == 0 && i < gather_count(g->gather); i++) {
		buf_clear(&text);
		r = add_heading(to, gather_group(g->gather, i));
		if (r == 0)
			r = whole_text(to, i, &text);
		if (r == 0)
			r = add_lines(to, &text);
	}
	buf_release(&text);
	return r;
}

/* ---- the differences ---- */

/* "--- NAMES" and "+++ NAMES". */
static int diff_heading(struct report *to, const struct group *a, const struct group *b)
{
	const char *const marks[] = { "--- ", "+++ " };

	for (int i = 0; i < 2; i++) {
		const struct group *g = i ? b : a;

		if (report_paint(to, &to->out, i ? COLOR_ADD : COLOR_DEL, marks[i]) != 0 ||
		    report_names(to, g->hosts, g->n) != 0 || buf_addc(&to->out, '\n') != 0)
			return -1;
	}
	return 0;
}

int diff_summary(struct report *to, const struct tally *t)
{
	struct gathered *g = to->state;
	struct buf first, text;
	int r;

	(void)t;
	buf_init(&first, SIZE_MAX / 2);
	buf_init(&text, SIZE_MAX / 2);
	r = gather_sort(g->gather);
	for (size_t i = 0; r == 0 && i < gather_count(g->gather); i++) {
		struct buf *into = i ? &text : &first;

		buf_clear(into);
		r = add_heading(to, gather_group(g->gather, i));
		if (r == 0)
			r = whole_text(to, i, into);
		if (r == 0 && !i)
			r = add_lines(to, into);
		/* a host that said nothing, and failed, has nothing to compare */
		if (r != 0 || !i || (!text.len && !gather_group(g->gather, i)->ok))
			continue;
		r = diff_heading(to, gather_group(g->gather, 0), gather_group(g->gather, i));
		if (r == 0)
			r = report_diff(to, &first, &text);
	}
	buf_release(&first);
	buf_release(&text);
	return r;
}
