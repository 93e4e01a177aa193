/*
 * keys - the keyring: which keys there are, and who signs for each.
 */
#include "dt/ssh/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/ssh/agent.h"
#include "dt/ssh/blob.h"
#include "dt/ssh/key_file.h"
#include "dt/ssh/signer.h"
#include "dt/ssh/unlock.h"

#define AGENT_MS 10000	/* for the list of the private agent's keys */
#define FINGERPRINT "SHA256:"

/* An identity and who signs for it: memory, else an agent, else nobody here. */
struct key {
	struct identity id;	/* first: who has the identity has this */
	char type[64];
	struct signer *signer;
	char *agent;		/* path of its socket, or NULL */
};

/* What became of a file, so that it is read, and its passphrase asked for, once. */
struct tried {
	char *path;
	struct key *key;	/* NULL: its passphrase was not given */
	struct tried *next;
};

struct keyring {
	struct digests digests;
	struct key **v;
	size_t n, cap, agent_n;	/* the first agent_n are those of agents */
	struct key **held;	/* what agents hold, in their order */
	size_t held_n;
	char *agent_fault;
	bool agent_hangs;
	struct tried *tried;
	struct unlock *unlock;	/* started for the first encrypted key */
};

void key_type(const void *blob, size_t len, char out[64])
{
	struct blob in = { blob, len }, type;

	*out = '\0';
	if (blob_string(&in, &type) != 0 || type.left >= 64)
		return;
	for (size_t i = 0; i < type.left; i++)
		if (type.p[i] <= ' ' || type.p[i] > '~' || type.p[i] == ',')
			return;
	blob_text(&type, out, 64);
}

void key_fingerprint(const void *blob, size_t len, char out[64])
{
	unsigned char sum[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	size_t size = 0;
	int n;

	*out = '\0';
	if (EVP_Q_digest(NULL, "SHA256", NULL, blob, len, sum, &size) != 1)
		return;
	n = EVP_EncodeBlock(text, sum, (int)size);
	while (n && text[n - 1] == '=')
		n--;
	(void)snprintf(out, 64, FINGERPRINT "%.*s", n, (const char *)text);
}

struct keyring *keyring_new(void)
{
	struct keyring *ring = calloc(1, sizeof(*ring));

	if (ring && digests_init(&ring->digests) != 0) {
		keyring_free(ring);
		return NULL;
	}
	return ring;
}

static void key_free(struct key *k)
{
	signer_free(k->signer);
	free((void *)(uintptr_t)k->id.name);
	free((void *)(uintptr_t)k->id.blob);
	free(k->agent);
	free(k);
}

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->n; i++)
		key_free(ring->v[i]);
	free(ring->v);
	free(ring->held);
	free(ring->agent_fault);
	while (ring->tried) {
		struct tried *t = ring->tried;

		ring->tried = t->next;
		free(t->path);
		free(t);
	}
	unlock_free(ring->unlock);
	digests_release(&ring->digests);
	free(ring);
}

static struct key *find(const struct keyring *ring, const void *blob, size_t len)
{
	for (size_t i = 0; i < ring->n; i++)
		if (len && ring->v[i]->id.blob_len == len && memcmp(ring->v[i]->id.blob, blob, len) == 0)
			return ring->v[i];
	return NULL;
}

/* A new key in its place among the others.  NULL: no memory. */
static struct key *add(struct keyring *ring, const void *blob, size_t len, const char *name, const char *agent,
		       bool from_agent)
{
	struct key *k = calloc(1, sizeof(*k)), **v = ring->v;
	size_t at = from_agent ? ring->agent_n : ring->n;
	unsigned char *copy;

	if (!k)
		return NULL;
	k->id.name = strdup(name);
	k->id.blob = copy = malloc(len);
	k->agent = agent ? strdup(agent) : NULL;
	if (ring->n == ring->cap) {
		v = realloc(v, (ring->cap * 2 + 8) * sizeof(*v));
		if (v) {
			ring->v = v;
			ring->cap = ring->cap * 2 + 8;
		}
	}
	if (!v || !copy || !k->id.name || (agent && !k->agent)) {
		key_free(k);
		return NULL;
	}
	memcpy(copy, blob, len);
	k->id.blob_len = len;
	key_type(blob, len, k->type);
	k->id.type = k->type;
	k->id.from_agent = from_agent;
	k->id.certificate = str_ends(k->type, "-cert-v01@openssh.com");
	k->id.fido = str_starts(k->type, "sk-");
	memmove(v + at + 1, v + at, (ring->n - at) * sizeof(*v));
	v[at] = k;
	ring->n++;
	ring->agent_n += from_agent;
	return k;
}

struct agent_call {
	struct keyring *ring;
	const char *path;
	struct dt_err *err;
};

static int on_agent_key(void *arg, const void *blob, size_t len, const char *comment)
{
	struct agent_call *c = arg;
	struct keyring *ring = c->ring;
	struct key *k = find(ring, blob, len), **held;
	char type[64];

	key_type(blob, len, type);
	if (!*type)
		return 0;
	for (size_t i = 0; k && i < ring->held_n; i++)
		if (ring->held[i] == k)
			return 0;
	if (!k)
		k = add(ring, blob, len, comment, c->path, true);
	held = k ? realloc(ring->held, (ring->held_n + 1) * sizeof(*held)) : NULL;
	if (!held)
		return err_nomem(c->err);
	ring->held = held;
	held[ring->held_n++] = k;
	return 0;
}

int keyring_add_agent(struct keyring *ring, const char *path, int64_t wait_ms, struct dt_err *err)
{
	struct dt_err why = DT_ERR_INIT;
	struct agent_call c = { ring, path ? path : getenv("SSH_AUTH_SOCK"), &why };

	if (!c.path || !*c.path)
		return 0;
	/* an agent that is gone, hangs or talks nonsense only means that it has no keys, as for ssh(1) */
	if (agent_list(c.path, now_ms() + wait_ms, on_agent_key, &c, &why) == 0)
		return 0;
	if (why.code == ERR_LOCAL) {
		*err = why;
		return -1;
	}
	ring->agent_hangs = why.code == ERR_TIMEOUT;
	free(ring->agent_fault);
	if (asprintf(&ring->agent_fault, "SSH agent at %s: %s", c.path, why.msg) < 0) {
		ring->agent_fault = NULL;
		return err_nomem(err);
	}
	return 0;
}

const char *keyring_agent_fault(const struct keyring *ring)
{
	return ring->agent_fault;
}

bool keyring_agent_hangs(const struct keyring *ring)
{
	return ring->agent_hangs;
}

size_t keyring_agent_count(const struct keyring *ring)
{
	return ring->held_n;
}

const struct identity *keyring_agent_get(const struct keyring *ring, size_t i)
{
	return i < ring->held_n ? &ring->held[i]->id : NULL;
}

/*
 * Reads and parses a key file.  0; or -1 with *why, and err as it is for a
 * file that is required.
 */
static int load(const char *path, struct key_file *out, const char **why, struct dt_err *err)
{
	int fd = open_file(path, err), r = -1;
	struct stat st = { 0 };
	struct buf text;

	memset(out, 0, sizeof(*out));
	buf_init(&out->blob, 0);
	buf_init(&text, KEY_FILE_MAX);
	if (fd < 0) {
		*why = access(path, F_OK) != 0 ? "no such file" : "it cannot be read";
		return -1;
	}
	/* all the room at once, so that no copy of a secret is left where it grew */
	if (fstat(fd, &st) != 0 || !buf_reserve(&text, KEY_FILE_MAX)) {
		*why = "it cannot be read";
		(void)err_sys(err, ERR_USAGE, errno, "%s", path);
	} else if (read_fd(fd, path, &text, err) != 0) {
		*why = "it cannot be read";
	} else if (key_file_parse(text.data, text.len, out, why) != 0) {
		(void)err_set(err, ERR_USAGE, "%s: %s", path, *why);
	} else if (out->kind != KEY_FILE_PUBLIC && st.st_uid == getuid() && st.st_mode & 077) {
		*why = "its permissions are too open";
		(void)err_set(err, ERR_USAGE, "%s: permissions %04o are too open", path,
			      (unsigned)st.st_mode & 07777);
	} else {
		r = 0;
	}
	if (r != 0)
		key_file_release(out);
	if (text.cap)
		explicit_bzero(text.data, text.cap);
	buf_release(&text);
	(void)close(fd);
	return r;
}

/* The public key in FILE.pub, where there is one. */
static void load_public(const char *path, struct buf *blob)
{
	struct dt_err ignored = DT_ERR_INIT;
	struct key_file f;
	const char *why;
	char *name;

	if (asprintf(&name, "%s.pub", path) < 0)
		return;
	if (load(name, &f, &why, &ignored) == 0) {
		if (f.kind == KEY_FILE_PUBLIC) {
			*blob = f.blob;
			buf_init(&f.blob, 0);
		}
		key_file_release(&f);
	}
	free(name);
}

/* Which of the private agent's keys a file became. */
struct unlocked {
	struct keyring *ring;
	const char *path;
	const struct buf *want;	/* its public key; empty where not known */
	struct buf found;
	bool by_name;
	struct dt_err *err;
};

static int on_unlocked(void *arg, const void *blob, size_t len, const char *comment)
{
	struct unlocked *u = arg;
	char type[64];
	bool right;

	key_type(blob, len, type);
	if (!*type || str_ends(type, "-cert-v01@openssh.com"))
		return 0;
	if (u->want->len)
		right = u->want->len == len && memcmp(u->want->data, blob, len) == 0;
	else	/* a key that was not there before; or else the one that ssh-add named by the path */
		right = !u->found.len && (u->by_name ? str_eq(comment, u->path) : !find(u->ring, blob, len));
	if (!right)
		return 0;
	buf_clear(&u->found);
	return buf_add(&u->found, blob, len) == 0 ? 0 : err_nomem(u->err);
}

/* An encrypted file, by ssh-add.  0 with *out; 1 with *why, and err; -1. */
static int unlock_file(struct keyring *ring, const char *path, const struct buf *public, struct key **out,
		       const char **why, struct dt_err *err)
{
	struct unlocked u = { .ring = ring, .path = path, .want = public, .err = err };
	int64_t deadline;
	int r;

	if (!ring->unlock)
		ring->unlock = unlock_new(err);
	if (!ring->unlock) {
		*why = "ssh-agent could not be started";
		return 1;
	}
	*why = "its passphrase was not given";
	(void)err_set(err, ERR_USAGE, "%s: %s", path, *why);
	r = unlock_add(ring->unlock, path, err);
	if (r != 0)
		return r;
	buf_init(&u.found, KEY_BLOB_MAX);
	deadline = now_ms() + AGENT_MS;
	r = agent_list(unlock_socket(ring->unlock), deadline, on_unlocked, &u, err);
	if (r == 0 && !u.found.len && !public->len) {
		u.by_name = true;
		r = agent_list(unlock_socket(ring->unlock), deadline, on_unlocked, &u, err);
	}
	if (r != 0)
		goto out;
	if (!u.found.len) {
		r = 1;
		goto out;
	}
	*out = find(ring, u.found.data, u.found.len);
	if (!*out)
		*out = add(ring, u.found.data, u.found.len, path, unlock_socket(ring->unlock), false);
	if (!*out)
		r = err_nomem(err);
out:
	buf_release(&u.found);
	return r;
}

int keyring_add_certificate(struct keyring *ring, const char *path, const struct identity **out,
			    struct dt_err *err)
{
	struct dt_err ignored = DT_ERR_INIT;
	struct key *k = NULL;
	struct key_file f;
	const char *why;
	char *name, type[64];
	int r = 0;

	*out = NULL;
	if (asprintf(&name, "%s-cert.pub", path) < 0)
		return err_nomem(err);
	if (load(name, &f, &why, &ignored) == 0) {
		key_type(f.blob.data, f.blob.len, type);
		if (f.kind == KEY_FILE_PUBLIC && str_ends(type, "-cert-v01@openssh.com")) {
			k = find(ring, f.blob.data, f.blob.len);
			if (!k)
				k = add(ring, f.blob.data, f.blob.len, name, NULL, false);
			r = k ? 0 : err_nomem(err);
		}
		key_file_release(&f);
	}
	free(name);
	if (k)
		*out = &k->id;
	return r;
}

/* The key of a file that was not tried before.  0 with *out; 1 with *why, and err; -1. */
static int find_key(struct keyring *ring, const char *path, enum key_demand demand, struct key **out,
		    const char **why, bool *asked, struct dt_err *err)
{
	struct key_file f;
	struct signer *signer = NULL;
	struct buf beside;	/* what FILE.pub says, where the file itself does not */
	struct key *k;
	int r = load(path, &f, why, err) == 0 ? 0 : 1;

	buf_init(&beside, 0);
	if (!f.blob.len)
		load_public(path, &beside);
	if (f.key) {
		signer = signer_new(f.key, &ring->digests, why);
		f.key = NULL;
		if (!signer) {
			(void)err_set(err, ERR_USAGE, "%s: %s", path, *why);
			r = 1;
		}
	}
	k = f.blob.len ? find(ring, f.blob.data, f.blob.len) : find(ring, beside.data, beside.len);
	if (k) {
		/* an agent's key, too: memory signs faster than its one queue */
		if (signer && !k->signer)
			k->signer = signer;
		else
			signer_free(signer);
		signer = NULL;
		r = 0;
	} else if (r == 0 && f.kind == KEY_FILE_ENCRYPTED) {
		if (demand == KEY_DEFAULT && !unlock_can_ask()) {
			*why = "it is encrypted, and there is no terminal to ask at";
			r = 1;
		} else {
			*asked = true;
			r = unlock_file(ring, path, &f.blob, &k, why, err);
		}
	} else if (r == 0 && f.kind == KEY_FILE_PUBLIC) {
		*why = "a public key, and no agent has the private one";
		(void)err_set(err, ERR_USAGE, "%s: %s", path, *why);
		r = 1;
	} else if (r == 0) {
		k = add(ring, f.blob.data, f.blob.len, path, NULL, false);
		if (k) {
			k->signer = signer;
			signer = NULL;
		} else {
			r = err_nomem(err);
		}
	}
	signer_free(signer);
	key_file_release(&f);
	buf_release(&beside);
	*out = k;
	return r;
}

static int remember(struct keyring *ring, const char *path, struct key *key)
{
	struct tried *t = calloc(1, sizeof(*t));

	if (t)
		t->path = strdup(path);
	if (!t || !t->path) {
		free(t);
		return -1;
	}
	t->key = key;
	t->next = ring->tried;
	ring->tried = t;
	return 0;
}

int keyring_add_file(struct keyring *ring, const char *path, enum key_demand demand,
		     const struct identity **out, const char **why, struct dt_err *err)
{
	struct dt_err reason = DT_ERR_INIT;
	const char *text = NULL;
	struct key *k = NULL;
	bool asked = false;
	struct tried *t;
	int r;

	*out = NULL;
	if (why)
		*why = NULL;
	for (t = ring->tried; t && strcmp(t->path, path) != 0; t = t->next)
		;
	if (t) {
		k = t->key;
		r = k ? 0 : 1;
		text = "its passphrase was not given";
		if (!k)
			(void)err_set(&reason, ERR_USAGE, "%s: %s", path, text);
	} else {
		r = find_key(ring, path, demand, &k, &text, &asked, &reason);
		if ((k || asked) && remember(ring, path, k) != 0)
			return err_nomem(err);
	}
	if (r < 0 || (r > 0 && demand == KEY_REQUIRED)) {
		*err = reason;
		return -1;
	}
	if (r > 0) {
		if (why)
			*why = text;
		return 0;
	}
	*out = &k->id;
	return 0;
}

size_t keyring_count(const struct keyring *ring)
{
	return ring->n;
}

const struct identity *keyring_get(const struct keyring *ring, size_t i)
{
	return i < ring->n ? &ring->v[i]->id : NULL;
}

static const struct key *key_of(const struct identity *id)
{
	return (const struct key *)(const void *)id;
}

int identity_sign(const struct keyring *ring, const struct identity *id, const char *algorithm,
		  const void *data, size_t len, struct buf *sig, const struct ssh_env *env, int64_t deadline,
		  struct dt_err *err)
{
	const struct key *k = key_of(id);

	(void)ring;
	if (k->signer)
		return signer_sign(k->signer, algorithm, data, len, sig, err);
	if (k->agent)
		return agent_sign(k->agent, id->blob, id->blob_len, algorithm, data, len, sig, env, deadline, err);
	return err_set(err, ERR_AUTH, "only ssh(1) can sign with %s", id->type);
}
