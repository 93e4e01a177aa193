/*
 * ssh_config - what ssh_config(5) files say about a host.
 *
 * First value wins; Host patterns with wildcards and negation; Include with
 * globs, relative to ~/.ssh or /etc/ssh.  What dt does not do itself (Match,
 * ProxyCommand, GSSAPI, certificates, PKCS#11, ...) is not interpreted but
 * named in openssh_because, so that the session goes through ssh(1).
 */
#ifndef DT_SSH_SSH_CONFIG_H
#define DT_SSH_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/util.h"

struct ssh_config;

/*
 * file: what -F names, alone (ERR_USAGE when unreadable; "none": nothing);
 * NULL: ~/.ssh/config ($HOME), then /etc/ssh/ssh_config, where they exist.
 * Errors are "PATH:LINE: reason".  Lookups are thread-safe.
 */
struct ssh_config *ssh_config_load(const char *file, struct dt_err *err);
void ssh_config_free(struct ssh_config *c);

/* One value and where it stands ("/root/.ssh/config:12"); NULLs where nothing is set. */
struct ssh_value {
	const char *value, *where;
};

/* Strings in struct ssh_value live as long as the config. */
struct ssh_host_config {
	struct ssh_value hostname;	/* %h is expanded by ssh_config_lookup into hostname_expanded */
	char *hostname_expanded;	/* malloced, or NULL */
	struct ssh_value user, port, proxyjump, hostkeyalias, connecttimeout;
	struct ssh_value userknownhostsfile, globalknownhostsfile;	/* as written: several, quoted */
	struct ssh_value identitiesonly, identityagent, stricthostkeychecking, hashknownhosts;
	struct strs identityfile;	/* all that apply, in order, ~ and %d %h %r %u expanded */
	struct strs known_hosts_files;	/* the two above, split and expanded; empty: defaults */
	/*
	 * Why only ssh(1) can honour this host's settings ("ProxyCommand at
	 * /root/.ssh/config:7"), malloced, or NULL.
	 */
	char *openssh_because;
};

/*
 * What applies to host (the name as given to ssh).  user is the login name
 * where dt's inventory or command line sets one (for %r), or NULL.
 * A value that cannot be right (Port abc) is ERR_USAGE "PATH:LINE: ...".
 * 0, or -1; release in both cases.
 */
int ssh_config_lookup(const struct ssh_config *c, const char *host, const char *user,
		      struct ssh_host_config *out, struct dt_err *err);
void ssh_host_config_release(struct ssh_host_config *h);

#endif
