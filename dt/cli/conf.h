/*
 * conf - dt.conf(5): the user's habits, below the command line.
 */
#ifndef DT_CLI_CONF_H
#define DT_CLI_CONF_H

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/cli/options.h"

/* What dt.conf says beside options. */
struct conf {
	struct strs selector_dirs;	/* [selectors] dir, in order; absolute */
	struct strs module_dirs;	/* [modules] dir */
	enum option_source selectors_by, modules_by;	/* which file they are from; the user's replace the system's */
};

/*
 * Reads /etc/dt/dt.conf, then $XDG_CONFIG_HOME/dt/dt.conf, whose values win;
 * or, where $DT_CONF names a file, that one alone.  A missing file is an
 * empty one, but for $DT_CONF's.  Leaves o->source at SOURCE_COMMAND.
 * 0, or -1: ERR_USAGE "FILE:LINE: reason", an unknown key with the nearest.
 */
int conf_load(struct options *o, struct conf *c, struct dt_err *err);
void conf_release(struct conf *c);

/* One file's text; path is what errors call it, and relative paths begin in its folder. */
int conf_parse(struct conf *c, struct options *o, enum option_source source, const char *path, const char *text,
	       size_t len, struct dt_err *err);

#endif
