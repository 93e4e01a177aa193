/*
 * show - the accounts of a host, as lines and as rows.
 */
#ifndef MODULES_USER_SHOW_H
#define MODULES_USER_SHOW_H

#include "dt_module.h"
#include "user/agree.h"

/* Those of names, or all of people (w->system: all) where names is NULL.  What run shall return. */
int show_accounts(struct dt_task *task, const struct dt_services *dt, const struct wants *w, const struct found *f,
		  const char *const *names, size_t n);

#endif
