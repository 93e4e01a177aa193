/*
 * dt - runs one action on many hosts over SSH, and says truthfully what happened.
 *
 * A word of dt's own (dt/cli/word_*.c), or an action on hosts (dt/cli/action.h).
 */
#include <string.h>

#include "dt/base/log.h"
#include "dt/cli/action.h"
#include "dt/cli/rerun.h"

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
		r = action_run(a, again.words.v + again.options, (int)(again.words.n - again.options), (int)again.options, err);
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
	return action_run(a, argv + i, argc - i, i - 1, err);
}

int main(int argc, char **argv)
{
	struct dt_err err = DT_ERR_INIT;
	static struct app app;
	int status;

	app_main();
	status = app_init(&app, &err) == 0 ? dispatch(&app, argv, argc, &err) : -1;
	if (status < 0) {
		log_err(&err);
		status = error_status(&err);
	}
	app_release(&app);
	return status;
}
