/*
 * plan_sets - what many hosts of a plan share: lists of keys, and known_hosts files read once.
 */
#ifndef DT_RUN_PLAN_SETS_H
#define DT_RUN_PLAN_SETS_H

#include "dt/base/util.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/target.h"

struct plan_sets;

struct plan_sets *plan_sets_new(struct dt_err *err);
void plan_sets_free(struct plan_sets *s);

/*
 * Sets ring, ids, id_count, ssh_has_more and told.id_files of t: -I files
 * (cli), the inventory's identity, IdentityFile, the agent's, default files.
 * tell: ssh(1) is told the files also where they are the defaults, since it
 * would look for them in another home.
 */
int plan_identities(struct plan_sets *s, const struct strs *cli, const char *identity,
		    const struct ssh_host_config *ssh, bool tell, struct target *t, struct dt_err *err);
/*
 * Sets known_hosts, first_known_hosts and told.known_hosts of t.  tell: as above.
 */
int plan_known_hosts(struct plan_sets *s, const struct strs *cli, const char *files,
		     const struct ssh_host_config *ssh, bool tell, struct target *t, struct dt_err *err);

#endif
