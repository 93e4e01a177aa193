/*
 * transport - the inside of a session: one interface, two ways to speak SSH.
 * For dt/ssh alone; others see session.h.
 */
#ifndef DT_SSH_TRANSPORT_H
#define DT_SSH_TRANSPORT_H

#include <sys/types.h>

#include "dt/ssh/session.h"

/* How a command ended, as the transport received it. */
struct raw_end {
	bool begun;		/* the command may have begun; set on failure too */
	int status;		/* 0-255, really received; or -1 */
	char signal[16];	/* "" where none came */
	bool elsewhere;		/* it ran on another connection than what ran before it */
};

struct transport_ops {
	const char *name;
	/* As session_open; ERR_UNSUPPORTED: the other transport may do better. */
	int (*open)(struct session *s, int64_t deadline, struct dt_err *err);
	/*
	 * Runs command as it is with the rest of req.  0 and *end; or ERR_CONNECT
	 * (not begun), ERR_LOST, ERR_AUTH (sudo), ERR_TIMEOUT, ERR_KILLED: in the last
	 * three the command may still run where end->begun, its channel
	 * stays open, and another run may follow to end it.  ERR_UNSUPPORTED: not
	 * begun, and the other transport can.
	 */
	int (*run)(struct session *s, const char *command, const struct session_exec *req, struct raw_end *end,
		   struct dt_err *err);
	/* Frees state; must not block. */
	void (*close)(struct session *s);
	/*
	 * Between runs: makes it ready to lie idle; takes in what came
	 * meanwhile; makes it ready for run.  False: it has ended, or cannot.
	 * NULL: not with this transport.  None of them waits.
	 */
	bool (*rest)(struct session *s);
	bool (*serve)(struct session *s);
	bool (*wake)(struct session *s);
	int (*fd)(const struct session *s);	/* readable where serve has something to do; -1: nothing tells */
};

extern const struct transport_ops transport_libssh2, transport_openssh, transport_local;

struct session {
	const struct transport_ops *ops;
	const struct ssh_env *env;
	struct ssh_env uncancelled;	/* env without its cancel descriptor, for ending commands */
	const struct target *t;
	const struct session_hooks *hooks;
	char address[64];
	char because[480];	/* why this transport was taken, or "" */
	int64_t login_deadline;		/* of the first channel too, 0 once that is open */
	bool woken;			/* it has rested; nothing has begun since */
	bool has_turn;		/* before_connect was called, after_login not yet */
	bool ran;		/* a command was begun on it */
	/* With the local transport, how the processes of the command under way are known. */
	char entry[32];
	pid_t pid;
	void *state;		/* of the transport */
};

/* The earlier of a deadline and the target's connect timeout from now on. */
int64_t session_connect_deadline(const struct session *s, int64_t deadline);
/*
 * before_connect and after_login, in pairs.  The turn is given back when the
 * host has opened a channel: sshd(8) counts a login against MaxStartups until
 * a little after the client knows of its success.
 */
int session_take_turn(struct session *s, const char *address, int64_t deadline, struct dt_err *err);
void session_give_turn(struct session *s);

void session_note(struct session *s, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* err for a wait that ended with 0 (deadline) or -1 (cancel) before anything began. */
int session_waited(int r, const char *what, struct dt_err *err);

/* libssh2's library can log in with this identity. */
bool libssh2_can_use(const struct target *t, const struct identity *id);

#endif
