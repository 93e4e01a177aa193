/*
 * plan - for each host of a run, how to reach it: all settings resolved.
 *
 * Precedence: command line, host, tag, domain, defaults, ssh_config,
 * built-in.  Made once on the main thread, then constant.
 */
#ifndef DT_RUN_PLAN_H
#define DT_RUN_PLAN_H

#include "dt/base/err.h"
#include "dt/ssh/env.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/target.h"
#include "inventory/inventory.h"

/* What the command line and dt.conf say; borrowed, must outlive the plan. */
struct plan_options {
	const char *user;		/* NULL: by precedence */
	int port;			/* 0: by precedence */
	bool user_given, port_given;	/* by the command line, not by dt.conf: then no host may be named with another */
	bool ask_password;		/* -k */
	int64_t timeout_ms;		/* 0: by precedence */
	const struct strs *identities;	/* -I */
	const struct strs *known_hosts;	/* --known-hosts; replaces all defaults */
	const char *jump;		/* -J, or NULL */
	const char *ssh_config;		/* -F, or NULL */
	enum transport transport;
	bool terminal;			/* dt's own standard input is one */
	bool ask_ssh;			/* where ssh(1) alone knows what applies, ask "ssh -G" (it runs Match exec) */
};

struct plan;

/*
 * Resolves all hosts of the set; the keyring may ask for a passphrase.
 * env is kept for the jump hosts.  0, or -1: ERR_USAGE naming file, line,
 * option or host.
 */
int plan_new(const struct plan_options *opt, struct inventory *inv, const struct hostset *hosts,
	     const struct ssh_env *env, struct plan **out, struct dt_err *err);
/* Ends the jump hosts' sessions, then frees. */
void plan_free(struct plan *p);

/* For host i of the set. */
const struct target *plan_target(const struct plan *p, size_t i);

/* One setting with where it comes from, for dt why and -p. */
typedef void plan_explain_fn(void *arg, const char *key, const char *value, const char *origin);
/* Calls fn for each setting of host i of the set, in a fixed order. */
int plan_explain(struct plan *p, size_t i, plan_explain_fn *fn, void *arg, struct dt_err *err);

#endif
