/*
 * hooks - the formatters behind the table of format.c.
 */
#ifndef DT_REPORT_HOOKS_H
#define DT_REPORT_HOOKS_H

#include "dt/report/format.h"

int omni_streamed(struct report *to, const char *host, int stream, const char *data, size_t len);
int omni_end(struct report *to, const struct result *r);

int jsonl_start(struct report *to);
int jsonl_streamed(struct report *to, const char *host, int stream, const char *data, size_t len);
int jsonl_end(struct report *to, const struct result *r);
int jsonl_summary(struct report *to, const struct tally *t);

int pdsh_streamed(struct report *to, const char *host, int stream, const char *data, size_t len);
int pdsh_end(struct report *to, const struct result *r);

/* gather and diff */
int gather_open(struct report *to);
void gather_close(struct report *to);
int gather_end(struct report *to, const struct result *r);
int gather_summary(struct report *to, const struct tally *t);
int diff_summary(struct report *to, const struct tally *t);
extern const struct view gather_view;

/* host, status and compact */
int lines_open(struct report *to);
void lines_close(struct report *to);
int lines_streamed(struct report *to, const char *host, int stream, const char *data, size_t len);
int host_end(struct report *to, const struct result *r);
int status_end(struct report *to, const struct result *r);
int status_summary(struct report *to, const struct tally *t);
int compact_end(struct report *to, const struct result *r);
int compact_summary(struct report *to, const struct tally *t);
extern const struct view host_view, status_view, compact_view;

int table_open(struct report *to);
void table_close(struct report *to);
int table_end(struct report *to, const struct result *r);
int table_summary(struct report *to, const struct tally *t);

#endif
