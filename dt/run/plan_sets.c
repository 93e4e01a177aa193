#include "dt/run/plan_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"

/* In the order of ssh(1); see ssh -G. */
static const char *const default_keys[] = {
	"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk",
};
static const char *const default_known_hosts[] = {
	"~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2",
};

struct id_set {
	char *key;		/* the files it was made from */
	const struct identity **ids;
	size_t n;
	struct strs told;
	struct strs passed_over;
	char *fault;		/* of the inventory's key, by which its hosts fail */
	struct id_set *next;
};

struct kh_set {
	char *key;
	struct known_hosts *kh;
	struct strs files;
	char *told;
	struct kh_set *next;
};

struct plan_sets {
	struct keyring *ring;
	int64_t agent_ms;
	bool asked_agent;
	struct id_set *ids;
	struct kh_set *known;
};

struct plan_sets *plan_sets_new(int64_t agent_ms, struct dt_err *err)
{
	struct plan_sets *s = calloc(1, sizeof(*s));

	if (s)
		s->ring = keyring_new();
	if (!s || !s->ring) {
		free(s);
		(void)err_nomem(err);
		return NULL;
	}
	s->agent_ms = agent_ms;
	return s;
}

static void id_set_free(struct id_set *i)
{
	free(i->key);
	free(i->ids);
	strs_release(&i->told);
	strs_release(&i->passed_over);
	free(i->fault);
	free(i);
}

static void kh_set_free(struct kh_set *k)
{
	free(k->key);
	known_hosts_free(k->kh);
	strs_release(&k->files);
	free(k->told);
	free(k);
}

void plan_sets_free(struct plan_sets *s)
{
	if (!s)
		return;
	while (s->ids) {
		struct id_set *i = s->ids;

		s->ids = i->next;
		id_set_free(i);
	}
	while (s->known) {
		struct kh_set *k = s->known;

		s->known = k->next;
		kh_set_free(k);
	}
	keyring_free(s->ring);
	free(s);
}

/* One line that is the same only for the same lists. */
static char *make_key(const struct strs *cli, const char *own, const struct strs *more, const char *flags)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; cli && i < cli->n; i++)
		r |= buf_addf(&b, "%s\n", cli->v[i]);
	r |= buf_addf(&b, "\n%s\n", own ? own : "");
	for (size_t i = 0; i < more->n; i++)
		r |= buf_addf(&b, "%s\n", more->v[i]);
	r |= buf_adds(&b, flags);
	if (r) {
		buf_release(&b);
		return NULL;
	}
	return buf_steal(&b);
}

static bool has_id(const struct id_set *set, const struct identity *id)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->ids[i]->blob_len == id->blob_len && memcmp(set->ids[i]->blob, id->blob, id->blob_len) == 0)
			return true;
	return false;
}

static int add_id(struct id_set *set, const struct identity *id, struct dt_err *err)
{
	const struct identity **ids;

	if (has_id(set, id))
		return 0;
	ids = realloc(set->ids, (set->n + 1) * sizeof(*ids));
	if (!ids)
		return err_nomem(err);
	set->ids = ids;
	ids[set->n++] = id;
	return 0;
}

static int pass_over(struct id_set *set, const char *path, const char *why, struct dt_err *err)
{
	char *text;
	int r = -1;

	if (asprintf(&text, "%s: %s", path, why) < 0)
		return err_nomem(err);
	r = strs_add(&set->passed_over, text) == 0 ? 0 : err_nomem(err);
	free(text);
	return r;
}

static int add_file(struct plan_sets *s, struct id_set *set, const char *file, enum key_demand demand, bool tell,
		    struct dt_err *err)
{
	const struct identity *id, *certificate = NULL;
	char *path = expand_tilde(file);
	const char *why;
	int r = -1;

	if (!path)
		return err_nomem(err);
	if (keyring_add_file(s->ring, path, demand, &id, &why, err) != 0 ||
	    keyring_add_certificate(s->ring, path, &certificate, err) != 0)
		goto out;
	if (id)
		r = add_id(set, id, err);
	else	/* nobody asked for a default file to be there */
		r = demand == KEY_DEFAULT && access(path, F_OK) != 0 ? 0 : pass_over(set, path, why, err);
	if (r == 0 && certificate)
		r = add_id(set, certificate, err);
	if (r == 0 && (demand != KEY_DEFAULT || (tell && access(path, R_OK) == 0)) && strs_add(&set->told, path) != 0)
		r = err_nomem(err);
out:
	free(path);
	return r;
}

/* What ssh(1) calls identity files, in their order. */
static int add_files(struct plan_sets *s, struct id_set *set, const struct strs *cli, const char *identity,
		     const struct strs *configured, bool tell, struct dt_err *err)
{
	size_t named;

	for (size_t i = 0; cli && i < cli->n; i++)
		if (add_file(s, set, cli->v[i], KEY_REQUIRED, true, err) != 0)
			return -1;
	if (identity && add_file(s, set, identity, KEY_REQUIRED, true, err) != 0) {
		if (err->code != ERR_USAGE)
			return -1;
		set->fault = strdup(err->msg);
		memset(err, 0, sizeof(*err));
		if (!set->fault)
			return err_nomem(err);
	}
	named = set->told.n;
	for (size_t i = 0; i < configured->n; i++)
		if (strcmp(configured->v[i], "none") != 0 &&
		    add_file(s, set, configured->v[i], KEY_CONFIGURED, true, err) != 0)
			return -1;
	/* what ssh_config names, ssh(1) finds itself */
	while (set->told.n > named) {
		free(set->told.v[--set->told.n]);
		set->told.v[set->told.n] = NULL;
	}
	for (size_t i = 0; !named && !configured->n && i < ARRAY_LEN(default_keys); i++)
		if (add_file(s, set, default_keys[i], KEY_DEFAULT, tell, err) != 0)
			return -1;
	return 0;
}

static int ask_agent(struct plan_sets *s, struct dt_err *err)
{
	if (s->asked_agent)
		return 0;
	s->asked_agent = true;
	if (keyring_add_agent(s->ring, NULL, s->agent_ms, err) != 0)
		return -1;
	if (keyring_agent_hangs(s->ring))
		log_warn("%s; its keys are not offered", keyring_agent_fault(s->ring));
	return 0;
}

static int fill_ids(struct plan_sets *s, struct id_set *set, const struct strs *cli, const char *identity,
		    const struct ssh_host_config *ssh, bool tell, struct dt_err *err)
{
	bool only = ssh->identitiesonly.value && strcasecmp(ssh->identitiesonly.value, "yes") == 0;
	bool agent = !(ssh->identityagent.value && strcmp(ssh->identityagent.value, "none") == 0);
	struct id_set files = { 0 };
	int r = -1;

	if (agent && ask_agent(s, err) != 0)
		return -1;
	if (add_files(s, &files, cli, identity, &ssh->identityfile, tell, err) != 0)
		goto out;
	for (int others = 0; agent && others < 2 - only; others++) {
		for (size_t i = 0; i < keyring_agent_count(s->ring); i++) {
			const struct identity *id = keyring_agent_get(s->ring, i);

			if (has_id(&files, id) != others && add_id(set, id, err) != 0)
				goto out;
		}
	}
	for (size_t i = 0; i < files.n; i++)
		if (add_id(set, files.ids[i], err) != 0)
			goto out;
	if (agent && keyring_agent_fault(s->ring) && strs_add(&set->passed_over, keyring_agent_fault(s->ring)) != 0) {
		(void)err_nomem(err);
		goto out;
	}
	for (size_t i = 0; i < files.passed_over.n; i++)
		if (strs_add(&set->passed_over, files.passed_over.v[i]) != 0) {
			(void)err_nomem(err);
			goto out;
		}
	set->told = files.told;
	memset(&files.told, 0, sizeof(files.told));
	set->fault = files.fault;
	files.fault = NULL;
	r = 0;
out:
	free(files.ids);
	free(files.fault);
	strs_release(&files.told);
	strs_release(&files.passed_over);
	return r;
}

int plan_identities(struct plan_sets *s, const struct strs *cli, const char *identity,
		    const struct ssh_host_config *ssh, bool tell, struct target *t, struct dt_err *err)
{
	char flags[64];
	struct id_set *set;
	char *key;

	(void)snprintf(flags, sizeof(flags), "%.20s %.20s", ssh->identitiesonly.value ? ssh->identitiesonly.value : "",
		       ssh->identityagent.value ? ssh->identityagent.value : "");
	key = make_key(cli, identity, &ssh->identityfile, flags);
	if (!key)
		return err_nomem(err);
	for (set = s->ids; set; set = set->next)
		if (strcmp(set->key, key) == 0)
			break;
	if (set) {
		free(key);
	} else {
		set = calloc(1, sizeof(*set));
		if (!set) {
			free(key);
			return err_nomem(err);
		}
		set->key = key;
		if (fill_ids(s, set, cli, identity, ssh, tell, err) != 0) {
			id_set_free(set);
			return -1;
		}
		set->next = s->ids;
		s->ids = set;
	}
	t->ring = s->ring;
	t->ids = set->ids;
	t->id_count = set->n;
	t->passed_over = set->passed_over.n ? (const char *const *)set->passed_over.v : NULL;
	t->agent_hangs = keyring_agent_hangs(s->ring);
	t->fault = set->fault;
	t->told.id_files = set->told.n ? (const char *const *)set->told.v : NULL;
	return 0;
}

static int add_path(struct strs *l, const char *file)
{
	char *path = expand_tilde(file);
	int r = path ? strs_add(l, path) : -1;

	free(path);
	return r;
}

/* As ssh(1) splits them: in quotes, a backslash before a quote or a backslash. */
static int add_quoted(struct buf *to, const char *path)
{
	int r = to->len ? buf_addc(to, ' ') : 0;

	r |= buf_addc(to, '"');
	for (; *path; path++)
		r |= *path == '"' || *path == '\\' ? buf_addf(to, "\\%c", *path) : buf_addc(to, *path);
	return r | buf_addc(to, '"');
}

static int fill_known(struct kh_set *k, const struct strs *cli, const char *files, const struct strs *ssh,
		      struct dt_err *err)
{
	struct buf told;
	int r = 0;

	if (cli && cli->n) {
		for (size_t i = 0; i < cli->n; i++)
			r |= add_path(&k->files, cli->v[i]);
	} else if (files) {
		r |= add_path(&k->files, files);
	} else if (ssh->n) {
		for (size_t i = 0; i < ssh->n; i++)
			r |= add_path(&k->files, ssh->v[i]);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(default_known_hosts); i++)
			r |= add_path(&k->files, default_known_hosts[i]);
	}
	buf_init(&told, 1 << 20);
	for (size_t i = 0; i < k->files.n; i++)
		r |= add_quoted(&told, k->files.v[i]);
	k->told = r ? NULL : buf_steal(&told);
	buf_release(&told);
	if (!k->told)
		return err_nomem(err);
	k->kh = known_hosts_load((const char *const *)k->files.v, k->files.n, err);
	return k->kh ? 0 : -1;
}

int plan_known_hosts(struct plan_sets *s, const struct strs *cli, const char *files,
		     const struct ssh_host_config *ssh, bool tell, struct target *t, struct dt_err *err)
{
	char *key = make_key(cli, files, &ssh->known_hosts_files, "");
	struct kh_set *k;

	if (!key)
		return err_nomem(err);
	for (k = s->known; k; k = k->next)
		if (strcmp(k->key, key) == 0)
			break;
	if (k) {
		free(key);
	} else {
		k = calloc(1, sizeof(*k));
		if (!k) {
			free(key);
			return err_nomem(err);
		}
		k->key = key;
		if (fill_known(k, cli, files, &ssh->known_hosts_files, err) != 0) {
			kh_set_free(k);
			return -1;
		}
		k->next = s->known;
		s->known = k;
	}
	t->known_hosts = k->kh;
	t->first_known_hosts = k->files.n ? k->files.v[0] : NULL;
	t->told.known_hosts_alone = (cli && cli->n) || files;
	t->told.known_hosts = t->told.known_hosts_alone || tell ? k->told : NULL;
	if (!t->told.known_hosts_alone && ssh->no_user_hosts) {
		t->first_known_hosts = NULL;
		t->told.known_hosts = NULL;	/* it reads the same words itself, and takes them for the same */
	}
	return 0;
}
