/*
 * bundles - the INI files of bundles: what each section says, and where.
 *
 * What [mail.aliases] does not say, [aliases] does, and after that [defaults]:
 * the longest suffix that says it.  dt-bundle(5) is the manual.
 */
#ifndef BUNDLE_BUNDLES_H
#define BUNDLE_BUNDLES_H

#include "dt_module.h"

/* A line of a section; key "": its first. */
struct setting {
	const char *section, *key, *value;
	const char *path;	/* of the file */
	int line;
};

/* call and dt are set before anything is read. */
struct bundles {
	struct dt_call *call;
	const struct dt_services *dt;
	struct setting *v;
	size_t n;
	const char *path;	/* of the file that is read */
	void **owned;		/* all memory that is pointed to */
	size_t owned_count;
	bool again;		/* this section was in a file before, which counts */
};

/* What a section may say, up to NULL.  The steps come first, in this order. */
extern const char *const bundles_keys[];
enum step_kind {
	NEEDED, AUTHENTIC, BEFORE, AFTER_SUCCESS, AFTER_FAILURE, AFTER_BEFORE_FAILURE, AFTER_DENIAL, AFTER_ROLLBACK,
	STEPS, NO_STEP = STEPS
};

/* A name of a bundle?  Also of folders there: it goes into a path. */
bool bundles_is_name(const char *s);
/* Reads --file, or all that lie in the folders for them.  DT_OK, or DT_FAIL after refuse(). */
int bundles_read(struct bundles *b);
void bundles_free(struct bundles *b);

/* What this very section says; NULL: nothing. */
const struct setting *bundles_in_section(const struct bundles *b, const char *section, const char *key);
/* Of the longest suffix of the name that says it, then of the defaults.  NULL: nothing, or that there is none. */
const struct setting *bundles_find(const struct bundles *b, const char *name, const char *key);
const char *bundles_value(const struct bundles *b, const char *name, const char *key);

/* Refuses: a value of a bundle is wrong.  DT_FAIL. */
int bundles_wrong(const struct bundles *b, const char *name, const struct setting *v, const char *why,
		  const char *what);
int bundles_no_memory(const struct bundles *b);
/* Keeps what was allocated until bundles_free, and returns it; NULL: no memory. */
void *bundles_own(struct bundles *b, void *memory);

#endif
