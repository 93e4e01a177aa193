/*
 * escape - bytes from elsewhere as one line of safe text, without loss.
 *
 * newline is \n, carriage return \r, tab \t, backslash \\; any other control
 * byte, DEL, C1 control, bidi control or byte outside UTF-8 is \xHH (each
 * byte of it).  Format: dt-output(5).  decode(encode(x)) = x for all x.
 */
#ifndef DT_BASE_ESCAPE_H
#define DT_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"

/* Adds the encoded bytes.  0, or -1: no memory, or over out->max. */
int escape(struct buf *out, const char *data, size_t len);
/* The same, and ':' becomes \x3a: for the fields before the message. */
int escape_field(struct buf *out, const char *data, size_t len);
/* Adds the decoded bytes; an escape it does not know stays as it is. */
int unescape(struct buf *out, const char *text, size_t len);
/* Is it well-formed UTF-8 (RFC 3629)? */
bool utf8_valid(const char *data, size_t len);
/*
 * The length of the well-formed UTF-8 character at data (1 to 4, its code
 * point in *cp), or 0 where there is none.
 */
size_t utf8_char(const char *data, size_t len, unsigned *cp);

#endif
