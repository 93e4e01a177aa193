/*
 * sim_conn - one connection, from accept to close.
 *
 * Never blocks.  All that happens to a connection happens in its thread, in
 * turns: libssh is called for what has come (or, with a delay, for what is due),
 * then the commands go on, then all that was written leaves.
 */
#ifndef SIM_CONN_H
#define SIM_CONN_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim_answer.h"
#include "sim_host.h"
#include "sim_loop.h"
#include "sim_rules.h"
#include "sim_wire.h"

/* What all threads share. */
struct fleet {
	const struct rules *rules;
	uint64_t seed;
	int listener;
	atomic_ulong accepted, dropped, logins, execs, live, peak;
};

/* A thread. */
struct lane {
	struct fleet *fleet;
	struct loop *loop;
	ssh_bind bind, stranger; /* with the fleet's host key; with another */
	struct conn *conns;
	struct watch accepting;
};

struct run;

struct conn {
	struct lane *lane;
	struct conn *next, **here;
	struct wire wire;
	struct watch watch;
	struct timer timer; /* the start, the delay line, an endless banner */
	struct host host;
	struct answer answer;
	ssh_session session; /* NULL: no SSH is spoken (yet) */
	ssh_event event;
	struct run *runs;
	bool starting; /* counts as not logged in */
	bool no_channels; /* the user is "nochannel" */
	bool served; /* a command has run on it, and no channel was opened since */
	bool talks, mute; /* idle, it says things of its own; nothing any more */
	bool ended; /* to be freed at the end of its turn */
	struct ssh_server_callbacks_struct server_cb;
	struct ssh_callbacks_struct session_cb;
};

/* Begins to accept in this lane.  0, or -1 */
int conn_listen(struct lane *lane);
/* Something has become possible: a turn.  May free c. */
void conn_turn(struct conn *c);
/* What is written so far leaves; then the connection is closed, or reset.  Not yet freed. */
void conn_close(struct conn *c);
void conn_reset(struct conn *c);
/* Ends all connections of a lane. */
void conn_free_all(struct lane *lane);

#endif
