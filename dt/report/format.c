#include "dt/report/format.h"

#include <stdbool.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/report/hooks.h"

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
	if (r->signal[0] && buf_addf(out, "signal %s%s", r->signal, *reason ? ", " : "") != 0)
		return -1;
	return buf_add(out, reason, strnlen(reason, REASON_MAX));
}
