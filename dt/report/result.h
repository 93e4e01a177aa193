/*
 * result - what became of one host.
 */
#ifndef DT_REPORT_RESULT_H
#define DT_REPORT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"

/* The order is that of design.md; outcome_name gives jsonl's word. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_FAILED,		/* the action ended, not well */
	OUTCOME_UNREACHABLE,	/* name, connect */
	OUTCOME_AUTH,
	OUTCOME_HOSTKEY,
	OUTCOME_TIMEOUT,
	OUTCOME_LOST,
	OUTCOME_KILLED,		/* ended by a signal, ours or another's */
	OUTCOME_SKIPPED,
	OUTCOME_LOCAL,		/* something here, for this host alone; jsonl: failed */
	OUTCOME_UNKNOWN		/* not decided yet: never reported */
};
const char *outcome_name(enum outcome o);	/* "ok", "failed", "unreachable", ... */

enum { STREAM_OUT = 1, STREAM_ERR = 2 };

/*
 * Output kept in order of arrival, both streams in one run of bytes, with
 * marks that tell them apart.  Bounded: beyond max bytes it only counts.
 */
struct output {
	struct buf bytes;
	uint32_t *runs;		/* length << 1 | is-stderr, merged where equal */
	size_t run_count, run_cap;
	uint64_t total;		/* bytes that arrived, kept or not */
};
void output_init(struct output *o, size_t max);
void output_release(struct output *o);
/* Adds; what does not fit is counted and dropped.  0, or -1: no memory (counted too). */
int output_add(struct output *o, int stream, const char *data, size_t len);
bool output_truncated(const struct output *o);
/* Adds one stream's bytes to out.  0, or -1. */
int output_stream(const struct output *o, int stream, struct buf *out);

struct result {
	size_t index;		/* of the host in the run */
	const char *host;	/* not owned */
	const char *module;	/* not owned */
	const char *user;	/* not owned; NULL: unknown */
	char address[64];	/* "" where it is not known */
	const char *transport;	/* "libssh2", "openssh", or NULL (static) */
	enum outcome outcome;
	char *reason;		/* why it is not ok, without the word before it; owned, may be NULL */
	enum err_code code;	/* what kind of error, for the reason's word; ERR_NONE for the action's own end */
	int rc;			/* exit status, -1: none */
	char signal[16];	/* "KILL", or "" */
	int64_t began_ms, ended_ms;	/* CLOCK_MONOTONIC */
	struct output output;
};

void result_init(struct result *r, size_t max_output);
void result_release(struct result *r);
/* Records an error as the outcome (ERR_AUTH gives OUTCOME_AUTH, ...), unless one that is not ok stands. */
void result_error(struct result *r, const struct dt_err *err);
/* Records the end of a command. */
void result_exit(struct result *r, int rc, const char *signal);

/* Counts of a run, and the exit status of design.md from them. */
struct tally {
	size_t total, by[OUTCOME_UNKNOWN + 1];
	int max_rc;
};
void tally_add(struct tally *t, const struct result *r);
/* 0, 4 or 5 (6 and 130 are the engine's to say); max_status: -S. */
int tally_status(const struct tally *t, bool max_status);

#endif
