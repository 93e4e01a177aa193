/*
 * journal - every run remembered: who ran what on which hosts, and what became of each.
 *
 * One SQLite file (dt-journal(5)) that only grows at its end: a row for a run
 * (a job), for the hosts that may begin, for each host's end, for the run's
 * end.  A chain of hashes goes through all rows, so that a change shows.
 * The main thread only.  Several processes may write at once: each
 * transaction is short, and its turn is waited for.
 *
 * Wall times are milliseconds since 1970.
 */
#ifndef DT_REPORT_JOURNAL_H
#define DT_REPORT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/report/result.h"

/* $XDG_STATE_HOME/dt/journal.db; malloced, or NULL. */
char *journal_path(struct dt_err *err);

/* What is kept: "365d", "1G", "90d 500M", "all".  NULL, or what is wrong with the text. */
struct journal_keep {
	int64_t age_ms;		/* 0: no limit */
	uint64_t bytes;		/* 0: no limit */
};
const char *journal_keep_parse(const char *text, struct journal_keep *out);

/* ---- writing ---- */

struct journal;

/* What a job entry says, beside what is found out here: user, terminal, folder, process, time. */
struct journal_run {
	const char *selection, *module, *verb;
	const char *kind;		/* "action", "info", or "inventory" for a verb that contacts no host */
	const char *const *args;	/* as typed, NULL-terminated; NULL: none */
	const char *const *options;
	const char *const *hosts;	/* in the order of the run */
	size_t host_count;
};

/*
 * Opens, and creates where it is missing, the folder (0700) too.  Of each
 * host's output the first max_output bytes are kept (512 MiB at most), and as
 * much of its rows.  0, or -1 with ERR_FAIL
 * "PATH: reason": not to be written, not a journal, of a newer dt, ...
 */
int journal_open(const char *path, size_t max_output, struct journal **out, struct dt_err *err);
void journal_close(struct journal *j);
/* From when fd is readable on, a turn behind another dt is waited for two seconds only, and not a minute. */
void journal_hurry(struct journal *j, int fd);

/*
 * Each is durable on return: 0, or -1 with ERR_FAIL, and nothing of the call
 * was written.
 *
 * A new job; the number is journal_job's.
 */
int journal_start(struct journal *j, const struct journal_run *run, struct dt_err *err);
int64_t journal_job(const struct journal *j);
/* What follows is about an older job: a later end of a host stands for the earlier one. */
void journal_adopt(struct journal *j, int64_t job);
/* Hosts that may begin after it, and hosts that have ended (index, times of CLOCK_MONOTONIC). */
int journal_round(struct journal *j, const size_t *begins, size_t begin_count, const struct result *ends,
		  size_t end_count, struct dt_err *err);
/* The run has ended. */
int journal_done(struct journal *j, int exit_status, int signal, const struct tally *t, struct dt_err *err);
/*
 * Removes the oldest jobs beyond what is to be kept, a bounded number of rows
 * in one transaction; never this job, nor one that still runs.
 */
int journal_prune(struct journal *j, const struct journal_keep *keep, struct dt_err *err);

/* ---- reading ---- */

struct journal_reader;

/* 0 and *out NULL: there is no journal.  -1: ERR_USAGE "PATH: reason". */
int journal_read(const char *path, struct journal_reader **out, struct dt_err *err);
/* The same; it waits for a writer up to wait_ms, now and later. */
int journal_read_soon(const char *path, int wait_ms, struct journal_reader **out, struct dt_err *err);
void journal_reader_free(struct journal_reader *r);

enum job_state {
	JOB_ENDED,
	JOB_RUNNING,	/* its dt lives */
	JOB_DIED,	/* it has ended without a word: hosts that had begun and have no end are unknown */
	JOB_ELSEWHERE	/* on another machine, in another container: not known here */
};
const char *job_state_name(enum job_state s);	/* "ended", "running", "died", "elsewhere" */

/* One job, as its rows say; all strings are owned and never NULL. */
struct job {
	int64_t number, at_ms;
	char *user, *tty, *sudo_user, *machine, *from, *cwd, *version;	/* "": not known, none */
	int64_t uid, pid, pid_start;	/* pid_start: /proc/PID/stat's starttime, see proc_pid_stat(5) */
	char *boot, *pid_space;		/* boot id; the PID namespace, "pid:[4026531836]" */
	char *selection, *module, *verb, *kind;
	struct strs args, options;
	size_t hosts;
	enum job_state state;
	/* of JOB_ENDED */
	int64_t ended_ms;
	int exit_status, signal;
	struct tally tally;		/* as the done row counts; max_rc is not kept */
};
void job_release(struct job *j);
/* Was it run with --keep, so that its hosts can be asked? */
bool job_kept(const struct job *j);
/*
 * Does its tally say all of its hosts?  It does of a run that has ended, with
 * all of them, and to which nothing was added later, as dt reconcile does to
 * one with --keep.  What failed here is among what failed.
 */
bool job_tally_is_whole(const struct job *j);

struct job_filter {
	int64_t since_ms, until_ms;	/* began in [since, until); 0: no limit */
	const char *user, *module, *host;	/* NULL: any */
	const char *status;		/* an outcome of one of its hosts: "failed", "unknown", ...; NULL: any */
	bool hosts_only;		/* none of kind "inventory" */
	size_t limit;			/* 0: none */
};
/* Each job that fits, newest first; fn returns 0, or -1 with *err to stop.  0, or -1. */
int journal_jobs(struct journal_reader *r, const struct job_filter *f,
		 int (*fn)(void *arg, const struct job *j, struct dt_err *err), void *arg, struct dt_err *err);
/*
 * For completion: jobs whose number begins with prefix (digits), newest first,
 * limit of them, and of each length of number the first and the last, so that
 * what all that are told have in common is what all have in common; running:
 * of the newest 1,000 those that run.
 */
int journal_numbers(struct journal_reader *r, const char *prefix, bool running, size_t limit,
		    int (*fn)(void *arg, const struct job *j, struct dt_err *err), void *arg, struct dt_err *err);
/* -1: ERR_USAGE "no job 42 in the journal". */
int journal_get(struct journal_reader *r, int64_t number, struct job *out, struct dt_err *err);
/* The newest job that is no "inventory" one; 0: there is none. */
int journal_last(struct journal_reader *r, int64_t *number, struct dt_err *err);
/* The names of a job's hosts, by index. */
int journal_hosts(struct journal_reader *r, int64_t number, struct strs *out, struct dt_err *err);

/* Of each host in short, without outputs; malloced. */
struct job_host {
	enum host_state {
		HOST_WAITING,	/* has not begun; where the job has ended it never did */
		HOST_BEGUN,	/* no end is known; where the job has died nobody knows it */
		HOST_ENDED
	} state;
	enum outcome outcome;	/* OUTCOME_UNKNOWN where it has not ended */
	int rc;			/* -1: none */
};
int journal_states(struct journal_reader *r, int64_t number, struct job_host **out, size_t *n, struct dt_err *err);

/*
 * What a job's rows tell.  A result is whole (host, outcome, output, rows,
 * ...) but belongs to the reader, as its strings do, and is gone when the
 * callback returns; its times are wall times.  Each may be NULL; each returns
 * 0, or -1 with *err to stop.
 */
struct job_events {
	int (*begin)(void *arg, size_t index, const char *host, int64_t at_ms, struct dt_err *err);
	int (*end)(void *arg, const struct result *r, struct dt_err *err);
	int (*done)(void *arg, const struct job *j, struct dt_err *err);
	void *arg;
};
/* The ends of a job in the order of its hosts, the last one of each. */
int journal_ends(struct journal_reader *r, int64_t number, const struct job_events *e, struct dt_err *err);
/* The end of one host alone; *found tells whether there is one. */
int journal_end_of(struct journal_reader *r, int64_t number, size_t index, const struct job_events *e, bool *found,
		   struct dt_err *err);
/* All that was written after *after (from 0 on), as it happened; *after moves on. */
int journal_follow(struct journal_reader *r, int64_t number, int64_t *after, const struct job_events *e,
		   struct dt_err *err);

/* ---- checking ---- */

struct journal_verdict {
	size_t rows, contents, anchors;	/* looked at */
	size_t faults;
	int64_t pruned;		/* rows removed by age or size before the first one that is there */
	size_t too_old;		/* anchors about rows that are pruned */
};
/*
 * Walks all rows and contents.  Each fault goes to found ("entry 7 was
 * changed"), the first 100 of them.  anchor: a file by journal_anchor, or
 * NULL.  0 (look at v->faults), or -1: it cannot be read at all.
 */
int journal_verify(const char *path, const char *anchor, void (*found)(void *arg, const char *what), void *arg,
		   struct journal_verdict *v, struct dt_err *err);
/* Adds a line "SEQ HASH" about the newest row to a file, to be kept where the journal's user cannot write. */
int journal_anchor(const char *path, const char *anchor, struct dt_err *err);

#endif
