/*
 * plan_sets - what many hosts of a plan share: lists of keys, and known_hosts files read once.
 */
#ifndef DT_RUN_PLAN_SETS_H
#define DT_RUN_PLAN_SETS_H

#include "dt/base/util.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/target.h"

struct plan_sets;

/* An agent may take agent_ms to tell its keys. */
struct plan_sets *plan_sets_new(int64_t agent_ms, struct dt_err *err);
void plan_sets_free(struct plan_sets *s);

/*
 * Sets ring, ids, id_count, passed_over, agent_hangs and told.id_files of t,
 * in the order of ssh(1): of the files (-I, cli; the inventory's identity;
 * IdentityFile; or the default ones) those that the agent holds, the agent's
 * others, the other files.
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
