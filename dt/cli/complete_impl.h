/*
 * complete_impl - what complete*.c share: one completion while its candidates are found.
 */
#ifndef DT_CLI_COMPLETE_IMPL_H
#define DT_CLI_COMPLETE_IMPL_H

#include <stdbool.h>

#include "dt/cli/complete.h"

struct candidate {
	char *word, *about;
	size_t rank;		/* shown behind those of a lower one */
};

struct completion {
	const struct complete_source *src;
	struct strs words;	/* of the line, quotes taken off; the last is the one to complete */
	const char *word;	/* that one */
	struct candidate *v;
	size_t n, cap;
	bool failed;		/* out of memory */
};

/*
 * Each offers what follows the first skip bytes of the word, where it begins
 * with what is typed there; end follows it (":"), about may be NULL.
 */
void offer(struct completion *c, size_t skip, const char *candidate, const char *end, const char *about);
/* In their own order, behind what is offered without one. */
void offer_ranked(struct completion *c, size_t skip, const char *candidate, const char *end, const char *about,
		  size_t rank);
/* All that list (NULL: nothing) gives for what is typed behind skip. */
void offer_from(struct completion *c, size_t skip, complete_fn *list, const char *end);
void offer_choices(struct completion *c, size_t skip, const char *const *choices);	/* NULL-terminated; or NULL */
/* Files; a folder ends in "/". */
void offer_paths(struct completion *c, size_t skip);

/*
 * The last word of line, quotes taken off, to text; where it begins in line,
 * and the quote that is open at its end, or 0.  0, or -1: no memory.
 */
int complete_last_word(const char *line, struct buf *text, size_t *start, char *quote);

/* What is typed from at on is part of a selection, an expression that begins there. */
void complete_selection(struct completion *c);
/* What follows the last comma, and a sign behind it, of what is typed from there on. */
size_t last_item(const char *word, size_t from);
/* Host names with commas between them. */
void complete_hosts(struct completion *c, size_t skip);
/* A job: last, or its number; live: one that runs. */
void complete_job(struct completion *c, size_t skip, bool live);

/* The word is an option of dt, or "--name=VALUE" of one. */
void complete_option(struct completion *c);
/* The word, behind skip, is a value of an option of dt. */
void complete_value(struct completion *c, const struct option_spec *s, size_t skip);

/* Arguments of a module; first: the index of the first word behind its name. */
void complete_arguments(struct completion *c, const char *module, size_t first);
/* Arguments of a word of dt's own. */
void complete_word_arguments(struct completion *c, const char *word, size_t first);

#endif
