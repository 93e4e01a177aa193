/*
 * nearest - "did you mean": the candidate that a mistyped word is nearest to.
 *
 * Distance is Damerau-Levenshtein's in its restricted form: letters inserted,
 * left out, replaced, and neighbours swapped each count one (F. Damerau,
 * CACM 7(3), 1964).  A third of the word's letters may be wrong.
 */
#ifndef DT_BASE_NEAREST_H
#define DT_BASE_NEAREST_H

#include <stddef.h>

/*
 * The nearest of n candidates (NULL ones are passed over), the first of
 * several; else the first one that begins with the word, if that has three
 * letters or more.  NULL when nothing is near.
 */
const char *nearest(const char *word, const char *const *candidates, size_t n);

#endif
