/* The default: one status line a host (dt-output(5)). */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/report/hooks.h"

static int field(struct buf *out, const char *s)
{
	return escape_field(out, s, strlen(s)) != 0 ? -1 : buf_addc(out, ':');
}

static int head(struct buf *out, const char *status, const char *encoding, const char *program,
		const char *module, const char *host)
{
	if (buf_addf(out, "%s:%s:", status, encoding) != 0)
		return -1;
	return field(out, program) != 0 || field(out, module) != 0 || field(out, host) != 0 ? -1 : 0;
}

static int text(struct buf *out, const char *data, size_t len, bool raw)
{
	return raw ? buf_add(out, data, len) : escape(out, data, len);
}

static size_t without_newline(const char *data, size_t len)
{
	return len && data[len - 1] == '\n' ? len - 1 : len;
}

int omni_line(struct buf *out, const char *status, const char *encoding, const char *program,
	      const char *module, const char *host, const char *message, size_t len, bool raw)
{
	if (head(out, status, encoding, program, module, host) != 0)
		return -1;
	return text(out, message, without_newline(message, len), raw) != 0 ? -1 : buf_addc(out, '\n');
}

int omni_streamed(struct report *to, const char *host, int stream, const char *data, size_t len)
{
	struct buf *out = &to->out;

	(void)stream;
	if (report_paint(to, out, COLOR_INFO, "info") != 0 ||
	    head(out, "", "", to->run->program, to->run->module, host) != 0)
		return -1;
	/* data has lost its newline already: one more at its end cannot be */
	return report_text(to, out, data, len) != 0 ? -1 : buf_addc(out, '\n');
}

/* The output, and what sets it off from the reason before it. */
static int output_part(const struct result *r, bool raw, struct buf *out)
{
	const struct buf *bytes = &r->output.bytes;
	bool cut = output_truncated(&r->output);
	size_t len = cut ? bytes->len : without_newline(bytes->data, bytes->len);
	bool follows = r->outcome == OUTCOME_OK || (r->outcome == OUTCOME_FAILED && r->rc >= 0 && !r->reason);

	if (len && !follows && text(out, "\n", 1, raw) != 0)
		return -1;
	if (text(out, bytes->data, len, raw) != 0)
		return -1;
	if (!cut)
		return 0;
	return buf_addf(out, " [truncated: kept %zu of %" PRIu64 " bytes]", bytes->len, r->output.total);
}

int result_message(const struct result *r, bool stream, bool raw, struct buf *out)
{
	struct buf reason;
	int ret = -1;

	buf_init(&reason, REASON_MAX + 64);
	if (result_reason(r, &reason) == 0 && text(out, reason.data, reason.len, raw) == 0)
		/* with --stream all of it was shown, so nothing is repeated or missing */
		ret = stream ? 0 : output_part(r, raw, out);
	buf_release(&reason);
	return ret;
}

int omni_end(struct report *to, const struct result *r)
{
	bool ok = r->outcome == OUTCOME_OK;
	struct buf *out = &to->out;

	if (report_paint(to, out, ok ? COLOR_OKAY : COLOR_FAIL, ok ? "okay" : "fail") != 0 ||
	    head(out, "", "", to->run->program, to->run->module, r->host) != 0 ||
	    result_message(r, to->run->stream, to->run->raw, out) != 0)
		return -1;
	return buf_addc(out, '\n');
}
