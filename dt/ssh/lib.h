/*
 * lib - what the parts of the libssh2 transport share.  For dt/ssh alone.
 */
#ifndef DT_SSH_LIB_H
#define DT_SSH_LIB_H

#include <libssh2.h>

#include "dt/ssh/algorithms.h"
#include "dt/ssh/transport.h"
#include "dt/ssh/wire.h"

struct lib {
	struct wire wire;
	LIBSSH2_SESSION *session;	/* NULL after an assertion failed in it */
	const char *key_algorithms;	/* of the host key; "": all, NULL: all, those of known_hosts first */
	/* lib_rest.c: opened in advance for the next command, or under way (libssh2 goes on with it at the next call) */
	LIBSSH2_CHANNEL *spare;
	bool opening;
	bool ran;			/* a command has ended on it */
	int64_t rested;			/* when the session's rest began, or something came in it */
	uint64_t received_at_rest;		/* wire.received when it began */
};

/* One step of opening a channel; NULL: again (LIBSSH2_ERROR_EAGAIN), or not. */
LIBSSH2_CHANNEL *lib_channel(struct lib *l);
/* The channel that was opened in advance, where it can be trusted; or NULL. */
LIBSSH2_CHANNEL *lib_take_spare(struct lib *l);
/* transport_ops */
bool lib_rest(struct session *s);
bool lib_serve(struct session *s);
bool lib_wake(struct session *s);
int lib_fd(const struct session *s);

/*
 * For a call that answered LIBSSH2_ERROR_EAGAIN: waits; 0: call it again.
 * Else -1: ERR_TIMEOUT "what", ERR_SKIPPED, or code with why the connection ended.
 */
int lib_again(struct session *s, int64_t deadline, enum err_code code, const char *what, struct dt_err *err);
/* "what: libssh2's own words", with code. */
int lib_error(struct session *s, enum err_code code, const char *what, struct dt_err *err);
/*
 * Sets a preference to what libssh2 knows of a comma-separated list: to take
 * out what it does not know, 1.10 copies within a string with memcpy.
 */
int lib_prefer(struct session *s, enum algorithm_kind kind, const char *list, struct dt_err *err);
/* Runs fn under the guard; on an assertion the session is given up. */
int lib_guarded(struct session *s, enum err_code code, void (*fn)(void *), void *arg, int *result,
		struct dt_err *err);

/* lib_auth.c: logs in.  ERR_AUTH, ERR_UNSUPPORTED, ERR_CONNECT, ERR_TIMEOUT, ERR_SKIPPED. */
int lib_login(struct session *s, int64_t deadline, struct dt_err *err);
/* lib_hostkey.c: the preference list for the handshake, and the verdict after it. */
int lib_hostkey_prefer(struct session *s, bool search_hashed, struct dt_err *err);
/* 0; 1: connect again with search_hashed; -1: ERR_HOSTKEY, ERR_UNSUPPORTED. */
int lib_hostkey_check(struct session *s, bool searched, struct dt_err *err);
/* Has this libssh2 a signature for that key type? */
bool lib_can_verify(const char *type);
/* lib_run.c: transport_ops.run. */
int lib_run(struct session *s, const char *command, const struct session_exec *req, struct raw_end *end,
	    struct dt_err *err);

/*
 * lib.c: handshake alone, with these host key algorithms (NULL: all that
 * libssh2 can verify).  The key's blob is added to key, the names of the
 * algorithms that the host has to offer (may be NULL), on failure too.
 * 0, or -1; ERR_UNSUPPORTED: ask another program.
 */
int lib_fetch_key(const struct ssh_env *env, const struct target *t, const char *algorithms, int64_t deadline,
		  struct buf *key, struct buf *offer, struct dt_err *err);

/*
 * lib_status.c: libssh2_channel_get_exit_status(3) is 0 also where none came,
 * and this libssh2 has no call that tells.  So the field behind it is found
 * once, and holds a number of ours until the host's comes.
 */

/* Finds it; before any other call here, and before there are threads.  False: not with this libssh2. */
bool lib_status_find(void);
bool lib_status_found(void);
/* From now on a status that comes on this channel is seen. */
void lib_status_expect(struct lib *l, LIBSSH2_CHANNEL *channel);
/*
 * What came, 0 to 255 (RFC 4254, 6.10 has 32 bits: of a greater one the low byte, as ssh(1) has it,
 * but never 0); -1 where none came, or only behind the close, or two that differ (*twice).  Ends the watch.
 */
int lib_status_take(struct lib *l, LIBSSH2_CHANNEL *channel, bool *twice);

#endif
