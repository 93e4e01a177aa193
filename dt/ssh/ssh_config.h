/*
 * ssh_config - what ssh_config(5) files say about a host.
 *
 * First value wins; Host patterns with wildcards and negation; Match by host,
 * originalhost, user, localuser, all, canonical and final, with the second
 * pass that "final" asks for; Include with globs, relative to ~/.ssh or
 * /etc/ssh.  What dt does not do itself (ProxyCommand, GSSAPI, certificates,
 * PKCS#11, ...) is not interpreted but named in openssh_because, so that the
 * session goes through ssh(1).  ssh_config_keywords.c says what dt does for
 * each keyword, and dt-ssh_config(5) tells the user.
 *
 * A fault in a file is an error whether or not its line applies, as with
 * ssh; only keywords that ssh does not know are told at the lookup, since
 * IgnoreUnknown may depend on the host.
 */
#ifndef DT_SSH_SSH_CONFIG_H
#define DT_SSH_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/ssh/env.h"

struct ssh_config;

/*
 * file: what -F names, alone (ERR_USAGE when unreadable; "none": nothing);
 * NULL: ~/.ssh/config ($HOME), then /etc/ssh/ssh_config, where they exist.
 * Errors are "PATH:LINE: reason".  Lookups are thread-safe.
 */
struct ssh_config *ssh_config_load(const char *file, struct dt_err *err);
void ssh_config_free(struct ssh_config *c);

/* The number that a value is; where it is NULL or no number, otherwise. */
int ssh_config_number(const char *value, int otherwise);

/* One value and where it stands ("/root/.ssh/config:12"); NULLs where nothing is set. */
struct ssh_value {
	const char *value, *where;
};

/*
 * Strings in struct ssh_value live as long as the config; of an answer of
 * ssh_config_ask(), as long as it.
 */
struct ssh_host_config {
	struct ssh_value hostname;	/* as written */
	char *hostname_expanded;	/* with %h and %% expanded, lower case, malloced; NULL where not set */
	struct ssh_value user;
	struct ssh_value port;		/* decimal; a service's name is looked up */
	struct ssh_value proxyjump;	/* "a,user@b:port"; never "none" */
	struct ssh_value hostkeyalias;	/* lower case */
	struct ssh_value connecttimeout; /* whole seconds, decimal; "none" for none and 0 */
	struct ssh_value userknownhostsfile, globalknownhostsfile;	/* as written: several, quoted */
	struct ssh_value identitiesonly, hashknownhosts;	/* "yes", "no" */
	struct ssh_value identityagent;	/* as written; never with tokens or variables */
	struct ssh_value controlpath;	/* as written; dt/ssh/control.h */
	struct ssh_value stricthostkeychecking;	/* "yes", "no", "ask", "accept-new" */
	/*
	 * Lists of algorithms as written: "a,b", also with the signs + - ^ and
	 * wildcards that only ssh(1) resolves (algorithms.h).
	 */
	struct ssh_value kexalgorithms, ciphers, macs, hostkeyalgorithms;
	struct ssh_value requesttty;	/* "yes", "no", "auto", "force" */
	struct ssh_value serveraliveinterval, serveralivecountmax;	/* whole seconds, and a number */
	/*
	 * All that apply, in order, without doubles, ~ and %d %h %r %u
	 * expanded.  A single "none" keeps the default files away.
	 */
	struct strs identityfile;
	/*
	 * The user's files and then the global ones, split and expanded,
	 * defaults where one of the two is not set.  Empty: neither is set.
	 */
	struct strs known_hosts_files;
	bool no_user_hosts;		/* "UserKnownHostsFile none": new keys have no place */
	const char *hosts_unknown;	/* where a file stands that is not known here, so that the list is empty; or NULL */
	/*
	 * Why only ssh(1) can honour this host's settings ("ProxyCommand at
	 * /root/.ssh/config:7"), malloced, or NULL.
	 */
	char *openssh_because;
	/*
	 * ssh(1) alone finds out which lines apply ("Match exec", canonical
	 * names): nothing else is set then.
	 */
	bool undecided;
	/* Why no command can run there, as with ssh(1), malloced; or NULL. */
	char *refused;
	struct buf answer;	/* of ssh_config_ask() */
};

/* What dt's own command line or inventory sets, which goes before all files; NULL or 0: not set. */
struct ssh_config_told {
	const char *user, *hostname, *hostkey_alias;
	int port;
};

/*
 * What applies to host (the name as given to ssh); told may be NULL.
 * A value that cannot be right (Port abc) is ERR_USAGE "PATH:LINE: ...".
 * 0, or -1; release in both cases.
 */
int ssh_config_lookup(const struct ssh_config *c, const char *host, const struct ssh_config_told *told,
		      struct ssh_host_config *out, struct dt_err *err);
/* Does a value stand below a Host line that names one host, and nothing else? */
bool ssh_config_is_for_one(const struct ssh_config *c, const struct ssh_value *v);
void ssh_host_config_release(struct ssh_host_config *h);
/* Is there a line with this keyword in any file, whether it applies or not? */
bool ssh_config_mentions(const struct ssh_config *c, const char *keyword);

/*
 * Replaces the values of an undecided answer by what "ssh -G" says (its Match
 * exec commands are run for that); openssh_because and undecided stay.
 * 0, or -1: ERR_USAGE with ssh's own words, ERR_TIMEOUT, ERR_SKIPPED.
 */
int ssh_config_ask(const struct ssh_config *c, const struct ssh_env *env, const char *host,
		   const struct ssh_config_told *told, struct ssh_host_config *out, struct dt_err *err);

#endif
