/*
 * word_follow - dt follow [JOB]: what a run of another terminal has told and tells, until its end.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "dt/base/log.h"
#include "dt/cli/replay.h"

#define USAGE "dt follow [JOB]"
#define LOOK_MS 150	/* a line later is soon enough, and a look costs little */

struct following {
	struct journal_reader *r;
	struct job job;
	struct replay replay;
	int64_t seen;		/* rows */
	bool done;
};

static int on_end(void *arg, const struct result *r, struct dt_err *err)
{
	struct following *f = arg;

	return replay_end(&f->replay, r, err);
}

static int on_done(void *arg, const struct job *j, struct dt_err *err)
{
	struct following *f = arg;

	(void)err;
	f->done = true;
	f->job.state = j->state;
	f->job.ended_ms = j->ended_ms;
	f->job.exit_status = j->exit_status;
	return 0;
}

/* What is new; then whether anybody is there to write more. */
static int look(struct following *f, struct dt_err *err)
{
	const struct job_events e = { .end = on_end, .done = on_done, .arg = f };
	struct job now;

	if (journal_get(f->r, f->job.number, &now, err) != 0)
		return -1;
	f->job.state = now.state;
	job_release(&now);
	return journal_follow(f->r, f->job.number, &f->seen, &e, err);
}

/* Its dt has died: hosts without an end have the one that is known. */
static int tell_open(struct following *f, struct dt_err *err)
{
	struct strs names = { 0 };
	struct job_host *v = NULL;
	size_t n = 0;
	int r = journal_hosts(f->r, f->job.number, &names, err);

	if (r == 0)
		r = journal_states(f->r, f->job.number, &v, &n, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = replay_open_host(&f->replay, &f->job, &v[i], i, names.v[i], err);
	free(v);
	strs_release(&names);
	return r;
}

static int follow(struct following *f, const struct app *a, const char *job, struct dt_err *err)
{
	if (past_open(&f->r, err) != 0 || past_job(f->r, job, &f->job, err) != 0)
		return -1;
	if (f->job.state == JOB_ELSEWHERE)
		log_info(0, "job %" PRId64 " is of another machine or container: nobody here knows whether it still runs", f->job.number);
	if (replay_open(&f->replay, a, &f->job, f->job.hosts, err) != 0 || look(f, err) != 0)
		return -1;
	while (!f->done && f->job.state != JOB_DIED) {
		/* a row is whole once it is there, so looking again is enough */
		(void)poll(NULL, 0, LOOK_MS);
		if (look(f, err) != 0)
			return -1;
	}
	if (!f->done && tell_open(f, err) != 0)
		return -1;
	return replay_finish(&f->replay, &f->job, err);
}

int word_follow(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const char *words[1] = { "last" };
	struct following f = { .seen = 0 };
	int count, r;

	if (word_take(a, args, n, NULL, 0, words, 1, &count, USAGE, err) != 0)
		return -1;
	log_set_level((int)a->opt.verbose);
	r = follow(&f, a, words[0], err);
	if (r == 0 && !f.done)
		log_error("job %" PRId64 ": its dt has died", f.job.number);
	if (r == 0)
		r = f.done ? f.job.exit_status : tally_status(&f.replay.tally, false);
	replay_free(&f.replay);
	job_release(&f.job);
	journal_reader_free(f.r);
	return r;
}
