/*
 * host - the two commands that a host gets: survey.sh and change.sh.
 */
#ifndef MODULES_USER_HOST_H
#define MODULES_USER_HOST_H

#include "dt_module.h"
#include "user/plan.h"

struct host {
	struct dt_task *task;
	const struct dt_services *dt;
	bool sudo;
};

/* Asks what is there, with the lines of survey.sh; all: about the keys of every account.  What a hook shall return. */
int host_ask(const struct host *h, struct found *f, const char *questions, size_t len, bool all);
/* Takes the steps of a plan, and says words; or what failed, and what was done before.  So too. */
int host_change(const struct host *h, const struct plan *p, const char *words);

#endif
