/*
 * format - outcomes as text: one table entry a format (dt-output(5)).
 *
 * A formatter only adds to the buffers it is handed.  out is what belongs on
 * stdout, diag on stderr.  Each hook may be NULL; each returns 0, or -1 when
 * out of memory.
 */
#ifndef DT_REPORT_FORMAT_H
#define DT_REPORT_FORMAT_H

#include <stdbool.h>

#include "dt/base/buf.h"
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
	bool stream;		/* line() is called as output arrives; end() need not repeat it */
};

struct format {
	const char *name;	/* for -o */
	const char *summary;
	int (*start)(const struct run_info *run, struct buf *out, struct buf *diag);
	/* A line of output as it arrives (without its newline), only with stream. */
	int (*line)(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		    struct buf *out, struct buf *diag);
	/* The end of one host; exactly once each. */
	int (*end)(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag);
	/* After the last host. */
	int (*summary_line)(const struct run_info *run, const struct tally *t, struct buf *out, struct buf *diag);
};

/* The table ends with a NULL name. */
extern const struct format formats[];
/* NULL where there is none of that name. */
const struct format *format_find(const char *name);

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

#endif
