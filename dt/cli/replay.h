/*
 * replay - an earlier run's outcomes, through the formats of a run.
 */
#ifndef DT_CLI_REPLAY_H
#define DT_CLI_REPLAY_H

#include "dt/cli/past.h"
#include "dt/report/sink.h"

/* Zeroed is none. */
struct replay {
	struct run_info info;
	struct sink *sink;
	struct tally tally;
};

/* job must outlive it; hosts: how many will be told.  Each: 0, or -1. */
int replay_open(struct replay *p, const struct app *a, const struct job *job, size_t hosts, struct dt_err *err);
int replay_end(struct replay *p, const struct result *r, struct dt_err *err);
/* The end of a host that has none, if past_open_host knows one. */
int replay_open_host(struct replay *p, const struct job *job, const struct job_host *h, size_t index, const char *name,
		     struct dt_err *err);
int replay_finish(struct replay *p, const struct job *job, struct dt_err *err);
void replay_free(struct replay *p);

#endif
