/*
 * quote - the one function that makes argument vectors for a shell.
 *
 * Source: POSIX.1-2017, Shell Command Language, 2.2.2 Single-Quotes.
 */
#ifndef DT_BASE_QUOTE_H
#define DT_BASE_QUOTE_H

#include <stddef.h>

#include "dt/base/buf.h"

/*
 * Adds one argument so that a POSIX shell, csh or fish reads it back
 * unchanged (csh cannot take a newline).  Plain words stay as they are.
 * 0, or -1: no memory, or over b->max.
 */
int quote_arg(struct buf *b, const char *arg);
/* n arguments, joined by spaces. */
int quote_argv(struct buf *b, const char *const *argv, size_t n);

#endif
