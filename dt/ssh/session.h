/*
 * session - one login on one host, and commands on it.
 *
 * One interface, two transports behind it: libssh2, and the system's ssh(1).
 * A session belongs to the thread that opened it.  No call blocks past its
 * deadline or a cancel, and nothing a host sends can end the process.
 */
#ifndef DT_SSH_SESSION_H
#define DT_SSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/ssh/env.h"
#include "dt/ssh/target.h"

struct session;

/* What happens on the way, for -v: level as in log_info; one line of text. */
typedef void session_note_fn(void *arg, int level, const char *text);

/*
 * Connects and logs in.  deadline covers both (and the target's own connect
 * timeout, if that is earlier).  before_connect (may be NULL) is called with
 * the address once it is known and may wait for a turn (of which the connect
 * timeout does not count); it returns 0, or -1 with the error; after_login is
 * then called exactly once, at the latest by session_close.
 * 0, or -1: ERR_RESOLVE, ERR_CONNECT, ERR_HOSTKEY, ERR_AUTH, ERR_TIMEOUT,
 * ERR_SKIPPED (cancelled), ERR_LOCAL.  Nothing has begun on the host then.
 * ERR_CONNECT with sys ECONNRESET: the host dropped the connection before the
 * login, as one does that has too many; EBUSY: it lets nobody in from here for
 * a while (sshd_config(5), PerSourcePenalties); ECONNREFUSED: nobody listens.
 */
struct session_hooks {
	int (*before_connect)(void *arg, const char *address, int64_t deadline, struct dt_err *err);
	void (*after_login)(void *arg);
	session_note_fn *note;
	void *arg;
};
int session_open(const struct ssh_env *env, const struct target *t, const struct session_hooks *hooks,
		 int64_t deadline, struct session **out, struct dt_err *err);
void session_close(struct session *s);

/*
 * A session may outlive its run, and rest until the next one: without hooks,
 * on no thread.  False: it cannot, or has ended; only session_close is left.
 */
bool session_rest(struct session *s);
/* While it rests: takes in what the host has sent (session_fd is readable).  False: it has ended. */
bool session_serve(struct session *s);
int session_fd(const struct session *s);	/* -1: nothing tells */
/*
 * For the next run, on any thread.  False: it has ended.  Where that shows
 * only later, session_run fails with ERR_CONNECT and sys ESTALE: nothing has
 * begun, and a new session may do it.
 */
bool session_wake(struct session *s, const struct ssh_env *env, const struct session_hooks *hooks);

const char *session_address(const struct session *s);	/* "" where unknown (ProxyCommand) */
/* The openssh transport logs in with its first command: not yet, then. */
bool session_logged_in(const struct session *s);
const char *session_transport(const struct session *s);	/* "libssh2", "openssh" or "local" */
/* Why this transport was taken, or NULL. */
const char *session_because(const struct session *s);

#define SESSION_LATER ((size_t)-1)

enum { SESSION_STDOUT = 1, SESSION_STDERR = 2 };

struct session_exec {
	const char *command;	/* for the user's login shell there */
	const char *in;		/* stdin; then end of file */
	size_t in_len;
	/*
	 * Or stdin from here, up to size bytes at a time; returns how many, 0: end of
	 * file, SESSION_LATER: nothing yet, and input_fd is readable once it is to be
	 * asked again.  It never waits.
	 */
	size_t (*input)(void *arg, char *room, size_t size);
	int input_fd;
	bool tty;		/* it has a terminal there, and so one stream, SESSION_STDOUT, with prompts in it */
	bool no_shell;		/* the host has no POSIX sh: where it is to end, it is not tried */
	int64_t deadline;	/* 0: none */
	int64_t timeout_ms;	/* from when the command begins; 0: none */
	void (*output)(void *arg, int stream, const char *data, size_t len);
	void *arg;
	const bool *enough;	/* true: it is to be ended (ERR_KILLED); or NULL */
	/*
	 * The command begins where the text ready comes on stdout and on stderr,
	 * which is taken out; what came before is no output of it.  There, a
	 * text prompt on stderr is a question: it is taken out too, and the
	 * answer and a newline are sent.  A second one means that it was wrong:
	 * ERR_AUTH, once the command has ended.  in follows behind ready.
	 */
	const char *prompt, *ready;
	const struct secret *answer;
	/*
	 * Words before the command that ends the remote process group, where
	 * that needs other rights ("sudo -S -p PROMPT --"); NULL: none.
	 */
	const char *become;
	/* The command outlives the connection under this name (detached.h), without input; NULL: not. */
	const char *keep;
	size_t keep_max;
};

/* An end that was really received. */
struct session_exit {
	int status;		/* 0-255, or -1 for a signal */
	char signal[16];	/* "KILL"; "?" where ssh(1) does not say which */
};

/*
 * Runs one command.  0 with *end, or -1: ERR_CONNECT (refused before it
 * began; sys as with session_open, whose work the openssh transport does
 * here), ERR_LOST, ERR_TIMEOUT, ERR_KILLED (cancelled); in the last two the
 * remote process group was ended, or the message says that this could not
 * be confirmed.
 */
int session_run(struct session *s, const struct session_exec *req, struct session_exit *end,
		struct dt_err *err);

/* libssh2_init and the like; before any thread, and after the first time nothing.  0, or -1. */
int session_global_init(struct dt_err *err);
/* "libssh2 1.10.0, OpenSSL 3.0.15 ...", as they run. */
const char *session_library(void);

/*
 * One command with the caller's own terminal, through ssh -t, to its end.
 * 0 and *end, or -1: ERR_LOCAL, ERR_LOST (ssh itself failed; it said why).
 */
int session_interactive(const struct ssh_env *env, const struct target *t, const char *command,
			struct session_exit *end, struct dt_err *err);

#endif
