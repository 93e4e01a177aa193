/*
 * action_impl - what the files behind action.h share.
 */
#ifndef DT_CLI_ACTION_IMPL_H
#define DT_CLI_ACTION_IMPL_H

#include "dt/cli/action.h"
#include "dt/cli/keep.h"
#include "dt/cli/recorder.h"
#include "dt/report/progress.h"
#include "dt/report/sink.h"
#include "dt/run/engine.h"
#include "dt/run/services.h"

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

/* action_hosts.c: contacts hosts.  0 with *status (as it was where the hosts' outcomes say it), or -1. */
int action_hosts(struct action *x, int *status, struct dt_err *err);
/* A job in the journal; what it will say of the hosts is for their ends. */
int action_record(struct action *x, bool inventory, struct dt_err *err);
/* Ends that are made here, at most ACTION_PIECE: recorded, then told, and released. */
#define ACTION_PIECE 256
int action_tell(struct action *x, struct result *v, size_t n, struct dt_err *err);
/* Callbacks of the engine; arg is the action. */
void action_on_begin(void *arg, size_t index);
int action_on_end(void *arg, const struct result *r, struct dt_err *err);
int action_on_round(void *arg, const size_t *begins, size_t begin_count, const struct result *ends, size_t end_count,
		    struct dt_err *err);

/* action_survey.c: asks all hosts before the first begins; end->stopped: none does, and all have ended. */
int action_survey(struct action *x, struct engine e, const struct pace_options *pace, struct engine_end *end,
		  struct dt_err *err);

#endif
