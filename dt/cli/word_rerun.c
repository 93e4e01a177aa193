/*
 * word_rerun - dt rerun JOB: the words of an earlier run as those of a new one, on some of its hosts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/cli/past.h"
#include "dt/cli/rerun.h"

#define USAGE "dt rerun JOB [--failed] [--unknown] [--all]"

/* Which of dt's options do words[*i...] set?  *i moves behind them.  0, or -1. */
static int options_in(char *const *words, size_t n, size_t *i, bool set[OPTION_MAX], struct dt_err *err)
{
	struct options o;
	int r;

	if (options_init(&o, err) != 0)
		return -1;
	memset(o.set_by, 0, sizeof(o.set_by));
	r = options_take(&o, words, n, i, err);
	for (size_t k = 0; k < OPTION_MAX; k++)
		set[k] |= o.set_by[k] == SOURCE_COMMAND;
	options_release(&o);
	if (r == 0)
		return err_set(err, ERR_USAGE, "the run had the option %.200s, which this dt does not know", words[*i]);
	++*i;
	return r < 0 ? -1 : 0;
}

/* The run's options, but those that are given anew. */
static int add_recorded(const struct strs *recorded, const bool given[OPTION_MAX], struct strs *out, struct dt_err *err)
{
	for (size_t i = 0; i < recorded->n;) {
		bool set[OPTION_MAX] = { false }, stays = false;
		size_t from = i;

		if (strcmp(recorded->v[i], "--") == 0) {
			i++;
			continue;
		}
		if (options_in(recorded->v, recorded->n, &i, set, err) != 0)
			return -1;
		for (size_t k = 0; k < OPTION_MAX; k++)
			stays |= set[k] && !given[k];
		for (; stays && from < i; from++)
			if (strs_add(out, recorded->v[from]) != 0)
				return err_nomem(err);
	}
	return 0;
}

struct which {
	bool failed, unknown, all;
};

/* "job:42:fail and not job:42:unknown": so the new entry names the old one. */
static int choose(struct journal_reader *r, const struct job *j, const struct which *w, char *out, size_t size,
		  struct dt_err *err)
{
	bool failed = w->failed || !w->unknown;
	struct past_counts c;
	size_t n;

	if (past_count(r, j, &c, err) != 0)
		return -1;
	if (w->all)
		(void)snprintf(out, size, "job:%" PRId64, j->number);
	else if (failed && !w->unknown)
		(void)snprintf(out, size, "job:%" PRId64 ":fail and not job:%" PRId64 ":unknown", j->number, j->number);
	else
		(void)snprintf(out, size, "job:%" PRId64 ":%s", j->number, failed ? "fail" : "unknown");
	if (!w->all && !w->unknown && c.by[OUTCOME_UNKNOWN])
		log_warn("%zu host%s of unknown end left out: dt reconcile %" PRId64 " asks there, --unknown takes them too",
			 c.by[OUTCOME_UNKNOWN], c.by[OUTCOME_UNKNOWN] == 1 ? "" : "s", j->number);
	n = (failed ? past_not_ok(&c) - c.by[OUTCOME_UNKNOWN] : 0) + (w->unknown ? c.by[OUTCOME_UNKNOWN] : 0);
	if (!w->all && !n)
		return err_set(err, ERR_EMPTY, "job %" PRId64 " has no host %s", j->number,
			       failed ? "that failed" : "of unknown end");
	return 0;
}

/* Names of files mean what they meant there. */
static int go_there(const struct job *j, struct dt_err *err)
{
	if (*j->cwd && chdir(j->cwd) != 0)
		return err_sys(err, ERR_USAGE, errno, "the run's folder %.200s", j->cwd);
	return 0;
}

int rerun_given(char *const *words, int n, struct strs *out, struct dt_err *err)
{
	for (size_t i = 0; i < (size_t)n && strcmp(words[i], "--") != 0;) {
		bool ignored[OPTION_MAX] = { false };
		size_t from = i;
		struct dt_err none;

		if (words[i][0] != '-' || options_in(words, (size_t)n, &i, ignored, &none) != 0) {
			i = from + 1;
			continue;
		}
		for (; from < i; from++)
			if (strs_add(out, words[from]) != 0)
				return err_nomem(err);
	}
	return 0;
}

int rerun_options(const struct job *j, const struct strs *given, struct strs *out, struct dt_err *err)
{
	bool set[OPTION_MAX] = { false };

	for (size_t i = 0; i < given->n;)
		if (options_in(given->v, given->n, &i, set, err) != 0)
			return -1;
	if (add_recorded(&j->options, set, out, err) != 0)
		return -1;
	for (size_t i = 0; i < given->n; i++)
		if (strs_add(out, given->v[i]) != 0)
			return err_nomem(err);
	return go_there(j, err);
}

static int compose(const struct job *j, const char *selection, const struct strs *given, struct rerun *out,
		   struct dt_err *err)
{
	int r = rerun_options(j, given, &out->words, err);

	out->options = out->words.n;
	if (r == 0 && (strs_add(&out->words, selection) != 0 || strs_add(&out->words, j->module) != 0))
		r = err_nomem(err);
	for (size_t i = 0; i < j->args.n && r == 0; i++)
		r = strs_add(&out->words, j->args.v[i]) == 0 ? 0 : err_nomem(err);
	return r;
}

static int prepare(struct journal_reader *r, const struct job *j, const struct which *w, const struct strs *given,
		   struct rerun *out, struct dt_err *err)
{
	char selection[120];

	if (strcmp(j->kind, "inventory") == 0)
		return err_set(err, ERR_USAGE, "job %" PRId64 " was about the inventory: no host was contacted", j->number);
	if (j->state == JOB_RUNNING)
		return err_set(err, ERR_USAGE, "job %" PRId64 " still runs", j->number);
	if (choose(r, j, w, selection, sizeof(selection), err) != 0)
		return -1;
	return compose(j, selection, given, out, err);
}

int rerun_words(struct app *a, char *const *args, int n, struct rerun *out, struct dt_err *err)
{
	struct which w = { false };
	const struct word_option own[] = {
		{ .name = "--failed", .flag = &w.failed }, { .name = "--unknown", .flag = &w.unknown },
		{ .name = "--all", .flag = &w.all },
	};
	const char *words[1] = { NULL };
	struct journal_reader *r = NULL;
	struct strs given = { 0 };
	struct job j = { .number = 0 };
	int count, ret;

	memset(out, 0, sizeof(*out));
	if (word_take(a, args, n, own, ARRAY_LEN(own), words, 1, &count, USAGE, err) != 0)
		return -1;
	if (count != 1)
		return err_set(err, ERR_USAGE, USAGE);
	ret = rerun_given(a->before, a->before_count, &given, err) != 0 || rerun_given(args, n, &given, err) != 0 ||
	      past_open(&r, err) != 0 || past_job(r, words[0], &j, err) != 0 ? -1 : 0;
	if (ret == 0)
		ret = prepare(r, &j, &w, &given, out, err);
	job_release(&j);
	strs_release(&given);
	journal_reader_free(r);
	if (ret != 0)
		strs_release(&out->words);
	return ret;
}
