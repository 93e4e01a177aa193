/*
 * gather - hosts with the same answer, as groups.
 *
 * Answers are told apart by SHA-256, so that n hosts cost n, and each text is
 * kept once, in a spool.
 */
#ifndef DT_REPORT_GATHER_H
#define DT_REPORT_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"

/* What one host answered; hosts are of one group where all but order and host are the same. */
struct answer {
	size_t order;		/* the host's place among all */
	const char *host;
	bool ok;
	const char *label;	/* what is said behind the names: "exit 3"; "" for nothing */
	const char *text[2];	/* standard output, standard error */
	size_t len[2];
};

struct group {
	const char **hosts;	/* by their order */
	size_t n;
	size_t first;		/* the least order of them */
	bool ok;
	char *label;
};

struct gather;

struct gather *gather_new(size_t memory);	/* of text, beyond which a file is used; NULL: no memory */
void gather_free(struct gather *g);
/* Copies all of it.  0, or -1 with errno. */
int gather_add(struct gather *g, const struct answer *a);
/*
 * Ends it: the groups that are okay first, then the larger first, then by their
 * first host.  0, or -1: no memory.
 */
int gather_sort(struct gather *g);

/* The rest only then. */
size_t gather_count(const struct gather *g);
const struct group *gather_group(const struct gather *g, size_t i);
/* Adds a group's text: which is 0 for standard output, 1 for standard error.  0, or -1 with errno. */
int gather_text(struct gather *g, size_t i, int which, struct buf *out);

#endif
