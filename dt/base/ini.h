/*
 * ini - one INI file through libinih, with file and line in every error.
 *
 * libinih (Debian's build) cuts a line at 200 bytes, tells of no empty
 * section, splits at ':' as well as '=', and ends a value at " ;".  Here a
 * line that is too long is an error with its number, a ';' in quotes is text,
 * and a ':' in a name before '=' belongs to it (fe80::1 = linux) unless white
 * space follows, as does a '[' whose ']' has more behind it ([::1]:22 = x).  A
 * line that begins with white space goes on with the value of the one before it.
 * A byte order mark at the beginning is passed over.
 * Source of the format: ini.h of libinih 55.
 */
#ifndef DT_BASE_INI_H
#define DT_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"

/* The longest line in bytes, without its newline. */
#define INI_LINE_LIMIT 198
/* The longest name of a section. */
#define INI_SECTION_LIMIT 49

/*
 * One "name = value" in a section ("" before the first).  more: a line that
 * goes on with the value of the one before; name is the same again, value
 * this line's text.  At the start of a section name and value are NULL.
 * Returns 0, or -1 after err_set; ini_read then puts "NAME:LINE: " before it.
 */
typedef int ini_fn(void *arg, const char *section, const char *name, const char *value, int line, bool more,
		   struct dt_err *err);

/*
 * Reads INI text of len bytes; name is what errors call it.
 * 0, or -1 with ERR_USAGE "NAME:LINE: reason", at the first fault.
 */
int ini_read(const char *name, const char *text, size_t len, ini_fn *fn, void *arg, struct dt_err *err);

#endif
