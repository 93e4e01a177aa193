#include "dt/cli/replay.h"

#include <unistd.h>

int replay_open(struct replay *p, const struct app *a, const struct job *job, size_t hosts, struct dt_err *err)
{
	const struct options *o = &a->opt;
	const struct format *f = format_find(o->output);

	if (!f)
		return err_set(err, ERR_USAGE, "-o %s: only for the module list", o->output);
	/* the times of what is remembered are wall times, and so is this one */
	p->info = (struct run_info){
		.program = "dt", .selection = job->selection, .module = job->module, .verb = job->verb,
		.args = (const char *const *)job->args.v, .hosts = hosts, .began_ms = job->at_ms,
		.color = color_wanted(STDOUT_FILENO, o->no_color), .raw = o->raw, .mask = o->mask,
	};
	p->sink = sink_new(f, &p->info, STDOUT_FILENO, STDERR_FILENO);
	return p->sink ? sink_start(p->sink, err) : err_nomem(err);
}

int replay_end(struct replay *p, const struct result *r, struct dt_err *err)
{
	tally_add(&p->tally, r);
	return sink_end(p->sink, r, err);
}

int replay_open_host(struct replay *p, const struct job *job, const struct job_host *h, size_t index, const char *name,
		     struct dt_err *err)
{
	struct result r;
	int ret = 0;

	if (past_open_host(job, h, index, name, &r, err))
		ret = r.reason ? replay_end(p, &r, err) : -1;
	result_release(&r);
	return ret;
}

int replay_finish(struct replay *p, const struct job *job, struct dt_err *err)
{
	/* the summary counts from here to now: so long did it take */
	p->info.began_ms = now_ms() - (job->state == JOB_ENDED ? job->ended_ms - job->at_ms : 0);
	return sink_summary(p->sink, &p->tally, err) != 0 ? -1 : sink_finish(p->sink, err);
}

void replay_free(struct replay *p)
{
	sink_free(p->sink);
	p->sink = NULL;
}
