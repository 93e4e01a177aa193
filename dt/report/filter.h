/*
 * filter - status lines from a descriptor, shown in another format: the whole
 * of dthost(1), dtstatus(1), dtcompact(1) and dtgather(1).
 */
#ifndef DT_REPORT_FILTER_H
#define DT_REPORT_FILTER_H

#include "dt/base/err.h"
#include "dt/report/format.h"

/*
 * Reads in_fd up to its end.  A line that is no host's end goes out unchanged
 * (to a terminal: without control bytes), in its place.  A line may be of any
 * length; memory is bounded (but f's own).  f has a view.  0, or -1.
 */
int filter(const struct format *f, const struct run_info *run, int in_fd, int out_fd, int diag_fd, struct dt_err *err);

/* The program: its options, standard input and output.  Its exit status: 0, 1 (failed), 2 (usage). */
int filter_main(const char *format, int argc, char **argv);

#endif
