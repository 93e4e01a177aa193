#include "dt/ssh/ssh_config.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/ssh/pattern.h"
#include "dt/ssh/resolve.h"
#include "dt/ssh/ssh_config_tree.h"

#define SYSTEM_FILE "/etc/ssh/ssh_config"
#define TEXT_MAX ((size_t)1 << 20)
#define NAME_SIZE 1100

int ssh_config_number(const char *value, int otherwise)
{
	long long n;

	return value && parse_int(value, 0, INT_MAX, &n) == 0 ? (int)n : otherwise;
}

static void note_keywords(struct ssh_config *c, const struct conf_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct conf_line *l = &f->lines[i];

		if (l->keyword)
			c->mentioned[l->keyword - conf_keywords] = true;
		for (size_t k = 0; k < l->file_count; k++)
			note_keywords(c, l->files[k]);
		/* what such an Include finds is not known */
		for (size_t k = 0; l->odd && k < CONF_KEYWORDS_MAX; k++)
			c->mentioned[k] = true;
	}
}

bool ssh_config_mentions(const struct ssh_config *c, const char *keyword)
{
	const struct conf_keyword *k = conf_keyword_find(keyword);

	return k && c->mentioned[k - conf_keywords];
}

static int add_root(struct ssh_config *c, const char *path, unsigned flags, struct dt_err *err)
{
	struct conf_file *f = conf_file_read(path, flags, err);

	if (!f)
		return -1;
	c->roots[c->root_count++] = f;
	note_keywords(c, f);
	return 0;
}

struct ssh_config *ssh_config_load(const char *file, struct dt_err *err)
{
	struct ssh_config *c = calloc(1, sizeof(*c));
	const char *home = home_dir();
	struct passwd *pw;
	char *path = NULL;
	int r = -1;

	if (!c)
		goto nomem;
	c->file = file ? strdup(file) : NULL;
	if (file && !c->file)
		goto nomem;
	c->home = strdup(home ? home : "/");
	pw = getpwuid(getuid());
	c->local_user = strdup(pw ? pw->pw_name : "");
	if (!c->home || !c->local_user)
		goto nomem;
	if (file) {
		r = strcasecmp(file, "none") == 0 ? 0 : add_root(c, file, CONF_USER, err);
		goto out;
	}
	if (asprintf(&path, "%s/.ssh/config", c->home) < 0) {
		path = NULL;
		goto nomem;
	}
	r = add_root(c, path, CONF_USER | CONF_CHECK_OWNER | CONF_MAY_LACK, err);
	if (r == 0)
		r = add_root(c, SYSTEM_FILE, CONF_MAY_LACK, err);
	goto out;
nomem:
	(void)err_nomem(err);
out:
	free(path);
	if (r != 0) {
		ssh_config_free(c);
		c = NULL;
	}
	return c;
}

void ssh_config_free(struct ssh_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->root_count; i++)
		conf_file_free(c->roots[i]);
	free(c->file);
	free(c->home);
	free(c->local_user);
	free(c);
}

void ssh_host_config_release(struct ssh_host_config *h)
{
	free(h->hostname_expanded);
	free(h->openssh_because);
	free(h->refused);
	strs_release(&h->identityfile);
	strs_release(&h->known_hosts_files);
	buf_release(&h->answer);
	memset(h, 0, sizeof(*h));
	buf_init(&h->answer, 0);
}

/* One lookup. */
struct lookup {
	const struct ssh_config *config;
	const char *host;
	const struct ssh_config_told *told;
	struct ssh_host_config *out;
	struct conf_facts facts;
	struct buf name;		/* HostName as far as read, for Match; then the name that counts */
	const char *ignore;		/* IgnoreUnknown, as far as read */
	bool seen[CONF_KEYWORDS_MAX];	/* first values taken, by place in the table */
	bool jump_set, command_seen;
	const struct conf_line **identities, *hosts[2];	/* the last: user's and global */
	size_t identity_count;
	struct strs sendenv;		/* patterns; behind each, where it stands */
	struct dt_err *err;
};

static int reason(struct lookup *u, char **to, const char *what, const char *where)
{
	/* the first one is kept */
	if (!*to && asprintf(to, "%s at %s", what, where) < 0) {
		*to = NULL;
		return err_nomem(u->err);
	}
	return 0;
}

static int force_line(struct lookup *u, const struct conf_line *l)
{
	return reason(u, &u->out->openssh_because, l->keyword->name, l->where);
}

static int undecided(struct lookup *u, const struct conf_line *l)
{
	/* this reason goes before all others: they may not hold */
	if (!u->out->undecided) {
		free(u->out->openssh_because);
		u->out->openssh_because = NULL;
	}
	u->out->undecided = true;
	return force_line(u, l);
}

static struct ssh_value *slot(struct lookup *u, const struct conf_line *l)
{
	return (struct ssh_value *)(void *)((char *)u->out + l->keyword->slot);
}

static void set_slot(struct lookup *u, const struct conf_line *l)
{
	*slot(u, l) = (struct ssh_value){ l->value, l->where };
}

/* Is it the first value of its keyword?  From now on it is not. */
static bool first(struct lookup *u, const struct conf_line *l)
{
	bool *seen = &u->seen[l->keyword - conf_keywords];
	bool before = *seen;

	*seen = true;
	return !before;
}

/* The first of ProxyJump and ProxyCommand wins; but "ProxyJump none" leaves room for a command. */
static int take_jump(struct lookup *u, const struct conf_line *l)
{
	if (u->command_seen || !first(u, l) || strcasecmp(l->value, "none") == 0)
		return 0;
	u->jump_set = true;
	/* Tokens, quotes, comments and URIs are left to ssh. */
	if (strpbrk(l->value, "% \t\"'\\#/"))
		return force_line(u, l);
	set_slot(u, l);
	return 0;
}

static int take_command(struct lookup *u, const struct conf_line *l)
{
	if (u->command_seen || u->jump_set)
		return 0;
	u->command_seen = true;
	return strcasecmp(l->value, "none") == 0 ? 0 : force_line(u, l);
}

static int take_agent(struct lookup *u, const struct conf_line *l)
{
	if (!first(u, l))
		return 0;
	if (strcmp(l->value, "SSH_AUTH_SOCK") != 0 && strpbrk(l->value, "%$"))
		return force_line(u, l);
	set_slot(u, l);
	return 0;
}

static int take_identity(struct lookup *u, const struct conf_line *l)
{
	const struct conf_line **v = realloc(u->identities, (u->identity_count + 1) * sizeof(*v));

	if (!v)
		return err_nomem(u->err);
	u->identities = v;
	v[u->identity_count++] = l;
	return 0;
}

/* "SendEnv -PATTERN" takes patterns away again. */
static int take_env(struct lookup *u, const struct conf_line *l)
{
	for (size_t i = 0; i < l->args.n; i++) {
		const char *pattern = l->args.v[i];
		struct strs kept = { 0 };
		int r = 0;

		if (*pattern != '-') {
			if (conf_env_sends(pattern, l->system) &&
			    (strs_add(&u->sendenv, pattern) != 0 || strs_add(&u->sendenv, l->where) != 0))
				return err_nomem(u->err);
			continue;
		}
		for (size_t k = 0; k < u->sendenv.n; k += 2)
			if (!pattern_match(u->sendenv.v[k], pattern + 1, strlen(pattern + 1)))
				r |= strs_add(&kept, u->sendenv.v[k]) || strs_add(&kept, u->sendenv.v[k + 1]);
		strs_release(&u->sendenv);
		u->sendenv = kept;
		if (r)
			return err_nomem(u->err);
	}
	return 0;
}

/* "none": ssh(1) runs no command there, and would wait for ever. */
static int take_session(struct lookup *u, const struct conf_line *l)
{
	if (!first(u, l) || !conf_line_forces(l))
		return 0;
	if (l->args.n == 1 && strcasecmp(l->args.v[0], "none") == 0)
		return reason(u, &u->out->refused, "SessionType none", l->where);
	return force_line(u, l);
}

/* One line that applies. */
static int take_line(struct lookup *u, const struct conf_line *l)
{
	switch (l->keyword->treat) {
	case CONF_READ:
		/* To ssh, "ConnectTimeout none" is the same as no such line; 0 is not. */
		if (l->keyword->form == FORM_TIME && strcmp(l->args.v[0], "none") == 0)
			return 0;
		if (first(u, l))
			set_slot(u, l);
		return 0;
	case CONF_FORCE:
	case CONF_FORCE_TICKET:
	case CONF_FORCE_AGENT:
		return first(u, l) && conf_line_forces(l) ? force_line(u, l) : 0;
	case CONF_FORCE_EACH:
		return conf_line_forces(l) ? force_line(u, l) : 0;
	case CONF_FORCE_ENV:
		return take_env(u, l);
	case CONF_CANONICAL:
		return first(u, l) && conf_line_forces(l) ? undecided(u, l) : 0;
	case CONF_SESSION:
		return take_session(u, l);
	case CONF_IDENTITY:
		return take_identity(u, l);
	case CONF_HOSTS:
		if (first(u, l)) {
			u->hosts[slot(u, l) == &u->out->globalknownhostsfile] = l;
			set_slot(u, l);
		}
		return 0;
	case CONF_AGENT:
		return take_agent(u, l);
	case CONF_JUMP:
		return take_jump(u, l);
	case CONF_COMMAND:
		return take_command(u, l);
	case CONF_IGNORE:
		if (!u->ignore)
			u->ignore = l->value;
		return 0;
	case CONF_UNUSED:
	case CONF_HOST:
	case CONF_MATCH:
	case CONF_INCLUDE:
		break;
	}
	return 0;
}

/* In the second pass Host lines are about the name that the first one found. */
static bool host_applies(const struct lookup *u, const struct conf_line *l)
{
	const char *host = u->facts.final ? u->name.data : u->host;
	bool applies = false;

	for (size_t i = 0; i < l->args.n; i++) {
		const char *pattern = l->args.v[i];
		bool negated = *pattern == '!';

		if (!pattern_match(host, pattern + negated, strlen(pattern + negated)))
			continue;
		if (negated)
			return false;
		applies = true;
	}
	return applies;
}

static struct conf_tokens tokens(const struct lookup *u)
{
	const struct ssh_host_config *h = u->out;
	const struct ssh_config_told *told = u->told;
	const char *user = told->user ? told->user : h->user.value;

	return (struct conf_tokens){
		.home = u->config->home, .local_user = u->config->local_user, .original = u->host,
		.host = u->facts.host, .user = user ? user : u->config->local_user,
		.alias = told->hostkey_alias ? told->hostkey_alias : h->hostkeyalias.value ? h->hostkeyalias.value : u->host,
		.jump = u->jump_set ? h->proxyjump.value : "",
		.port = told->port ? told->port : ssh_config_number(h->port.value, 22),
	};
}

/* HostName with %h (the name that was asked for) and %% expanded: in u->name.  1: something else is in it. */
static int expand_hostname(struct lookup *u)
{
	const struct conf_tokens t = { .host = u->host };
	int r;

	buf_clear(&u->name);
	if (u->told->hostname || !u->out->hostname.value)
		r = buf_adds(&u->name, u->told->hostname ? u->told->hostname : u->host);
	else
		r = conf_expand(&t, u->out->hostname.value, false, "h", &u->name);
	return r < 0 ? err_nomem(u->err) : r;
}

static int bad_hostname(struct lookup *u)
{
	return err_set(u->err, ERR_USAGE, "%s: HostName: only %%h and %%%% can be expanded", u->out->hostname.where);
}

static int weigh_match(struct lookup *u, const struct conf_line *l, bool enclosing, bool *active)
{
	struct conf_facts *f = &u->facts;
	enum conf_verdict v;
	int r = f->final ? 0 : expand_hostname(u);

	if (r != 0)
		return r < 0 ? -1 : bad_hostname(u);
	f->host = u->name.data;
	f->original = u->host;
	f->local_user = u->config->local_user;
	f->user = u->told->user ? u->told->user : u->out->user.value ? u->out->user.value : f->local_user;
	v = conf_match(l, f);
	*active = enclosing && v == MATCH_YES;
	return enclosing && v == MATCH_UNKNOWN ? undecided(u, l) : 0;
}

/* enclosing: do lines before the first Host apply, does any at all? */
static int walk(struct lookup *u, const struct conf_file *f, bool enclosing)
{
	bool active = enclosing;
	int r = 0;

	for (size_t i = 0; i < f->n && r == 0; i++) {
		const struct conf_line *l = &f->lines[i];

		if (!l->keyword) {
			if (!u->ignore || pattern_list_match(l->args.v[0], u->ignore) != 1)
				return err_set(u->err, ERR_USAGE, "%s: Bad configuration option: %s", l->where,
					       l->args.v[0]);
		} else if (l->keyword->treat == CONF_HOST) {
			active = enclosing && host_applies(u, l);
		} else if (l->keyword->treat == CONF_MATCH) {
			r = weigh_match(u, l, enclosing, &active);
		} else if (l->keyword->treat == CONF_INCLUDE) {
			if (active && l->odd)
				r = undecided(u, l);
			/* Its Host lines end with it. */
			for (size_t k = 0; k < l->file_count && r == 0; k++)
				r = walk(u, l->files[k], active);
		} else if (active) {
			r = take_line(u, l);
		}
	}
	return r;
}

static int walk_all(struct lookup *u)
{
	int r = 0;

	for (size_t i = 0; i < u->config->root_count && r == 0; i++)
		r = walk(u, u->config->roots[i], true);
	return r;
}

/* The name that counts, as ssh has it from here on: in u->name. */
static int settle_hostname(struct lookup *u)
{
	char name[NAME_SIZE];
	int r = expand_hostname(u);

	if (r != 0)
		return r < 0 ? -1 : bad_hostname(u);
	host_standard(u->name.data, name, sizeof(name));
	if (!*name && u->name.len)
		return err_set(u->err, ERR_USAGE, "host %.100s: its HostName is too long", u->host);
	buf_clear(&u->name);
	r = buf_adds(&u->name, name);
	u->facts.host = u->name.data;
	if (r == 0 && u->out->hostname.value && !u->told->hostname)
		r = !(u->out->hostname_expanded = strdup(u->name.data));
	return r ? err_nomem(u->err) : 0;
}

/* Adds a file name, expanded.  What is not known here is ssh's to expand: *known turns false. */
static int add_file(struct lookup *u, const struct conf_line *l, const char *text, struct strs *to, bool *known)
{
	const struct conf_tokens t = tokens(u);
	struct buf b;
	int r;

	buf_init(&b, TEXT_MAX);
	r = conf_expand(&t, text, true, CONF_FILE_TOKENS, &b);
	if (r > 0) {
		*known = false;
		r = force_line(u, l);
	} else if (r < 0 || (!strs_has(to, b.data) && strs_add(to, b.data) != 0)) {
		r = err_nomem(u->err);
	}
	buf_release(&b);
	return r;
}

static int expand_identities(struct lookup *u)
{
	bool known = true, none = false;

	for (size_t i = 0; i < u->identity_count; i++) {
		const struct conf_line *l = u->identities[i];

		if (strcasecmp(l->value, "none") == 0)
			none = true;
		else if (add_file(u, l, l->value, &u->out->identityfile, &known) != 0)
			return -1;
	}
	/* Alone it keeps the default files away; beside others it means nothing. */
	if (none && known && !u->out->identityfile.n && strs_add(&u->out->identityfile, "none") != 0)
		return err_nomem(u->err);
	return 0;
}

static int expand_known_hosts(struct lookup *u)
{
	static const char *const defaults[2][2] = {
		{ "~/.ssh/known_hosts", "~/.ssh/known_hosts2" },
		{ "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2" },
	};
	struct strs *files = &u->out->known_hosts_files;
	bool known = true;

	if (!u->hosts[0] && !u->hosts[1])
		return 0;
	for (int i = 0; i < 2; i++) {
		const struct conf_line *l = u->hosts[i];
		const char *const *names = l ? (const char *const *)l->args.v : defaults[i];
		size_t n = l ? l->args.n : 2;

		if (n == 1 && strcasecmp(names[0], "none") == 0) {
			u->out->no_user_hosts |= i == 0;
			/* Both: none is not the same as no such line. */
			if (i == 1 && !files->n && strs_add(files, "/dev/null") != 0)
				return err_nomem(u->err);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			/* ssh takes the global ones as they are */
			if (i == 0 ? add_file(u, l ? l : u->hosts[1], names[k], files, &known) != 0
				   : !strs_has(files, names[k]) && strs_add(files, names[k]) != 0 && err_nomem(u->err) != 0)
				return -1;
	}
	if (!known) {
		u->out->hosts_unknown = u->hosts[0] ? u->hosts[0]->where : u->hosts[1]->where;
		strs_release(files);
	}
	return 0;
}

/* Other lines may go before those that set them. */
static void forget_values(struct ssh_host_config *h)
{
	struct ssh_host_config nothing = { .undecided = true, .openssh_because = h->openssh_because, .refused = NULL };

	buf_init(&nothing.answer, 0);
	h->openssh_because = NULL;
	ssh_host_config_release(h);
	*h = nothing;
}

int ssh_config_lookup(const struct ssh_config *c, const char *host, const struct ssh_config_told *told,
		      struct ssh_host_config *out, struct dt_err *err)
{
	static const struct ssh_config_told nothing;
	struct lookup u = { .config = c, .host = host, .told = told ? told : &nothing, .out = out, .err = err };
	int r;

	memset(out, 0, sizeof(*out));
	buf_init(&out->answer, 0);
	buf_init(&u.name, TEXT_MAX);
	r = walk_all(&u);
	if (r == 0)
		r = settle_hostname(&u);
	if (r == 0 && u.facts.wants_final) {
		/* what the first pass has found of them, or has not, stays */
		u.seen[conf_keyword_find("HostName") - conf_keywords] = true;
		u.seen[conf_keyword_find("CanonicalizeHostname") - conf_keywords] = true;
		u.facts.final = true;
		r = walk_all(&u);
	}
	if (r == 0 && u.sendenv.n)
		r = reason(&u, &out->openssh_because, "SendEnv", u.sendenv.v[1]);
	if (r == 0 && out->undecided)
		forget_values(out);
	if (r == 0 && !out->undecided)
		r = expand_identities(&u);
	if (r == 0 && !out->undecided)
		r = expand_known_hosts(&u);
	free(u.identities);
	strs_release(&u.sendenv);
	buf_release(&u.name);
	return r;
}

/* The Host or Match line above a line. */
static bool find_block(const struct conf_file *f, const char *where, const struct conf_line *above, const struct conf_line **out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct conf_line *l = &f->lines[i];

		if (l->where == where) {
			*out = above;
			return true;
		}
		for (size_t k = 0; k < l->file_count; k++)
			if (find_block(l->files[k], where, above, out))
				return true;
		if (l->keyword && (l->keyword->treat == CONF_HOST || l->keyword->treat == CONF_MATCH))
			above = l;
	}
	return false;
}

bool ssh_config_is_for_one(const struct ssh_config *c, const struct ssh_value *v)
{
	const struct conf_line *block = NULL;

	for (size_t i = 0; i < c->root_count && !block; i++)
		(void)find_block(c->roots[i], v->where, NULL, &block);
	return block && block->keyword->treat == CONF_HOST && block->args.n == 1 && !strpbrk(block->args.v[0], "*?!");
}
