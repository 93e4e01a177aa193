/*
 * word_jobs - dt jobs: the runs of the journal, newest first; dt jobs verify, dt jobs anchor.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dt/base/escape.h"
#include "dt/base/log.h"
#include "dt/cli/past.h"
#include "dt/cli/wordlist.h"

#define USAGE "dt jobs [--since TIME] [--until TIME] [--by USER] [--module NAME] [--host NAME] [--status WORD] [--limit N]"
#define LIMIT 20

/* One line of the list; texts are escaped. */
struct line {
	char number[24], when[24], okay[24], failed[24], open[24];
	char *user, *command;
	const char *state;
};

struct jobs {
	struct journal_reader *r;
	size_t limit, n, cap;
	bool more, json;
	struct line *v;
	struct buf out;
};

static char *escaped(const char *text)
{
	struct buf b;
	char *s;

	buf_init(&b, 1UL << 30);
	s = escape(&b, text, strlen(text)) == 0 ? buf_steal(&b) : NULL;
	buf_release(&b);
	return s;
}

static int fill(struct line *l, const struct job *j, const struct past_counts *c)
{
	struct buf command;

	(void)snprintf(l->number, sizeof(l->number), "%" PRId64, j->number);
	(void)past_time(j->at_ms, l->when, sizeof(l->when));
	(void)snprintf(l->okay, sizeof(l->okay), "%zu", c->by[OUTCOME_OK]);
	(void)snprintf(l->failed, sizeof(l->failed), "%zu", past_not_ok(c) - c->by[OUTCOME_UNKNOWN]);
	(void)snprintf(l->open, sizeof(l->open), "%zu", c->by[OUTCOME_UNKNOWN] + c->open);
	l->state = job_state_name(j->state);
	l->user = escaped(j->user);
	buf_init(&command, 1UL << 30);
	l->command = past_command(j, &command) == 0 ? buf_steal(&command) : NULL;
	buf_release(&command);
	return l->user && l->command ? 0 : -1;
}

static int add(void *arg, const struct job *j, struct dt_err *err)
{
	struct jobs *all = arg;
	struct past_counts counts;

	if (all->limit && all->n == all->limit) {
		all->more = true;
		return 0;
	}
	if (past_count_soon(all->r, j, &counts, err) != 0)
		return -1;
	if (all->json) {
		all->n++;
		if (past_json(j, &counts, &all->out) != 0)
			return err_nomem(err);
		if (all->out.len < 65536)
			return 0;
		if (app_print(&all->out, err) != 0)
			return -1;
		buf_clear(&all->out);
		return 0;
	}
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 32;
		struct line *v = realloc(all->v, cap * sizeof(*v));

		if (!v)
			return err_nomem(err);
		all->v = v;
		all->cap = cap;
	}
	memset(&all->v[all->n], 0, sizeof(*all->v));
	return fill(&all->v[all->n++], j, &counts) == 0 ? 0 : err_nomem(err);
}

static void widen(int *width, const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	*width = n > *width ? n : *width;
}

static int print(struct jobs *all, struct dt_err *err)
{
	static char user[] = "USER", command[] = "COMMAND";
	const struct line head = { "JOB", "BEGAN", "OKAY", "FAILED", "OPEN", user, command, "STATE" };
	int number = 3, okay = 4, failed = 6, open = 4, name = 4, state = 5, r = 0;

	for (size_t i = 0; i < all->n; i++) {
		widen(&number, all->v[i].number);
		widen(&okay, all->v[i].okay);
		widen(&failed, all->v[i].failed);
		widen(&open, all->v[i].open);
		widen(&name, all->v[i].user);
		widen(&state, all->v[i].state);
	}
	for (size_t i = 0; i <= all->n && all->n && r == 0; i++) {
		const struct line *l = i ? &all->v[i - 1] : &head;
		int seen = 0;

		widen(&seen, l->user);
		r = buf_addf(&all->out, "%*s  %-19s  %s%*s  %-*s  %*s  %*s  %*s  %s\n", number, l->number, l->when, l->user,
			     name - seen, "", state, l->state, okay, l->okay, failed, l->failed, open, l->open, l->command);
	}
	return r == 0 ? app_print(&all->out, err) : err_nomem(err);
}

static int list(struct app *a, struct job_filter *f, size_t limit, bool asked, struct dt_err *err)
{
	struct jobs all = { .limit = limit, .json = str_eq(a->opt.output, "jsonl") };
	int r;

	if (past_open(&all.r, err) != 0)
		return -1;
	buf_init(&all.out, 1UL << 30);
	f->limit = limit ? limit + 1 : 0;
	r = journal_jobs(all.r, f, add, &all, err);
	if (r == 0)
		r = all.json ? app_print(&all.out, err) : print(&all, err);
	if (r == 0 && all.more && !asked)
		log_info(0, "older ones are left out: --limit N shows more, 0 all");
	for (size_t i = 0; i < (all.json ? 0 : all.n); i++) {
		free(all.v[i].user);
		free(all.v[i].command);
	}
	free(all.v);
	buf_release(&all.out);
	journal_reader_free(all.r);
	return r;
}

/* ---- checking ---- */

static void found(void *arg, const char *what)
{
	(void)arg;
	log_error("%s", what);
}

static int verify(const char *anchor, struct dt_err *err)
{
	struct journal_verdict v;
	char *path = journal_path(err);
	struct buf out;
	int r = path ? journal_verify(path, anchor, found, NULL, &v, err) : -1;

	buf_init(&out, 4096);
	if (r == 0)
		r = buf_addf(&out, "%zu entries, %zu contents, %zu anchors: %zu fault%s\n", v.rows, v.contents, v.anchors, v.faults,
			     v.faults == 1 ? "" : "s");
	if (r == 0 && v.pruned)
		r = buf_addf(&out, "%" PRId64 " older entries were removed by age or size%s\n", v.pruned,
			     v.too_old ? ", and some anchors are about these" : "");
	if (r == 0)
		r = app_print(&out, err);
	buf_release(&out);
	free(path);
	/* as for an action that ended, not well */
	return r != 0 ? -1 : v.faults ? 5 : 0;
}

static int add_anchor(const char *file, struct dt_err *err)
{
	char *path = journal_path(err);
	int r = path ? journal_anchor(path, file, err) : -1;

	free(path);
	return r;
}

/* ---- the word ---- */

static int bad_time(const char *name, const char *text, struct dt_err *err)
{
	return err_set(err, ERR_USAGE, "%s: \"%.100s\" is no time such as 2026-11-21, \"2026-11-21 17:24\", 17:24, yesterday or 2h",
		       name, text);
}

static int64_t wall_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int check_status(const char *status, struct dt_err *err)
{
	for (int o = OUTCOME_OK; status && o <= OUTCOME_UNKNOWN; o++)
		if (strcmp(outcome_name((enum outcome)o), status) == 0)
			return 0;
	return !status ? 0
	     : err_set(err, ERR_USAGE, "--status: \"%.100s\" is none of ok, failed, unreachable, auth, hostkey, timeout, lost, killed,"
		       " skipped, unknown", status);
}

int word_jobs(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const char *since = NULL, *until = NULL, *limit = NULL, *anchor = NULL, *words[2] = { NULL };
	struct job_filter f = { 0 };
	const struct word_option own[] = {
		{ .name = "--since", .value = &since }, { .name = "--until", .value = &until },
		{ .name = "--by", .value = &f.user }, { .name = "--module", .value = &f.module },
		{ .name = "--host", .value = &f.host }, { .name = "--status", .value = &f.status },
		{ .name = "--limit", .value = &limit }, { .name = "--anchor", .value = &anchor },
	};
	long long most = LIMIT;
	int count;

	if (word_take(a, args, n, own, ARRAY_LEN(own), words, 2, &count, USAGE, err) != 0)
		return -1;
	log_set_level((int)a->opt.verbose);
	if (count == 1 && strcmp(words[0], "verify") == 0)
		return verify(anchor, err);
	if (anchor)
		return err_set(err, ERR_USAGE, "--anchor FILE is for dt jobs verify");
	if (count == 2 && strcmp(words[0], "anchor") == 0)
		return add_anchor(words[1], err);
	if (count)
		return err_set(err, ERR_USAGE, "%s, dt jobs verify [--anchor FILE], or dt jobs anchor FILE", USAGE);
	if (since && when_parse(since, wall_now(), &f.since_ms) != 0)
		return bad_time("--since", since, err);
	if (until && when_parse(until, wall_now(), &f.until_ms) != 0)
		return bad_time("--until", until, err);
	if (limit && parse_int(limit, 0, 1000000000, &most) != 0)
		return err_set(err, ERR_USAGE, "--limit: \"%.100s\" is not a number from 0 on", limit);
	if (check_status(f.status, err) != 0)
		return -1;
	return list(a, &f, (size_t)most, limit != NULL, err);
}
