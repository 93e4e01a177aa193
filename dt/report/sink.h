/*
 * sink - where formatted text goes: stdout and stderr, written whole and checked.
 *
 * The main thread only.  Text is written at the end of each call; a line is
 * never cut by another.  The first failed write (EPIPE, ENOSPC) is kept, and
 * all later calls return -1 with it at once.  What a format keeps until the
 * summary is gone where there is none.
 */
#ifndef DT_REPORT_SINK_H
#define DT_REPORT_SINK_H

#include "dt/base/err.h"
#include "dt/report/format.h"

struct sink;

/* Takes copies of neither; f and run must outlive it.  fds are 1 and 2 outside tests.  NULL: no memory. */
struct sink *sink_new(const struct format *f, const struct run_info *run, int out_fd, int diag_fd);
void sink_free(struct sink *s);

/* Each: 0, or -1 with ERR_FAIL "stdout: broken pipe". */
int sink_start(struct sink *s, struct dt_err *err);
/* Raw output as it arrives (--stream); split here into lines for each host, bounded at 64 KiB a line. */
int sink_stream(struct sink *s, size_t host_index, const char *host, int stream, const char *data,
		size_t len, struct dt_err *err);
/* The end of a host: flushes its unfinished line, then its end line. */
int sink_end(struct sink *s, const struct result *r, struct dt_err *err);
int sink_summary(struct sink *s, const struct tally *t, struct dt_err *err);
/* For who makes text by other ways than results (filter): where it goes, and its writing. */
struct report *sink_report(struct sink *s);
int sink_deliver(struct sink *s, int formatted, struct dt_err *err);
/* Everything is on its way to the kernel and close(2)-checked where that can fail. */
int sink_finish(struct sink *s, struct dt_err *err);

#endif
