/* parts - one bundle, ready: the bundles that it consists of, with their files and steps. */
#ifndef BUNDLE_PARTS_H
#define BUNDLE_PARTS_H

#include "bundle/bundles.h"

#define PARTS_MAX 64

struct step {
	const char *name;
	const char *command;	/* NULL: none */
	bool here;
};

struct part {
	const char *name;
	struct dt_fileset *files, *look;	/* look: what would change, without a word */
	struct step steps[STEPS];
	bool sudo;
};

struct parts {
	struct bundles b;
	struct part v[PARTS_MAX];
	size_t n;
	const struct setting *stack[PARTS_MAX];	/* the parts of bundles that are being looked at */
	size_t depth;
};

/*
 * Adds the bundle of that name, which has been read: one of parts is these, in
 * order; one without is itself.  DT_OK, or DT_FAIL after refuse().
 */
int parts_get(struct parts *s, const char *name);

#endif
