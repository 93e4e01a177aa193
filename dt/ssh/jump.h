/*
 * jump - a jump host's login, shared by all sessions that go through it.
 *
 * A lane is a thread with one libssh2 login on the jump host.  It bridges
 * direct-tcpip channels to socket pairs, so that workers see plain
 * descriptors.  libssh2 opens one channel at a time on a session, and an open
 * to a dead host hangs until the jump host gives up: a request that no lane
 * takes within a second starts another lane, up to JUMP_LANES.
 */
#ifndef DT_SSH_JUMP_H
#define DT_SSH_JUMP_H

#include "dt/base/err.h"
#include "dt/ssh/session.h"

#define JUMP_LANES 16

struct jump;

/* For the host that t describes; env and t must outlive it.  NULL: no memory or descriptors (*err). */
struct jump *jump_new(const struct ssh_env *env, const struct target *t, struct dt_err *err);
/*
 * Ends all lanes (their sessions fail), waits for their threads.  False: one
 * hangs; then j, env and t are left to it.
 */
bool jump_free(struct jump *j);

/*
 * A connection from the jump host to host:port: a non-blocking descriptor.
 * Waiting in line for a lane is not the host's time: its timeout_ms (0: none)
 * counts from where a lane begins; *deadline becomes the end of it, where that
 * is earlier.  -1: with ERR_CONNECT, ERR_TIMEOUT, ERR_SKIPPED, or the jump host's own
 * failure ("jump host NAME: ..."; ERR_UNSUPPORTED: it needs ssh(1)).
 */
int jump_connect(struct jump *j, const struct ssh_env *env, const char *host, int port, int64_t timeout_ms,
		 int64_t *deadline, struct dt_err *err);

#endif
