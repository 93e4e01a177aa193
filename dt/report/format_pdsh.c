/* Each line of output behind its host's name, as pdsh(1) prints it (dt-output(5)). */
#include <inttypes.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/report/hooks.h"

static int host_text(struct buf *out, const char *host)
{
	return escape(out, host, strlen(host)) != 0 ? -1 : buf_adds(out, ": ");
}

int pdsh_streamed(struct report *to, const char *host, int stream, const char *data, size_t len)
{
	struct buf *out = stream == STREAM_ERR ? &to->diag : &to->out;

	if (host_text(out, host) != 0 || report_text(to, out, data, len) != 0)
		return -1;
	return buf_addc(out, '\n');
}

static int lines(struct report *to, const struct result *r, int stream)
{
	struct buf bytes;
	const char *p, *end;
	int ret = -1;

	buf_init(&bytes, r->output.bytes.len);
	if (output_stream(&r->output, stream, &bytes) != 0)
		goto out;
	for (p = bytes.data, end = p + bytes.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (pdsh_streamed(to, r->host, stream, p, n) != 0)
			goto out;
		p += n + 1;
	}
	ret = 0;
out:
	buf_release(&bytes);
	return ret;
}

static int failure(struct report *to, const struct result *r)
{
	struct buf reason, *diag = &to->diag;
	int ret = -1;

	buf_init(&reason, REASON_MAX + 64);
	if (result_label(r, &reason) == 0 && buf_addf(diag, "%s: ", to->run->program) == 0 &&
	    host_text(diag, r->host) == 0 && escape(diag, reason.data, reason.len) == 0)
		ret = buf_addc(diag, '\n');
	buf_release(&reason);
	return ret;
}

int pdsh_end(struct report *to, const struct result *r)
{
	struct buf *diag = &to->diag;

	if (!to->run->stream) {
		if (lines(to, r, STREAM_OUT) != 0 || lines(to, r, STREAM_ERR) != 0)
			return -1;
		if (output_truncated(&r->output) &&
		    (buf_addf(diag, "%s: ", to->run->program) != 0 || host_text(diag, r->host) != 0 ||
		     buf_addf(diag, "output truncated: kept %zu of %" PRIu64 " bytes\n", r->output.bytes.len,
			      r->output.total) != 0))
			return -1;
	}
	return r->outcome == OUTCOME_OK ? 0 : failure(to, r);
}
