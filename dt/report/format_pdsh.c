/* Each line of output behind its host's name, as pdsh(1) prints it (dt-output(5)). */
#include <inttypes.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/hooks.h"

static int host_text(struct buf *out, const char *host)
{
	return escape(out, host, strlen(host)) != 0 ? -1 : buf_adds(out, ": ");
}

int pdsh_streamed(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		  struct buf *out, struct buf *diag)
{
	struct buf *to = stream == STREAM_ERR ? diag : out;

	if (host_text(to, host) != 0)
		return -1;
	if ((run->raw ? buf_add(to, data, len) : escape(to, data, len)) != 0)
		return -1;
	return buf_addc(to, '\n');
}

static int lines(const struct run_info *run, const struct result *r, int stream, struct buf *out,
		 struct buf *diag)
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

		if (pdsh_streamed(run, r->host, stream, p, n, out, diag) != 0)
			goto out;
		p += n + 1;
	}
	ret = 0;
out:
	buf_release(&bytes);
	return ret;
}

static int failure(const struct run_info *run, const struct result *r, struct buf *diag)
{
	struct buf reason;
	int ret = -1;

	buf_init(&reason, REASON_MAX + 64);
	if (result_reason(r, &reason) != 0)
		goto out;
	if (str_ends(reason.data, ": "))
		reason.data[reason.len -= 2] = '\0';
	if (buf_addf(diag, "%s: ", run->program) != 0 || host_text(diag, r->host) != 0 ||
	    escape(diag, reason.data, reason.len) != 0)
		goto out;
	ret = buf_addc(diag, '\n');
out:
	buf_release(&reason);
	return ret;
}

int pdsh_end(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag)
{
	if (!run->stream) {
		if (lines(run, r, STREAM_OUT, out, diag) != 0 || lines(run, r, STREAM_ERR, out, diag) != 0)
			return -1;
		if (output_truncated(&r->output) &&
		    (buf_addf(diag, "%s: ", run->program) != 0 || host_text(diag, r->host) != 0 ||
		     buf_addf(diag, "output truncated: kept %zu of %" PRIu64 " bytes\n", r->output.bytes.len,
			      r->output.total) != 0))
			return -1;
	}
	return r->outcome == OUTCOME_OK ? 0 : failure(run, r, diag);
}
