/*
 * action - one action on a selection of hosts, from its words to its exit status.
 *
 *	arguments -> selection -> host set -> module.prepare -> plan
 *	  -> engine -> result -> format -> sink
 */
#ifndef DT_CLI_ACTION_H
#define DT_CLI_ACTION_H

#include "dt/cli/app.h"

/*
 * words: SELECTION [OPTIONS] MODULE [ARGUMENTS...], n of them, and so many
 * words of options before them.  The exit status, or -1 with *err, which
 * error_status makes one of.
 */
int action_run(struct app *a, char *const *words, int n, int before, struct dt_err *err);
/* The exit statuses of dt(1) that are not the hosts' own. */
int error_status(const struct dt_err *err);

#endif
