/*
 * format - outcomes as text: one table entry a format (dt-output(5)).
 *
 * A formatter only adds to the buffers of the report it is handed: out is what
 * belongs on stdout, diag on stderr.  Each hook may be NULL; each returns 0, or
 * -1 with the report's sys and what, or neither when out of memory.
 */
#ifndef DT_REPORT_FORMAT_H
#define DT_REPORT_FORMAT_H

#include <stdbool.h>

#include "dt/base/buf.h"
#include "dt/report/color.h"
#include "dt/report/result.h"

/* What every line may need of the run. */
struct run_info {
	const char *program;	/* "dt" */
	const char *selection, *module, *verb;
	const char *const *args; /* NULL-terminated; no secrets */
	size_t hosts;
	int64_t began_ms;	/* CLOCK_MONOTONIC */
	bool color;		/* escape sequences may be used */
	bool raw;		/* bytes of hosts go out as they came */
	bool mask;		/* gather, diff: without numbers, times and addresses */
	bool stream;		/* line() is called as output arrives; end() need not repeat it */
};

/* What a formatter works on. */
struct report {
	const struct run_info *run;
	struct buf out, diag;
	struct colors colors;
	void *state;		/* the format's own, of its open */
	int sys;		/* errno of what failed; 0: memory */
	const char *what;	/* and its name, "temporary file" */
	/* Writes out what is in out and diag; -1: that failed, and the hook should return it.  May be NULL. */
	int (*flush)(struct report *);
};

/* One host's end as a status line: the fields before its message, escaped. */
struct status_line {
	bool ok;
	const char *program, *module, *host;
};

/*
 * Formats that are made of status lines (dthost(1)).  A message comes in one or
 * more pieces, as it stands in its line; an escape is never cut.  line stays as
 * it is until done.
 */
struct view {
	int (*begin)(struct report *to, const struct status_line *line);
	int (*text)(struct report *to, const char *data, size_t len);
	int (*done)(struct report *to);
	int (*aside)(struct report *to);	/* another line goes to out: whatever is unfinished there ends */
};

struct format {
	const char *name;	/* for -o */
	const char *summary;
	int (*open)(struct report *to);		/* sets state */
	void (*close)(struct report *to);
	int (*start)(struct report *to);
	/* A line of output as it arrives (without its newline), only with stream. */
	int (*line)(struct report *to, const char *host, int stream, const char *data, size_t len);
	/* The end of one host; exactly once each. */
	int (*end)(struct report *to, const struct result *r);
	/* After the last host. */
	int (*summary_line)(struct report *to, const struct tally *t);
	const struct view *view;	/* NULL where lines are not enough */
};

/* The table ends with a NULL name. */
extern const struct format formats[];
/* NULL where there is none of that name. */
const struct format *format_find(const char *name);

#define REPORT_ROOM (64U << 20)	/* beside the output: six times the longest command line there can be */

/* An empty report on a run, with colours from the environment; run must outlive it. */
void report_init(struct report *to, const struct run_info *run);
void report_release(struct report *to);
/* For what comes at the end of a run and may be much: writes out what is there, now and then. */
int report_flush(struct report *to);
/* After errno: -1, and the report knows. */
int report_failed(struct report *to, const char *what);
/* Adds text in a colour, where there is colour. */
int report_paint(struct report *to, struct buf *out, enum color c, const char *text);
/* Adds bytes of a host: escaped, or with raw as they came.  Both: 0, or -1. */
int report_text(const struct report *to, struct buf *out, const char *data, size_t len);
/* What stands around the names of hosts that said the same, and before their standard error. */
#define REPORT_RULE "---------------\n"
#define REPORT_STDERR "-- stderr\n"
/* Adds names of hosts as ranges, with their number: "web[01-20,25] (21)". */
int report_names(struct report *to, const char *const *names, size_t n);
/* Adds how text b differs from a (textdiff.h), in colours.  0, or -1 as a hook returns it. */
int report_diff(struct report *to, const struct buf *a, const struct buf *b);

/*
 * The parts of a status line, shared by the filters of dt/tools.
 * STATUS:ENCODING:PROGRAM:MODULE:HOST:MESSAGE; status and encoding go in as
 * they are, message is escaped here (one final newline dropped) unless raw is
 * set.  0, or -1.
 */
int omni_line(struct buf *out, const char *status, const char *encoding, const char *program,
	      const char *module, const char *host, const char *message, size_t len, bool raw);
/*
 * The text of a result that is not ok, before its output: "connect:
 * connection refused", "killed: signal KILL", "exit 3: ".  Nothing for ok.
 * At most REASON_MAX bytes of its reason.  Not escaped.
 */
#define REASON_MAX 4096
int result_reason(const struct result *r, struct buf *out);
/* The same where no output follows: "exit 3".  out is empty before. */
int result_label(const struct result *r, struct buf *out);
/* The same, and whether output was cut: what an answer is beside its output. */
int result_heading(const struct result *r, struct buf *out);
/* A result's message as it stands in a status line: reason and output.  stream: output was shown already. */
int result_message(const struct result *r, bool stream, bool raw, struct buf *out);

#endif
