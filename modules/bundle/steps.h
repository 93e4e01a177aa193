/* steps - the steps of a bundle on one host, and what follows where one fails. */
#ifndef BUNDLE_STEPS_H
#define BUNDLE_STEPS_H

#include "bundle/parts.h"

#define SAID_MAX 2000

struct run {
	struct dt_task *task;
	const struct dt_services *dt;
	const struct parts *parts;
	bool applied[PARTS_MAX];	/* something of it changed in this run */
	bool told;			/* a message was added, and no semicolon behind it */
};

/* The first words of a command. */
struct said {
	char text[SAID_MAX + 1];
	size_t len;
	bool begins;			/* an empty line on stdout comes first, and has not yet */
};
/* As dt_exec.output. */
void said_add(void *arg, int stream, const char *data, size_t len);
/* Without the newlines at its end. */
void said_trim(struct said *s);

/* What goes before the next words of the host's message. */
const char *run_comma(struct run *r);

/* DT_OK and *go: the host needs the part, and takes it.  What a hook shall return, as all below. */
int run_may_go(struct run *r, const struct part *p, bool *go);
/* A step that has to end well; after: the one that follows where it does not, or NO_STEP. */
int run_must(struct run *r, const struct part *p, enum step_kind step, enum step_kind after);
/*
 * A step failed: takes back what was changed in this run, runs the one after it (or NULL), and says which it was.
 * said: its words, or NULL.
 */
int run_failed(struct run *r, const struct part *p, const struct step *s, int status, const struct said *said,
	       const struct step *after);
/* Takes back what a run did, as it is named there, and runs after_rollback, which has to end well. */
int run_rollback(struct run *r, const struct part *p, const char *run);

#endif
