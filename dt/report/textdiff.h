/*
 * textdiff - what is different between two texts, as diff -u has it.
 *
 * After E. W. Myers, "An O(ND) Difference Algorithm and Its Variations"
 * (Algorithmica 1, 1986), in linear space.  Texts that share next to nothing
 * are not searched to the end: then a part is replaced as a whole, and the
 * difference is right, if longer than it could be.
 */
#ifndef DT_REPORT_TEXTDIFF_H
#define DT_REPORT_TEXTDIFF_H

#include <stddef.h>

#define TEXTDIFF_CONTEXT 3	/* lines around a change */

/*
 * A line of the difference, without its newline: kind is '@' (a heading,
 * "@@ -1,3 +1,4 @@"), ' ', '-', '+', or '\\' (there is no newline at the end
 * of the line before).  Its return stops the rest when it is not 0.
 */
typedef int textdiff_fn(void *arg, char kind, const char *line, size_t len);

/*
 * 0, -1 with errno (no memory; more than 2^30 lines), or what fn returned.  Of
 * equal texts fn hears nothing.
 */
int textdiff(const char *a, size_t a_len, const char *b, size_t b_len, textdiff_fn *fn, void *arg);

#endif
