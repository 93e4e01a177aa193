/*
 * target - how to reach one host: every setting resolved, ready to connect.
 *
 * Made by dt/run/plan on the main thread; constant while sessions live.
 */
#ifndef DT_SSH_TARGET_H
#define DT_SSH_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/ssh/keys.h"
#include "dt/ssh/known_hosts.h"

enum transport { TRANSPORT_AUTO, TRANSPORT_LIBSSH2, TRANSPORT_OPENSSH, TRANSPORT_LOCAL };

struct jump;

struct target {
	const char *name;	/* as in the inventory, and as ssh(1) is told it */
	const char *hostname;	/* what is resolved: a name or an address */
	const char *known_as;	/* the name in known_hosts */
	const char *user;
	int port;
	const struct keyring *ring;
	const struct identity *const *ids;	/* to offer, in order */
	size_t id_count;
	bool ssh_has_more;	/* ssh(1) has credentials that libssh2 cannot use: try it after ERR_AUTH */
	const struct known_hosts *known_hosts;
	/*
	 * What ssh(1) is told because dt's own command line or inventory set
	 * it; the rest it finds in ssh_config itself.  NULL or 0: not told.
	 */
	struct {
		const char *user, *hostname, *hostkey_alias;
		const char *known_hosts;	/* UserKnownHostsFile's value: space-separated, quoted */
		const char *const *id_files;	/* NULL-terminated */
		int port;
		bool direct;	/* via = none */
	} told;
	const char *first_known_hosts;	/* where --accept-new and dt trust write */
	const struct target *via;	/* the last jump host before it, or NULL */
	struct jump *jump;	/* how via is reached: its pump, or NULL */
	struct jump *pump;	/* of a jump host: its own */
	bool shell;		/* the host has a POSIX sh (false: commands are not wrapped) */
	enum transport transport;
	const char *openssh_because;	/* why ssh(1) is needed, where known beforehand; or NULL */
	int64_t connect_timeout_ms;
};

#endif
