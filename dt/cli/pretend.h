/*
 * pretend - the plan of a run (-p): what would be done where, and in which order.
 */
#ifndef DT_CLI_PRETEND_H
#define DT_CLI_PRETEND_H

#include "dt/cli/app.h"
#include "dt/run/pace.h"

/*
 * Prints a line for each host, and one for all: status lines, or with -o jsonl
 * objects ("plan" and "plan-summary" of dt-output(5)).  args are the words
 * behind the module.  pace is NULL where no host would be contacted.
 */
int pretend(const struct app *a, const char *module, const struct strs *args, const struct pace_options *pace,
	    struct dt_err *err);

#endif
