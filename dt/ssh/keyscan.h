/*
 * keyscan - the keys that a host shows, without logging in.
 *
 * The host is reached as a session would reach it: address, port, jump hosts
 * and ssh_config.  One handshake tells which key types it has, and each other
 * type takes one more: by libssh2 where that can verify the type, else by
 * ssh(1), whose KnownHostsCommand is given the key before any login.
 */
#ifndef DT_SSH_KEYSCAN_H
#define DT_SSH_KEYSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/ssh/env.h"
#include "dt/ssh/target.h"

#define SHOWN_MAX 8

struct shown_keys {
	struct buf v[SHOWN_MAX];	/* blobs, each of another type, in the host's order */
	size_t n;
	char revoked[400];	/* of which ssh_config's RevokedHostKeys says so, in ssh's words; "" */
};

/*
 * All key types that ssh reads in a known_hosts file.  Release out in both cases.
 * 0, or -1: ERR_RESOLVE, ERR_CONNECT, ERR_HOSTKEY, ERR_TIMEOUT, ERR_SKIPPED, ERR_LOCAL.
 */
int keyscan(const struct ssh_env *env, const struct target *t, int64_t deadline, struct shown_keys *out,
	    struct dt_err *err);
void shown_keys_release(struct shown_keys *k);
/* The one that it shows ssh(1) first; the blob takes the place of what is in key. */
int keyscan_first(const struct ssh_env *env, const struct target *t, int64_t deadline, struct buf *key,
		  struct dt_err *err);

#endif
