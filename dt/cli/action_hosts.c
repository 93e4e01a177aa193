#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/base/util.h"
#include "dt/cli/action_impl.h"
#include "dt/cli/rolling.h"

/* ---- what the engine tells ---- */

void action_on_begin(void *arg, size_t index)
{
	struct action *x = arg;

	progress_begin(x->progress, index, x->app->hosts.v[index]->pub.name, now_ms());
}

static int on_output(void *arg, size_t index, int stream, const char *data, size_t len, struct dt_err *err)
{
	struct action *x = arg;

	progress_hide(x->progress);
	return sink_stream(x->sink, index, x->app->hosts.v[index]->pub.name, stream, data, len, err);
}

int action_on_end(void *arg, const struct result *r, struct dt_err *err)
{
	struct action *x = arg;

	tally_add(&x->tally, r);
	if (x->progress) {
		progress_hide(x->progress);
		progress_end(x->progress, r->index, r->outcome == OUTCOME_OK, now_ms());
	}
	return sink_end(x->sink, r, err);
}

int action_on_round(void *arg, const size_t *begins, size_t begin_count, const struct result *ends, size_t end_count,
		    struct dt_err *err)
{
	struct action *x = arg;

	return recorder_round(&x->recorder, begins, begin_count, ends, end_count, err);
}

static void on_note(void *arg, size_t index, int level, const char *text)
{
	struct action *x = arg;

	if (level <= log_level())
		progress_hide(x->progress);
	log_info(level, "%s: %s", x->app->hosts.v[index]->pub.name, text);
}

static void on_tick(void *arg, bool asked)
{
	struct action *x = arg;

	progress_bytes(x->progress, atomic_load(&x->bytes.moved), atomic_load(&x->bytes.expected));
	if (asked)
		progress_once(x->progress, now_ms());
	else
		progress_show(x->progress, now_ms());
}

/* ---- the journal ---- */

int action_record(struct action *x, bool inventory, struct dt_err *err)
{
	const struct journal_run run = {
		.selection = x->selection, .module = x->module->mod->name, .verb = x->args.verb->name,
		.kind = inventory ? "inventory" : x->args.verb->kind == DT_INFO ? "info" : "action",
		.args = (const char *const *)x->shown.v, .options = (const char *const *)x->options.v,
	};

	return recorder_start(&x->recorder, x->app, &run, err);
}

int action_tell(struct action *x, struct result *v, size_t n, struct dt_err *err)
{
	int r = recorder_round(&x->recorder, NULL, 0, v, n, err);

	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = action_on_end(x, &v[i], err);
		result_release(&v[i]);
	}
	return r;
}

/* ---- the run ---- */

static int open_progress(struct action *x, size_t at_a_time, struct dt_err *err)
{
	const char *when = x->app->opt.progress, *term = getenv("TERM");
	bool live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	enum progress_mode mode = strcmp(when, "json") == 0 ? PROGRESS_JSON
				: strcmp(when, "always") == 0 || (live && strcmp(when, "auto") == 0) ? PROGRESS_LINE
				: PROGRESS_NEVER;

	/* a line that is redrawn would take the dots with it */
	if (x->app->opt.interactive || (live && isatty(STDOUT_FILENO) && str_eq(x->app->opt.output, "compact")))
		mode = PROGRESS_NEVER;
	x->progress = progress_new(mode, STDERR_FILENO, live, x->app->hosts.n, at_a_time, now_ms());
	return x->progress ? 0 : err_nomem(err);
}

/* Behind a live line, the run in words. */
static void say_summary(struct action *x)
{
	struct buf out;

	progress_hide(x->progress);
	if (progress_interval(x->progress) == 0 || strcmp(x->app->opt.progress, "json") == 0 || x->app->hosts.n < 2)
		return;
	buf_init(&out, 4096);
	if (progress_summary(&x->tally, now_ms() - x->info.began_ms, &out) == 0)
		log_info(0, "%s", out.data);
	buf_release(&out);
}

/* Nobody notices, and a fleet's ends come several at a time; the more where each time costs a write to disk. */
#define LINGER_MS 4
#define LINGER_RECORD_MS 20

int action_hosts(struct action *x, int *status, struct dt_err *err)
{
	const struct options *o = &x->app->opt;
	struct pace_options pace;
	struct engine_end end = { 0 };
	struct dt_err late = DT_ERR_INIT;
	struct engine e = {
		.call = x->call, .hosts = x->app->hosts.n, .cancel_fd = x->app->signals->cancel_fd,
		.signal_fd = x->app->signals->signal_fd, .info_fd = x->app->signals->info_fd,
		.on_begin = action_on_begin, .on_output = on_output, .on_end = action_on_end,
		.on_note = on_note, .on_tick = on_tick, .arg = x,
		.env = {
			.ssh = &x->app->env, .plan = x->app->plan, .max_output = (size_t)o->max_output,
			.command_timeout_ms = o->command_timeout_ms,
			.sudo = x->app->sudo, .stream = o->stream, .interactive = o->interactive, .bytes = &x->bytes,
			.kept = x->app->kept,
		},
	};
	int r = -1;

	if (rolling_options(x->app, &pace, err) != 0 || rolling_pace(x->app, &pace, &e.pace, err) != 0 ||
	    rolling_confirm(x->app, x->module->mod->name, err) != 0 ||
	    open_progress(x, pace.coproc, err) != 0)
		goto out;
	/* what was asked and answered before is no part of the run */
	x->info.began_ms = now_ms();
	e.env.deadline = o->deadline_ms ? x->info.began_ms + o->deadline_ms : 0;
	e.coproc = pace.coproc;
	e.tick_ms = progress_interval(x->progress);
	r = action_record(x, false, err);
	recorder_hurry(&x->recorder, e.cancel_fd);
	if (r == 0 && o->keep)
		r = keep_name(recorder_job(&x->recorder), x->keep, err);
	if (*x->keep)
		e.env.keep = x->keep;
	if (recorder_is_on(&x->recorder))
		e.on_round = action_on_round;
	if (rolling_is_plain(x->app, &pace))
		e.linger_ms = e.on_round ? LINGER_RECORD_MS : LINGER_MS;
	if (r == 0 && (signals_watch(false, err) != 0 || sink_start(x->sink, err) != 0))
		r = -1;
	if (r == 0)
		r = call_surveys(x->call) ? action_survey(x, e, &pace, &end, err) : 0;
	e.ended = x->ended;
	if (r == 0 && !end.stopped)
		r = engine_run(&e, &end, err);
	if (call_finish(x->call, &late) != 0 && r == 0) {
		*err = late;
		r = -1;
	}
	if (r == 0)
		say_summary(x);
	x->signal = end.signal;
	if (r == 0 && end.signal)
		*status = 128 + end.signal;
	else if (r == 0 && end.stopped)
		*status = 6;
out:
	pace_free(e.pace);
	return r;
}
