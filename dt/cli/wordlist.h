/*
 * wordlist - what dt does itself: "dt WORD" instead of "dt SELECTION MODULE".
 *
 * What help, completion and the manual know of them; app.h has what they do.
 * A host of such a name is reached as sys:WORD.
 */
#ifndef DT_CLI_WORDLIST_H
#define DT_CLI_WORDLIST_H

struct word_spec {
	const char *name;
	const char *args;	/* "SELECTION", or "" */
	const char *help;
};

/* Ends with a NULL name. */
extern const struct word_spec word_table[];
/* NULL where there is none of that name. */
const struct word_spec *word_find(const char *name);

#endif
