/*
 * services_kept - sessions that stay open from one run to the next over the same hosts.
 *
 * A host's session is taken and put by the one worker that has the host; all
 * the rest is for the main thread, between runs.
 */
#ifndef DT_RUN_SERVICES_KEPT_H
#define DT_RUN_SERVICES_KEPT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "dt/ssh/session.h"

struct kept;

/* For so many hosts; at most max sessions lie open.  NULL: no memory. */
struct kept *kept_new(size_t hosts, size_t max);
/* Ends them; before the plan that they were opened by is freed. */
void kept_free(struct kept *k);
size_t kept_max(const struct kept *k);	/* k may be NULL: 0 */

/* The host's session, ready for a run with these; NULL: there is none any more. */
struct session *kept_take(struct kept *k, size_t index, const struct ssh_env *env, const struct session_hooks *hooks);
/* Takes the session over; it is ended where it cannot rest, or too many do. */
void kept_put(struct kept *k, size_t index, struct session *s);

/* How many there are, after a look at each. */
size_t kept_count(struct kept *k);
/* Adds what to poll(2) for, at most room of them, for kept_serve; returns how many. */
size_t kept_poll(const struct kept *k, struct pollfd *fds, size_t room);
/* After poll(2): takes in what came, ends those whose host has. */
void kept_serve(struct kept *k, const struct pollfd *fds, size_t n);

#endif
