/*
 * arguments - words of the command line against a verb's table of parameters.
 *
 * Everything is checked here, before any host is touched.
 */
#ifndef DT_RUN_ARGUMENTS_H
#define DT_RUN_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "modules/dt_module.h"

/* The value of one parameter; parallel to the verb's table. */
struct argument {
	const struct dt_param *param;
	/*
	 * As given, or the default; NULL: neither.  "yes" or "no" for DT_BOOL,
	 * the words joined by spaces for DT_REST and DT_MANY.
	 */
	char *text;
	long long number;	/* DT_INT, DT_BOOL (0, 1), DT_TIME (ms), DT_SIZE */
	struct strs list;	/* DT_REST, DT_MANY: the words */
	bool given;
};

struct arguments {
	const struct dt_verb *verb;
	struct argument *v;
	size_t n;
};

/*
 * Chooses the verb (the first word names it, else the one named "") and
 * takes its parameters from words.  ERR_MODULE "MODULE VERB: reason":
 * unknown verb or option with the nearest name, missing or superfluous
 * argument, a value that is not of its type.
 *
 * Options are --name VALUE, --name=VALUE, -n VALUE, and --name for DT_BOOL (--name=no
 * takes it back) and where .bare says so; the last of several counts, or all with
 * DT_MANY; "--" ends them.  A verb with
 * DT_REST has its options before the first positional argument, and where
 * it has no options at all, every word is positional (dt HOST tag -old).
 *
 * For a verb without DT_REST, a word that looks like an option and is none
 * of the verb's is handed to other (may be NULL): it may take it as dt's own
 * option, advancing *i to the last word it used, and returns 1 taken, 0 not
 * its, -1 error.
 */
int arguments_parse(const struct dt_module *m, char *const *words, size_t n,
		    int (*other)(void *arg, char *const *words, size_t n, size_t *i, struct dt_err *err), void *arg,
		    struct arguments *out, struct dt_err *err);
void arguments_release(struct arguments *a);
/* NULL where the verb has no parameter of that name. */
const struct argument *arguments_get(const struct arguments *a, const char *name);


/*
 * For a script: env gets DT_PARAM_NAME=VALUE for each parameter that has a
 * value (a time in milliseconds, a size in bytes, - in names as _), words
 * the positional ones in order ("" for one left out before another).
 * 0, or -1: no memory.
 */
int arguments_script(const struct arguments *a, struct strs *env, struct strs *words);

#endif
