/*
 * past - the journal, as the words about earlier runs read it.
 */
#ifndef DT_CLI_PAST_H
#define DT_CLI_PAST_H

#include "dt/cli/app.h"
#include "dt/report/journal.h"
#include "inventory/select.h"

/* -1: ERR_USAGE, there is none too. */
int past_open(struct journal_reader **out, struct dt_err *err);
/* "42", "last", or "last-2": the third newest.  -1: ERR_USAGE. */
int past_number(struct journal_reader *r, const char *text, int64_t *number, struct dt_err *err);
int past_job(struct journal_reader *r, const char *text, struct job *out, struct dt_err *err);
/* The job's command line, quoted, safe to show: "tag:web ssh 'uptime -p'".  0, or -1. */
int past_command(const struct job *j, struct buf *out);
/* "2026-11-21 17:24:49" of this time zone, in out, which is returned. */
const char *past_time(int64_t at_ms, char *out, size_t size);
/* A job as an object (dt-journal(5)), with a newline.  0, or -1. */
struct past_counts;
int past_json(const struct job *j, const struct past_counts *c, struct buf *out);

/* What became of a job's hosts, as its rows say now. */
struct past_counts {
	size_t by[OUTCOME_UNKNOWN + 1];	/* OUTCOME_UNKNOWN: had begun, and no end is known */
	size_t open;			/* of a run that lives: without an end so far */
};
int past_count(struct journal_reader *r, const struct job *j, struct past_counts *out, struct dt_err *err);
/* The same of states that are there already. */
void past_count_hosts(const struct job *j, const struct job_host *v, size_t n, struct past_counts *out);
/* The same for a list: what failed here is among what failed, and rows are read only where the run's own count is not all. */
int past_count_soon(struct journal_reader *r, const struct job *j, struct past_counts *out, struct dt_err *err);
size_t past_not_ok(const struct past_counts *c);

/*
 * A host without an end as its outcome: skipped, or unknown, with why; where
 * the run lives it has none: false.  r is initialised; free its reason by result_release.
 */
bool past_open_host(const struct job *j, const struct job_host *h, size_t index, const char *name, struct result *r,
		    struct dt_err *err);

/* What job: selects (struct select_options); arg is not used. */
select_job_fn past_select;

/*
 * The arguments of a word: its own options, dt's, and up to max others, into
 * words.  usage: "dt show [JOB [HOST]]".
 */
struct word_option {
	const char *name;	/* "--since" */
	const char **value;	/* or NULL, where flag is set */
	bool *flag;
};
int word_take(struct app *a, char *const *args, int n, const struct word_option *own, size_t own_count,
	      const char **words, int max, int *count, const char *usage, struct dt_err *err);

/*
 * A moment: "2026-11-21", "2026-11-21 17:24", "17:24:49" (today), "today",
 * "yesterday", "now", and ages: "90s", "30m", "2h", "3d".  0 and *at_ms, or -1.
 */
int when_parse(const char *text, int64_t now, int64_t *at_ms);

#endif
