/*
 * plan - the settings of each host, put together by precedence.
 */
#include "dt/run/plan.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/run/plan_sets.h"
#include "dt/ssh/algorithms.h"
#include "dt/ssh/control.h"
#include "dt/ssh/jump.h"
#include "dt/ssh/resolve.h"
#include "inventory/address.h"
#include "inventory/ssh_words.h"

#define CONNECT_TIMEOUT_MS 10000
#define JUMPS_MAX 8

/* One jump host as it was named, "[user@]host[:port]"; shared by all hosts behind it. */
struct hop {
	char *spec;
	struct target target;
	struct hop *next;
};

/* The words of one value of ssh_options. */
struct option_set {
	const char *value;
	struct strs words;
	bool command;		/* ProxyCommand is one of them */
	const char *because;
	struct option_set *next;
};

struct plan {
	const struct plan_options *opt;
	struct inventory *inv;
	const struct hostset *hosts;
	const struct ssh_env *env;
	struct ssh_config *config;
	struct plan_sets *sets;
	struct target *targets;
	size_t n;
	struct hop *hops;	/* the last made first: inner before outer */
	struct strs kept;	/* strings that targets point to */
	struct option_set *options;	/* of ssh_options, each different one once */
	char *login;		/* the local user's name */
	bool other_home;	/* $HOME is not what ssh(1) takes: it is told files explicitly */
};

/* Where a host's settings are being put together. */
struct draft {
	struct plan *p;
	const struct host *host;	/* NULL never */
	const char *user;	/* of a jump host's spec, or the command line */
	int port;
	bool jump_host;		/* -u, --port, -J are not for it */
	bool command;		/* ssh_options has a ProxyCommand */
	int depth;
	struct ssh_host_config ssh;
	struct target *t;
	plan_explain_fn *explain;
	void *arg;
	struct dt_err *err;
};

/* A copy that lives as long as the plan; the last one again where it is the same. */
static const char *keep(struct plan *p, const char *s)
{
	if (p->kept.n && strcmp(p->kept.v[p->kept.n - 1], s) == 0)
		return p->kept.v[p->kept.n - 1];
	return strs_add(&p->kept, s) == 0 ? p->kept.v[p->kept.n - 1] : NULL;
}

static void tell(struct draft *d, const char *key, const char *value, const char *origin)
{
	if (d->explain)
		d->explain(d->arg, key, value ? value : "", origin ? origin : "");
}

/* Command line, inventory, ssh_config, built-in.  *dt says whether one of the first two. */
static const char *choose(struct draft *d, const char *key, const char *cli, const struct ssh_value *ssh,
			  const char *builtin, bool *dt)
{
	const char *origin = NULL, *v = cli;

	*dt = true;
	if (v) {
		origin = d->jump_host ? "jump host" : "command line";
	} else if ((v = inventory_setting(d->p->inv, d->host, key, &origin)) == NULL) {
		*dt = false;
		if (ssh && ssh->value) {
			v = ssh->value;
			origin = ssh->where;
		} else {
			v = builtin;
			origin = "built-in";
		}
	}
	if (v)
		tell(d, key, v, origin);
	return v;
}

static int choose_login(struct draft *d)
{
	struct target *t = d->t;
	char number[24] = "";
	const char *v;
	long long n;
	bool dt;

	v = choose(d, "user", d->user, &d->ssh.user, d->p->login, &dt);
	if (!v || !*v)
		return err_set(d->err, ERR_USAGE, "host %s: no user name: use -u", d->host->pub.name);
	if (user_name_fault(v))
		return err_set(d->err, ERR_USAGE, "host %s: user name \"%s\" %s", d->host->pub.name, v,
			       user_name_fault(v));
	t->user = keep(d->p, v);
	t->told.user = dt ? t->user : NULL;
	if (d->port)
		(void)snprintf(number, sizeof(number), "%d", d->port);
	v = choose(d, "port", d->port ? number : NULL, &d->ssh.port, "22", &dt);
	if (parse_int(v, 1, 65535, &n) != 0)
		return err_set(d->err, ERR_USAGE, "host %s: port \"%s\" is no port", d->host->pub.name, v);
	t->port = (int)n;
	t->told.port = dt ? t->port : 0;
	return t->user ? 0 : err_nomem(d->err);
}

static int choose_name(struct draft *d)
{
	struct target *t = d->t;
	struct ssh_value hostname = { d->ssh.hostname_expanded, d->ssh.hostname.where };
	const char *v;
	char known[300];
	bool dt;

	t->name = d->host->pub.name;
	v = choose(d, "address", NULL, &hostname, t->name, &dt);
	if (host_name_fault(v))
		return err_set(d->err, ERR_USAGE, "host %s: address \"%s\" %s", t->name, v, host_name_fault(v));
	host_standard(v, known, sizeof(known));
	t->hostname = keep(d->p, known);
	t->told.hostname = dt ? t->hostname : NULL;
	v = choose(d, "hostkey_alias", NULL, &d->ssh.hostkeyalias, NULL, &dt);
	if (v) {
		t->known_exactly = true;
		t->known_as = keep(d->p, v);
		t->told.hostkey_alias = dt ? t->known_as : NULL;
	} else {
		known_hosts_name(t->hostname, t->port, known, sizeof(known));
		t->known_as = keep(d->p, known);
	}
	return t->hostname && t->known_as ? 0 : err_nomem(d->err);
}

static int choose_timeout(struct draft *d)
{
	const struct plan_options *o = d->p->opt;
	char text[32] = "", def[32];
	const char *v;
	bool dt;

	if (o->timeout_ms)
		format_time_ms(o->timeout_ms, text, sizeof(text));
	format_time_ms(CONNECT_TIMEOUT_MS, def, sizeof(def));
	v = choose(d, "connect_timeout", o->timeout_ms ? text : NULL, &d->ssh.connecttimeout, def, &dt);
	if (strcmp(v, "none") == 0) /* ssh_config(5) */
		v = def;
	if (parse_time_ms(v, &d->t->connect_timeout_ms) != 0 || !d->t->connect_timeout_ms)
		return err_set(d->err, ERR_USAGE, "host %s: connect_timeout \"%s\" is no time", d->t->name, v);
	return 0;
}

static int force(struct draft *d, const char *keyword, const struct ssh_value *v)
{
	struct buf b;

	if (d->t->openssh_because)
		return 0;
	buf_init(&b, 8192);
	if (buf_addf(&b, "%s at %s", keyword, v->where) == 0)
		d->t->openssh_because = keep(d->p, b.data);
	buf_release(&b);
	return d->t->openssh_because ? 0 : -1;
}

/* What a policy names is what is offered: by libssh2 where it has all of it, else by ssh(1). */
static int choose_algorithms(struct draft *d)
{
	struct target *t = d->t;
	const struct {
		const char *keyword;
		enum algorithm_kind kind;
		const struct ssh_value *policy;
		const char **to;
	} all[] = {
		{ "KexAlgorithms", ALGORITHM_KEX, &d->ssh.kexalgorithms, &t->algorithms.kex },
		{ "Ciphers", ALGORITHM_CIPHER, &d->ssh.ciphers, &t->algorithms.ciphers },
		{ "MACs", ALGORITHM_MAC, &d->ssh.macs, &t->algorithms.macs },
		{ "HostKeyAlgorithms", ALGORITHM_HOSTKEY, &d->ssh.hostkeyalgorithms, &t->algorithms.hostkeys },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const char *policy = all[i].policy->value;

		if (!policy)
			continue;
		tell(d, all[i].keyword, policy, all[i].policy->where);
		*all[i].to = keep(d->p, policy);
		if (!*all[i].to || (!algorithms_has_all(all[i].kind, policy) && force(d, all[i].keyword, all[i].policy) != 0))
			return -1;
	}
	t->kex_is_set = t->algorithms.kex || (t->undecided && ssh_config_mentions(d->p->config, "KexAlgorithms"));
	t->ciphers_is_set = t->algorithms.ciphers || (t->undecided && ssh_config_mentions(d->p->config, "Ciphers"));
	return 0;
}

/* As ssh(1): "yes" gives a terminal there where there is one here. */
static int choose_tty(struct draft *d)
{
	const struct ssh_value *v = &d->ssh.requesttty;

	d->t->tty = v->value && (strcmp(v->value, "force") == 0 || (strcmp(v->value, "yes") == 0 && d->p->opt->terminal));
	return d->t->tty ? force(d, "RequestTTY", v) : 0;
}

/* What becomes of a host key that is new, or not the one that is known. */
static int choose_strict(struct draft *d)
{
	const struct ssh_value *v = &d->ssh.stricthostkeychecking, *hash = &d->ssh.hashknownhosts;
	const struct ssh_env *env = d->p->env;
	struct target *t = d->t;
	char text[600];

	t->hash_names = !hash->value ? -1 : strcmp(hash->value, "yes") == 0;
	if (env->accept_new || (v->value && strcmp(v->value, "accept-new") == 0)) {
		t->strict = STRICT_ACCEPT_NEW;
	} else if (v->value && strcmp(v->value, "no") == 0) {
		/* ssh(1) sends no password to a host whose key has changed; nor is sudo's sent */
		t->strict = env->sends_password ? STRICT_ACCEPT_NEW : STRICT_NO;
		(void)snprintf(text, sizeof(text), "StrictHostKeyChecking no at %.400s", v->where);
		t->unchecked = keep(d->p, text);
		if (!t->unchecked)
			return err_nomem(d->err);
	}
	if (v->value || env->accept_new)
		tell(d, "host keys", env->accept_new ? "accept-new" : v->value, env->accept_new ? "command line" : v->where);
	return 0;
}

static int choose_alive(struct draft *d)
{
	d->t->alive_seconds = ssh_config_number(d->ssh.serveraliveinterval.value, 0);
	d->t->alive_count = ssh_config_number(d->ssh.serveralivecountmax.value, 3);
	return 0;
}

/* Host and -k: what an inventory says of a host that cannot be honoured otherwise. */
static int check_allowed(struct draft *d)
{
	const struct plan_options *o = d->p->opt;
	const char *origin, *v = inventory_setting(d->p->inv, d->host, "refuse", &origin);
	bool local = str_eq(inventory_setting(d->p->inv, d->host, "transport", NULL), "local");
	long long port;

	/* a reader's reason names its place itself */
	if (v && *v && origin && strncmp(v, origin, strcspn(origin, ":")) != 0)
		return err_set(d->err, ERR_USAGE, "host %s is refused (%s): %s", d->host->pub.name, origin, v);
	if (v && *v)
		return err_set(d->err, ERR_USAGE, "host %s is refused: %s", d->host->pub.name, v);
	v = inventory_setting(d->p->inv, d->host, "ask_password", &origin);
	if (v && strcmp(v, "yes") == 0 && !o->ask_password && !local)
		return err_set(d->err, ERR_USAGE, "host %s: its inventory has a password for it (%s), which is not read: -k asks for it",
			       d->host->pub.name, origin ? origin : "");
	if (d->jump_host)
		return 0;
	if (d->host->user && o->user_given && strcmp(d->host->user, o->user) != 0)
		return err_set(d->err, ERR_USAGE, "%s is named with another user than -u %s", d->host->named, o->user);
	if (d->host->port && o->port_given && (parse_int(d->host->port, 1, 65535, &port) != 0 || port != o->port))
		return err_set(d->err, ERR_USAGE, "%s is named with another port than --port %d", d->host->named, o->port);
	return 0;
}

/* "ssh_options: ProxyCommand, Ciphers", by which ssh(1) is chosen. */
static char *because_of(const struct option_set *set)
{
	struct buf b;
	int r;

	buf_init(&b, 65536);
	r = buf_adds(&b, "ssh_options:");
	for (size_t i = 0; i < set->words.n; i++)
		r |= buf_addf(&b, "%s %.*s", i ? "," : "", (int)strcspn(set->words.v[i], "="), set->words.v[i]);
	if (r) {
		buf_release(&b);
		return NULL;
	}
	return buf_steal(&b);
}

static const struct option_set *get_options(struct plan *p, const char *value)
{
	struct option_set *set;
	char *because;

	for (set = p->options; set; set = set->next)
		if (strcmp(set->value, value) == 0)
			return set;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->next = p->options;
	p->options = set;
	set->value = keep(p, value);
	if (!set->value || ssh_options_split(value, &set->words))
		return NULL;
	for (size_t i = 0; i < set->words.n; i++)
		set->command |= ssh_option_value(set->words.v[i], "ProxyCommand") != NULL;
	because = because_of(set);
	set->because = because ? keep(p, because) : NULL;
	free(because);
	return set->because ? set : NULL;
}

/* What only ssh(1) does is handed to it. */
static int choose_options(struct draft *d)
{
	const char *origin, *v = inventory_setting(d->p->inv, d->host, "ssh_options", &origin);
	const struct option_set *set;

	if (!v)
		return 0;
	tell(d, "ssh_options", v, origin);
	set = get_options(d->p, v);
	if (!set)
		return err_nomem(d->err);
	d->t->told.options = (const char *const *)set->words.v;
	d->t->openssh_because = set->because;
	d->command = set->command;
	return 0;
}

static int choose_transport(struct draft *d)
{
	static const char *const names[] = { "auto", "libssh2", "openssh", "local" };
	struct target *t = d->t;
	const char *cli = d->p->opt->transport ? names[d->p->opt->transport] : NULL, *v;
	bool dt;

	if (d->host->local)
		tell(d, "transport", names[TRANSPORT_LOCAL], "local:");
	v = d->host->local ? names[TRANSPORT_LOCAL] : choose(d, "transport", cli, NULL, names[0], &dt);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(v, names[i]) == 0)
			t->transport = (enum transport)i;
	if (t->transport == TRANSPORT_LOCAL) {
		if (d->p->opt->user && strcmp(d->p->opt->user, d->p->login) != 0)
			return err_set(d->err, ERR_USAGE, "host %s: -u %s: it is this machine, where commands run as %s",
				       t->name, d->p->opt->user, d->p->login);
		t->user = d->p->login;
		t->shell = true;
		t->fault = NULL;
		return 0;
	}
	v = choose(d, "shell", NULL, NULL, "yes", &dt);
	t->shell = strcmp(v, "no") != 0 && strcmp(v, "none") != 0;
	if (choose_options(d) != 0)
		return -1;
	if (t->openssh_because)
		; /* ssh_options */
	else if (d->ssh.openssh_because)
		t->openssh_because = keep(d->p, d->ssh.openssh_because);
	else if (d->ssh.identityagent.value && strcmp(d->ssh.identityagent.value, "none") != 0 &&
		 strcmp(d->ssh.identityagent.value, "SSH_AUTH_SOCK") != 0)
		t->openssh_because = keep(d->p, "IdentityAgent in ssh_config");
	if (choose_algorithms(d) != 0 || choose_tty(d) != 0)
		return err_nomem(d->err);
	tell(d, "via ssh(1)", t->transport == TRANSPORT_OPENSSH ? "yes" : t->openssh_because ? "yes" : "if needed",
	     t->openssh_because ? t->openssh_because : "");
	return 0;
}

/*
 * Is ssh(1) told dt's own default files, since $HOME is not its own?  Not where
 * it alone knows whether a line of its configuration names others.
 */
static bool tell_default(const struct draft *d, const char *keyword)
{
	return d->p->other_home && !(d->t->undecided && ssh_config_mentions(d->p->config, keyword));
}

static int choose_keys(struct draft *d)
{
	struct plan *p = d->p;
	struct target *t = d->t;
	const char *identity, *files;
	char text[600];
	bool dt;

	identity = choose(d, "identity", NULL, NULL, NULL, &dt);
	if (!d->host->local &&
	    plan_identities(p->sets, p->opt->identities, identity, &d->ssh, tell_default(d, "IdentityFile"), t, d->err) != 0)
		return -1;
	for (size_t i = 0; i < t->id_count; i++)
		tell(d, "key", t->ids[i]->name, t->ids[i]->from_agent ? "agent" : "file");
	for (const char *const *o = t->passed_over; o && *o; o++)
		tell(d, "key passed over", *o, "");
	files = choose(d, "known_hosts", NULL, NULL, NULL, &dt);
	if (plan_known_hosts(p->sets, p->opt->known_hosts, files, &d->ssh,
			     tell_default(d, "UserKnownHostsFile") && tell_default(d, "GlobalKnownHostsFile"), t, d->err) != 0)
		return -1;
	if (d->ssh.hosts_unknown && !t->told.known_hosts) {
		(void)snprintf(text, sizeof(text), "only ssh(1) can tell which known_hosts file %.400s names", d->ssh.hosts_unknown);
		t->known_hosts_because = keep(p, text);
		if (!t->known_hosts_because)
			return err_nomem(d->err);
	}
	tell(d, "known_hosts", t->first_known_hosts, t->known_as);
	return 0;
}

static int fill(struct draft *d);

/* False: a thread still uses it. */
static bool hop_free(struct hop *h)
{
	if (!h)
		return true;
	if (!jump_free(h->target.pump))
		return false;
	free(h->spec);
	free(h);
	return true;
}

/* "[user@]host[:port]"; parts are cut out of text. */
static int split_spec(char *text, const char **user, const char **host, int *port)
{
	struct host_address a;
	long long n = 0;

	if (address_cut(text, &a) || host_name_fault(a.host) || (a.port && parse_int(a.port, 1, 65535, &n) != 0))
		return -1;
	*user = a.user;
	*host = a.host;
	*port = (int)n;
	return 0;
}

/* The hop for one element of a chain, behind via (NULL: its own settings say). */
static const struct target *get_hop(struct draft *from, const char *spec, const struct target *via)
{
	struct plan *p = from->p;
	struct draft d = { .p = p, .jump_host = true, .depth = from->depth + 1, .err = from->err };
	struct host *host;
	struct hop *h;
	char *text;
	int r;

	for (h = p->hops; h; h = h->next)
		if (strcmp(h->spec, spec) == 0 && (!via || h->target.via == via))
			return &h->target;
	if (d.depth > JUMPS_MAX) {
		(void)err_set(from->err, ERR_USAGE, "host %s: its jump hosts form a loop (at %s)",
			      from->host->pub.name, spec);
		return NULL;
	}
	h = calloc(1, sizeof(*h));
	text = strdup(spec);
	if (!h || !text || !(h->spec = strdup(spec))) {
		(void)err_nomem(from->err);
		goto fail;
	}
	if (split_spec(text, &d.user, &spec, &d.port) != 0) {
		(void)err_set(from->err, ERR_USAGE, "host %s: \"%s\" is no jump host ([user@]host[:port])",
			      from->host->pub.name, h->spec);
		goto fail;
	}
	if (inventory_name(p->inv, spec, &host, from->err) != 0)
		goto fail;
	d.host = host;
	d.t = &h->target;
	h->target.via = via;
	r = fill(&d);
	if (r != 0)
		goto fail;
	if (h->target.transport == TRANSPORT_LOCAL) {
		(void)err_set(from->err, ERR_USAGE, "host %s: its jump host %s is this machine (transport = local)",
			      from->host->pub.name, h->spec);
		goto fail;
	}
	h->target.jump = h->target.via ? h->target.via->pump : NULL;
	h->target.pump = jump_new(p->env, &h->target, from->err);
	if (!h->target.pump)
		goto fail;
	free(text);
	h->next = p->hops;
	p->hops = h;
	return &h->target;
fail:
	free(text);
	(void)hop_free(h);
	return NULL;
}

static int choose_jumps(struct draft *d)
{
	const struct target *via = d->t->via;
	struct strs chain = { 0 };
	const char *v;
	bool dt;
	int r = -1;

	if (d->t->transport == TRANSPORT_LOCAL)
		return 0;
	if (via && d->command)
		return err_set(d->err, ERR_USAGE, "host %s: a ProxyCommand in its ssh_options, and a jump host before it", d->t->name);
	if (via)
		return 0; /* the chain itself says so */
	v = choose(d, "via", d->jump_host ? NULL : d->p->opt->jump, &d->ssh.proxyjump, NULL, &dt);
	if (!v || !*v || strcmp(v, "none") == 0 || strcmp(v, d->host->pub.name) == 0) {
		d->t->told.direct = dt && v && !d->command;
		return 0;
	}
	/* of ssh_config's jump host ssh(1) takes no notice then */
	if (d->command && !dt)
		return 0;
	if (d->command)
		return err_set(d->err, ERR_USAGE, "host %s: a ProxyCommand in its ssh_options, and jump hosts: %s", d->t->name, v);
	for (const char *s = v; *s;) {
		size_t n = strcspn(s, ",");

		if (n && strs_addn(&chain, s, n) != 0) {
			(void)err_nomem(d->err);
			goto out;
		}
		s += n + (s[n] == ',');
	}
	for (size_t i = 0; i < chain.n; i++) {
		via = get_hop(d, chain.v[i], via);
		if (!via)
			goto out;
	}
	d->t->via = via;
	d->t->jump = via ? via->pump : NULL;
	r = 0;
out:
	strs_release(&chain);
	return r;
}

/* What ssh_config says where dt's command line and inventory say what they say. */
static int look_up(struct draft *d)
{
	struct plan *p = d->p;
	const char *name = d->host->pub.name, *port;
	struct ssh_config_told told = {
		.user = d->user ? d->user : inventory_setting(p->inv, d->host, "user", NULL),
		.hostname = inventory_setting(p->inv, d->host, "address", NULL),
		.hostkey_alias = inventory_setting(p->inv, d->host, "hostkey_alias", NULL),
		.port = d->port,
	};

	port = inventory_setting(p->inv, d->host, "port", NULL);
	if (!told.port && port)
		told.port = ssh_config_number(port, 0);
	if (ssh_config_lookup(p->config, name, &told, &d->ssh, d->err) != 0)
		return -1;
	if (!d->ssh.undecided)
		return 0;
	d->t->undecided = true;
	if (p->opt->ask_ssh)
		return ssh_config_ask(p->config, p->env, name, &told, &d->ssh, d->err);
	d->t->unknown.user = !told.user;
	d->t->unknown.hostname = !told.hostname;
	d->t->unknown.port = !told.port;
	return 0;
}

/* What can neither be honoured nor handed to ssh(1). */
static int choose_refusal(struct draft *d)
{
	struct target *t = d->t;
	const char *because = t->openssh_because;
	struct buf b;
	int r = 0;

	for (const struct target *hop = t->via; hop && !because; hop = hop->via)
		because = hop->openssh_because;
	if (t->transport == TRANSPORT_LOCAL || (!d->ssh.refused && (t->transport != TRANSPORT_LIBSSH2 || !because)))
		return 0;
	buf_init(&b, 8192);
	if (d->ssh.refused)
		r = buf_addf(&b, "no command can run there: %s", d->ssh.refused);
	else
		r = buf_addf(&b, "transport = libssh2 cannot do %s", because);
	t->refused = r ? NULL : keep(d->p, b.data);
	buf_release(&b);
	return t->refused ? 0 : err_nomem(d->err);
}

/* A ControlMaster of the user's own, after all else is known. */
static int choose_master(struct draft *d)
{
	const struct ssh_value *v = &d->ssh.controlpath;
	const char *why = NULL, *home = home_dir();
	struct target *t = d->t;
	char *path = NULL;

	if (!v->value || t->transport == TRANSPORT_LOCAL || t->undecided || t->told.options)
		return 0;
	if (control_path(v->value, t, t->told.hostkey_alias ? t->told.hostkey_alias : d->ssh.hostkeyalias.value, home ? home : "", d->p->login,
			 ssh_config_is_for_one(d->p->config, v), &path, &why, d->err) != 0)
		return -1;
	tell(d, "control path", path ? path : "none", why ? why : v->where);
	if (path)
		t->control_path = keep(d->p, path);
	free(path);
	return !path || t->control_path ? 0 : err_nomem(d->err);
}

static int fill(struct draft *d)
{
	int r = -1;

	if (check_allowed(d) == 0 && look_up(d) == 0 && choose_login(d) == 0 && choose_name(d) == 0 && choose_timeout(d) == 0 &&
	    choose_keys(d) == 0 && choose_strict(d) == 0 && choose_alive(d) == 0 && choose_transport(d) == 0 &&
	    choose_jumps(d) == 0 && choose_master(d) == 0 && choose_refusal(d) == 0)
		r = 0;
	ssh_host_config_release(&d->ssh);
	return r;
}

static int fill_host(struct plan *p, size_t i, struct target *t, plan_explain_fn *fn, void *arg,
		     struct dt_err *err)
{
	const struct host *h = p->hosts->v[i];
	struct draft d = {
		.p = p, .host = h, .user = h->user ? h->user : p->opt->user, .port = h->port ? 0 : p->opt->port, .t = t,
		.explain = fn, .arg = arg, .err = err,
	};

	return fill(&d);
}

int plan_new(const struct plan_options *opt, struct inventory *inv, const struct hostset *hosts,
	     const struct ssh_env *env, struct plan **out, struct dt_err *err)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct passwd *pw = getpwuid(getuid());
	const char *home = home_dir();

	*out = NULL;
	if (!p)
		return err_nomem(err);
	p->opt = opt;
	p->inv = inv;
	p->hosts = hosts;
	p->env = env;
	p->login = strdup(pw ? pw->pw_name : "");
	p->other_home = pw && home && strcmp(pw->pw_dir, home) != 0;
	p->targets = calloc(hosts->n + 1, sizeof(*p->targets));
	if (!p->login || !p->targets) {
		(void)err_nomem(err);
		goto fail;
	}
	p->config = ssh_config_load(opt->ssh_config, err);
	if (!p->config)
		goto fail;
	/* hosts are to have the rest of the time */
	p->sets = plan_sets_new((opt->timeout_ms ? opt->timeout_ms : CONNECT_TIMEOUT_MS) / 2, err);
	if (!p->sets)
		goto fail;
	for (; p->n < hosts->n; p->n++)
		if (fill_host(p, p->n, &p->targets[p->n], NULL, NULL, err) != 0)
			goto fail;
	*out = p;
	return 0;
fail:
	plan_free(p);
	return -1;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	/* a thread that hangs on a jump host keeps all of it, for what is left of the process */
	while (p->hops) {
		struct hop *h = p->hops;

		p->hops = h->next;
		if (!hop_free(h))
			return;
	}
	plan_sets_free(p->sets);
	ssh_config_free(p->config);
	free(p->targets);
	while (p->options) {
		struct option_set *set = p->options;

		p->options = set->next;
		strs_release(&set->words);
		free(set);
	}
	strs_release(&p->kept);
	free(p->login);
	free(p);
}

const struct target *plan_target(const struct plan *p, size_t i)
{
	return &p->targets[i];
}

int plan_explain(struct plan *p, size_t i, plan_explain_fn *fn, void *arg, struct dt_err *err)
{
	struct target t = { 0 };

	return fill_host(p, i, &t, fn, arg, err);
}
