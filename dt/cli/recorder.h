/*
 * recorder - this run in the journal, as dt.conf(5) and --no-journal want it.
 */
#ifndef DT_CLI_RECORDER_H
#define DT_CLI_RECORDER_H

#include "dt/cli/app.h"
#include "dt/report/journal.h"

/* Zeroed is one that records nothing. */
struct recorder {
	struct journal *journal;	/* NULL: off */
	bool wanted;
	bool required;			/* what cannot be recorded does not run */
	struct journal_keep keep;
	struct tally tally;		/* of the ends that are recorded */
};

/* Before anything is prepared: opens the journal where it is required.  0, or -1: ERR_FAIL. */
int recorder_init(struct recorder *r, const struct app *a, struct dt_err *err);
/*
 * A job for the hosts of the app; run's hosts are filled in here.  0: it is in
 * the journal, or there is to be none, or a warning was given.  -1: it is
 * required, and cannot be: ERR_FAIL.
 */
int recorder_start(struct recorder *r, const struct app *a, const struct journal_run *run, struct dt_err *err);
/* Once fd is readable, it waits less long for another dt that writes. */
void recorder_hurry(struct recorder *r, int fd);
/* The job's number; 0 where nothing is recorded. */
int64_t recorder_job(const struct recorder *r);
bool recorder_is_on(const struct recorder *r);
/* As journal_round; -1 only where it is required. */
int recorder_round(struct recorder *r, const size_t *begins, size_t begin_count, const struct result *ends,
		   size_t end_count, struct dt_err *err);
/* The run has ended with this exit status.  Old jobs go.  A failure is said; nothing can be undone. */
void recorder_done(struct recorder *r, int exit_status, int signal);

#endif
