#include "dt/ssh/ssh_config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/ssh/pattern.h"
#include "dt/ssh/ssh_config_tree.h"

#define SYSTEM_FILE "/etc/ssh/ssh_config"
#define TEXT_MAX ((size_t)1 << 20)

struct ssh_config {
	struct conf_file *roots[2];
	size_t root_count;
	const char *match;	/* where the first Match stands that is not "Match all", or NULL */
	char *home, *local_user;
};

static const char *find_match(const struct conf_file *f)
{
	const char *where = NULL;

	for (size_t i = 0; i < f->n && !where; i++) {
		const struct conf_line *l = &f->lines[i];

		if (l->keyword && l->keyword->treat == CONF_MATCH &&
		    (l->args.n != 1 || strcasecmp(l->args.v[0], "all") != 0))
			where = l->where;
		for (size_t k = 0; k < l->file_count && !where; k++)
			where = find_match(l->files[k]);
	}
	return where;
}

static int add_root(struct ssh_config *c, const char *path, unsigned flags, struct dt_err *err)
{
	struct conf_file *f = conf_file_read(path, flags, err);

	if (!f)
		return -1;
	c->roots[c->root_count++] = f;
	if (!c->match)
		c->match = find_match(f);
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
	free(c->home);
	free(c->local_user);
	free(c);
}

void ssh_host_config_release(struct ssh_host_config *h)
{
	free(h->hostname_expanded);
	free(h->openssh_because);
	strs_release(&h->identityfile);
	strs_release(&h->known_hosts_files);
	memset(h, 0, sizeof(*h));
}

/* One lookup. */
struct lookup {
	const struct ssh_config *config;
	const char *host;
	struct ssh_host_config *out;
	const char *ignore;		/* IgnoreUnknown, as far as read */
	bool seen[CONF_KEYWORDS_MAX];	/* first values taken, by place in the table */
	bool jump_set, command_seen;
	const struct conf_line **identities, *hosts[2];	/* the last: user's and global */
	size_t identity_count;
	const char *remote_host, *remote_user;	/* %h and %r */
	struct dt_err *err;
};

/* The first reason is kept. */
static int force(struct lookup *u, const char *what, const char *where)
{
	if (!u->out->openssh_because && asprintf(&u->out->openssh_because, "%s at %s", what, where) < 0) {
		u->out->openssh_because = NULL;
		return err_nomem(u->err);
	}
	return 0;
}

static int force_line(struct lookup *u, const struct conf_line *l)
{
	return force(u, l->keyword->name, l->where);
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
		return first(u, l) && conf_line_forces(l) ? force_line(u, l) : 0;
	case CONF_FORCE_EACH:
	case CONF_FORCE_ENV:
		return conf_line_forces(l) ? force_line(u, l) : 0;
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
	case CONF_HARMLESS:
	case CONF_HOST:
	case CONF_MATCH:
	case CONF_INCLUDE:
		break;
	}
	return 0;
}

static bool host_applies(const struct conf_line *l, const char *host)
{
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

/* enclosing: do lines before the first Host apply, does any at all? */
static int walk(struct lookup *u, const struct conf_file *f, bool enclosing)
{
	bool active = enclosing;

	for (size_t i = 0; i < f->n; i++) {
		const struct conf_line *l = &f->lines[i];

		if (!l->keyword) {
			if (!u->ignore || pattern_list_match(l->args.v[0], u->ignore) != 1)
				return err_set(u->err, ERR_USAGE, "%s: Bad configuration option: %s", l->where,
					       l->args.v[0]);
		} else if (l->keyword->treat == CONF_HOST) {
			active = enclosing && host_applies(l, u->host);
		} else if (l->keyword->treat == CONF_MATCH) {
			/* What other conditions say, ssh(1) finds out: u->config->match */
			active = enclosing && l->args.n == 1 && strcasecmp(l->args.v[0], "all") == 0;
		} else if (l->keyword->treat == CONF_INCLUDE) {
			/* Its Host lines end with it. */
			for (size_t k = 0; k < l->file_count; k++)
				if (walk(u, l->files[k], active) != 0)
					return -1;
		} else if (active && take_line(u, l) != 0) {
			return -1;
		}
	}
	return 0;
}

/* "~", "~/x", "~user/x".  1: no such user. */
static int expand_home(struct lookup *u, const char **text, struct buf *out)
{
	const char *s = *text, *dir = u->config->home;
	char name[256], room[4096];
	struct passwd pw, *found;
	size_t len;

	if (*s != '~')
		return 0;
	len = strcspn(s, "/");
	if (len > 1) {
		if (len > sizeof(name))
			return 1;
		memcpy(name, s + 1, len - 1);
		name[len - 1] = '\0';
		if (getpwnam_r(name, &pw, room, sizeof(room), &found) != 0 || !found)
			return 1;
		dir = found->pw_dir;
	}
	*text = s + len;
	return buf_adds(out, dir) != 0 ? err_nomem(u->err) : 0;
}

/*
 * Expands "~" and the tokens that letters names ("dhru", of %d, %h, ...).
 * 0; 1: there is something that is not known here; -1: no memory.
 */
static int expand(struct lookup *u, const char *text, bool file, const char *letters, struct buf *out)
{
	int r = file ? expand_home(u, &text, out) : 0;

	for (; *text && r == 0; text++) {
		const char *value = NULL;
		char self[2] = { *text, '\0' };

		if (*text != '%') {
			if (file && *text == '$' && text[1] == '{')
				return 1;
			value = self;
		} else if (text[1] == '%') {
			value = "%";
			text++;
		} else {
			text++;
			if (!*text || !strchr(letters, *text))
				return 1;
			switch (*text) {
			case 'd': value = u->config->home; break;
			case 'h': value = u->remote_host; break;
			case 'r': value = u->remote_user; break;
			default: value = u->config->local_user; break;
			}
		}
		if (buf_adds(out, value) != 0)
			return err_nomem(u->err);
	}
	return r;
}

static int expand_hostname(struct lookup *u)
{
	const struct ssh_value *hostname = &u->out->hostname;
	struct buf b;
	int r;

	if (!hostname->value)
		return 0;
	buf_init(&b, TEXT_MAX);
	u->remote_host = u->host;
	r = expand(u, hostname->value, false, "h", &b);
	if (r > 0)
		r = err_set(u->err, ERR_USAGE, "%s: HostName: only %%h and %%%% can be expanded", hostname->where);
	if (r == 0) {
		pattern_lower(b.data);	/* as ssh has it from here on */
		u->out->hostname_expanded = buf_steal(&b);
		if (!u->out->hostname_expanded)
			r = err_nomem(u->err);
	}
	buf_release(&b);
	return r;
}

/* Adds a file name, expanded.  What is not known here is ssh's to expand: *known turns false. */
static int add_file(struct lookup *u, const struct conf_line *l, const char *text, struct strs *to, bool *known)
{
	struct buf b;
	int r;

	buf_init(&b, TEXT_MAX);
	r = expand(u, text, true, "dhru", &b);
	if (r > 0) {
		*known = false;
		r = force_line(u, l);
	} else if (r == 0 && !strs_has(to, b.data) && strs_add(to, b.data) != 0) {
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
			/* The first file is where new keys go. */
			if (i == 0 && strs_add(files, "/dev/null") != 0)
				return err_nomem(u->err);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			if (add_file(u, l ? l : u->hosts[!i], names[k], files, &known) != 0)
				return -1;
	}
	if (!known)
		strs_release(files);
	return 0;
}

int ssh_config_lookup(const struct ssh_config *c, const char *host, const char *user,
		      struct ssh_host_config *out, struct dt_err *err)
{
	struct lookup u = { .config = c, .host = host, .out = out, .err = err };
	char *lower = strdup(host);
	int r = lower ? 0 : err_nomem(err);

	memset(out, 0, sizeof(*out));
	if (r == 0 && c->match)
		r = force(&u, "Match", c->match);
	for (size_t i = 0; i < c->root_count && r == 0; i++)
		r = walk(&u, c->roots[i], true);
	if (r == 0)
		r = expand_hostname(&u);
	if (r == 0) {
		pattern_lower(lower);
		u.remote_host = out->hostname_expanded ? out->hostname_expanded : lower;
		u.remote_user = user ? user : out->user.value ? out->user.value : c->local_user;
		r = expand_identities(&u);
	}
	if (r == 0)
		r = expand_known_hosts(&u);
	free(u.identities);
	free(lower);
	return r;
}
