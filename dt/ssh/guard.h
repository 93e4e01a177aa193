/*
 * guard - an assertion that fails inside libssh2 ends one session, not dt.
 *
 * libssh2 asserts on what a host sends (a flipped bit in an encrypted packet
 * length is enough).  guard.c interposes glibc's __assert_fail: inside a
 * guarded call it jumps back to it; elsewhere it aborts as ever.
 */
#ifndef DT_SSH_GUARD_H
#define DT_SSH_GUARD_H

#include <stdbool.h>

/*
 * Calls fn(arg) and returns true; false when an assertion failed in it.  What
 * fn changed lives in arg; libssh2's own objects must not be used again, not
 * even freed.  Not to be nested.
 */
bool guard_call(void (*fn)(void *), void *arg);
/* The assertion that failed last in this thread; to be asked for before anything waits. */
const char *guard_reason(void);
/* Keeps a pointer reachable for ever: an object that may not be freed. */
void guard_abandon(void *object);

#endif
