#include <stdlib.h>

#include "dt/cli/action_impl.h"
#include "dt/cli/rolling.h"

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
	action_on_begin(x, r->index);
	return action_on_end(x, r, err);
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
	r = action_on_round(arg, NULL, 0, out, n, err);
	free(out);
	return r;
}

/* All that have no outcome end as skipped. */
static int skip_all(struct action *x, const struct dt_err *why, struct dt_err *err)
{
	struct result v[ACTION_PIECE];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < x->app->hosts.n && r == 0; i++) {
		if (x->ended[i])
			continue;
		x->ended[i] = true;
		call_skip(x->call, i, why, &v[n++]);
		action_on_begin(x, i);
		if (n == ACTION_PIECE) {
			r = action_tell(x, v, n, err);
			n = 0;
		}
	}
	return r == 0 ? action_tell(x, v, n, err) : -1;
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

int action_survey(struct action *x, struct engine e, const struct pace_options *pace, struct engine_end *end,
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
