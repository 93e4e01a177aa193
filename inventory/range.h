/*
 * range - web[01-20,25].x and db{1..3}{a,b} as names, and names as ranges.
 *
 * Brackets: numbers, LOW-HIGH and LOW-HIGH/STEP, comma-separated (as in pdsh
 * and ClusterShell); braces: LOW..HIGH, or words (as in bash).  Zero padding of
 * LOW gives the width.  Several groups give their product, left to right.
 * An address in brackets and nothing else ([::1]) is that address.
 */
#ifndef INVENTORY_RANGE_H
#define INVENTORY_RANGE_H

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"

#define RANGE_LIMIT 1000000	/* names of one expression */

/* Calls fn for each name in order; stops at its first non-zero, which it returns. */
typedef int range_fn(void *arg, const char *name, struct dt_err *err);

/*
 * Expands one pattern (no top-level comma).  0, or -1: ERR_USAGE with a
 * text that shows the pattern, and a caret under the fault's place.
 */
int range_expand(const char *pattern, range_fn *fn, void *arg, struct dt_err *err);
/* Splits at the commas outside brackets and braces: "a,b[1,2]" is two patterns. */
int range_split(const char *list, size_t len, struct strs *out, struct dt_err *err);
/*
 * Folds names to ranges, in the order of each group's first name:
 * web01 web02 web03 db -> "web[01-03],db", of addresses by their last number:
 * 10.0.0.[1-3].  Expanding gives the same set.
 * 0, or -1: no memory.
 */
int range_fold(const char *const *names, size_t n, struct buf *out);

#endif
