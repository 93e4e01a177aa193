/*
 * agree - one uid for a name on the whole fleet, or none at all.
 *
 * Pure functions of what is wanted and what was found; unit tests call them.
 */
#ifndef MODULES_USER_AGREE_H
#define MODULES_USER_AGREE_H

#include "user/found.h"
#include "user/want.h"

/* Hosts that were not reached have no answer, and no say. */
struct fleet {
	struct found *found;		/* by their number */
	const char **names;
	size_t n;
};

/*
 * Chooses new_id and new_gid of what is to be made somewhere.  NULL; or why no
 * host may begin, naming hosts: to be freed.
 */
char *agree_ids(struct wants *w, const struct fleet *hosts);

/* The lowest uid of people on a host. */
long long lowest_uid(const struct wants *w, const struct found *f);
/* One that is not a person's: below the lowest, or nobody's. */
bool is_system_id(const struct wants *w, const struct found *f, long long id);

#endif
