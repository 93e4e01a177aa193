/*
 * log - diagnostics to standard error; the main thread only.
 *
 * Every byte is escaped (base/escape.h) before it reaches the terminal.
 */
#ifndef DT_BASE_LOG_H
#define DT_BASE_LOG_H

#include "dt/base/err.h"

/* 0: errors and warnings; 1 (-v): what is done and why; 2 (-vv): each step. */
void log_set_level(int level);
int log_level(void);

/* "dt: text\n" */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "dt: warning: text\n" */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "dt: text\n" where the level is at least that. */
void log_info(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "dt: MSG\n"; newlines in an error's text (a caret line) stay newlines. */
void log_err(const struct dt_err *e);

#endif
