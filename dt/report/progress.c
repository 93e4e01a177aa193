#include "dt/report/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/json.h"

#define FIRST_MS 500	/* a run shorter than that shows none */
#define LIVE_MS 100
#define LINES_MS 1000
#define SAMPLES 32	/* of which the rate is made */
#define ECHO_COLUMNS 2	/* columns of "^C", which the terminal puts behind the line */
#define SLOWEST 3

/* A host that has begun. */
struct runner {
	size_t index;
	const char *name;
	int64_t since;
};

struct progress {
	enum progress_mode mode;
	int fd;
	bool live, shown;
	int64_t began, last;
	size_t hosts, at_a_time, done, okay;
	struct runner *runners;	/* in the order in which they began: the first at_a_time run, the others wait for a thread */
	size_t n, cap;
	struct {
		int64_t at;
		size_t done;
		uint64_t moved;
	} samples[SAMPLES];
	size_t sampled;
	uint64_t moved, expected;	/* bytes of files */
};

struct rates {
	double hosts, bytes;	/* a second */
};

struct progress *progress_new(enum progress_mode mode, int fd, bool live, size_t hosts, size_t at_a_time, int64_t now)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->mode = mode;
	p->fd = fd;
	p->live = live;
	p->hosts = hosts;
	p->at_a_time = at_a_time;
	p->began = p->last = now;
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_hide(p);
	free(p->runners);
	free(p);
}

int64_t progress_interval(const struct progress *p)
{
	return p->mode == PROGRESS_NEVER ? 0 : p->mode == PROGRESS_LINE && p->live ? LIVE_MS : LINES_MS;
}

/* Without memory the host is not among the running ones; it is counted all the same. */
void progress_begin(struct progress *p, size_t index, const char *name, int64_t now)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		struct runner *v = realloc(p->runners, cap * sizeof(*v));

		if (!v)
			return;
		p->runners = v;
		p->cap = cap;
	}
	p->runners[p->n++] = (struct runner){ index, name, now };
}

void progress_end(struct progress *p, size_t index, bool ok, int64_t now)
{
	size_t i = 0;

	p->done++;
	p->okay += ok;
	while (i < p->n && p->runners[i].index != index)
		i++;
	if (i == p->n)
		return;
	p->n--;
	memmove(p->runners + i, p->runners + i + 1, (p->n - i) * sizeof(*p->runners));
	if (i < p->at_a_time && p->n >= p->at_a_time)
		p->runners[p->at_a_time - 1].since = now;
}

static size_t running(const struct progress *p)
{
	return p->n < p->at_a_time ? p->n : p->at_a_time;
}

/* Over the last samples. */
static struct rates rate(struct progress *p, int64_t now)
{
	size_t oldest = p->sampled < SAMPLES ? 0 : p->sampled % SAMPLES;
	int64_t since = p->sampled ? p->samples[oldest].at : p->began;
	struct rates r = { 0, 0 };

	if (now > since) {
		r.hosts = (double)(p->done - (p->sampled ? p->samples[oldest].done : 0)) * 1000 / (double)(now - since);
		r.bytes = (double)(p->moved - (p->sampled ? p->samples[oldest].moved : 0)) * 1000 / (double)(now - since);
	}
	p->samples[p->sampled % SAMPLES].at = now;
	p->samples[p->sampled % SAMPLES].done = p->done;
	p->samples[p->sampled % SAMPLES].moved = p->moved;
	p->sampled++;
	return r;
}

void progress_bytes(struct progress *p, uint64_t moved, uint64_t expected)
{
	p->moved = moved;
	p->expected = expected;
}

/* "312 B", "4.0 KiB", "1.2 GiB". */
static int add_size(struct buf *b, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	for (; bytes >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		bytes /= 1024;
	return buf_addf(b, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* "4.1s", "12s", "2m29s", "3h05m". */
static int add_time(struct buf *b, double seconds)
{
	long long whole = (long long)(seconds + 0.5);

	if (seconds < 9.95)
		return buf_addf(b, "%.1fs", seconds);
	if (whole < 60)
		return buf_addf(b, "%llds", whole);
	return whole < 3600 ? buf_addf(b, "%lldm%02llds", whole / 60, whole % 60)
			    : buf_addf(b, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
}

static int add_words(struct progress *p, struct buf *b, int64_t now)
{
	struct rates rates = rate(p, now);
	double per_second = rates.hosts;
	size_t failed = p->done - p->okay;
	int r = buf_addf(b, "%zu of %zu done, %zu okay, %zu failed, %zu running", p->done, p->hosts, p->okay, failed,
			 running(p));

	if (per_second > 0) {
		r |= buf_addf(b, per_second < 10 ? ", %.1f/s, " : ", %.0f/s, ", per_second);
		r |= add_time(b, (double)(p->hosts - p->done) / per_second) || buf_adds(b, " left");
	}
	/* headers make it a little more than was known to come */
	if (p->expected) {
		r |= buf_adds(b, "; ") || add_size(b, (double)(p->moved < p->expected ? p->moved : p->expected)) ||
		     buf_adds(b, " of ") || add_size(b, (double)p->expected);
		r |= buf_adds(b, ", ") || add_size(b, rates.bytes) || buf_adds(b, "/s");
	}
	for (size_t i = 0; i < SLOWEST && i < running(p); i++) {
		r |= buf_adds(b, i ? ", " : "; longest: ") || escape(b, p->runners[i].name, strlen(p->runners[i].name));
		r |= buf_addc(b, ' ') || add_time(b, (double)(now - p->runners[i].since) / 1000);
	}
	return r;
}

static int add_json(struct progress *p, struct buf *b, int64_t now)
{
	double per_second = rate(p, now).hosts;
	int r = buf_addf(b, "{\"event\":\"progress\",\"hosts\":%zu,\"done\":%zu,\"ok\":%zu,\"failed\":%zu,\"running\":%zu,"
			    "\"rate\":%.1f,\"seconds\":", p->hosts, p->done, p->okay, p->done - p->okay, running(p), per_second);

	r |= json_seconds(b, now - p->began);
	if (p->expected)
		r |= buf_addf(b, ",\"bytes\":%" PRIu64 ",\"bytes_expected\":%" PRIu64, p->moved, p->expected);
	r |= buf_adds(b, ",\"longest\":[");
	for (size_t i = 0; i < SLOWEST && i < running(p); i++) {
		r |= buf_adds(b, i ? ",{\"host\":" : "{\"host\":") ||
		     json_text(b, p->runners[i].name);
		r |= buf_adds(b, ",\"seconds\":") || json_seconds(b, now - p->runners[i].since) || buf_addc(b, '}');
	}
	return r || buf_adds(b, "]}") ? -1 : 0;
}

static void put(const struct progress *p, const struct buf *b)
{
	/* what cannot be shown is no fault of the run */
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(p->fd, b->data + done, b->len - done);

		if (n < 0 && errno != EINTR)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

/* Cut to the columns of the terminal: a line that wraps could not be taken back. */
static void cut(struct buf *b, size_t from, size_t columns)
{
	size_t used = columns > ECHO_COLUMNS ? ECHO_COLUMNS : 0, n;
	unsigned cp = 0;

	for (size_t i = from; i < b->len; i += n) {
		n = utf8_char(b->data + i, b->len - i, &cp);
		n = n ? n : 1;
		used += cp >= 0x1100 ? 2 : 1; /* from there on a character may be wide */
		if (used >= columns) {
			b->len = i;
			b->data[i] = '\0';
			return;
		}
	}
}

void progress_show(struct progress *p, int64_t now)
{
	struct winsize size;
	struct buf b;
	int r;

	if (p->mode == PROGRESS_NEVER || now < p->last + progress_interval(p) || now < p->began + FIRST_MS)
		return;
	p->last = now;
	buf_init(&b, 65536);
	if (p->mode == PROGRESS_JSON) {
		r = add_json(p, &b, now) || buf_addc(&b, '\n');
	} else if (!p->live) {
		r = buf_adds(&b, "dt: ") || add_words(p, &b, now) || buf_addc(&b, '\n');
	} else {
		r = buf_adds(&b, "\r") || add_words(p, &b, now);
		cut(&b, 1, ioctl(p->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80);
		r |= buf_adds(&b, "\033[K");
		p->shown = true;
	}
	if (r == 0)
		put(p, &b);
	buf_release(&b);
}

void progress_hide(struct progress *p)
{
	struct buf b;

	if (!p->shown)
		return;
	p->shown = false;
	buf_init(&b, 64);
	if (buf_adds(&b, "\r\033[K") == 0)
		put(p, &b);
	buf_release(&b);
}

void progress_once(struct progress *p, int64_t now)
{
	struct buf b;

	int r;

	progress_hide(p);
	buf_init(&b, 65536);
	r = p->mode == PROGRESS_JSON ? add_json(p, &b, now) : buf_adds(&b, "dt: ") || add_words(p, &b, now);
	if (r == 0 && buf_addc(&b, '\n') == 0)
		put(p, &b);
	buf_release(&b);
}

int progress_summary(const struct tally *t, int64_t took_ms, struct buf *out)
{
	int r = buf_addf(out, "%zu host%s:", t->total, t->total == 1 ? "" : "s");
	const char *comma = "";

	for (int o = OUTCOME_OK; o <= OUTCOME_UNKNOWN; o++) {
		size_t n = t->by[o] + (o == OUTCOME_FAILED ? t->by[OUTCOME_LOCAL] : 0);

		if (o == OUTCOME_LOCAL || !n)
			continue;
		r |= buf_addf(out, "%s %zu %s", comma, n, o == OUTCOME_OK ? "okay" : outcome_name((enum outcome)o));
		comma = ",";
	}
	return r || buf_adds(out, " in ") || add_time(out, (double)took_ms / 1000) ? -1 : 0;
}
