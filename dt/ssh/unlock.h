/*
 * unlock - encrypted keys, in a private ssh-agent(1).
 *
 * ssh-add(1) asks for the passphrase itself, on the terminal or through
 * SSH_ASKPASS, so that dt never sees it, and OpenSSH's own code decrypts.
 * The agent lives below a shell that ends it, and removes its folder, when
 * the pipe to dt closes: also where dt is killed.  (A death signal of
 * prctl(2) would not reach ssh-agent, which may be setgid.)
 */
#ifndef DT_SSH_UNLOCK_H
#define DT_SSH_UNLOCK_H

#include <stdbool.h>

#include "dt/base/err.h"

struct unlock;

/* Starts the agent.  NULL: ERR_LOCAL. */
struct unlock *unlock_new(struct dt_err *err);
/* Ends it and removes its folder. */
void unlock_free(struct unlock *u);
/* The socket of the agent. */
const char *unlock_socket(const struct unlock *u);
/*
 * Adds a key file to the agent.  0; 1: ssh-add did not (a wrong passphrase,
 * no terminal), and said so itself; -1: ERR_LOCAL.
 */
int unlock_add(struct unlock *u, const char *path, struct dt_err *err);
/* Could ssh-add ask here? */
bool unlock_can_ask(void);

#endif
