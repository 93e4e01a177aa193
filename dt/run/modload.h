/*
 * modload - modules from files: shared objects and scripts.
 *
 * A shared object is loaded only where it and every folder up to / belong to
 * root or the caller and nobody else may write there (a root-owned sticky
 * folder such as /tmp may be on the way), with RTLD_NOW | RTLD_LOCAL.
 * The only room that sees <dlfcn.h>.
 */
#ifndef DT_RUN_MODLOAD_H
#define DT_RUN_MODLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "modules/dt_module.h"

enum script_where { SCRIPT_LOCAL, SCRIPT_REMOTE };

/* A script module: an executable with "# dt:" lines (dt-module(3)). */
struct script {
	enum script_where where;
	char *interpreter;	/* what its #! line says, "/usr/bin/env python3"; "/bin/sh" where it has none */
	char *text;		/* the whole file */
	size_t len;
};

struct module {
	const struct dt_module *mod;	/* for a script made from its comment lines; verbs[0].run is NULL then */
	char *path;			/* the file it came from */
	struct script *script;		/* NULL for a shared object */
	void *handle;			/* of dlopen */
};

/*
 * The words that make its interpreter read the script from stdin, arguments
 * to follow: "/bin/bash -s --" for a shell, "/usr/bin/env python3 -" for
 * others.  *out must be empty.  0, or -1: no memory.
 */
int script_argv(const struct script *s, struct strs *out);

struct modload;

/*
 * Where modules are looked for, in order: DT_MODULE_PATH (absolute folders,
 * colon-separated; ignored when root or set-id), ~/.config/dt/modules and /etc/dt/modules
 * (scripts), PREFIX/lib/dt/modules (shared objects), PREFIX/lib/dt/scripts,
 * with PREFIX from where the running binary stands.  NULL: no memory.
 */
struct modload *modload_new(struct dt_err *err);
/* Adds a folder in front (tests, dt.conf's module_dir). */
int modload_add_dir(struct modload *l, const char *dir, struct dt_err *err);
void modload_free(struct modload *l);

/*
 * Loads a module by name ([a-z0-9][a-z0-9_-]*), or by another name that is a
 * symbolic link to its file.  The first folder that has
 * NAME.so or NAME wins; both in one folder is an error ("two of one name").
 * NULL: ERR_MODULE "module NAME: PATH: reason" (not found with the nearest
 * name, wrong ABI with both numbers, no symbol, its name is another, bad
 * owner or mode with the folder's path, a script's comment that is wrong
 * with its line, a malformed table).  The module belongs to l.
 */
const struct module *modload_get(struct modload *l, const char *name, struct dt_err *err);

/*
 * All modules that load; calls fn for each in name order; those that do not
 * load come with mod NULL and the error.
 */
int modload_list(struct modload *l, void (*fn)(void *arg, const char *name, const struct module *m,
					       const struct dt_err *err), void *arg, struct dt_err *err);

#endif
