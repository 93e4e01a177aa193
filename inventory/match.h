/*
 * match - PCRE2 regular expressions; the only file that sees <pcre2.h>.
 */
#ifndef INVENTORY_MATCH_H
#define INVENTORY_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"

struct match;

/*
 * Compiles (UTF-8, JIT where there is one); anchored: the match must begin
 * at the start of the subject.  NULL: ERR_USAGE with the regex, a caret
 * under the place, and PCRE2's reason.
 */
struct match *match_new(const char *regex, bool anchored, struct dt_err *err);
/* For output of hosts: any bytes, and ^ and $ at each line. */
struct match *match_new_text(const char *regex, struct dt_err *err);
/*
 * 1: matches, 0: does not, -1: ERR_USAGE (the match limit was reached, so
 * that no regex runs for ever).
 */
int match_test(struct match *m, const char *subject, struct dt_err *err);
/* The same for bytes that need be no UTF-8; m is of match_new_text. */
int match_bytes(struct match *m, const char *subject, size_t len, struct dt_err *err);
void match_free(struct match *m);

/* "PCRE2 10.42", as it runs. */
const char *match_library(void);

#endif
