/*
 * command - what ssh and sudo share: a command line for a shell on every host,
 * and dt's own standard input for it where "stdin" is given.
 */
#ifndef LIB_COMMAND_H
#define LIB_COMMAND_H

#include "dt_module.h"

/* Hooks of a verb with the parameters "stdin", "stdin-max", "tty" and "command". */
int command_prepare(struct dt_call *call, const struct dt_services *dt);
/* flags: DT_EXEC_*. */
int command_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, unsigned flags);

#endif
