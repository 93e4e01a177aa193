#include "dt/ssh/keyscan.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "dt/ssh/blob.h"
#include "dt/ssh/lib.h"
#include "dt/ssh/openssh.h"

#define SAID_BY_SSH 262144	/* bytes: DEBUG2 of one connection is 10 KB */
#define LOOK_MS 200

/* Key types, and the signatures to ask for; SHA-1 only where ssh_config itself asks for it. */
static const struct { const char *type, *algorithms; } types[] = {
	{ "ssh-ed25519", "ssh-ed25519" },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
	{ "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com" },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com" },
	{ "ssh-rsa", "rsa-sha2-512,rsa-sha2-256" },
};

void shown_keys_release(struct shown_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		buf_release(&k->v[i]);
	k->n = 0;
}

static bool has_type(const struct shown_keys *k, const char *type)
{
	char have[64];

	for (size_t i = 0; i < k->n; i++) {
		key_type(k->v[i].data, k->v[i].len, have);
		if (strcmp(type, have) == 0)
			return true;
	}
	return false;
}

/* Takes a key over; a certificate, or one of a type that is there already, is dropped. */
static void add_key(struct shown_keys *k, struct buf *key)
{
	char type[64];

	key_type(key->data, key->len, type);
	for (size_t i = 0; i < ARRAY_LEN(types) && k->n < SHOWN_MAX; i++)
		if (strcmp(type, types[i].type) == 0 && !has_type(k, type)) {
			k->v[k->n++] = *key;
			buf_init(key, 65536);
		}
}

/* Is one of the names of the comma-separated list a in the list b? */
static bool lists_meet(const char *a, const char *b)
{
	for (size_t n; *a; a += n + (a[n] == ',')) {
		n = strcspn(a, ",");
		for (const char *p = b; *p; p += strcspn(p, ","), p += *p == ',')
			if (strcspn(p, ",") == n && strncmp(a, p, n) == 0)
				return true;
	}
	return false;
}

/* ---- by ssh(1) ---- */

/* What one ssh(1) told: its own words, and the key. */
struct told {
	struct buf text;
	char token[33];		/* begins the key's line; nobody else knows it */
};

static int start_ssh(struct told *told, const struct ssh_env *env, const struct target *t, const char *algorithms,
		     struct child *c, struct dt_err *err)
{
	const struct session s = { .ops = &transport_openssh, .env = env, .t = t };
	struct strs argv = { 0 };
	unsigned char random[16];
	int r;

	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(told->token + 2 * i, 3, "%02x", random[i]);
	r = openssh_scan_argv(&argv, &s, told->token, algorithms) != 0 ? err_nomem(err) : child_start(c, argv.v, NULL, err);
	strs_release(&argv);
	return r;
}

/* Reads what it says to its end.  0, or -1: deadline, cancel. */
static int read_ssh(struct told *told, const struct ssh_env *env, int64_t deadline, struct child *c, struct dt_err *err)
{
	char data[4096];

	child_close(&c->in);
	child_close(&c->out);
	for (;;) {
		int64_t wake = deadline_min(deadline, now_ms() + LOOK_MS);
		bool ended = child_ended(c);
		int r = ssh_wait(env, c->err, POLLIN, wake);
		ssize_t n = r > 0 ? read(c->err, data, sizeof(data)) : -1;

		if (r < 0 || (r == 0 && deadline && now_ms() >= deadline))
			return session_waited(r, "host keys", err);
		/* a ProxyCommand that lives on may hold the pipe open */
		if (n == 0 || (r == 0 && ended))
			return 0;
		if (n > 0 && buf_add(&told->text, data, (size_t)n) != 0)
			return err_set(err, ERR_CONNECT, "ssh says too much");
	}
}

/* The rest of the first line that begins with head, or NULL. */
static const char *line_after(const char *text, const char *head)
{
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, head, strlen(head)) == 0)
			return text + strlen(head);
	}
	return NULL;
}

/* "TOKEN HOSTNAME TYPE BASE64" */
static int take_key(const struct told *told, struct buf *key)
{
	const char *base64;
	char head[64];

	(void)snprintf(head, sizeof(head), "%s HOSTNAME ", told->token);
	base64 = line_after(told->text.data, head);
	base64 = base64 ? strchr(base64, ' ') : NULL;
	return base64 ? blob_base64(key, base64, strcspn(base64, "\r\n")) : -1;
}

/* The algorithms of the host's own proposal. */
static int take_offer(const struct told *told, struct buf *offer)
{
	const char *p = strstr(told->text.data, "peer server KEXINIT proposal");

	p = p ? line_after(p, "debug2: host key algorithms: ") : NULL;
	return p ? buf_add(offer, p, strcspn(p, "\r\n")) : 0;
}

/* It shows no key to us: because ssh_config says that this one is revoked (0), or why not. */
static int no_key(const struct told *told, const struct ssh_env *env, const struct target *t, struct shown_keys *out,
		  struct dt_err *err)
{
	const struct session s = { .ops = &transport_openssh, .env = env, .t = t };
	const char *p = line_after(told->text.data, "Host key ");
	struct openssh_said said;
	int r = -1;

	if (p && out && strstr(p, " revoked by file ")) {
		(void)snprintf(out->revoked, sizeof(out->revoked), "%.*s", (int)strcspn(p, "\r\n"), p);
		return 0;
	}
	openssh_said_init(&said);
	for (p = told->text.data; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, "debug", 5) != 0 && strncmp(p, told->token, strlen(told->token)) != 0)
			(void)buf_add(&said.log, p, strcspn(p, "\n") + 1);
	if (strstr(said.log.data, "Host key verification failed"))
		(void)err_set(err, ERR_HOSTKEY, "%.*s", (int)strcspn(said.log.data, "\r\n"), said.log.data);
	else
		(void)openssh_failure(&s, &said, false, 0, err);
	openssh_said_release(&said);
	return r;
}

/*
 * One connection.  algorithms NULL: as ssh_config has them.  Without a key, 0
 * where it is revoked (only with out); offer may be NULL.
 */
static int ask_ssh(const struct ssh_env *env, const struct target *t, const char *algorithms, int64_t deadline,
		   struct buf *key, struct buf *offer, struct shown_keys *out, struct dt_err *err)
{
	struct told told;
	struct child c;
	int r = -1;

	if (t->connect_timeout_ms)
		deadline = deadline_min(deadline, now_ms() + t->connect_timeout_ms);
	buf_init(&told.text, SAID_BY_SSH);
	if (start_ssh(&told, env, t, algorithms, &c, err) == 0) {
		r = read_ssh(&told, env, deadline, &c, err);
		child_end(&c);
	}
	if (r == 0 && take_key(&told, key) != 0)
		r = no_key(&told, env, t, out, err);
	if (r == 0 && offer && take_offer(&told, offer) != 0)
		r = err_nomem(err);
	buf_release(&told.text);
	return r;
}

int keyscan_first(const struct ssh_env *env, const struct target *t, int64_t deadline, struct buf *key,
		  struct dt_err *err)
{
	char type[64];
	int r;

	buf_clear(key);
	r = ask_ssh(env, t, NULL, deadline, key, NULL, NULL, err);

	key_type(key->data, key->len, type);
	if (r != 0 || !str_ends(type, "-cert-v01@openssh.com"))
		return r;
	/* the key behind the certificate */
	type[strlen(type) - strlen("-cert-v01@openssh.com")] = '\0';
	buf_clear(key);
	r = -1;
	for (size_t i = 0; i < ARRAY_LEN(types) && r != 0; i++)
		if (strncmp(types[i].type, type, strlen(type)) == 0)
			r = ask_ssh(env, t, types[i].algorithms, deadline, key, NULL, NULL, err);
	return r;
}

/* ---- both ways ---- */

/* Which way a session goes for what concerns host keys. */
static bool by_ssh(const struct target *t)
{
	bool ssh = t->transport == TRANSPORT_OPENSSH;

	for (const struct target *hop = t; hop && t->transport == TRANSPORT_AUTO; hop = hop->via)
		ssh |= hop->openssh_because != NULL;
	return ssh;
}

/* The first connection: a key, and what else there is. */
static int first_key(const struct ssh_env *env, const struct target *t, int64_t deadline, bool *ssh, struct buf *key,
		     struct buf *offer, struct shown_keys *out, struct dt_err *err)
{
	if (!*ssh) {
		if (lib_fetch_key(env, t, NULL, deadline, key, offer, err) == 0)
			return 0;
		if (err->code != ERR_UNSUPPORTED)
			return -1;
		*err = (struct dt_err)DT_ERR_INIT;
		buf_clear(offer);
		*ssh = true;
	}
	return ask_ssh(env, t, NULL, deadline, key, offer, out, err);
}

int keyscan(const struct ssh_env *env, const struct target *t, int64_t deadline, struct shown_keys *out,
	    struct dt_err *err)
{
	bool ssh = by_ssh(t);
	struct buf key, offer;
	int r;

	memset(out, 0, sizeof(*out));
	if (t->transport == TRANSPORT_LOCAL)
		return err_set(err, ERR_CONNECT, "this machine: it needs no host key");
	buf_init(&key, 65536);
	buf_init(&offer, 65536);
	r = first_key(env, t, deadline, &ssh, &key, &offer, out, err);
	if (r == 0 && key.len)
		add_key(out, &key);
	for (size_t i = 0; i < ARRAY_LEN(types) && r == 0; i++) {
		bool lib = !ssh && lib_can_verify(types[i].type);

		if (has_type(out, types[i].type) || !lists_meet(types[i].algorithms, offer.data))
			continue;
		buf_clear(&key);
		if (lib)
			r = lib_fetch_key(env, t, types[i].algorithms, deadline, &key, NULL, err);
		else
			r = ask_ssh(env, t, types[i].algorithms, deadline, &key, NULL, out, err);
		if (r == 0 && key.len)
			add_key(out, &key);
	}
	if (r == 0 && !out->n && !*out->revoked)
		r = err_set(err, ERR_CONNECT, "the host shows no key");
	if (err->code == ERR_UNSUPPORTED)
		err->code = ERR_CONNECT;
	buf_release(&key);
	buf_release(&offer);
	return r;
}
