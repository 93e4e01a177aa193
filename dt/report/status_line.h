/*
 * status_line - the lines that dt and dtools print, read again (dt-output(5)).
 *
 *	STATUS:ENCODING:PROGRAM:MODULE:HOST:MESSAGE
 */
#ifndef DT_REPORT_STATUS_LINE_H
#define DT_REPORT_STATUS_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/report/format.h"

/*
 * Is text, which need not be all of a line, the beginning of one that says how
 * a host ended (okay, fail)?  SGR sequences around the fields, dtools' colours,
 * are passed over.  *line then points into fields, which is filled, and *message is
 * where its message begins.  1, 0: no such line, -1: no memory.
 */
int status_line_read(const char *text, size_t len, struct status_line *line, struct buf *fields, size_t *message);

/*
 * Text of a status line, safe to show: what is no escape yet, and should be
 * one, becomes one; backslashes stay.  0, or -1.
 */
int status_line_safe(struct buf *out, const char *text, size_t len);
/* How much of text can be taken without cutting an escape or a character; 0 only where len is less than 16. */
size_t status_line_piece(const char *text, size_t len);

/*
 * How much of a message of a fail line is its reason: "exit 3", "connect: ..."
 * up to the first line's end; 0 where it begins with none of dt's words.  *output
 * is where the output begins.
 */
size_t status_line_reason(const char *message, size_t len, size_t *output);
/* The place of the next line in an escaped (raw: unescaped) text, and where this one ends; len for the last. */
size_t status_line_next(const char *text, size_t len, bool raw, size_t *end);

#endif
