/* One JSON object a line (dt-output(5)). */
#include <string.h>

#include "dt/base/util.h"
#include "dt/report/hooks.h"
#include "dt/report/json.h"

/* ,"key":"text" */
static int pair(struct buf *out, const char *key, const char *value)
{
	return buf_addf(out, ",\"%s\":", key) != 0 ? -1 : json_text(out, value);
}

static const char *filled(const char *s)
{
	return s && *s ? s : NULL;
}

int jsonl_start(struct report *to)
{
	const struct run_info *run = to->run;
	struct buf *out = &to->out;

	if (buf_adds(out, "{\"event\":\"start\"") != 0 || pair(out, "program", run->program) != 0 ||
	    pair(out, "version", DT_VERSION) != 0 || pair(out, "selection", run->selection) != 0 ||
	    pair(out, "module", run->module) != 0 || pair(out, "verb", filled(run->verb)) != 0 ||
	    buf_adds(out, ",\"args\":[") != 0)
		return -1;
	for (size_t i = 0; run->args && run->args[i]; i++)
		if ((i && buf_addc(out, ',') != 0) || json_text(out, run->args[i]) != 0)
			return -1;
	return buf_addf(out, "],\"hosts\":%zu}\n", run->hosts);
}

int jsonl_streamed(struct report *to, const char *host, int stream, const char *data, size_t len)
{
	struct buf *out = &to->out;

	if (buf_adds(out, "{\"event\":\"line\"") != 0 || pair(out, "host", host) != 0 ||
	    pair(out, "stream", stream == STREAM_ERR ? "stderr" : "stdout") != 0 ||
	    buf_adds(out, ",\"text\":") != 0 || json_bytes(out, data, len) != 0)
		return -1;
	return buf_adds(out, "}\n");
}

static int stream_pair(struct buf *out, const char *key, const struct output *output, int stream)
{
	struct buf bytes;
	int r = -1;

	buf_init(&bytes, output->bytes.len);
	if (buf_addf(out, ",\"%s\":", key) == 0 && output_stream(output, stream, &bytes) == 0)
		r = json_bytes(out, bytes.data, bytes.len);
	buf_release(&bytes);
	return r;
}

/* The reason as in a status line; "exit 3" without the colon that output would follow. */
static int reason_pair(struct buf *out, const struct result *r)
{
	struct buf reason;
	int ret = -1;

	buf_init(&reason, REASON_MAX + 64);
	if (result_label(r, &reason) == 0)
		ret = pair(out, "reason", filled(reason.data));
	buf_release(&reason);
	return ret;
}

static int field_value(struct buf *out, const struct dt_field *f)
{
	if (f->type == DT_STRING)
		return json_text(out, f->text);
	if (f->unknown)
		return buf_adds(out, "null");
	if (f->type == DT_TIME)
		return json_seconds(out, f->number);
	if (f->type == DT_BOOL)
		return buf_adds(out, f->number ? "true" : "false");
	return buf_addf(out, "%lld", f->number);
}

static int rows_pair(struct buf *out, const struct rows *rows)
{
	int r = buf_adds(out, ",\"rows\":[");

	for (size_t i = 0; r == 0 && i < rows->n; i++) {
		const struct row *row = &rows->v[i];

		for (size_t k = 0; r == 0 && k < row->n; k++)
			r = buf_addf(out, "%s\"%s\":", k ? "," : i ? ",{" : "{", row->fields[k].name) ||
			    field_value(out, &row->fields[k]);
		r = r || buf_addc(out, '}');
	}
	return r || buf_addc(out, ']') ? -1 : 0;
}

int jsonl_end(struct report *to, const struct result *r)
{
	const struct run_info *run = to->run;
	struct buf *out = &to->out;

	if (buf_adds(out, "{\"event\":\"end\"") != 0 || pair(out, "host", r->host) != 0 ||
	    pair(out, "address", filled(r->address)) != 0 || pair(out, "user", r->user) != 0 ||
	    pair(out, "module", r->module) != 0 || pair(out, "status", outcome_name(r->outcome)) != 0)
		return -1;
	if ((r->rc >= 0 ? buf_addf(out, ",\"rc\":%d", r->rc) : buf_adds(out, ",\"rc\":null")) != 0)
		return -1;
	if (pair(out, "signal", filled(r->signal)) != 0 || buf_adds(out, ",\"began\":") != 0 ||
	    json_seconds(out, r->began_ms - run->began_ms) != 0 || buf_adds(out, ",\"seconds\":") != 0 ||
	    json_seconds(out, r->ended_ms - r->began_ms) != 0)
		return -1;
	if (stream_pair(out, "stdout", &r->output, STREAM_OUT) != 0 ||
	    stream_pair(out, "stderr", &r->output, STREAM_ERR) != 0 ||
	    buf_addf(out, ",\"truncated\":%s", output_truncated(&r->output) || r->rows.truncated ? "true" : "false") != 0)
		return -1;
	if (reason_pair(out, r) != 0 || pair(out, "transport", r->transport) != 0 ||
	    (r->rows.n && rows_pair(out, &r->rows) != 0))
		return -1;
	return buf_adds(out, "}\n");
}

int jsonl_summary(struct report *to, const struct tally *t)
{
	struct buf *out = &to->out;

	if (buf_addf(out, "{\"event\":\"summary\",\"hosts\":%zu,\"counts\":{", t->total) != 0)
		return -1;
	for (int o = OUTCOME_OK; o <= OUTCOME_UNKNOWN; o++) {
		/* what failed here is "failed" in its end line, and counted so */
		size_t n = t->by[o] + (o == OUTCOME_FAILED ? t->by[OUTCOME_LOCAL] : 0);

		if (o == OUTCOME_LOCAL)
			continue;
		if (buf_addf(out, "%s\"%s\":%zu", o ? "," : "", outcome_name((enum outcome)o), n) != 0)
			return -1;
	}
	if (buf_adds(out, "},\"seconds\":") != 0 || json_seconds(out, now_ms() - to->run->began_ms) != 0)
		return -1;
	return buf_adds(out, "}\n");
}
