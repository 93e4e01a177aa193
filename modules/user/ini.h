/*
 * ini - the file of "user apply": sections [user NAME] and [group NAME].
 */
#ifndef MODULES_USER_INI_H
#define MODULES_USER_INI_H

#include "dt_module.h"
#include "user/want.h"

/* Adds the lines of a file of keys to list; one: no more than one key.  DT_OK, or DT_FAIL after refuse(). */
int read_keys(struct dt_call *call, const struct dt_services *dt, struct wants *w, struct key_list *list,
	      const char *path, bool one);

/* All that the file wants.  DT_OK, or DT_FAIL after refuse(). */
int read_wants(struct dt_call *call, const struct dt_services *dt, struct wants *w, const char *path);

#endif
