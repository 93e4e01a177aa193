/*
 * keep - --keep: commands that outlive dt on the hosts, and the name they are found by.
 */
#ifndef DT_CLI_KEEP_H
#define DT_CLI_KEEP_H

#include "dt/cli/past.h"
#include "dt/run/arguments.h"

#define KEEP_SIZE 24	/* "dt-", 16 hexadecimal digits, NUL */

/* Can this run be kept?  0, or -1: ERR_USAGE. */
int keep_check(const struct app *a, const char *module, const struct arguments *args, struct dt_err *err);
/* The name of a job in the journal, 0 being none.  0, or -1: ERR_FAIL. */
int keep_name(int64_t job, char name[KEEP_SIZE], struct dt_err *err);
/* The same, whoever asks and whenever: by the process that ran the job, and its number. */
int keep_name_of(const struct job *j, char name[KEEP_SIZE], struct dt_err *err);

#endif
