#include "dt/report/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536	/* a longer line comes in pieces */
#define SINK_KEEP (256U << 10)	/* memory kept between calls */

/* The unfinished lines of one host. */
struct lines {
	struct buf part[2];	/* stdout, stderr */
};

struct sink {
	struct report to;	/* first: flush_report finds the sink by it */
	const struct format *f;
	const struct run_info *run;
	int out_fd, diag_fd;
	bool out_used, diag_used;
	struct lines **hosts;	/* by index; NULL: nothing is unfinished */
	size_t host_count;
	struct dt_err failed;	/* the first failure, for ever */
};

static int flush_report(struct report *to);

struct sink *sink_new(const struct format *f, const struct run_info *run, int out_fd, int diag_fd)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->f = f;
	s->run = run;
	s->out_fd = out_fd;
	s->diag_fd = diag_fd;
	report_init(&s->to, run);
	s->to.flush = flush_report;
	if (!f->open || f->open(&s->to) == 0)
		return s;
	sink_free(s);
	return NULL;
}

static void lines_free(struct lines *l)
{
	if (!l)
		return;
	buf_release(&l->part[0]);
	buf_release(&l->part[1]);
	free(l);
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->host_count; i++)
		lines_free(s->hosts[i]);
	free(s->hosts);
	if (s->f->close)
		s->f->close(&s->to);
	report_release(&s->to);
	free(s);
}

/* Writes all of it.  0, or errno. */
static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			/* somebody else made the file description non-blocking */
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static int repeat(const struct sink *s, struct dt_err *err)
{
	*err = s->failed;
	return -1;
}

static int broken(struct sink *s, int sys, const char *what, struct dt_err *err)
{
	(void)err_sys(&s->failed, ERR_FAIL, sys, "%s", what);
	return repeat(s, err);
}

static void forget(struct buf *b)
{
	if (b->cap > SINK_KEEP)
		buf_release(b);
	else
		buf_clear(b);
	b->max = REPORT_ROOM;
}

/* Writes what the hooks have made; formatted is what they returned. */
static int deliver(struct sink *s, int formatted, struct dt_err *err)
{
	struct report *to = &s->to;
	int sys;

	if (s->failed.code)	/* in flush_report */
		return repeat(s, err);
	if (formatted != 0)
		return broken(s, to->sys ? to->sys : ENOMEM, to->sys ? to->what : "stdout", err);
	s->out_used |= to->out.len > 0;
	s->diag_used |= to->diag.len > 0;
	sys = write_all(s->out_fd, to->out.data, to->out.len);
	if (sys)
		return broken(s, sys, "stdout", err);
	sys = write_all(s->diag_fd, to->diag.data, to->diag.len);
	if (sys)
		return broken(s, sys, "stderr", err);
	forget(&to->out);
	forget(&to->diag);
	return 0;
}

/* In the midst of a hook that has much to say. */
static int flush_report(struct report *to)
{
	struct sink *s = (struct sink *)to;
	size_t max = to->out.max;
	struct dt_err err;
	int r = deliver(s, 0, &err);

	to->out.max = to->diag.max = max;
	return r;
}

/* What len bytes of a host can become, where each is a newline and all names are base64 or escaped. */
static void make_room(struct sink *s, const char *host, size_t len)
{
	size_t each = 6 * (strlen(host) + strlen(s->run->module)) + 128, most = SIZE_MAX / 2 - REPORT_ROOM;

	s->to.out.max = s->to.diag.max = REPORT_ROOM + (len < most / each ? len * each : most);
}

static struct buf *part_of(struct sink *s, size_t i, int stream)
{
	if (i >= s->host_count) {
		size_t n = i < s->run->hosts ? s->run->hosts : i + i / 2 + 1;
		struct lines **hosts = realloc(s->hosts, n * sizeof(*hosts));

		if (!hosts)
			return NULL;
		memset(hosts + s->host_count, 0, (n - s->host_count) * sizeof(*hosts));
		s->hosts = hosts;
		s->host_count = n;
	}
	if (!s->hosts[i]) {
		s->hosts[i] = malloc(sizeof(struct lines));
		if (!s->hosts[i])
			return NULL;
		buf_init(&s->hosts[i]->part[0], LINE_MAX_BYTES);
		buf_init(&s->hosts[i]->part[1], LINE_MAX_BYTES);
	}
	return &s->hosts[i]->part[stream == STREAM_ERR];
}

static int emit(struct sink *s, const char *host, int stream, const char *data, size_t len)
{
	return s->f->line(&s->to, host, stream, data, len);
}

static int split(struct sink *s, struct buf *part, const char *host, int stream, const char *data, size_t len)
{
	while (len) {
		size_t room = LINE_MAX_BYTES - part->len, n;
		const char *nl;

		if (!room && *data != '\n') {
			if (emit(s, host, stream, part->data, part->len) != 0)
				return -1;
			buf_clear(part);
			continue;
		}
		nl = memchr(data, '\n', len < room + 1 ? len : room + 1);
		n = nl ? (size_t)(nl - data) : len < room ? len : room;
		if (nl && !part->len) {
			if (emit(s, host, stream, data, n) != 0)
				return -1;
		} else if (buf_add(part, data, n) != 0) {
			return -1;
		} else if (nl) {
			if (emit(s, host, stream, part->data, part->len) != 0)
				return -1;
			buf_clear(part);
		}
		n += nl != NULL;
		data += n;
		len -= n;
	}
	return 0;
}

int sink_start(struct sink *s, struct dt_err *err)
{
	if (s->failed.code)
		return repeat(s, err);
	return deliver(s, s->f->start ? s->f->start(&s->to) : 0, err);
}

int sink_stream(struct sink *s, size_t host_index, const char *host, int stream, const char *data,
		size_t len, struct dt_err *err)
{
	struct buf *part;

	if (s->failed.code)
		return repeat(s, err);
	if (!s->run->stream || !s->f->line)
		return 0;
	part = part_of(s, host_index, stream);
	if (!part)
		return broken(s, ENOMEM, "stdout", err);
	make_room(s, host, part->len + len);
	return deliver(s, split(s, part, host, stream, data, len), err);
}

int sink_end(struct sink *s, const struct result *r, struct dt_err *err)
{
	struct lines *l = r->index < s->host_count ? s->hosts[r->index] : NULL;
	int formatted = 0;

	if (s->failed.code)
		return repeat(s, err);
	make_room(s, r->host, r->output.bytes.len + (l ? l->part[0].len + l->part[1].len : 0));
	for (int i = 0; l && i < 2 && formatted == 0; i++)
		if (l->part[i].len)
			formatted = emit(s, r->host, i ? STREAM_ERR : STREAM_OUT, l->part[i].data, l->part[i].len);
	if (l) {
		s->hosts[r->index] = NULL;
		lines_free(l);
	}
	if (formatted == 0 && s->f->end)
		formatted = s->f->end(&s->to, r);
	return deliver(s, formatted, err);
}

int sink_summary(struct sink *s, const struct tally *t, struct dt_err *err)
{
	if (s->failed.code)
		return repeat(s, err);
	/* a group's text is as large as --max-output lets it be */
	s->to.out.max = s->to.diag.max = SIZE_MAX / 2;
	return deliver(s, s->f->summary_line ? s->f->summary_line(&s->to, t) : 0, err);
}

/* A network file system may refuse only at close; the descriptor itself is its owner's to close. */
static int close_error(int fd)
{
	int copy = dup(fd);

	return copy >= 0 && close(copy) != 0 && errno != EINTR ? errno : 0;
}

int sink_finish(struct sink *s, struct dt_err *err)
{
	int sys;

	if (s->failed.code)
		return repeat(s, err);
	sys = s->out_used ? close_error(s->out_fd) : 0;
	if (sys)
		return broken(s, sys, "stdout", err);
	sys = s->diag_used ? close_error(s->diag_fd) : 0;
	return sys ? broken(s, sys, "stderr", err) : 0;
}

struct report *sink_report(struct sink *s)
{
	return &s->to;
}

int sink_deliver(struct sink *s, int formatted, struct dt_err *err)
{
	return s->failed.code ? repeat(s, err) : deliver(s, formatted, err);
}
