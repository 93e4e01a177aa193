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

int omni_streamed(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		  struct buf *out, struct buf *diag)
{
	(void)stream;
	(void)diag;
	if (head(out, run->color ? "\033[36minfo\033[0m" : "info", "", run->program, run->module, host) != 0)
		return -1;
	/* data has lost its newline already: one more at its end cannot be */
	return text(out, data, len, run->raw) != 0 ? -1 : buf_addc(out, '\n');
}

/* The output, and what sets it off from the reason before it. */
static int output_part(const struct run_info *run, const struct result *r, struct buf *out)
{
	const struct buf *bytes = &r->output.bytes;
	bool cut = output_truncated(&r->output);
	size_t len = cut ? bytes->len : without_newline(bytes->data, bytes->len);
	bool follows = r->outcome == OUTCOME_OK || (r->outcome == OUTCOME_FAILED && r->rc >= 0 && !r->reason);

	if (len && !follows && text(out, "\n", 1, run->raw) != 0)
		return -1;
	if (text(out, bytes->data, len, run->raw) != 0)
		return -1;
	if (!cut)
		return 0;
	return buf_addf(out, " [truncated: kept %zu of %" PRIu64 " bytes]", bytes->len, r->output.total);
}

int omni_end(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag)
{
	bool ok = r->outcome == OUTCOME_OK;
	const char *status = ok ? "okay" : "fail";
	struct buf reason;
	int ret = -1;

	(void)diag;
	if (run->color)
		status = ok ? "\033[32mokay\033[0m" : "\033[31mfail\033[0m";
	buf_init(&reason, REASON_MAX + 64);
	if (head(out, status, "", run->program, run->module, r->host) != 0)
		goto out;
	if (result_reason(r, &reason) != 0 || text(out, reason.data, reason.len, run->raw) != 0)
		goto out;
	/* with --stream all of it was shown, so nothing is repeated or missing */
	if (!run->stream && output_part(run, r, out) != 0)
		goto out;
	ret = buf_addc(out, '\n');
out:
	buf_release(&reason);
	return ret;
}
