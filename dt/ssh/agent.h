/*
 * agent - a client of ssh-agent(1): its keys, and signatures by them.
 *
 * One connection for each request, so that no thread waits for another's
 * answer on it.  Source: draft-miller-ssh-agent.
 */
#ifndef DT_SSH_AGENT_H
#define DT_SSH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/ssh/env.h"

/* One key that an agent holds; a non-zero return ends the listing, which returns it. */
typedef int agent_key_fn(void *arg, const void *blob, size_t len, const char *comment);

/*
 * The keys of the agent at a socket's path.  0, or -1 with ERR_AUTH (and
 * err->sys where the socket could not be connected), ERR_TIMEOUT.
 */
int agent_list(const char *path, int64_t deadline, agent_key_fn *fn, void *arg, struct dt_err *err);

/* As identity_sign.  Thread-safe. */
int agent_sign(const char *path, const void *blob, size_t blob_len, const char *algorithm, const void *data,
	       size_t len, struct buf *sig, const struct ssh_env *env, int64_t deadline, struct dt_err *err);

#endif
