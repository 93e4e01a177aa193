/*
 * lib_auth - logs in on a libssh2 session, as ssh(1) does: public keys in their
 * order, keyboard-interactive without questions, or the password; and again
 * from the first where a host says that one of them is not enough.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/lib.h"

/* Partial successes of one login; sshd(8) has no longer list of methods by far. */
#define ROUNDS 8

static const char too_many[] = "oo many authentication failures";	/* OpenSSH: "T", others: "t" */

enum step { STEP_IN, STEP_REFUSED, STEP_PARTIAL, STEP_FAILED };

struct login {
	struct session *s;
	struct heard *heard;
	struct dialogue dialogue;
	int64_t deadline;
	struct dt_err *err;
	size_t offered;		/* keys, since the last partial success */
	bool unusable;		/* a key was passed over that ssh(1) can use */
	bool none;		/* the method "none" was tried */
	bool password;		/* the password was refused */
	const char *method;	/* tried last, in our words */
	char accepted[64];	/* by partial successes: "key", "key, password" */
	char odd[160];		/* a key that was accepted and did not sign, and why */
};

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
	bool asked;		/* the host takes the key, and wants its signature */
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
	c->asked = true;
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

/* What an answer other than "again" means.  libssh2 calls it a refusal too where no answer came. */
static enum step judge(const struct login *l, int rc, unsigned refusals)
{
	if (rc == 0)
		return STEP_IN;
	if (l->heard->refusals == refusals)
		return STEP_FAILED;
	return l->heard->partial ? STEP_PARTIAL : STEP_REFUSED;
}

/* The connection broke, or sshd hung up after too many refusals (then the first key was not the one). */
static enum step no_answer(struct login *l, bool taken)
{
	struct lib *lib = l->s->state;
	enum err_code code = taken || l->offered > 1 || *l->accepted ? ERR_AUTH : ERR_CONNECT;
	char why[WIRE_REASON];

	if (strstr(l->heard->disconnect, too_many))
		(void)err_set(l->err, ERR_AUTH, "%s (%zu of %zu keys offered, for %s)", l->heard->disconnect, l->offered,
			      l->s->t->id_count, l->s->t->user);
	else if (taken)
		(void)err_set(l->err, code, "key accepted, but no login: %s", wire_reason(&lib->wire, why, sizeof(why)));
	else
		(void)err_set(l->err, code, "login: %s", wire_reason(&lib->wire, why, sizeof(why)));
	return STEP_FAILED;
}

/*
 * Something that is no answer to the method: err is set.  sshd hangs up at one try
 * too many; where that was none with a key, it is a refusal like another.
 */
static enum step failed(struct login *l, bool taken)
{
	struct lib *lib = l->s->state;
	char *text = NULL;

	if (strstr(l->heard->disconnect, too_many) && strcmp(l->method, "key") != 0) {
		*l->heard->disconnect = '\0';
		lib->wire.mute = true;
		return STEP_REFUSED;
	}

	(void)libssh2_session_last_error(lib->session, &text, NULL, 0);
	if (lib->wire.eof || lib->wire.error || *l->heard->disconnect || (text && str_starts(text, "Waiting for")))
		return no_answer(l, taken);
	(void)lib_error(l->s, ERR_AUTH, "login", l->err);
	return STEP_FAILED;
}

/* May an agent take all the time that is left to sign?  Not where a key from memory comes behind it. */
static int64_t sign_deadline(const struct login *l, size_t at)
{
	const struct target *t = l->s->t;

	for (size_t i = at + 1; t->ids[at]->from_agent && l->deadline && i < t->id_count; i++)
		if (!t->ids[i]->from_agent && libssh2_can_use(t, t->ids[i]))
			return now_ms() + (l->deadline - now_ms()) / 2;
	return l->deadline;
}

static enum step try_key(struct login *l, size_t at)
{
	struct session *s = l->s;
	struct lib *lib = s->state;
	const struct identity *id = s->t->ids[at];
	struct signing c = { .s = s, .id = id, .deadline = sign_deadline(l, at) };
	unsigned refusals = l->heard->refusals;
	void *abstract = &c;
	enum step step;
	int rc;

	l->offered++;
	l->method = "key";
	while ((rc = libssh2_userauth_publickey(lib->session, s->t->user, id->blob, id->blob_len, on_sign,
						&abstract)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, l->deadline, ERR_AUTH, "login", l->err) != 0)
			return l->err->code == ERR_AUTH ? no_answer(l, c.asked) : STEP_FAILED;
	step = judge(l, rc, refusals);
	if (step == STEP_IN)
		session_note(s, 2, "logged in with %s %s", id->type, id->name);
	else
		session_note(s, 2, "%s: %s %s%s%s", step == STEP_PARTIAL ? "accepted, but not enough" : "not accepted",
			     id->type, id->name, *c.err.msg ? ": " : "", c.err.msg);
	if (step != STEP_FAILED)
		return step;
	if (!c.err.code)
		return failed(l, c.asked);
	if (c.err.code == ERR_SKIPPED || (c.err.code == ERR_TIMEOUT && c.deadline == l->deadline)) {
		*l->err = c.err;
		return STEP_FAILED;
	}
	/* as ssh(1) does: the next key */
	if (!*l->odd)
		(void)snprintf(l->odd, sizeof(l->odd), "%.60s: %.90s", id->name, c.err.msg);
	return STEP_REFUSED;
}

/* May the method go on, as far as the host told? */
static bool is_open(const struct login *l, const char *method)
{
	size_t len = strlen(method), n;

	for (const char *p = l->heard->methods; *p; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (n == len && strncmp(p, method, n) == 0)
			return true;
	}
	return false;
}

static enum step try_keys(struct login *l)
{
	const struct target *t = l->s->t;

	for (size_t i = 0; i < t->id_count && (!*l->heard->methods || is_open(l, "publickey")); i++) {
		enum step step;

		if (!libssh2_can_use(t, t->ids[i])) {
			l->unusable = true;
			/* its place in the order decides who we are there (a forced command, say) */
			if (t->transport == TRANSPORT_AUTO && !l->s->env->password) {
				(void)err_set(l->err, ERR_UNSUPPORTED, "the next key is %s, which libssh2 cannot use",
					      t->ids[i]->name);
				return STEP_FAILED;
			}
			continue;
		}
		step = try_key(l, i);
		if (step != STEP_REFUSED)
			return step;
	}
	return STEP_REFUSED;
}

/* The methods that the host takes; it may want none at all. */
static enum step try_none(struct login *l)
{
	struct lib *lib = l->s->state;
	const char *user = l->s->t->user;
	char *list;

	l->none = true;
	l->method = "none";
	while (!(list = libssh2_userauth_list(lib->session, user, (unsigned)strlen(user)))) {
		if (libssh2_userauth_authenticated(lib->session))
			return STEP_IN;
		if (libssh2_session_last_errno(lib->session) != LIBSSH2_ERROR_EAGAIN)
			return failed(l, false);
		if (lib_again(l->s, l->deadline, ERR_CONNECT, "login", l->err) != 0)
			return l->err->code == ERR_CONNECT ? failed(l, false) : STEP_FAILED;
	}
	heard_methods(l->heard, list, strlen(list));
	return STEP_REFUSED;
}

static void on_prompt(const char *name, int name_len, const char *instruction, int instruction_len, int n,
		      const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *answers,
		      void **abstract)
{
	/* the session's abstract is the wire; see wire_attach */
	struct wire *w = *abstract;
	struct dialogue *d = w->dialogue;
	size_t len = 0;

	(void)name, (void)name_len, (void)instruction, (void)instruction_len;
	if (!d || n <= 0)
		return;
	if (n == 1 && !prompts->echo && d->secret && !d->answered) {
		d->answered = true;
		answers->text = strdup(secret_bytes(d->secret));
		answers->length = answers->text ? (unsigned)secret_len(d->secret) : 0;
		return;
	}
	/* an empty answer would count as a wrong one there */
	w->mute = true;
	for (int i = 0; i < n; i++) {
		int more = snprintf(d->asks + len, sizeof(d->asks) - len, "%s%.*s", len ? " " : "", (int)prompts[i].length,
				    (const char *)prompts[i].text);

		len = more > 0 && (size_t)more < sizeof(d->asks) - len ? len + (size_t)more : sizeof(d->asks) - 1;
	}
	while (len && (d->asks[len - 1] == ' ' || d->asks[len - 1] == ':'))
		d->asks[--len] = '\0';
}

static enum step try_dialogue(struct login *l)
{
	struct lib *lib = l->s->state;
	const char *user = l->s->t->user;
	unsigned refusals = l->heard->refusals;
	bool answered = l->dialogue.answered;
	enum step step;
	int rc;

	l->method = "keyboard-interactive";
	lib->wire.dialogue = &l->dialogue;
	while ((rc = libssh2_userauth_keyboard_interactive_ex(lib->session, user, (unsigned)strlen(user), on_prompt)) ==
	       LIBSSH2_ERROR_EAGAIN)
		if (lib_again(l->s, l->deadline, ERR_AUTH, "login", l->err) != 0) {
			lib->wire.dialogue = NULL;
			return l->err->code == ERR_AUTH ? failed(l, false) : STEP_FAILED;
		}
	lib->wire.dialogue = NULL;
	/* there it ends: nothing is sent any more */
	if (lib->wire.mute)
		return STEP_REFUSED;
	step = judge(l, rc, refusals);
	if (step == STEP_FAILED)
		step = failed(l, false);
	l->password |= step == STEP_REFUSED && l->dialogue.answered && !answered;
	return step;
}

static enum step try_password(struct login *l)
{
	struct lib *lib = l->s->state;
	const struct secret *p = l->s->env->password;
	const char *user = l->s->t->user;
	unsigned refusals = l->heard->refusals;
	enum step step;
	int rc;

	l->method = "password";
	l->dialogue.answered = true;
	while ((rc = libssh2_userauth_password_ex(lib->session, user, (unsigned)strlen(user), secret_bytes(p),
						  (unsigned)secret_len(p), NULL)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(l->s, l->deadline, ERR_AUTH, "login", l->err) != 0)
			return l->err->code == ERR_AUTH ? failed(l, false) : STEP_FAILED;
	if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED) {
		(void)err_set(l->err, ERR_AUTH, "the password of %s has expired", user);
		return STEP_FAILED;
	}
	step = judge(l, rc, refusals);
	if (step == STEP_FAILED)
		step = failed(l, false);
	l->password |= step == STEP_REFUSED;
	return step;
}

/*
 * All methods once, as far as the host lets them go on.  ssh(1) asks first whether
 * none is needed; a round trip that hardly a host is worth: so here that comes last.
 */
static enum step try_all(struct login *l)
{
	struct lib *lib = l->s->state;
	enum step step = try_keys(l);

	if (step == STEP_REFUSED && !*l->heard->methods)
		step = try_none(l);
	if (step == STEP_REFUSED && !lib->wire.mute && is_open(l, "password") && l->s->env->password && !l->dialogue.answered)
		step = try_password(l);
	if (step == STEP_REFUSED && !lib->wire.mute && is_open(l, "keyboard-interactive") && !l->password)
		step = try_dialogue(l);
	if (step == STEP_REFUSED && !*l->accepted && !l->none && !lib->wire.mute && try_none(l) == STEP_IN)
		return STEP_IN;
	return step;
}

/* What was accepted, and is not enough. */
static void remember_partial(struct login *l)
{
	size_t len = strlen(l->accepted);

	(void)snprintf(l->accepted + len, sizeof(l->accepted) - len, "%s%s", len ? ", " : "", l->method);
	l->offered = 0;
}

/* None of it was enough: an error that says what was, and what the host wants. */
static void tell_refusal(struct login *l)
{
	const struct target *t = l->s->t;
	struct dt_err *err = l->err;
	size_t len;

	if (*l->accepted)
		(void)err_set(err, ERR_AUTH, "%s accepted; the host also wants: %s", l->accepted, l->heard->methods);
	else if (l->password)
		(void)err_set(err, ERR_AUTH, "password refused for %s", t->user);
	else if (l->offered)
		(void)err_set(err, ERR_AUTH, "no key accepted for %s (%zu offered)", t->user, l->offered);
	else
		(void)err_set(err, ERR_AUTH, "no key to offer for %s", t->user);
	len = strlen(err->msg);
	if (!*l->accepted && !l->password && *l->heard->methods)
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, "; the host takes: %s", l->heard->methods);
	len = strlen(err->msg);
	if (*l->dialogue.asks)
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, "; it asks: %s", l->dialogue.asks);
	len = strlen(err->msg);
	if (*l->odd)
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, "; %s", l->odd);
	target_add_passed_over(t, err);
}

int lib_login(struct session *s, int64_t deadline, struct dt_err *err)
{
	struct lib *lib = s->state;
	struct login l = {
		.s = s, .heard = &lib->wire.heard, .dialogue = { .secret = s->env->password }, .deadline = deadline, .err = err,
	};
	enum step step = STEP_PARTIAL;

	for (const char *const *p = s->t->passed_over; p && *p; p++)
		session_note(s, 1, "key passed over: %s", *p);
	l.heard->listening = true;
	for (int round = 0; step == STEP_PARTIAL && round < ROUNDS; round++) {
		step = try_all(&l);
		if (step == STEP_PARTIAL) {
			remember_partial(&l);
			session_note(s, 1, "%s accepted; the host also wants: %s", l.accepted, l.heard->methods);
		}
	}
	if (step == STEP_IN) {
		l.heard->listening = false;
		return 0;
	}
	if (step != STEP_FAILED)
		tell_refusal(&l);
	if (err->code == ERR_AUTH && l.unusable && s->t->transport == TRANSPORT_AUTO)
		return err_set(err, ERR_UNSUPPORTED, "login with a key that libssh2 cannot use");
	return -1;
}
