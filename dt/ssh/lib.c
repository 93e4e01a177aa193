/*
 * lib - the libssh2 transport: connect, handshake, tear-down.
 */
#include "dt/ssh/lib.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dt/base/log.h"
#include "dt/base/util.h"
#include "dt/ssh/guard.h"
#include "dt/ssh/jump.h"
#include "dt/ssh/kexinit.h"
#include "dt/ssh/resolve.h"

/* Fast and sound first; libssh2 leaves out those that it lacks. */
static const char kex[] = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp521,"
			  "ecdh-sha2-nistp384,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512";
static const char ciphers[] = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,aes192-ctr";
static const char macs[] = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

int lib_again(struct session *s, int64_t deadline, enum err_code code, const char *what, struct dt_err *err)
{
	struct lib *l = s->state;
	char why[WIRE_REASON];
	int r = wire_wait(&l->wire, s->env, -1, deadline);

	if (r > 0)
		return 0;
	if (r == -2)
		return err_set(err, code, "%s: %s", what, wire_reason(&l->wire, why, sizeof(why)));
	return session_waited(r, what, err);
}

int lib_error(struct session *s, enum err_code code, const char *what, struct dt_err *err)
{
	struct lib *l = s->state;
	char *text = NULL, why[WIRE_REASON];
	int rc = libssh2_session_last_error(l->session, &text, NULL, 0);

	if (l->wire.eof || l->wire.error || *l->wire.heard.disconnect)
		return err_set(err, code, "%s: %s", what, wire_reason(&l->wire, why, sizeof(why)));
	if (rc == LIBSSH2_ERROR_BANNER_RECV)
		return err_set(err, code, "%s: no SSH server answers there", what);
	return err_set(err, code, "%s: %s (libssh2 %d)", what, text && *text ? text : "protocol error", rc);
}

int lib_guarded(struct session *s, enum err_code code, void (*fn)(void *), void *arg, int *result,
		struct dt_err *err)
{
	struct lib *l = s->state;

	if (guard_call(fn, arg))
		return *result;
	guard_abandon(l->session);
	l->session = NULL;
	session_note(s, 1, "assertion in libssh2: %s", guard_reason());
	return err_set(err, code, "the host sent a malformed packet");
}

/* libssh2_session_method_pref passes over names that it does not know, but not over two in a row. */
int lib_prefer(struct session *s, enum algorithm_kind kind, const char *list, struct dt_err *err)
{
	static const struct { int there, back; } methods[] = {
		[ALGORITHM_KEX] = { LIBSSH2_METHOD_KEX, -1 },
		[ALGORITHM_CIPHER] = { LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC },
		[ALGORITHM_MAC] = { LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC },
		[ALGORITHM_HOSTKEY] = { LIBSSH2_METHOD_HOSTKEY, -1 },
	};
	struct lib *l = s->state;
	struct buf have;
	int r;

	buf_init(&have, 4096);
	r = algorithms_filter(kind, list, &have);
	if (r)
		(void)err_nomem(err);
	else if (libssh2_session_method_pref(l->session, methods[kind].there, have.data) != 0 ||
		 (methods[kind].back >= 0 && libssh2_session_method_pref(l->session, methods[kind].back, have.data) != 0))
		r = lib_error(s, ERR_UNSUPPORTED, "algorithms", err);
	buf_release(&have);
	return r ? -1 : 0;
}

/* The host closed the connection before it knew who we are: as sshd does with one too many (MaxStartups). */
static int dropped(const struct lib *l, struct dt_err *err)
{
	if (err->code != ERR_CONNECT || (!l->wire.eof && !l->wire.error))
		return -1;
	if (heard_penalty(&l->wire.heard))
		(void)err_set(err, ERR_CONNECT, "handshake: the host lets nobody in from here for a while (PerSourcePenalties)");
	err->sys = heard_penalty(&l->wire.heard) ? EBUSY : ECONNRESET;
	return -1;
}

/* One that speaks no SSH 2 may wait for us to say more. */
static int handshake_again(struct session *s, int64_t deadline, struct dt_err *err)
{
	const struct lib *l = s->state;

	if (heard_other_version(&l->wire.heard))
		return err_set(err, ERR_CONNECT, "handshake: the host does not speak SSH 2");
	return lib_again(s, deadline, ERR_CONNECT, "handshake", err) != 0 ? dropped(l, err) : 0;
}

static int handshake(struct session *s, bool search_hashed, int64_t deadline, struct dt_err *err)
{
	const struct target_algorithms *a = &s->t->algorithms;
	struct lib *l = s->state;
	int rc;

	l->session = libssh2_session_init_ex(wire_alloc, wire_free, wire_realloc, &l->wire);
	if (!l->session)
		return err_nomem(err);
	wire_attach(&l->wire, l->session);
	libssh2_session_set_blocking(l->session, 0);
	if (lib_prefer(s, ALGORITHM_KEX, a->kex ? a->kex : kex, err) != 0 ||
	    lib_prefer(s, ALGORITHM_CIPHER, a->ciphers ? a->ciphers : ciphers, err) != 0 ||
	    lib_prefer(s, ALGORITHM_MAC, a->macs ? a->macs : macs, err) != 0)
		return -1;
	if (lib_hostkey_prefer(s, search_hashed, err) != 0)
		return -1;
	while ((rc = libssh2_session_handshake(l->session, l->wire.fd)) == LIBSSH2_ERROR_EAGAIN)
		if (handshake_again(s, deadline, err) != 0)
			return -1;
	if (rc == 0)
		return 0;
	/* -5: no common algorithm; ssh(1) knows more of them */
	(void)lib_error(s, rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_METHOD_NONE ? ERR_UNSUPPORTED
											      : ERR_CONNECT,
			"handshake", err);
	return dropped(l, err);
}

struct login_call {
	struct session *s;
	int64_t deadline;
	struct dt_err *err;
	bool search_hashed;
	int result;
};

static void login_guarded(void *arg)
{
	struct login_call *c = arg;

	c->result = handshake(c->s, c->search_hashed, c->deadline, c->err);
	if (c->result == 0)
		c->result = lib_hostkey_check(c->s, c->search_hashed, c->err);
	if (c->result == 0)
		c->result = lib_login(c->s, c->deadline, c->err);
}

/*
 * The descriptor of a connection, or -1.  Waiting for a turn is not the host's
 * time: *deadline, of the run, becomes that of the login after it.
 */
static int connect_target(struct session *s, int64_t *deadline, struct dt_err *err)
{
	const struct target *t = s->t;
	struct addresses list;
	union socket_address used;
	int fd;

	if (!t->jump && resolve(s->env, t->hostname, t->port, session_connect_deadline(s, *deadline), &list, err) != 0)
		return -1;
	if (!t->jump)
		address_text(&list.v[0], s->address, sizeof(s->address));
	if (session_take_turn(s, t->jump ? t->hostname : s->address, *deadline, err) != 0)
		return -1;
	if (t->jump)
		return jump_connect(t->jump, s->env, t->hostname, t->port, t->connect_timeout_ms, deadline, err);
	*deadline = session_connect_deadline(s, *deadline);
	fd = connect_any(s->env, &list, *deadline, &used, err);
	if (fd < 0)
		return -1;
	address_text(&used, s->address, sizeof(s->address));
	if (t->alive_seconds)
		address_keep_alive(fd, t->alive_seconds, t->alive_count);
	return fd;
}

static void free_guarded(void *arg)
{
	struct lib *l = arg;

	if (!l->wire.eof && !l->wire.error)
		(void)libssh2_session_disconnect(l->session, "done");
	wire_flush(&l->wire);
	l->wire.dead = true;
	(void)libssh2_session_free(l->session);
}

static void end_session(struct lib *l)
{
	if (l->session && !guard_call(free_guarded, l))
		guard_abandon(l->session);
	l->session = NULL;
}

/* What the host said comes out of libssh2 when that is freed. */
static void add_heard(struct lib *l, struct dt_err *err)
{
	end_session(l);
	if (err->code == ERR_CONNECT || err->code == ERR_AUTH || err->code == ERR_TIMEOUT)
		heard_add(&l->wire.heard, err);
}

static void lib_close(struct session *s)
{
	struct lib *l = s->state;

	if (!l)
		return;
	s->state = NULL;
	end_session(l);
	if (l->wire.fd >= 0)
		(void)shutdown(l->wire.fd, SHUT_RDWR);
	wire_release(&l->wire);
	free(l);
}

static int lib_open(struct session *s, int64_t deadline, struct dt_err *err)
{
	struct login_call call = { .s = s, .err = err };
	int r = -1;

	for (int tries = 0; tries < 2; tries++) {
		struct lib *l = calloc(1, sizeof(*l));
		int fd;

		if (!l)
			return err_nomem(err);
		s->state = l;
		wire_init(&l->wire, -1);
		call.deadline = deadline;
		fd = connect_target(s, &call.deadline, err);
		r = -1;
		if (fd >= 0) {
			l->wire.fd = fd;
			call.result = -1;
			r = lib_guarded(s, ERR_CONNECT, login_guarded, &call, &call.result, err);
		}
		s->login_deadline = call.deadline;
		if (r == 0)
			return 0;
		session_give_turn(s);
		if (r < 0)
			add_heard(l, err);
		lib_close(s);
		if (r != 1)
			return -1;
		call.search_hashed = true;
	}
	return err_set(err, ERR_HOSTKEY, "the host changes its keys while we connect");
}

struct fetch_call {
	struct session *s;
	int64_t deadline;
	struct buf *key;
	struct dt_err *err;
	int result;
};

static void fetch_guarded(void *arg)
{
	struct fetch_call *c = arg;
	struct lib *l = c->s->state;
	const char *blob;
	size_t len;
	int type;

	c->result = handshake(c->s, false, c->deadline, c->err);
	if (c->result != 0)
		return;
	blob = libssh2_session_hostkey(l->session, &len, &type);
	if (!blob)
		c->result = lib_error(c->s, ERR_CONNECT, "host key", c->err);
	else if (buf_add(c->key, blob, len) != 0)
		c->result = err_nomem(c->err);
}

int lib_fetch_key(const struct ssh_env *env, const struct target *t, const char *algorithms, int64_t deadline,
		  struct buf *key, struct buf *offer, struct dt_err *err)
{
	struct session s = { .ops = &transport_libssh2, .env = env, .t = t };
	struct fetch_call call = { .s = &s, .deadline = deadline, .key = key, .err = err, .result = -1 };
	struct lib *l = calloc(1, sizeof(*l));
	struct buf begin;
	int r = -1;

	if (!l)
		return err_nomem(err);
	s.state = l;
	buf_init(&begin, KEXINIT_ROOM);
	wire_init(&l->wire, -1);
	l->wire.tap = offer ? &begin : NULL;
	l->key_algorithms = algorithms ? algorithms : "";
	l->wire.fd = connect_target(&s, &call.deadline, err);
	if (l->wire.fd >= 0)
		r = lib_guarded(&s, ERR_CONNECT, fetch_guarded, &call, &call.result, err);
	if (r != 0)
		add_heard(l, err);
	if (offer && kexinit_hostkeys(begin.data, begin.len, offer) != 0)
		r = err_nomem(err);
	lib_close(&s);
	buf_release(&begin);
	return r;
}

const struct transport_ops transport_libssh2 = {
	.name = "libssh2",
	.open = lib_open,
	.run = lib_run,
	.close = lib_close,
	.rest = lib_rest,
	.serve = lib_serve,
	.wake = lib_wake,
	.fd = lib_fd,
};

const char *session_library(void)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "libssh2 %s, %s", libssh2_version(0), OpenSSL_version(OPENSSL_VERSION));
	return text;
}

int session_global_init(struct dt_err *err)
{
	static bool done;

	/* a detached thread may still end while exit(3) runs: OpenSSL's cleanup there would take its locks away */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (done)
		return 0;
	done = libssh2_init(0) == 0 && algorithms_init() == 0;
	if (!done)
		return err_set(err, ERR_FAIL, "libssh2 does not start");
	if (!lib_status_find())
		log_info(0, "libssh2 %s does not tell whether an exit status came: all hosts are reached by ssh(1)",
			 libssh2_version(0));
	return 0;
}
