/*
 * wordlist - what dt does itself: "dt WORD" instead of "dt SELECTION MODULE".
 *
 * What help, completion and the manual know of them; app.h has what they do.
 * A host of such a name is reached as sys:WORD.
 */
#ifndef DT_CLI_WORDLIST_H
#define DT_CLI_WORDLIST_H

#include <stdbool.h>

/* What an argument is. */
enum word_arg {
	TAKES_NOTHING,
	TAKES_TEXT,		/* a time, a number, a name that nobody can know */
	TAKES_FILE, TAKES_HOST, TAKES_MODULE, TAKES_STATUS, TAKES_TOPIC, TAKES_SELECTION,
	TAKES_JOB,
	TAKES_RUNNING,		/* a job that runs */
	TAKES_JOB_HOST		/* a host of the job before it */
};

/* An option of a word's own ("--since"), or a word behind it ("import"), and what follows. */
struct word_part {
	const char *name, *help;
	enum word_arg takes;
};

struct word_spec {
	const char *name;
	const char *args;	/* "SELECTION", or "" */
	const char *help;
	enum word_arg takes[2];
	bool options;		/* takes options of dt behind it too */
	const struct word_part *parts;	/* ends with a NULL name; NULL: none */
};

/* Ends with a NULL name. */
extern const struct word_spec word_table[];
/* NULL where there is none of that name. */
const struct word_spec *word_find(const char *name);
const struct word_part *word_part_find(const struct word_spec *w, const char *name);

#endif
