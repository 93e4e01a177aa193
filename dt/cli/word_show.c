/*
 * word_show - dt show [JOB [HOST]]: what is known of a run, and its outcomes in any format.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/log.h"
#include "dt/cli/replay.h"

#define USAGE "dt show [JOB [HOST]]"

struct show {
	struct journal_reader *r;
	struct job job;
	struct strs names;
	struct job_host *hosts;
	size_t n, told;		/* hosts up to which all have been told */
	struct replay replay;
};

/* ---- the run itself ---- */

static int say_who(const struct job *j)
{
	char when[32];
	struct buf b;
	int r;

	buf_init(&b, 1UL << 20);
	r = buf_addf(&b, "began %s by %s", past_time(j->at_ms, when, sizeof(when)), *j->user ? j->user : "?");
	if (*j->sudo_user)
		r |= buf_addf(&b, " (sudo: %s)", j->sudo_user);
	if (*j->tty)
		r |= buf_addf(&b, " on %s", j->tty);
	if (*j->machine)
		r |= buf_addf(&b, " at %s", j->machine);
	if (*j->from)
		r |= buf_addf(&b, " from %s", j->from);
	r |= buf_addf(&b, ", in %s, process %" PRId64 ", dt %s", *j->cwd ? j->cwd : "?", j->pid, j->version);
	log_info(0, "%s", b.data);
	buf_release(&b);
	return r;
}

static int say_options(const struct job *j)
{
	struct buf b;
	int r = 0;

	if (!j->options.n)
		return 0;
	buf_init(&b, 1UL << 30);
	for (size_t i = 0; i < j->options.n; i++)
		r |= buf_adds(&b, i ? " " : "") || buf_adds(&b, j->options.v[i]);
	log_info(0, "options: %s", b.data);
	buf_release(&b);
	return r;
}

static int say_end(const struct show *s, struct dt_err *err)
{
	struct past_counts c;
	char took[32];
	struct buf b;
	int r;

	past_count_hosts(&s->job, s->hosts, s->n, &c);
	format_time_ms(s->job.ended_ms - s->job.at_ms, took, sizeof(took));
	buf_init(&b, 4096);
	r = buf_adds(&b, job_state_name(s->job.state));
	if (s->job.state == JOB_ENDED && s->job.signal)
		r |= buf_addf(&b, " after %s by signal %d", took, s->job.signal);
	else if (s->job.state == JOB_ENDED)
		r |= buf_addf(&b, " after %s with exit status %d", took, s->job.exit_status);
	r |= buf_addf(&b, "; %zu host%s", s->job.hosts, s->job.hosts == 1 ? "" : "s");
	for (int o = OUTCOME_OK; o <= OUTCOME_UNKNOWN; o++)
		if (c.by[o])
			r |= buf_addf(&b, ", %zu %s", c.by[o], o == OUTCOME_LOCAL ? "failed here" : outcome_name((enum outcome)o));
	if (c.open)
		r |= buf_addf(&b, ", %zu without an end so far", c.open);
	log_info(0, "%s", b.data);
	buf_release(&b);
	return r == 0 ? 0 : err_nomem(err);
}

/* Behind the results in a pipe, before them at a terminal: what says no host's outcome is no result. */
static int describe(const struct show *s, const struct app *a, struct dt_err *err)
{
	struct past_counts c;
	struct buf b;
	int r;

	buf_init(&b, 1UL << 30);
	if (str_eq(a->opt.output, "jsonl")) {
		past_count_hosts(&s->job, s->hosts, s->n, &c);
		r = past_json(&s->job, &c, &b) == 0 ? app_print(&b, err) : err_nomem(err);
	} else {
		/* the command is quoted already, and escaped: as it stands */
		r = buf_addf(&b, "dt: job %" PRId64 ": ", s->job.number) || past_command(&s->job, &b) || buf_addc(&b, '\n');
		if (r == 0)
			(void)fputs(b.data, stderr);
		r |= say_who(&s->job) || say_options(&s->job);
		r = r == 0 ? say_end(s, err) : err_nomem(err);
	}
	buf_release(&b);
	return r;
}

/* ---- its hosts ---- */

/* Hosts before this one that have no end. */
static int tell_open(struct show *s, size_t until, struct dt_err *err)
{
	int r = 0;

	for (; s->told < until && r == 0; s->told++)
		r = replay_open_host(&s->replay, &s->job, &s->hosts[s->told], s->told, s->names.v[s->told], err);
	return r;
}

static int on_end(void *arg, const struct result *r, struct dt_err *err)
{
	struct show *s = arg;

	if (tell_open(s, r->index, err) != 0)
		return -1;
	s->told = r->index + 1;
	return replay_end(&s->replay, r, err);
}

static int tell_all(struct show *s, struct dt_err *err)
{
	const struct job_events e = { .end = on_end, .arg = s };

	return journal_ends(s->r, s->job.number, &e, err) != 0 ? -1 : tell_open(s, s->n, err);
}

static int tell_one(struct show *s, const char *host, struct dt_err *err)
{
	const struct job_events e = { .end = on_end, .arg = s };
	size_t i = 0;
	bool found;

	while (i < s->n && strcmp(s->names.v[i], host) != 0)
		i++;
	if (i == s->n)
		return err_set(err, ERR_USAGE, "job %" PRId64 " has no host %.200s", s->job.number, host);
	s->told = i;
	if (journal_end_of(s->r, s->job.number, i, &e, &found, err) != 0)
		return -1;
	return found ? 0 : tell_open(s, i + 1, err);
}

static int show(struct show *s, const struct app *a, const char *job, const char *host, struct dt_err *err)
{
	if (past_open(&s->r, err) != 0 || past_job(s->r, job, &s->job, err) != 0 ||
	    journal_hosts(s->r, s->job.number, &s->names, err) != 0 ||
	    journal_states(s->r, s->job.number, &s->hosts, &s->n, err) != 0)
		return -1;
	if (host && !strs_has(&s->names, host))
		return err_set(err, ERR_USAGE, "job %" PRId64 " has no host %.200s", s->job.number, host);
	if (describe(s, a, err) != 0 || replay_open(&s->replay, a, &s->job, host ? 1 : s->n, err) != 0)
		return -1;
	if ((host ? tell_one(s, host, err) : tell_all(s, err)) != 0)
		return -1;
	return replay_finish(&s->replay, &s->job, err);
}

int word_show(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const char *words[2] = { "last", NULL };
	struct show s = { .n = 0 };
	int count, r;

	if (word_take(a, args, n, NULL, 0, words, 2, &count, USAGE, err) != 0)
		return -1;
	log_set_level((int)a->opt.verbose);
	r = show(&s, a, words[0], words[1], err);
	replay_free(&s.replay);
	free(s.hosts);
	strs_release(&s.names);
	job_release(&s.job);
	journal_reader_free(s.r);
	return r;
}
