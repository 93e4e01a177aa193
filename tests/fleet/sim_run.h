/*
 * sim_run - one session channel and the command on it, which is not run.
 *
 * The answer comes from the rules and from the command (sim_answer.h).  A command or rule that names a fault and no stdout prints RUN_TEXT.  A command
 * whose "sim:" words are wrong, or whose file cannot be read, says so on stderr and
 * ends with status 2.  A program of dt's own has its mark said first
 * (dt/run/services_sh.c).
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <libssh/libssh.h>

#include "sim_conn.h"

#define RUN_TEXT "half of an answer\n"

/* Once, before any thread. */
void run_init(void);
/* A new channel, or NULL: out of memory.  From libssh's callback. */
ssh_channel run_open(struct conn *c);
/* Goes on with what can be done now. */
void run_turn(struct run *r);
/* Those whose channel has ended. */
void run_free_ended(struct conn *c);
void run_free_all(struct conn *c);
struct run *run_next(const struct run *r);

#endif
