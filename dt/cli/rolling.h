/*
 * rolling - how a run goes over its hosts: the options, made into a pace.
 */
#ifndef DT_CLI_ROLLING_H
#define DT_CLI_ROLLING_H

#include "dt/cli/app.h"
#include "dt/run/pace.h"

/*
 * What the options say, for the hosts and the plan of a; coproc is lowered to
 * what the limit of open files leaves, with a word about it.
 * 0, or -1: ERR_USAGE names options that do not go together.
 */
int rolling_options(const struct app *a, struct pace_options *out, struct dt_err *err);
/* Does nothing but their number at a time hold hosts back? */
bool rolling_is_plain(const struct app *a, const struct pace_options *o);
/* The pace, its --max-per groups joined. */
int rolling_pace(const struct app *a, const struct pace_options *opt, struct pace **out, struct dt_err *err);

/*
 * --confirm and confirm-over: asks at the terminal for the number of hosts.
 * 0: go on; -1: ERR_USAGE, it was not confirmed.
 */
int rolling_confirm(const struct app *a, const char *what, struct dt_err *err);

#endif
