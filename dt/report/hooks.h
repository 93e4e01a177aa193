/*
 * hooks - the formatters behind the table of format.c.
 */
#ifndef DT_REPORT_HOOKS_H
#define DT_REPORT_HOOKS_H

#include "dt/report/format.h"

int omni_streamed(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		  struct buf *out, struct buf *diag);
int omni_end(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag);

int jsonl_start(const struct run_info *run, struct buf *out, struct buf *diag);
int jsonl_streamed(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		   struct buf *out, struct buf *diag);
int jsonl_end(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag);
int jsonl_summary(const struct run_info *run, const struct tally *t, struct buf *out, struct buf *diag);

int pdsh_streamed(const struct run_info *run, const char *host, int stream, const char *data, size_t len,
		  struct buf *out, struct buf *diag);
int pdsh_end(const struct run_info *run, const struct result *r, struct buf *out, struct buf *diag);

#endif
