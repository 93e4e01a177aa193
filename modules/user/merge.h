/*
 * merge - an authorized_keys as it shall be, from what it is.
 *
 * The format is that of sshd(8).  A key is known by its type and base64 text.
 */
#ifndef MODULES_USER_MERGE_H
#define MODULES_USER_MERGE_H

#include "user/want.h"

struct merge {
	char *text;		/* what the file shall hold; to be freed */
	size_t len;
	size_t added, removed, changed;	/* keys; changed: other options */
};

/*
 * Adds u's keys, removes its dropped ones and, with keys_exclusive, all lines
 * but its own and comments.  A key that is there gets the options of its line,
 * where that has some; other lines stay byte for byte.  0, or -1: no memory.
 */
int merge_keys(struct merge *m, const char *old, size_t len, const struct want *u);

#endif
