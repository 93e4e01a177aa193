/*
 * progress - how far a run is, on stderr: a live line, or JSON objects.
 *
 * The main thread only.  On a terminal the line is redrawn in place, is gone
 * while other text is printed (progress_hide), and leaves no trace; elsewhere
 * it is a line a second.  Times are CLOCK_MONOTONIC milliseconds.
 */
#ifndef DT_REPORT_PROGRESS_H
#define DT_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/report/result.h"

enum progress_mode { PROGRESS_NEVER, PROGRESS_LINE, PROGRESS_JSON };

struct progress;

/*
 * live: fd is a terminal that understands escape sequences.  at_a_time: so many
 * run; who else has begun waits for a thread.  NULL: no memory.
 */
struct progress *progress_new(enum progress_mode mode, int fd, bool live, size_t hosts, size_t at_a_time, int64_t now);
void progress_free(struct progress *p);	/* hides first */

/* How often progress_show is worth calling, in ms; 0: never. */
int64_t progress_interval(const struct progress *p);

/* name is borrowed until the host's end. */
void progress_begin(struct progress *p, size_t index, const char *name, int64_t now);
/* Also of hosts that never began. */
void progress_end(struct progress *p, size_t index, bool ok, int64_t now);

/* Bytes of files: so many moved, of so many known to come (0: none). */
void progress_bytes(struct progress *p, uint64_t moved, uint64_t expected);

void progress_show(struct progress *p, int64_t now);
void progress_hide(struct progress *p);
/* The line once, with a newline, in any mode (SIGUSR1); the object where they are JSON. */
void progress_once(struct progress *p, int64_t now);

/* "1000 hosts: 997 okay, 2 failed, 1 unreachable in 4.1s".  0, or -1. */
int progress_summary(const struct tally *t, int64_t took_ms, struct buf *out);

#endif
