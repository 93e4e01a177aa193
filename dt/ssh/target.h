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

/* StrictHostKeyChecking; "ask" is yes, for nobody is asked. */
enum strict { STRICT_YES, STRICT_ACCEPT_NEW, STRICT_NO };

/* What libssh2 offers, exactly; NULL: dt's own choice. */
struct target_algorithms {
	const char *kex, *ciphers, *macs, *hostkeys;
};

struct jump;

struct target {
	const char *name;	/* as in the inventory, and as ssh(1) is told it */
	const char *hostname;	/* what is resolved: a name or an address */
	const char *known_as;	/* the name in known_hosts */
	bool known_exactly;	/* that is an alias: no other name stands for it */
	const char *user;
	int port;
	const struct keyring *ring;
	const struct identity *const *ids;	/* to offer, in order */
	size_t id_count;
	/* "PATH: reason" of each key that is not among them, an agent's too; NULL-terminated, or NULL */
	const char *const *passed_over;
	bool agent_hangs;	/* ssh(1) is not to wait for it */
	const char *control_path;	/* where ssh_config has a ControlMaster listen for this host, or NULL */
	const struct known_hosts *known_hosts;
	/*
	 * What ssh(1) is told because dt's own command line or inventory set
	 * it; the rest it finds in ssh_config itself.  NULL or 0: not told.
	 */
	struct {
		const char *user, *hostname, *hostkey_alias;
		const char *known_hosts;	/* UserKnownHostsFile's value: space-separated, quoted */
		const char *const *id_files;	/* NULL-terminated */
		bool known_hosts_alone;		/* keys come from there and from nowhere else */
		int port;
		bool direct;	/* via = none */
		const char *const *options;	/* "KEYWORD=VALUE" of ssh_options, NULL-terminated; before all others */
	} told;
	const char *fault;	/* why nobody can log in there, known beforehand; or NULL */
	const char *first_known_hosts;	/* where --accept-new and dt trust write; NULL: nowhere ("none") */
	const char *known_hosts_because;	/* why only ssh(1) knows which files those are, or NULL */
	int hash_names;		/* HashKnownHosts: 1, 0, or -1: as the file has them */
	enum strict strict;	/* --accept-new counted in */
	const char *unchecked;	/* "StrictHostKeyChecking no at FILE:LINE", where it is not followed as far as ssh(1) goes; or NULL */
	struct target_algorithms algorithms;
	/* ssh_config may say which of these ssh(1) offers: dt does not name faster ones first then */
	bool kex_is_set, ciphers_is_set;
	bool tty;			/* a terminal there, as RequestTTY says; through ssh(1) */
	/*
	 * ssh(1) alone finds out which lines of ssh_config apply.  Where that
	 * leaves these open, they have no meaning here, and are null to the user.
	 */
	bool undecided;
	struct { bool user, hostname, port; } unknown;
	const char *refused;		/* why no command can run there, or NULL */
	int alive_seconds, alive_count;	/* ServerAliveInterval and -CountMax; 0: not set */
	const struct target *via;	/* the last jump host before it, or NULL */
	struct jump *jump;	/* how via is reached: its pump, or NULL */
	struct jump *pump;	/* of a jump host: its own */
	bool shell;		/* the host has a POSIX sh, which can end a command */
	enum transport transport;
	const char *openssh_because;	/* why ssh(1) is needed, where known beforehand; or NULL */
	int64_t connect_timeout_ms;
};

/* Adds to the error of a login which keys were passed over, shortly. */
void target_add_passed_over(const struct target *t, struct dt_err *err);
/* A ControlMaster of the user's own answers at control_path: ssh(1) logs in through it. */
bool target_has_master(const struct target *t);

#endif
