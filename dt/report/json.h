/*
 * json - values of JSON (RFC 8259), safe to show on a terminal.
 */
#ifndef DT_REPORT_JSON_H
#define DT_REPORT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"

/*
 * Each returns 0, or -1: no memory, or over out->max.
 *
 * Bytes as a string, or, where they are not UTF-8, as {"base64":"..."}
 * (RFC 4648, padded).  What escape() would escape is \uXXXX or shorter.
 * One byte takes at most six.
 */
int json_bytes(struct buf *out, const char *data, size_t len);
/* The same for a string; NULL is null. */
int json_text(struct buf *out, const char *s);
/* Milliseconds as seconds: 1.250; never below 0. */
int json_seconds(struct buf *out, int64_t ms);

#endif
