/*
 * algorithms - which of a policy's algorithms libssh2 has.
 *
 * A policy is what ssh_config(5) or dt's user says is offered: "a,b".  What
 * begins with + - or ^, or has wildcards, is about ssh(1)'s own defaults, and
 * for ssh(1) to resolve.
 */
#ifndef DT_SSH_ALGORITHMS_H
#define DT_SSH_ALGORITHMS_H

#include <stdbool.h>

#include "dt/base/buf.h"

enum algorithm_kind { ALGORITHM_KEX, ALGORITHM_CIPHER, ALGORITHM_MAC, ALGORITHM_HOSTKEY };

/* Asks the library, once, before any thread.  0, or -1. */
int algorithms_init(void);
/* Has libssh2 all that the policy names? */
bool algorithms_has_all(enum algorithm_kind kind, const char *policy);
/* Adds those of the list that libssh2 has, in its order.  0, or -1: no memory. */
int algorithms_filter(enum algorithm_kind kind, const char *list, struct buf *out);

#endif
