/*
 * word_reconcile - dt reconcile JOB: asks hosts of unknown end what became of a run with --keep.
 *
 * A host's end is recorded as that of the old job, and told, before what was
 * kept there is removed.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/log.h"
#include "dt/cli/keep.h"
#include "dt/cli/replay.h"
#include "dt/cli/rerun.h"
#include "dt/run/pool.h"
#include "dt/ssh/session.h"
#include "dt/ssh/detached.h"

#define USAGE "dt reconcile JOB"
#define ASK_MS 60000

/* One host, and what it answered. */
struct asked {
	struct message message;
	size_t index;			/* in the job */
	const struct target *target;
	const char *host;
	struct buf answer;
	char address[64];
	const char *transport;
	bool forget;			/* second round: what is there may go */
	int r;
	struct dt_err err;
};

struct reconcile {
	struct app *app;
	struct journal_reader *r;
	struct job job;
	struct strs names;
	struct job_host *hosts;
	size_t n;
	char keep[KEEP_SIZE];
	struct asked *v;
	size_t count, open;		/* hosts that are asked; of which nothing more is known */
	struct replay replay;
	struct journal *journal;
};

/* ---- on a worker ---- */

static void collect(void *arg, int stream, const char *data, size_t len)
{
	struct asked *a = arg;

	if (stream == SESSION_STDOUT && buf_add(&a->answer, data, len) != 0 && !a->err.code)
		(void)err_set(&a->err, ERR_LOCAL, "the answer is too long");
}

static int ask_on(const struct reconcile *c, struct asked *a, struct session *s)
{
	struct session_exec req = { .output = collect, .arg = a, .deadline = now_ms() + ASK_MS };
	struct session_exit end;
	struct buf command;
	char name[KEEP_SIZE + 24];
	int r;

	(void)snprintf(name, sizeof(name), "%s-%zu", c->keep, a->index);
	buf_init(&command, 1UL << 20);
	r = (a->forget ? detached_forget : detached_ask)(&command, name) != 0 ? err_nomem(&a->err) : 0;
	req.command = command.data;
	if (r == 0)
		r = session_run(s, &req, &end, &a->err);
	if (r == 0 && end.status != 0)
		r = err_set(&a->err, ERR_LOCAL, "the host could not be asked: exit %d there", end.status);
	buf_release(&command);
	return r != 0 || a->err.code ? -1 : 0;
}

static void ask(struct pool *p, void *ctx, void *item)
{
	const struct reconcile *c = ctx;
	struct asked *a = item;
	struct session *s;

	a->r = session_open(&c->app->env, a->target, NULL, now_ms() + ASK_MS, &s, &a->err);
	if (a->r == 0) {
		a->r = ask_on(c, a, s);
		(void)snprintf(a->address, sizeof(a->address), "%s", session_address(s));
		a->transport = session_transport(s);
		session_close(s);
	}
	a->message.bytes = sizeof(*a);
	pool_send(p, &a->message);
}

/* ---- what the answers say ---- */

/* 1: it is known how it ended; 0: it is not, and why was said; -1. */
static int judge(struct reconcile *c, struct asked *a, struct result *r, struct dt_err *err)
{
	size_t out, errs, head = strcspn(a->answer.data, "\n");
	const char *text = a->answer.data + head + 1;
	struct dt_err lost = DT_ERR_INIT;
	int status, used = 0;

	result_init(r, (size_t)c->app->opt.max_output);
	r->index = a->index;
	r->host = a->host;
	r->module = c->job.module;
	r->user = a->target->unknown.user ? NULL : a->target->user;
	r->transport = a->transport;
	(void)snprintf(r->address, sizeof(r->address), "%s", a->address);
	r->began_ms = r->ended_ms = now_ms();
	if (a->r != 0) {
		log_info(0, "%s: cannot be asked: %s", a->host, a->err.msg);
		return 0;
	}
	if (sscanf(a->answer.data, "ended %d %zu %zu%n", &status, &out, &errs, &used) == 3 && (size_t)used == head &&
	    status >= 0 && status <= 255 && out <= a->answer.len && errs <= a->answer.len &&
	    head + 1 + out + errs == a->answer.len) {
		if (output_add(&r->output, STREAM_OUT, text, out) != 0 || output_add(&r->output, STREAM_ERR, text + out, errs) != 0)
			return err_nomem(err);
		result_exit(r, status, NULL);
		return 1;
	}
	if (strcmp(a->answer.data, "gone\n") == 0) {
		(void)err_set(&lost, ERR_LOST, "the command has ended and left no exit status: it was killed, or the host has booted");
		result_error(r, &lost);
		return 1;
	}
	if (str_starts(a->answer.data, "running "))
		log_info(0, "%s: it still runs there, as process %.*s", a->host, (int)head - 8, a->answer.data + 8);
	else if (strcmp(a->answer.data, "none\n") == 0)
		log_info(0, "%s: nothing of it is there: it did not begin, or dt had its end when it died", a->host);
	else
		log_info(0, "%s: an answer that makes no sense: %.100s", a->host, a->answer.data);
	return 0;
}

static int settle(struct reconcile *c, struct asked *a, struct dt_err *err)
{
	struct result r;
	int known = judge(c, a, &r, err);

	/* a host that was lost, and left nothing more, stays so */
	if (known > 0 && c->hosts[a->index].state == HOST_ENDED && r.outcome == OUTCOME_LOST)
		known = 0;
	if (known > 0 && journal_round(c->journal, NULL, 0, &r, 1, err) != 0)
		known = -1;
	if (known > 0 && replay_end(&c->replay, &r, err) != 0)
		known = -1;
	a->forget = known > 0;
	c->open += known == 0;
	result_release(&r);
	return known < 0 ? -1 : 0;
}

/* One round over all hosts; the second one removes what was settled. */
static int go_round(struct reconcile *c, bool forget, struct dt_err *err)
{
	size_t at_a_time = (size_t)c->app->opt.coproc, begun = 0, done = 0;
	struct pool *pool = pool_new(at_a_time < c->count ? at_a_time : c->count, 1UL << 20, ask, c, err);
	struct message *m;
	bool interrupted = false;
	int r = 0;

	if (!pool)
		return -1;
	for (size_t i = 0; i < c->count && r == 0; i++) {
		if (forget != c->v[i].forget)
			continue;
		r = pool_put(pool, &c->v[i], err);
		begun += r == 0;
	}
	while (done < begun) {
		struct pollfd fds[] = { { pool_fd(pool), POLLIN, 0 }, { interrupted ? -1 : c->app->signals->signal_fd, POLLIN, 0 } };

		(void)poll(fds, 2, -1);
		interrupted |= fds[1].revents != 0;
		for (; (m = pool_receive(pool)) != NULL; done++)
			if (!forget && r == 0)
				r = settle(c, (struct asked *)m, err);
	}
	pool_free(pool);
	return r;
}

/* ---- before ---- */

static int find_job(struct reconcile *c, const char *job, struct dt_err *err)
{
	size_t unknown = 0;

	if (past_open(&c->r, err) != 0 || past_job(c->r, job, &c->job, err) != 0 ||
	    journal_hosts(c->r, c->job.number, &c->names, err) != 0 ||
	    journal_states(c->r, c->job.number, &c->hosts, &c->n, err) != 0)
		return -1;
	if (c->job.state == JOB_RUNNING)
		return err_set(err, ERR_USAGE, "job %" PRId64 " still runs", c->job.number);
	if (c->job.state == JOB_ELSEWHERE)
		return err_set(err, ERR_USAGE, "job %" PRId64 " is of another machine or container, where it may still run", c->job.number);
	for (size_t i = 0; i < c->n; i++)
		unknown += c->hosts[i].state == HOST_BEGUN || (c->hosts[i].state == HOST_ENDED && c->hosts[i].outcome == OUTCOME_LOST);
	if (!unknown)
		return err_set(err, ERR_EMPTY, "job %" PRId64 " has no host of unknown end", c->job.number);
	return keep_name_of(&c->job, c->keep, err);
}

/* The hosts as that run reached them. */
static int reach(struct reconcile *c, const struct strs *given, struct dt_err *err)
{
	struct strs words = { 0 };
	char selection[80];
	int r = rerun_options(&c->job, given, &words, err), k = 0;

	(void)snprintf(selection, sizeof(selection), "job:%" PRId64 ":unknown or job:%" PRId64 ":lost", c->job.number,
		       c->job.number);
	if (r == 0) {
		app_release(c->app);
		r = app_init(c->app, err);
	}
	if (r == 0 && words.n)
		r = options_parse(&c->app->opt, words.v, &k, err);
	log_set_level((int)c->app->opt.verbose);
	if (r == 0 && !c->app->opt.keep)
		r = err_set(err, ERR_USAGE, "job %" PRId64 " ran without --keep: its hosts have nothing to tell", c->job.number);
	if (r == 0 && (app_select(c->app, selection, err) != 0 || app_plan(c->app, err) != 0))
		r = -1;
	strs_release(&words);
	return r;
}

static int list_hosts(struct reconcile *c, struct dt_err *err)
{
	const struct hostset *h = &c->app->hosts;
	size_t near = 0;	/* both lists have much the same order */

	c->v = calloc(h->n, sizeof(*c->v));
	if (!c->v)
		return err_nomem(err);
	for (size_t i = 0; i < h->n; i++) {
		struct asked *a = &c->v[c->count++];

		for (size_t k = 0; k < c->n && strcmp(c->names.v[near], host_named(h->v[i])) != 0; k++)
			near = (near + 1) % c->n;
		a->index = near;
		a->host = c->names.v[near];
		a->target = plan_target(c->app->plan, i);
		buf_init(&a->answer, 2 * ((size_t)c->app->opt.max_output + 1) + 4096);
	}
	return 0;
}

static int open_journal(struct reconcile *c, struct dt_err *err)
{
	char *path = journal_path(err);
	int r = path ? journal_open(path, (size_t)c->app->opt.journal_output, &c->journal, err) : -1;

	if (r == 0)
		journal_adopt(c->journal, c->job.number);
	free(path);
	return r;
}

static int run(struct reconcile *c, const char *job, const struct strs *given, struct dt_err *err)
{
	if (find_job(c, job, err) != 0 || reach(c, given, err) != 0 || list_hosts(c, err) != 0 || open_journal(c, err) != 0 ||
	    replay_open(&c->replay, c->app, &c->job, c->count, err) != 0 || signals_watch(false, err) != 0)
		return -1;
	if (go_round(c, false, err) != 0 || replay_finish(&c->replay, &c->job, err) != 0)
		return -1;
	/* what could not be removed goes by its age */
	return go_round(c, true, err);
}

int word_reconcile(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct reconcile c = { .app = a };
	const char *words[1] = { NULL };
	struct strs given = { 0 };
	int count, r;

	if (word_take(a, args, n, NULL, 0, words, 1, &count, USAGE, err) != 0)
		return -1;
	if (count != 1)
		return err_set(err, ERR_USAGE, USAGE);
	r = rerun_given(a->before, a->before_count, &given, err) != 0 || rerun_given(args, n, &given, err) != 0 ? -1
	  : run(&c, words[0], &given, err);
	if (r == 0)
		r = c.open ? 4 : tally_status(&c.replay.tally, false);
	replay_free(&c.replay);
	journal_close(c.journal);
	for (size_t i = 0; i < c.count; i++)
		buf_release(&c.v[i].answer);
	free(c.v);
	free(c.hosts);
	strs_release(&c.names);
	strs_release(&given);
	job_release(&c.job);
	journal_reader_free(c.r);
	return r;
}
