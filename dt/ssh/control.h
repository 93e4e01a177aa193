/*
 * control - where ssh_config(5) has a ControlMaster listen for a host.
 *
 * dt goes through a master of the user's own, and neither makes nor ends one.
 * A path must tell hosts, users and ports apart as far as dt's own settings
 * may differ from those that the master was made with: else a command would
 * run elsewhere.  The tokens: ssh_config(5), TOKENS, of OpenSSH 9.2 to 10.0.
 */
#ifndef DT_SSH_CONTROL_H
#define DT_SSH_CONTROL_H

#include "dt/base/err.h"
#include "dt/ssh/target.h"

/*
 * ControlPath as written, for a target with name, hostname, user, port, via
 * and told: *out is malloced, or NULL where it is not to be used, with *why (a
 * static text; NULL where the value is "none").  one_host: the line is for
 * this host alone.  home and login are the local user's.  0, or -1: no memory.
 */
int control_path(const char *value, const struct target *t, const char *alias, const char *home, const char *login,
		 bool one_host, char **out, const char **why, struct dt_err *err);

#endif
