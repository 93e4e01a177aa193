#include "dt/report/format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/hooks.h"
#include "dt/report/textdiff.h"
#include "inventory/range.h"

const struct format formats[] = {
	{
		.name = "omni",
		.summary = "a status line for each host",
		.line = omni_streamed,
		.end = omni_end,
	}, {
		.name = "jsonl",
		.summary = "a JSON object a line",
		.start = jsonl_start,
		.line = jsonl_streamed,
		.end = jsonl_end,
		.summary_line = jsonl_summary,
	}, {
		.name = "pdsh",
		.summary = "each line of output behind its host's name",
		.line = pdsh_streamed,
		.end = pdsh_end,
	}, {
		.name = "gather",
		.summary = "hosts with the same output together",
		.open = gather_open,
		.close = gather_close,
		.line = pdsh_streamed,
		.end = gather_end,
		.summary_line = gather_summary,
		.view = &gather_view,
	}, {
		.name = "diff",
		.summary = "the output of most hosts, and how others differ from it",
		.open = gather_open,
		.close = gather_close,
		.line = pdsh_streamed,
		.end = gather_end,
		.summary_line = diff_summary,
	}, {
		.name = "host",
		.summary = "each host, and its output below",
		.open = lines_open,
		.close = lines_close,
		.line = lines_streamed,
		.end = host_end,
		.view = &host_view,
	}, {
		.name = "status",
		.summary = "a line a host, okay first and then fail",
		.open = lines_open,
		.close = lines_close,
		.line = lines_streamed,
		.end = status_end,
		.summary_line = status_summary,
		.view = &status_view,
	}, {
		.name = "compact",
		.summary = "a dot a host, then counts and failures",
		.open = lines_open,
		.close = lines_close,
		.line = lines_streamed,
		.end = compact_end,
		.summary_line = compact_summary,
		.view = &compact_view,
	}, {
		.name = "table",
		.summary = "what modules found, in columns",
		.open = table_open,
		.close = table_close,
		.line = pdsh_streamed,
		.end = table_end,
		.summary_line = table_summary,
	},
	{ .name = NULL },
};

const struct format *format_find(const char *name)
{
	for (const struct format *f = formats; f->name; f++)
		if (str_eq(f->name, name))
			return f;
	return NULL;
}

#define FLUSH_AT 65536

void report_init(struct report *to, const struct run_info *run)
{
	memset(to, 0, sizeof(*to));
	to->run = run;
	buf_init(&to->out, REPORT_ROOM);
	buf_init(&to->diag, REPORT_ROOM);
	colors_init(&to->colors, getenv("DT_COLORS"), getenv("DTOOLS_COLORS"));
}

void report_release(struct report *to)
{
	buf_release(&to->out);
	buf_release(&to->diag);
}

int report_flush(struct report *to)
{
	return to->flush && to->out.len + to->diag.len >= FLUSH_AT ? to->flush(to) : 0;
}

int report_failed(struct report *to, const char *what)
{
	if (errno != ENOMEM) {
		to->sys = errno;
		to->what = what;
	}
	return -1;
}

int report_paint(struct report *to, struct buf *out, enum color c, const char *text)
{
	const char *sgr = to->run->color ? to->colors.sgr[c] : "";

	return *sgr ? buf_addf(out, "\033[%sm%s\033[0m", sgr, text) : buf_adds(out, text);
}

int report_text(const struct report *to, struct buf *out, const char *data, size_t len)
{
	return to->run->raw ? buf_add(out, data, len) : escape(out, data, len);
}

int report_names(struct report *to, const char *const *names, size_t n)
{
	struct buf folded, shown;
	int r;

	buf_init(&folded, SIZE_MAX / 2);
	buf_init(&shown, SIZE_MAX / 2);
	r = range_fold(names, n, &folded) || escape(&shown, folded.data, folded.len) ||
	    (n > 1 && buf_addf(&shown, " (%zu)", n)) || report_paint(to, &to->out, COLOR_HOST, shown.data);
	buf_release(&folded);
	buf_release(&shown);
	return r ? -1 : 0;
}

static int diff_line(void *arg, char kind, const char *line, size_t len)
{
	struct report *to = arg;
	enum color color = kind == '-' ? COLOR_DEL : kind == '+' ? COLOR_ADD : COLOR_INFO;
	struct buf shown;
	int r;

	buf_init(&shown, 6 * (len + 1));
	r = kind == '@' ? 0 : buf_addc(&shown, kind);
	r |= report_text(to, &shown, line, len);
	if (r == 0)
		r = kind == ' ' || to->run->raw ? buf_add(&to->out, shown.data, shown.len)
						: report_paint(to, &to->out, color, shown.data);
	buf_release(&shown);
	if (r == 0 && buf_addc(&to->out, '\n') == 0)
		return report_flush(to);
	errno = ENOMEM;
	return -1;
}

int report_diff(struct report *to, const struct buf *a, const struct buf *b)
{
	if (textdiff(a->data, a->len, b->data, b->len, diff_line, to) == 0)
		return 0;
	return to->sys || errno == ENOMEM ? -1 : report_failed(to, "diff");
}

static const char *reason_word(const struct result *r)
{
	switch (r->outcome) {
	case OUTCOME_UNREACHABLE:
		return r->code == ERR_RESOLVE ? "resolve" : "connect";
	case OUTCOME_AUTH:
		return "auth";
	case OUTCOME_HOSTKEY:
		return "hostkey";
	case OUTCOME_TIMEOUT:
		return "timeout";
	case OUTCOME_LOST:
	case OUTCOME_UNKNOWN:
		return "lost";
	case OUTCOME_KILLED:
		return "killed";
	case OUTCOME_SKIPPED:
		return "skipped";
	default:
		return "local";
	}
}

int result_reason(const struct result *r, struct buf *out)
{
	const char *reason = r->reason ? r->reason : "";

	if (r->outcome == OUTCOME_OK)
		return 0;
	if (r->outcome == OUTCOME_FAILED && r->rc >= 0) {
		if (buf_addf(out, "exit %d: ", r->rc) != 0)
			return -1;
	} else if (buf_addf(out, "%s: ", reason_word(r)) != 0) {
		return -1;
	}
	if (strcmp(r->signal, "?") == 0 ? buf_adds(out, "a signal that ssh(1) does not name") != 0
					: r->signal[0] && buf_addf(out, "signal %s", r->signal) != 0)
		return -1;
	if (r->signal[0] && *reason && buf_adds(out, ", ") != 0)
		return -1;
	return buf_add(out, reason, strnlen(reason, REASON_MAX));
}

int result_label(const struct result *r, struct buf *out)
{
	if (result_reason(r, out) != 0)
		return -1;
	if (str_ends(out->data, ": "))
		out->data[out->len -= 2] = '\0';
	return 0;
}

int result_heading(const struct result *r, struct buf *out)
{
	if (result_label(r, out) != 0)
		return -1;
	return output_truncated(&r->output) ?
		buf_addf(out, "%soutput cut at %zu bytes", out->len ? ", " : "", r->output.bytes.len) : 0;
}
