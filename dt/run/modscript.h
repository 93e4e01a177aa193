/*
 * modscript - what a script module says of itself in its "# dt:" lines.
 *
 * Their format is in dt-module(3): comment lines (#, // or --) among the
 * first 50 of the file.
 */
#ifndef DT_RUN_MODSCRIPT_H
#define DT_RUN_MODSCRIPT_H

#include "dt/base/err.h"
#include "dt/run/modload.h"

/* A module made from a script; mod points into it. */
struct modscript {
	struct script script;
	const struct dt_module *mod;
};

/*
 * Reads the file at path as the module name.  NULL: ERR_MODULE
 * "PATH:LINE: reason".
 */
struct modscript *modscript_read(const char *name, const char *path, struct dt_err *err);
void modscript_free(struct modscript *s);

#endif
