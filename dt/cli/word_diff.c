/*
 * word_diff - dt diff JOB1 JOB2: hosts whose answer changed, those with the same change together.
 *
 * Answers are compared by SHA-256, so that n hosts cost n; the texts of one
 * host stand for those of its group.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/log.h"
#include "dt/base/sha256.h"
#include "dt/cli/past.h"
#include "dt/report/format.h"
#include "dt/report/mask.h"

#define USAGE "dt diff JOB1 JOB2 [--mask]"
#define NOWHERE SIZE_MAX

/* What a host answered: how it ended, and both streams. */
struct text {
	struct buf label, body;
	size_t out;		/* of body is standard output */
};

struct side {
	struct journal_reader *r;
	struct job job;
	struct strs names;
	struct job_host *hosts;
	size_t n;
	unsigned char (*sums)[SHA256_SIZE];
	size_t *by_name;	/* indices */
	bool masked;
	struct text *text;	/* where one answer goes; NULL: its sum is wanted */
};

struct change {
	size_t at[2];		/* NOWHERE: not in that job */
	size_t order;
	const unsigned char *sum[2];
};

struct diff {
	struct side side[2];
	struct change *v;
	size_t n;
	struct report to;
};

/* ---- answers ---- */

static void text_init(struct text *t)
{
	buf_init(&t->label, REASON_MAX + 256);
	buf_init(&t->body, SIZE_MAX / 2);
	t->out = 0;
}

static void text_release(struct text *t)
{
	buf_release(&t->label);
	buf_release(&t->body);
}

/* Adds a stream; a newline at its end makes no difference, as in a status line. */
static int add_stream(const struct result *r, int stream, bool masked, struct buf *out)
{
	struct buf said;
	int ret;

	buf_init(&said, SIZE_MAX / 2);
	ret = output_stream(&r->output, stream, &said);
	if (ret == 0 && said.len && said.data[said.len - 1] != '\n')
		ret = buf_addc(&said, '\n');
	if (ret == 0 && said.len && stream == STREAM_ERR)
		ret = buf_adds(out, REPORT_STDERR);
	if (ret == 0)
		ret = masked ? mask(out, said.data, said.len) : buf_add(out, said.data, said.len);
	buf_release(&said);
	return ret;
}

static int make_text(const struct result *r, bool masked, struct text *t)
{
	if (result_heading(r, &t->label) != 0 || add_stream(r, STREAM_OUT, masked, &t->body) != 0)
		return -1;
	t->out = t->body.len;
	return add_stream(r, STREAM_ERR, masked, &t->body);
}

static int take(void *arg, const struct result *r, struct dt_err *err)
{
	struct side *s = arg;
	struct sha256 *sum;
	struct text t;
	int ret;

	if (s->text)
		return make_text(r, s->masked, s->text) == 0 ? 0 : err_nomem(err);
	text_init(&t);
	sum = sha256_new();
	ret = !sum || make_text(r, s->masked, &t) != 0 ? err_nomem(err) : 0;
	if (ret == 0) {
		sha256_add(sum, t.label.data, t.label.len + 1);
		/* a stream that looks like both is another answer */
		sha256_add(sum, &t.out, sizeof(t.out));
		sha256_add(sum, t.body.data, t.body.len);
		sha256_end(sum, s->sums[r->index]);
	}
	sha256_free(sum);
	text_release(&t);
	return ret;
}

/* A host without an end has an answer too: that there is none. */
static int take_open(struct side *s, size_t i, struct dt_err *err)
{
	struct result r;
	int ret;

	if (!past_open_host(&s->job, &s->hosts[i], i, s->names.v[i], &r, err)) {
		r.index = i;
		r.outcome = OUTCOME_UNKNOWN;
		r.reason = strdup("it has not ended yet");
	}
	ret = r.reason ? take(s, &r, err) : err_nomem(err);
	result_release(&r);
	return ret;
}

static int by_name(const void *a, const void *b, void *names)
{
	const struct strs *l = names;

	return strcmp(l->v[*(const size_t *)a], l->v[*(const size_t *)b]);
}

static int load(struct side *s, const char *job, struct dt_err *err)
{
	const struct job_events e = { .end = take, .arg = s };

	/* a reader each: one knows the hosts of one job at a time */
	if (past_open(&s->r, err) != 0 || past_job(s->r, job, &s->job, err) != 0 ||
	    journal_hosts(s->r, s->job.number, &s->names, err) != 0 ||
	    journal_states(s->r, s->job.number, &s->hosts, &s->n, err) != 0)
		return -1;
	s->sums = calloc(s->n + 1, sizeof(*s->sums));
	s->by_name = calloc(s->n + 1, sizeof(*s->by_name));
	if (!s->sums || !s->by_name)
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++) {
		s->by_name[i] = i;
		if (s->hosts[i].state != HOST_ENDED && take_open(s, i, err) != 0)
			return -1;
	}
	qsort_r(s->by_name, s->n, sizeof(*s->by_name), by_name, &s->names);
	return journal_ends(s->r, s->job.number, &e, err);
}

static size_t find(const struct side *s, const char *name)
{
	size_t from = 0, to = s->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int d = strcmp(name, s->names.v[s->by_name[mid]]);

		if (d == 0)
			return s->by_name[mid];
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NOWHERE;
}

/* ---- changes ---- */

static void add(struct diff *d, size_t first, size_t second)
{
	static const unsigned char none[SHA256_SIZE];
	struct change *c = &d->v[d->n];

	*c = (struct change){ .at = { first, second }, .order = d->n++ };
	/* of hosts that are in one job alone, what they answered makes no group */
	for (int i = 0; i < 2; i++)
		c->sum[i] = first == NOWHERE || second == NOWHERE ? none : d->side[i].sums[c->at[i]];
}

static int compare(struct diff *d, struct dt_err *err)
{
	struct side *a = &d->side[0], *b = &d->side[1];

	d->v = calloc(a->n + b->n + 1, sizeof(*d->v));
	if (!d->v)
		return err_nomem(err);
	for (size_t i = 0; i < a->n; i++) {
		size_t k = find(b, a->names.v[i]);

		if (k == NOWHERE || memcmp(a->sums[i], b->sums[k], SHA256_SIZE) != 0)
			add(d, i, k);
	}
	for (size_t k = 0; k < b->n; k++)
		if (find(a, b->names.v[k]) == NOWHERE)
			add(d, NOWHERE, k);
	return 0;
}

/* Hosts of both jobs first, then those that are gone, then new ones. */
static int kind(const struct change *c)
{
	return c->at[1] == NOWHERE ? 1 : c->at[0] == NOWHERE ? 2 : 0;
}

static int same(const struct change *a, const struct change *b)
{
	int d = kind(a) - kind(b);

	if (d == 0)
		d = memcmp(a->sum[0], b->sum[0], SHA256_SIZE);
	return d ? d : memcmp(a->sum[1], b->sum[1], SHA256_SIZE);
}

static int by_group(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int d = same(x, y);

	return d ? d : x->order < y->order ? -1 : 1;
}

struct group {
	struct change *v;
	size_t n;
};

/* The larger first, as -o gather has it. */
static int by_size(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (kind(x->v) != kind(y->v))
		return kind(x->v) - kind(y->v);
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->v->order < y->v->order ? -1 : 1;
}

/* ---- on paper ---- */

static int add_names(struct diff *d, const struct group *g)
{
	const char **names = calloc(g->n, sizeof(*names));
	int r;

	if (!names)
		return -1;
	for (size_t i = 0; i < g->n; i++) {
		int which = g->v[i].at[0] == NOWHERE;

		names[i] = d->side[which].names.v[g->v[i].at[which]];
	}
	r = buf_adds(&d->to.out, REPORT_RULE) || report_names(&d->to, names, g->n) ||
	    buf_adds(&d->to.out, "\n" REPORT_RULE);
	free(names);
	return r ? -1 : 0;
}

static int fetch(struct side *s, size_t i, struct text *t, struct dt_err *err)
{
	const struct job_events e = { .end = take, .arg = s };
	bool found = true;
	int r;

	s->text = t;
	r = s->hosts[i].state == HOST_ENDED ? journal_end_of(s->r, s->job.number, i, &e, &found, err) : take_open(s, i, err);
	s->text = NULL;
	return r == 0 && !found ? err_set(err, ERR_FAIL, "job %" PRId64 " is being removed", s->job.number) : r;
}

/* "--- job 41: exit 3" */
static int add_heading(struct diff *d, int which, const struct text *t)
{
	struct buf b;
	int r;

	buf_init(&b, 65536);
	r = buf_addf(&b, "%s job %" PRId64, which ? "+++" : "---", d->side[which].job.number);
	if (t->label.len)
		r |= buf_adds(&b, ": ") || escape(&b, t->label.data, t->label.len);
	r |= report_paint(&d->to, &d->to.out, which ? COLOR_ADD : COLOR_DEL, b.data) || buf_addc(&d->to.out, '\n');
	buf_release(&b);
	return r ? -1 : 0;
}

static int add_texts(struct diff *d, const struct change *c, struct text t[2], struct dt_err *err)
{
	for (int i = 0; i < 2; i++)
		if (fetch(&d->side[i], c->at[i], &t[i], err) != 0)
			return -1;
	if (add_heading(d, 0, &t[0]) != 0 || add_heading(d, 1, &t[1]) != 0 ||
	    report_diff(&d->to, &t[0].body, &t[1].body) != 0)
		return d->to.sys ? err_sys(err, ERR_FAIL, d->to.sys, "%s", d->to.what) : err_nomem(err);
	return 0;
}

static int print(struct diff *d, const struct group *g, struct dt_err *err)
{
	struct text t[2];
	int r = 0;

	d->to.out.max = SIZE_MAX / 2;
	if (add_names(d, g) != 0)
		return err_nomem(err);
	if (kind(g->v)) {
		if (buf_addf(&d->to.out, "only in job %" PRId64 "\n", d->side[kind(g->v) - 1].job.number) != 0)
			return err_nomem(err);
	} else {
		text_init(&t[0]);
		text_init(&t[1]);
		r = add_texts(d, g->v, t, err);
		text_release(&t[0]);
		text_release(&t[1]);
	}
	if (r == 0)
		r = app_print(&d->to.out, err);
	buf_clear(&d->to.out);
	return r;
}

static int print_all(struct diff *d, struct dt_err *err)
{
	struct group *g = calloc(d->n + 1, sizeof(*g));
	size_t n = 0;
	int r = 0;

	if (!g)
		return err_nomem(err);
	qsort(d->v, d->n, sizeof(*d->v), by_group);
	for (size_t i = 0; i < d->n; i++) {
		if (!n || same(g[n - 1].v, &d->v[i]) != 0)
			g[n++].v = &d->v[i];
		g[n - 1].n++;
	}
	qsort(g, n, sizeof(*g), by_size);
	for (size_t i = 0; i < n && r == 0; i++)
		r = print(d, &g[i], err);
	free(g);
	return r;
}

/* ---- the word ---- */

static void side_release(struct side *s)
{
	free(s->sums);
	free(s->by_name);
	free(s->hosts);
	strs_release(&s->names);
	job_release(&s->job);
	journal_reader_free(s->r);
}

int word_diff(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const char *words[2] = { NULL };
	struct diff d = { .n = 0 };
	struct run_info info;
	int count, r;

	if (word_take(a, args, n, NULL, 0, words, 2, &count, USAGE, err) != 0)
		return -1;
	if (count != 2)
		return err_set(err, ERR_USAGE, USAGE);
	if (option_source(&a->opt, "output") == SOURCE_COMMAND && strcmp(a->opt.output, "diff") != 0)
		return err_set(err, ERR_USAGE, "dt diff has one form, and no -o %s", a->opt.output);
	log_set_level((int)a->opt.verbose);
	info = (struct run_info){ .program = "dt", .color = color_wanted(STDOUT_FILENO, a->opt.no_color), .raw = a->opt.raw };
	report_init(&d.to, &info);
	d.side[0].masked = d.side[1].masked = a->opt.mask;
	r = load(&d.side[0], words[0], err) != 0 || load(&d.side[1], words[1], err) != 0 || compare(&d, err) != 0 ? -1 : 0;
	if (r == 0)
		r = print_all(&d, err);
	if (r == 0)
		log_info(1, "%zu of %zu hosts changed", d.n, d.side[0].n);
	free(d.v);
	report_release(&d.to);
	side_release(&d.side[0]);
	side_release(&d.side[1]);
	return r != 0 ? -1 : d.n ? 5 : 0;
}
