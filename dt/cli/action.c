#include "dt/cli/action.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/base/nearest.h"
#include "dt/base/quote.h"
#include "dt/cli/action_impl.h"
#include "dt/cli/pretend.h"
#include "dt/cli/rolling.h"
#include "dt/cli/wordlist.h"
#include "inventory/range.h"

int error_status(const struct dt_err *err)
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
		names[i] = host_named(h->v[i]);
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
	struct result v[ACTION_PIECE];
	size_t n = 0;
	int r = x->args.verb->kind == DT_ACTION ? action_record(x, true, err) : 0;

	if (r == 0)
		r = call_finish(x->call, err);
	if (r == 0)
		r = sink_start(x->sink, err);
	for (size_t i = 0; i < x->app->hosts.n && r == 0; i++) {
		call_result(x->call, i, &v[n++]);
		if (n == ACTION_PIECE || i + 1 == x->app->hosts.n) {
			r = action_tell(x, v, n, err);
			n = 0;
		}
	}
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

/* Where an inventory says that a host is acted on as root, the call says so too; or it is refused. */
static int check_become(const struct action *x, struct dt_err *err)
{
	const struct argument *sudo = arguments_get(&x->args, "sudo");
	const char *module = x->module->mod->name, *origin;
	bool command = strcmp(module, "ssh") == 0;

	if (strcmp(module, "sudo") == 0 || strcmp(module, "local") == 0 || strcmp(module, "ssh-copy-id") == 0)
		return 0;
	if (sudo ? sudo->number != 0 : x->args.verb->kind != DT_ACTION)
		return 0;
	for (size_t i = 0; i < x->app->hosts.n; i++) {
		const struct host *h = x->app->hosts.v[i];

		if (str_eq(inventory_setting(x->app->inv, h, "become", &origin), "yes"))
			return err_set(err, ERR_USAGE, "host %s: its inventory says become (%s), as root: %s%s", h->pub.name,
				       origin ? origin : "", command ? "use the module sudo instead of ssh"
				       : sudo ? "use --sudo with " : "which this module cannot: ", command ? "" : module);
	}
	return 0;
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
	if (a->opt.keep && keep_check(a, x->module->mod->name, &x->args, err) != 0)
		return -1;
	if (open_sink(x, err) != 0 || (!inventory && (check_become(x, err) != 0 || app_plan(a, err) != 0)))
		return -1;
	if (!a->opt.pretend && recorder_init(&x->recorder, a, err) != 0)
		return -1;
	if (call_prepare(x->call, err) != 0)
		return -1;
	if (a->opt.pretend)
		return preview(x, inventory, err);
	*status = -1;
	if ((inventory ? act_on_inventory(x, err) : action_hosts(x, status, err)) != 0) {
		struct dt_err late = DT_ERR_INIT;

		/* what a format has held back of the hosts that ended */
		if (x->tally.total)
			(void)sink_summary(x->sink, &x->tally, &late);
		return -1;
	}
	if (sink_summary(x->sink, &x->tally, err) != 0 || sink_finish(x->sink, err) != 0)
		return -1;
	if (*status < 0)
		*status = tally_status(&x->tally, a->opt.max_status);
	return 0;
}

static int no_module(const char *selection, struct dt_err *err)
{
	const char *names[64];
	const char *near;
	size_t n = 0;

	for (const struct word_spec *w = word_table; w->name && n < ARRAY_LEN(names); w++)
		names[n++] = w->name;
	near = nearest(selection, names, n);
	return err_set(err, ERR_USAGE, "no module: dt %.200s MODULE [ARGUMENTS...]; \"dt modules\" lists them%s%s%s", selection,
		       near ? "\n  or did you mean the word " : "", near ? near : "", near ? "?" : "");
}

int action_run(struct app *a, char *const *words, int n, int before, struct dt_err *err)
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
		r = no_module(words[0], err);
	if (r == 0 && n - i == 2 && (str_eq(words[i + 1], "--help") || str_eq(words[i + 1], "-h")))
		r = status = word_help(a, words + i, 1, err);
	else if (r == 0)
		r = act(&x, words + i, (size_t)(n - i), &status, err);
	recorder_done(&x.recorder, r == 0 ? status : error_status(err), x.signal);
	progress_free(x.progress);
	sink_free(x.sink);
	call_free(x.call);
	arguments_release(&x.args);
	strs_release(&x.shown);
	strs_release(&x.options);
	free(x.ended);
	return r == 0 ? status : -1;
}
