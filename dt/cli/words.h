/*
 * words - what dt does itself: "dt WORD" instead of "dt SELECTION MODULE".
 *
 * A host of such a name is reached as sys:WORD.
 */
#ifndef DT_CLI_WORDS_H
#define DT_CLI_WORDS_H

#include <stdbool.h>

struct word {
	const char *name;
	const char *args;	/* "SELECTION", or "" */
	const char *help;
	bool reserved;		/* kept for a later dt: refused, with a word about sys: */
};

/* Ends with a NULL name. */
extern const struct word word_table[];
/* NULL where there is none of that name. */
const struct word *word_find(const char *name);

#endif
