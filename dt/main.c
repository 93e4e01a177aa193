/*
 * dt - runs one action on many hosts over SSH, and says truthfully what happened.
 *
 *	arguments -> selection -> host set -> module.prepare -> plan
 *	  -> engine -> result -> format -> sink -> exit status
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/base/quote.h"
#include "dt/cli/app.h"
#include "dt/cli/keep.h"
#include "dt/cli/pretend.h"
#include "dt/cli/recorder.h"
#include "dt/cli/rerun.h"
#include "dt/cli/rolling.h"
#include "dt/cli/wordlist.h"
#include "dt/report/progress.h"
#include "dt/report/sink.h"
#include "dt/run/engine.h"
#include "dt/run/services.h"
#include "dt/ssh/session.h"
#include "inventory/range.h"

/* The exit statuses of dt(1) that are not the hosts' own. */
static int status_of(const struct dt_err *err)
{
	switch (err->code) {
	case ERR_USAGE:
		return 2;
	case ERR_MODULE:
		return 3;
	case ERR_EMPTY:
		return 7;
	default:
		return 1;
	}
}

/* One action on a selection of hosts. */
struct action {
	struct app *app;
	const char *selection;
	const struct module *module;
	struct arguments args;
	struct strs shown;	/* the arguments as given, for jsonl and the journal */
	struct strs options;	/* dt's own, as given, for the journal */
	struct recorder recorder;
	int signal;		/* that ended the run, or 0 */
	char keep[KEEP_SIZE];	/* what the run's commands are kept as; "" */
	struct dt_call *call;
	struct run_info info;
	struct sink *sink;
	struct tally tally;
	struct progress *progress;
	struct transfer_bytes bytes;
	bool *ended;		/* hosts that have their outcome since the survey; or NULL */
	size_t out;		/* how many of them */
	size_t objections;	/* of hosts to the survey */
	size_t objector;	/* the first */
};

/* ---- what the engine tells ---- */

static void on_begin(void *arg, size_t index)
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

static int on_end(void *arg, const struct result *r, struct dt_err *err)
{
	struct action *x = arg;

	tally_add(&x->tally, r);
	if (x->progress) {
		progress_hide(x->progress);
		progress_end(x->progress, r->index, r->outcome == OUTCOME_OK, now_ms());
	}
	return sink_end(x->sink, r, err);
}

static int on_round(void *arg, const size_t *begins, size_t begin_count, const struct result *ends, size_t end_count,
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

static int start_record(struct action *x, bool inventory, struct dt_err *err)
{
	const struct journal_run run = {
		.selection = x->selection, .module = x->module->mod->name, .verb = x->args.verb->name,
		.kind = inventory ? "inventory" : x->args.verb->kind == DT_INFO ? "info" : "action",
		.args = (const char *const *)x->shown.v, .options = (const char *const *)x->options.v,
	};

	return recorder_start(&x->recorder, x->app, &run, err);
}

/* Ends that are made here are recorded and told so many at a time. */
#define PIECE 256

static int tell(struct action *x, struct result *v, size_t n, struct dt_err *err)
{
	int r = recorder_round(&x->recorder, NULL, 0, v, n, err);

	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = on_end(x, &v[i], err);
		result_release(&v[i]);
	}
	return r;
}

/* ---- ways to act ---- */

static int fold(struct action *x, struct dt_err *err)
{
	const struct hostset *h = &x->app->hosts;
	const char **names = calloc(h->n, sizeof(*names));
	struct buf out;
	int r;

	if (!names)
		return err_nomem(err);
	buf_init(&out, 1UL << 30);
	for (size_t i = 0; i < h->n; i++)
		names[i] = h->v[i]->pub.name;
	r = range_fold(names, h->n, &out) != 0 || buf_addc(&out, '\n') != 0 ? err_nomem(err) : app_print(&out, err);
	buf_release(&out);
	free(names);
	return r;
}

/* The plan, no host touched. */
static int preview(struct action *x, bool inventory, struct dt_err *err)
{
	struct pace_options pace;
	struct pace *tried = NULL;
	int r = 0;

	if (!inventory) {
		r = rolling_options(x->app, &pace, err);
		if (r == 0)
			r = rolling_pace(x->app, &pace, &tried, err);
		pace_free(tried);
	}
	return r == 0 ? pretend(x->app, x->module->mod->name, &x->shown, inventory ? NULL : &pace, err) : -1;
}

/* A verb about the inventory: no host is contacted.  Only what changes something is remembered. */
static int act_on_inventory(struct action *x, struct dt_err *err)
{
	struct result v[PIECE];
	size_t n = 0;
	int r = x->args.verb->kind == DT_ACTION ? start_record(x, true, err) : 0;

	if (r == 0)
		r = call_finish(x->call, err);
	if (r == 0)
		r = sink_start(x->sink, err);
	for (size_t i = 0; i < x->app->hosts.n && r == 0; i++) {
		call_result(x->call, i, &v[n++]);
		if (n == PIECE || i + 1 == x->app->hosts.n) {
			r = tell(x, v, n, err);
			n = 0;
		}
	}
	return r;
}

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

/* ---- the survey, before the run ---- */

static void on_survey_begin(void *arg, size_t index)
{
	(void)arg;
	(void)index;
}

static int on_survey_end(void *arg, const struct result *r, struct dt_err *err)
{
	struct action *x = arg;

	if (r->outcome == OUTCOME_OK)
		return 0;
	x->ended[r->index] = true;
	x->out++;
	if (r->outcome == OUTCOME_FAILED && !x->objections++)
		x->objector = r->index;
	on_begin(x, r->index);
	return on_end(x, r, err);
}

/* Of a survey's ends, those that are the hosts' outcome are recorded. */
static int on_survey_round(void *arg, const size_t *begins, size_t begin_count, const struct result *ends,
			   size_t end_count, struct dt_err *err)
{
	struct result *out = malloc((end_count + 1) * sizeof(*out));
	size_t n = 0;
	int r;

	(void)begins;
	(void)begin_count;
	if (!out)
		return err_nomem(err);
	for (size_t i = 0; i < end_count; i++)
		if (ends[i].outcome != OUTCOME_OK)
			out[n++] = ends[i];
	r = on_round(arg, NULL, 0, out, n, err);
	free(out);
	return r;
}

/* All that have no outcome end as skipped. */
static int skip_all(struct action *x, const struct dt_err *why, struct dt_err *err)
{
	struct result v[PIECE];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < x->app->hosts.n && r == 0; i++) {
		if (x->ended[i])
			continue;
		x->ended[i] = true;
		call_skip(x->call, i, why, &v[n++]);
		on_begin(x, i);
		if (n == PIECE) {
			r = tell(x, v, n, err);
			n = 0;
		}
	}
	return r == 0 ? tell(x, v, n, err) : -1;
}

/* May hosts begin?  *why where not. */
static bool agreed(struct action *x, const struct pace_options *pace, const struct engine_end *end, struct dt_err *why)
{
	const char *first = x->app->hosts.v[x->objector]->pub.name;

	if (end->signal)
		(void)err_set(why, ERR_SKIPPED, "interrupted before it began");
	else if (x->objections > 1)
		(void)err_set(why, ERR_SKIPPED, "%s and %zu more cannot do this, so no host began", first, x->objections - 1);
	else if (x->objections)
		(void)err_set(why, ERR_SKIPPED, "%s cannot do this, so no host began", first);
	else if (pace->has_max_fail && x->out > pace->max_fail)
		(void)err_set(why, ERR_SKIPPED, "%zu host%s failed, and --max-fail is %zu", x->out, x->out == 1 ? "" : "s",
			      pace->max_fail);
	else
		return x->out == x->app->hosts.n || call_agree(x->call, why) == 0;
	return false;
}

/* Asks all hosts before the first begins; end->stopped: none does, and all have ended. */
static int survey(struct action *x, struct engine e, const struct pace_options *pace, struct engine_end *end,
		  struct dt_err *err)
{
	const struct pace_options plain = { .coproc = pace->coproc, .rate = pace->rate };
	struct dt_err why = DT_ERR_INIT;
	int r = -1;

	x->ended = calloc(x->app->hosts.n + 1, sizeof(*x->ended));
	if (!x->ended)
		return err_nomem(err);
	e.env.survey = true;
	e.on_begin = on_survey_begin;
	e.on_round = e.on_round ? on_survey_round : NULL;
	e.on_end = on_survey_end;
	e.pace = NULL;
	if (rolling_pace(x->app, &plain, &e.pace, err) == 0)
		r = engine_run(&e, end, err);
	pace_free(e.pace);
	if (r != 0 || agreed(x, pace, end, &why))
		return r;
	end->stopped = true;
	return skip_all(x, &why, err);
}

/* Nobody notices, and a fleet's ends come several at a time; the more where each time costs a write to disk. */
#define LINGER_MS 4
#define LINGER_RECORD_MS 20

/* Contacts hosts.  0 with *status, or -1. */
static int act_on_hosts(struct action *x, int *status, struct dt_err *err)
{
	const struct options *o = &x->app->opt;
	struct pace_options pace;
	struct engine_end end = { 0 };
	struct dt_err late = DT_ERR_INIT;
	struct engine e = {
		.call = x->call, .hosts = x->app->hosts.n, .cancel_fd = x->app->cancel_fd, .signal_fd = x->app->signal_fd,
		.info_fd = x->app->info_fd, .on_begin = on_begin, .on_output = on_output, .on_end = on_end,
		.on_note = on_note, .on_tick = on_tick, .arg = x,
		.env = {
			.ssh = &x->app->env, .plan = x->app->plan, .max_output = (size_t)o->max_output,
			.command_timeout_ms = o->command_timeout_ms,
			.sudo = x->app->sudo, .stream = o->stream, .interactive = o->interactive, .bytes = &x->bytes,
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
	r = start_record(x, false, err);
	if (r == 0 && o->keep)
		r = keep_name(recorder_job(&x->recorder), x->keep, err);
	if (*x->keep)
		e.env.keep = x->keep;
	if (recorder_is_on(&x->recorder))
		e.on_round = on_round;
	if (rolling_is_plain(x->app, &pace))
		e.linger_ms = e.on_round ? LINGER_RECORD_MS : LINGER_MS;
	if (r == 0 && (app_watch_signals(x->app, err) != 0 || sink_start(x->sink, err) != 0))
		r = -1;
	if (r == 0)
		r = call_surveys(x->call) ? survey(x, e, &pace, &end, err) : 0;
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

/* ---- the pipeline ---- */

/* An option of dt among the words of a verb that takes no rest. */
static int own_option(void *arg, char *const *words, size_t n, size_t *i, struct dt_err *err)
{
	return options_take(arg, words, n, i, err);
}

/* What people mean who put something else where the module stands. */
static void hint(const char *selection, const char *module, struct dt_err *err)
{
	char said[sizeof(err->msg)];

	(void)snprintf(said, sizeof(said), "%s", err->msg);
	if (str_eq(module, "and") || str_eq(module, "or") || str_eq(module, "not") || str_eq(selection, "not") ||
	    strpbrk(module, ":()[],"))
		(void)err_set(err, err->code, "%s\n  the selection is one argument: dt 'tag:web and not tag:old' MODULE", said);
	else if (word_find(module))
		(void)err_set(err, err->code, "%s\n  %s is a word of dt's own, and comes first: dt %s", said, module, module);
	else if (strstr(said, "there is none ("))
		(void)err_set(err, err->code, "%s\n  the module stands behind the selection, which is one argument: dt SELECTION MODULE",
			      said);
}

static int load(struct action *x, char *const *words, size_t n, struct dt_err *err)
{
	struct app *a = x->app;

	if (app_modules(a, err) != 0)
		return -1;
	x->module = modload_get(a->modules, words[0], err);
	if (!x->module) {
		hint(x->selection, words[0], err);
		return -1;
	}
	for (size_t i = 1; i < n; i++)
		if (strs_add(&x->shown, words[i]) != 0)
			return err_nomem(err);
	return arguments_parse(x->module->mod, words + 1, n - 1, own_option, &a->opt, &x->args, err);
}

static int open_sink(struct action *x, struct dt_err *err)
{
	const struct options *o = &x->app->opt;
	const struct format *f = format_find(o->output);

	if (!f)
		return err_set(err, ERR_USAGE, "-o %s: only for the module list", o->output);
	x->info = (struct run_info){
		.program = "dt", .selection = x->selection, .module = x->module->mod->name, .verb = x->args.verb->name,
		.args = (const char *const *)x->shown.v, .hosts = x->app->hosts.n, .began_ms = now_ms(),
		.color = color_wanted(STDOUT_FILENO, o->no_color), .raw = o->raw, .stream = o->stream, .mask = o->mask,
	};
	x->sink = sink_new(f, &x->info, STDOUT_FILENO, STDERR_FILENO);
	return x->sink ? 0 : err_nomem(err);
}

static int act(struct action *x, char *const *words, size_t n, int *status, struct dt_err *err)
{
	struct app *a = x->app;
	bool inventory;

	if (load(x, words, n, err) != 0 || app_select(a, x->selection, err) != 0)
		return -1;
	x->call = call_new(x->module, &x->args, a->inv, &a->hosts, a->stdin_taken ? -1 : STDIN_FILENO);
	if (!x->call)
		return err_nomem(err);
	inventory = call_is_inventory(x->call);
	if (strcmp(a->opt.output, "fold") == 0 && strcmp(x->module->mod->name, "list") == 0)
		return fold(x, err);
	if (a->opt.keep && keep_check(a, x->module->mod->name, err) != 0)
		return -1;
	if (open_sink(x, err) != 0 || (!inventory && app_plan(a, err) != 0))
		return -1;
	if (!a->opt.pretend && recorder_init(&x->recorder, a, err) != 0)
		return -1;
	if (call_prepare(x->call, err) != 0)
		return -1;
	if (a->opt.pretend)
		return preview(x, inventory, err);
	*status = -1;
	if ((inventory ? act_on_inventory(x, err) : act_on_hosts(x, status, err)) != 0 ||
	    sink_summary(x->sink, &x->tally, err) != 0 || sink_finish(x->sink, err) != 0)
		return -1;
	if (*status < 0)
		*status = tally_status(&x->tally, a->opt.max_status);
	return 0;
}

/* before: so many words of options stand before the selection. */
static int run_action(struct app *a, char *const *words, int n, int before, struct dt_err *err)
{
	struct action x = { .app = a, .selection = words[0] };
	int i = 1, status = 0, r;

	/* options may also stand between the selection and the module */
	r = options_parse(&a->opt, words, &i, err);
	for (int k = -before; r == 0 && k < i; k++)
		if (k && strs_add(&x.options, words[k]) != 0)
			r = err_nomem(err);
	log_set_level((int)a->opt.verbose);
	if (r == 0 && i >= n)
		r = err_set(err, ERR_USAGE, "no module: dt %s MODULE [ARGUMENTS...]; \"dt modules\" lists them", words[0]);
	if (r == 0 && n - i == 2 && (str_eq(words[i + 1], "--help") || str_eq(words[i + 1], "-h")))
		return word_help(a, words + i, 1, err);
	if (r == 0)
		r = act(&x, words + i, (size_t)(n - i), &status, err);
	recorder_done(&x.recorder, r == 0 ? status : status_of(err), x.signal);
	progress_free(x.progress);
	sink_free(x.sink);
	call_free(x.call);
	arguments_release(&x.args);
	strs_release(&x.shown);
	strs_release(&x.options);
	free(x.ended);
	return r == 0 ? status : -1;
}

/* An earlier run once more: a call of its own, whose words come from the journal. */
static int rerun(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct rerun again;
	int r = rerun_words(a, args, n, &again, err), k = 0;

	if (r == 0) {
		app_release(a);
		r = app_init(a, err) != 0 || options_parse(&a->opt, again.words.v, &k, err) != 0 ? -1 : 0;
	}
	if (r == 0)
		r = run_action(a, again.words.v + again.options, (int)(again.words.n - again.options), (int)again.options, err);
	strs_release(&again.words);
	return r;
}

/* What dt does itself, instead of a selection. */
static const struct {
	const char *name;
	word_fn *fn;
} words_done[] = {
	{ "help", word_help }, { "version", word_version }, { "modules", word_modules },
	{ "inventory", word_inventory }, { "trust", word_trust }, { "why", word_why },
	{ "completion", word_completion }, { "jobs", word_jobs }, { "show", word_show }, { "diff", word_diff },
	{ "follow", word_follow }, { "stop", word_stop }, { "reconcile", word_reconcile },
	{ "rerun", rerun },
};

static int dispatch(struct app *a, char *const *argv, int argc, struct dt_err *err)
{
	const struct word_spec *word;
	int i = 1;

	if (options_parse(&a->opt, argv, &i, err) != 0)
		return -1;
	log_set_level((int)a->opt.verbose);
	if (a->opt.version)
		return word_version(a, NULL, 0, err);
	if (a->opt.help)
		return word_help(a, argv + i, argc - i, err);
	if (i == argc)
		return err_set(err, ERR_USAGE, "nothing to do: dt SELECTION MODULE [ARGUMENTS...]; \"dt help\" tells more");
	a->before = argv + 1;
	a->before_count = i - 1;
	for (size_t k = 0; k < ARRAY_LEN(words_done); k++)
		if (strcmp(words_done[k].name, argv[i]) == 0)
			return words_done[k].fn(a, argv + i + 1, argc - i - 1, err);
	word = word_find(argv[i]);
	if (word && word->reserved)
		return err_set(err, ERR_USAGE, "dt %s is not in this version; a host of that name is sys:%s", argv[i], argv[i]);
	return run_action(a, argv + i, argc - i, i - 1, err);
}

int main(int argc, char **argv)
{
	struct dt_err err = DT_ERR_INIT;
	sigset_t asked;
	static struct app app; /* static: the thread that watches signals outlives main */
	int status;

	/* a host's kept output goes back to the system when it has been printed, whatever the C library learns of sizes */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	(void)signal(SIGPIPE, SIG_IGN);
	/* it asks how far a run is, and waits for its answer until one has begun */
	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &asked, NULL);
	/* a parent that ignores it would hide how our children end */
	(void)signal(SIGCHLD, SIG_DFL);
	status = app_init(&app, &err) == 0 ? dispatch(&app, argv, argc, &err) : -1;
	if (status < 0) {
		log_err(&err);
		status = status_of(&err);
	}
	app_release(&app);
	return status;
}
