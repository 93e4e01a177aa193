/*
 * lib_auth - logs in on a libssh2 session: public keys, then the password.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/lib.h"

/* sshd allows six tries; one is left for the password. */
#define KEYS_OFFERED 5

/* The key that logged in last, anywhere: likely the right one for the next host too. */
static _Atomic(const struct identity *) last_good;

bool libssh2_can_use(const struct target *t, const struct identity *id)
{
	(void)t;
	if (id->certificate || id->fido)
		return false;
	if (strcmp(id->type, "ssh-rsa") == 0)
		return LIBSSH2_VERSION_NUM >= 0x010b00; /* before: SHA-1 alone */
	return strcmp(id->type, "ssh-ed25519") == 0 || str_starts(id->type, "ecdsa-sha2-nistp");
}

struct signing {
	struct session *s;
	const struct identity *id;
	int64_t deadline;
	struct dt_err err;
};

static size_t get_u32(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* The algorithm in the data to sign, RFC 4252 section 7. */
static int signed_algorithm(const unsigned char *p, size_t len, char *out, size_t size)
{
	/* session id, message number, user, service, "publickey", TRUE, algorithm */
	static const unsigned char skip[] = { 0, 1, 0, 0, 0, 1 };
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(skip); i++) {
		n = 1;
		if (!skip[i]) {
			if (len < 4 || get_u32(p) > len - 4)
				return -1;
			n = 4 + get_u32(p);
		}
		if (len < n)
			return -1;
		p += n;
		len -= n;
	}
	if (len < 4 || get_u32(p) > len - 4 || get_u32(p) >= size)
		return -1;
	memcpy(out, p + 4, get_u32(p));
	out[get_u32(p)] = '\0';
	return 0;
}

static int on_sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len, const unsigned char *data,
		   size_t len, void **abstract)
{
	struct signing *c = *abstract;
	char algorithm[64];
	struct buf out;

	(void)session;
	buf_init(&out, 65536);
	if (signed_algorithm(data, len, algorithm, sizeof(algorithm)) != 0 ||
	    identity_sign(c->s->t->ring, c->id, algorithm, data, len, &out, c->s->env, c->deadline, &c->err) != 0) {
		buf_release(&out);
		return -1;
	}
	*sig_len = out.len;
	*sig = (unsigned char *)buf_steal(&out); /* libssh2 frees it with free(), its default allocator */
	return *sig ? 0 : -1;
}

/*
 * libssh2 calls it a refusal too where no answer came: the connection broke,
 * or sshd hung up after too many refusals (then the first key was not the one).
 */
static int no_answer(struct session *s, bool first, struct dt_err *err)
{
	struct lib *l = s->state;
	char *text = NULL, why[128];

	(void)libssh2_session_last_error(l->session, &text, NULL, 0);
	if (!text || !str_starts(text, "Waiting for"))
		return 0;
	return err_set(err, first ? ERR_CONNECT : ERR_AUTH, "login: %s", wire_reason(&l->wire, why, sizeof(why)));
}

/* 0: logged in, 1: refused, -1: error. */
static int try_key(struct session *s, const struct identity *id, bool first, int64_t deadline, struct dt_err *err)
{
	struct lib *l = s->state;
	struct signing c = { .s = s, .id = id, .deadline = deadline };
	void *abstract = &c;
	int rc;

	while ((rc = libssh2_userauth_publickey(l->session, s->t->user, id->blob, id->blob_len, on_sign,
						&abstract)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, deadline, ERR_AUTH, "login", err) != 0)
			return -1;
	if (rc == 0) {
		atomic_store(&last_good, id);
		session_note(s, 2, "logged in with %s %s", id->type, id->name);
		return 0;
	}
	if (c.err.code == ERR_TIMEOUT || c.err.code == ERR_SKIPPED) {
		*err = c.err;
		return -1;
	}
	if (!c.err.code && no_answer(s, first, err) != 0)
		return -1;
	session_note(s, 2, "not accepted: %s %s%s%s", id->type, id->name, *c.err.msg ? ": " : "", c.err.msg);
	if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED || c.err.code)
		return 1;
	return lib_error(s, ERR_AUTH, "login", err);
}

static void on_prompt(const char *name, int name_len, const char *instruction, int instruction_len, int n,
		      const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *answers,
		      void **abstract)
{
	/* the session's abstract is the wire; see wire_attach */
	struct wire *w = *abstract;
	const struct secret *password = w->secret;

	(void)name, (void)name_len, (void)instruction, (void)instruction_len;
	for (int i = 0; i < n; i++) {
		if (prompts[i].echo || !password)
			continue;
		answers[i].text = strdup(secret_bytes(password));
		answers[i].length = answers[i].text ? (unsigned)secret_len(password) : 0;
	}
}

static int try_password(struct session *s, int64_t deadline, struct dt_err *err)
{
	struct lib *l = s->state;
	const struct secret *p = s->env->password;
	const char *user = s->t->user;
	unsigned user_len = (unsigned)strlen(user);
	int rc;

	while ((rc = libssh2_userauth_password_ex(l->session, user, user_len, secret_bytes(p),
						  (unsigned)secret_len(p), NULL)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, deadline, ERR_AUTH, "login", err) != 0)
			return -1;
	if (rc == 0)
		return 0;
	if (rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED && rc != LIBSSH2_ERROR_PASSWORD_EXPIRED)
		return lib_error(s, ERR_AUTH, "login", err);
	l->wire.secret = p;
	while ((rc = libssh2_userauth_keyboard_interactive_ex(l->session, user, user_len, on_prompt)) ==
	       LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, deadline, ERR_AUTH, "login", err) != 0)
			return -1;
	l->wire.secret = NULL;
	if (rc == 0)
		return 0;
	return rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ? 1 : lib_error(s, ERR_AUTH, "login", err);
}

int lib_login(struct session *s, int64_t deadline, struct dt_err *err)
{
	const struct target *t = s->t;
	const struct identity *good = atomic_load(&last_good);
	size_t offered = 0, unusable = 0;
	int r;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < t->id_count; i++) {
			if ((t->ids[i] == good) != (pass == 0))
				continue;
			if (!libssh2_can_use(t, t->ids[i])) {
				unusable++;
				continue;
			}
			if (offered == KEYS_OFFERED)
				continue;
			offered++;
			r = try_key(s, t->ids[i], offered == 1, deadline, err);
			if (r < 0 && err->code == ERR_AUTH)
				goto refused; /* sshd hung up: too many failures */
			if (r <= 0)
				return r;
		}
	}
	if (s->env->password) {
		r = try_password(s, deadline, err);
		if (r <= 0)
			return r;
		return err_set(err, ERR_AUTH, "password refused for %s", t->user);
	}
	(void)err_set(err, ERR_AUTH, offered ? "no key accepted for %s (%zu offered)" : "no key to offer for %s (%zu)",
		      t->user, offered);
refused:
	if (unusable || t->ssh_has_more)
		return err_set(err, ERR_UNSUPPORTED, "login with a key that libssh2 cannot use");
	return -1;
}
