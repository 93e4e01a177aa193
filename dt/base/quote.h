/*
 * quote - the one function that makes argument vectors for a shell.
 *
 * Source: POSIX.1-2017, Shell Command Language, 2.2.2 Single-Quotes.
 */
#ifndef DT_BASE_QUOTE_H
#define DT_BASE_QUOTE_H

#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"

/*
 * Adds one argument so that a POSIX shell, csh or fish reads it back
 * unchanged (csh cannot take a newline).  Plain words stay as they are.
 * 0, or -1: no memory, or over b->max.
 */
int quote_arg(struct buf *b, const char *arg);
/* n arguments, joined by spaces. */
int quote_argv(struct buf *b, const char *const *argv, size_t n);
/*
 * The next word of *line, as a POSIX shell reads it, takes the place of what
 * is in word: blanks part words, quotes and backslashes are taken off, nothing
 * is expanded.  *line is then behind it.  1; 0 where there is none; -1:
 * ERR_USAGE, a quote is not closed.
 */
int quote_next(const char **line, struct buf *word, struct dt_err *err);
/* Adds all words of a line.  0, or -1. */
int quote_split(const char *line, struct strs *words, struct dt_err *err);

#endif
