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
#include "modules/dt_module.h"

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
 * marks that tell them apart.  Bounded: beyond max bytes it only counts, so
 * that what is kept is the beginning, without a hole.
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

/* What a module found, as typed fields; bounded as output is. */
struct row {
	struct dt_field *fields;	/* names are the module's own */
	size_t n;
};
struct rows {
	struct row *v;
	size_t n, bytes, max;
	bool truncated;
};

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
	struct rows rows;
};

void result_init(struct result *r, size_t max_output);
void result_release(struct result *r);
/* Adds a copy of a row; what does not fit is dropped, and truncated set. */
void result_row(struct result *r, const struct dt_field *fields, size_t n);
/*
 * Both: the first outcome that is not ok stands, whatever follows; ok gives
 * way to one that is not.
 *
 * Records an error: RESOLVE, CONNECT and UNSUPPORTED are unreachable;
 * HOSTKEY, AUTH, TIMEOUT, LOST, KILLED and SKIPPED are themselves; the rest
 * is local.
 */
void result_error(struct result *r, const struct dt_err *err);
/*
 * Records the end of a command: a signal ("KILL"; NULL or "": none) is
 * killed, else status 0 is ok, others failed.  rc -1 and no signal is lost.
 */
void result_exit(struct result *r, int rc, const char *signal);

/* Counts of a run, and the exit status of design.md from them.  Zeroed is empty. */
struct tally {
	size_t total, by[OUTCOME_UNKNOWN + 1];
	int max_rc;	/* the largest exit status, at most 255; a signal counts as 128 and its number */
};
void tally_add(struct tally *t, const struct result *r);
/*
 * 4: a host was not reached, was lost, timed out, was skipped or is
 * undecided; else 5: one failed, was killed or failed here; else 0.  (6 and
 * 130 are the engine's to say, skipped hosts or not.)  max_status (-S): where
 * every host was reached, max_rc if it is not 0.
 */
int tally_status(const struct tally *t, bool max_status);

#endif
