/*
 * ansible_connection - what Ansible's variables of a host say about the way to it.
 *
 * Each is honoured by an attribute of dt's, or the host is refused with the
 * variable and its line; ssh's arguments have the order that Ansible's ssh
 * plugin gives them: ssh_args, the variables, ssh_common_args, ssh_extra_args.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dt/base/log.h"
#include "inventory/ansible.h"
#include "inventory/ssh_words.h"

struct connecting {
	const struct ansible_host *h;
	struct entry *e;
	struct dt_err *err;
	char refused[600];	/* the first reason */
};

/* ---- values ---- */

static const struct ansible_var *effective(const struct ansible_host *h, enum known known)
{
	const struct ansible_var *v = ansible_var(h->own, known);
	const struct ansible_group *all = &h->groups->v[GROUP_ALL], *best = NULL;

	for (size_t i = 0; !v && i < h->in_count; i++) {
		const struct ansible_group *g = &h->groups->v[h->in[i]];

		if ((!best || g->rank > best->rank) && ansible_var(&g->vars, known))
			best = g;
	}
	if (!v && best)
		v = ansible_var(&best->vars, known);
	return v ? v : ansible_var(&all->vars, known);
}

/* The same, where it has a value. */
static const struct ansible_var *given(const struct ansible_host *h, enum known known)
{
	const struct ansible_var *v = effective(h, known);

	return v && v->kind != ANSIBLE_NONE && *v->value ? v : NULL;
}

static bool is_template(const char *s)
{
	return strstr(s, "{{") || strstr(s, "{%");
}

/* What a value is that dt cannot take; NULL: it can. */
static const char *value_fault(const struct ansible_var *v, const char *key)
{
	if (is_template(v->value))
		return "is a template, which only Ansible evaluates";
	if (v->kind == ANSIBLE_COMPOUND)
		return "is no text";
	return attr_fault(key, v->value);
}

/* The older name wins, as in Ansible's ssh plugin. */
static const struct ansible_var *pick(const struct ansible_vars *vars, enum known name, enum known older)
{
	const struct ansible_var *v = ansible_var(vars, older);

	return v && v->kind != ANSIBLE_NONE ? v : ansible_var(vars, name);
}

static bool settles(const struct ansible_var *v, const char *key)
{
	return v && v->kind != ANSIBLE_NONE && *v->value && !value_fault(v, key);
}

/* What the settings of its groups say, as the inventory resolves them; NULL: nothing. */
static const char *settled(const struct ansible_host *h, const char *key, enum known name, enum known older)
{
	const struct ansible_group *best = NULL;

	for (size_t i = 0; i < h->in_count; i++) {
		const struct ansible_group *g = &h->groups->v[h->in[i]];

		if ((!best || g->rank > best->rank) && settles(pick(&g->vars, name, older), key))
			best = g;
	}
	if (!best && settles(pick(&h->groups->v[GROUP_ALL].vars, name, older), key))
		best = &h->groups->v[GROUP_ALL];
	return best ? pick(&best->vars, name, older)->value : NULL;
}

/* ---- what becomes of it ---- */

static void refuse(struct connecting *c, const struct ansible_var *v, const char *why)
{
	bool shown = v->known != K_PASSWORD && v->known != K_KEY_TEXT;

	if (*c->refused)
		return;
	(void)snprintf(c->refused, sizeof(c->refused), "%.200s:%d: %s%s%.150s %.200s", c->h->file, v->line, v->name,
		       shown ? "=" : "", shown ? v->value : "", why);
	for (char *s = c->refused; *s; s++)
		*s = *s == '"' ? '\'' : (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
}

static int set(struct connecting *c, const char *key, const char *value)
{
	return strs_has(&c->e->keys, key) ? 0 : entry_set(c->e, key, value, c->err);
}

/* One of the attributes with two names; *out is its value, NULL where it has none. */
static void read_pair(struct connecting *c, const char *key, enum known name, enum known older,
		      const struct ansible_var **out)
{
	const struct ansible_var *v = effective(c->h, older);

	*out = NULL;
	if (!v || v->kind == ANSIBLE_NONE)
		v = effective(c->h, name);
	if (!v)
		return;
	if (v->kind == ANSIBLE_NONE || !*v->value) {
		if (settled(c->h, key, name, older))
			refuse(c, v, "is empty, and takes back what a group says, which dt cannot");
		return;
	}
	if (value_fault(v, key))
		refuse(c, v, value_fault(v, key));
	else
		*out = v;
}

struct pair {
	const char *key;
	enum known name, older;
};
static const struct pair pairs[] = {
	{ "address", K_HOST, K_SSH_HOST }, { "port", K_PORT, K_SSH_PORT }, { "user", K_USER, K_SSH_USER },
	{ "identity", K_KEY, K_SSH_KEY }, { "connect_timeout", K_TIMEOUT, K_SSH_TIMEOUT },
};

static const char *value_in(const struct strs *keys, const struct strs *values, const char *key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i], key) == 0)
			return values->v[i];
	return NULL;
}

enum { ARGS_FIRST, ARGS_COMMON, ARGS_EXTRA, ARGS_COUNT };

/* The arguments of one variable. */
static int read_args(struct connecting *c, enum known known, struct ssh_args *a, const struct ansible_var **from)
{
	const struct ansible_var *v = *from = given(c->h, known);

	if (!v)
		return 0;
	if (is_template(v->value)) {
		refuse(c, v, "is a template, which only Ansible evaluates");
		return 0;
	}
	if (ssh_args_read(v->value, a) != 0)
		return err_nomem(c->err);
	for (size_t i = 0; !*a->fault && i < a->keys.n; i++) {
		const char *fault = attr_fault(a->keys.v[i], a->values.v[i]);

		if (!fault && strchr(a->values.v[i], '%') && strcmp(a->keys.v[i], "address") != 0)
			fault = "has a token, which dt does not expand";
		if (fault)
			(void)snprintf(a->fault, sizeof(a->fault), "%.60s %.100s", a->keys.v[i], fault);
	}
	if (*a->fault) {
		char why[240];

		(void)snprintf(why, sizeof(why), "cannot be honoured: %s", a->fault);
		refuse(c, v, why);
		ssh_args_release(a);
		memset(a, 0, sizeof(*a));
	}
	return 0;
}

/* "KEYWORD=VALUE" as ssh_options has it: quoted where it has to be. */
static int add_word(struct buf *to, const char *word)
{
	bool plain = !strpbrk(word, " \t'\"\\");
	int r = to->len ? buf_addc(to, ' ') : 0;

	if (plain)
		return r | buf_adds(to, word);
	r |= buf_addc(to, '\'');
	for (; *word; word++)
		r |= *word == '\'' ? buf_adds(to, "'\\''") : buf_addc(to, *word);
	return r | buf_addc(to, '\'');
}

/* What the arguments hand to ssh(1), in their order. */
static int set_options(struct connecting *c, const struct ssh_args *a, const struct ansible_var *const *from)
{
	const struct ansible_var *first = NULL;
	bool command = false, jump = false;
	struct buf text;
	int r = 0;

	buf_init(&text, 65536);
	for (size_t i = 0; i < ARGS_COUNT; i++) {
		for (size_t k = 0; k < a[i].options.n; k++) {
			command |= ssh_option_value(a[i].options.v[k], "ProxyCommand") != NULL;
			r |= add_word(&text, a[i].options.v[k]);
		}
		jump |= value_in(&a[i].keys, &a[i].values, "via") != NULL;
		if (!first && a[i].options.n)
			first = from[i];
	}
	if (r)
		r = err_nomem(c->err);
	else if (command && jump)
		refuse(c, first, "has a ProxyCommand beside a ProxyJump");
	else if (text.len && attr_fault("ssh_options", text.data))
		refuse(c, first, attr_fault("ssh_options", text.data));
	else if (text.len)
		r = set(c, "ssh_options", text.data);
	buf_release(&text);
	return r;
}

/* The variables and the arguments of ssh, each at its place. */
static int set_way(struct connecting *c, const struct ssh_args *a, const struct ansible_var *const *from)
{
	static const char *const rest[] = { "address", "via", "hostkey_alias", "known_hosts" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(pairs); i++) {
		const struct pair *p = &pairs[i];
		const struct ansible_var *v;
		const char *value = value_in(&a[ARGS_FIRST].keys, &a[ARGS_FIRST].values, p->key), *groups;

		read_pair(c, p->key, p->name, p->older, &v);
		/* ansible_host is the destination, before which HostName= counts */
		for (size_t k = ARGS_COMMON; !value && i == 0 && k < ARGS_COUNT; k++)
			value = value_in(&a[k].keys, &a[k].values, p->key);
		if (!value && v)
			value = v->value;
		for (size_t k = ARGS_COMMON; !value && k < ARGS_COUNT; k++)
			value = value_in(&a[k].keys, &a[k].values, p->key);
		groups = p->name == K_TIMEOUT ? NULL : settled(c->h, p->key, p->name, p->older);
		if (value && (!groups || strcmp(value, groups) != 0))
			r = set(c, p->key, value);
	}
	for (size_t i = 1; r == 0 && i < ARRAY_LEN(rest); i++) {
		const char *value = NULL;

		for (size_t k = 0; !value && k < ARGS_COUNT; k++)
			value = value_in(&a[k].keys, &a[k].values, rest[i]);
		if (value)
			r = set(c, rest[i], value);
	}
	return r == 0 ? set_options(c, a, from) : r;
}

static int connect_ssh(struct connecting *c)
{
	static const enum known known[] = { K_SSH_ARGS, K_COMMON_ARGS, K_EXTRA_ARGS };
	struct ssh_args a[ARGS_COUNT] = { 0 };
	const struct ansible_var *from[ARGS_COUNT];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARGS_COUNT; i++)
		r = read_args(c, known[i], &a[i], &from[i]);
	if (r == 0)
		r = set_way(c, a, from);
	for (size_t i = 0; i < ARGS_COUNT; i++)
		ssh_args_release(&a[i]);
	return r;
}

/* ---- other variables ---- */

static bool is_one_of(const char *value, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(value, *list) == 0)
			return true;
	return false;
}

/* Without the collection that is Ansible's own. */
static const char *plain(const char *name)
{
	for (size_t i = 0; i < 2; i++) {
		static const char *const own[] = { "ansible.builtin.", "ansible.legacy." };

		if (str_starts(name, own[i]))
			return name + strlen(own[i]);
	}
	return name;
}

static const char *const yes[] = { "true", "yes", "on", "y", "t", "1", NULL };
static const char *const no[] = { "false", "no", "off", "n", "f", "0", NULL };

/* As root, or as nobody else. */
static int read_become(struct connecting *c)
{
	static const char *const flags[] = { "-H -S -n", "-H -S", "-H", "-n", "-S", "-H -n", NULL };
	const struct ansible_var *v = given(c->h, K_BECOME), *of;

	if (!v || is_one_of(v->value, no))
		return 0;
	if (!is_one_of(v->value, yes))
		refuse(c, v, "is neither true nor false");
	if ((of = given(c->h, K_BECOME_USER)) != NULL && strcmp(of->value, "root") != 0)
		refuse(c, of, "is not root, and dt becomes no other user");
	if ((of = given(c->h, K_BECOME_METHOD)) != NULL && strcmp(plain(of->value), "sudo") != 0)
		refuse(c, of, "is not sudo, the only way to root that dt has");
	if ((of = given(c->h, K_BECOME_EXE)) != NULL && strcmp(of->value, "sudo") != 0 && strcmp(of->value, "/usr/bin/sudo") != 0)
		refuse(c, of, "is another program than sudo");
	if ((of = given(c->h, K_BECOME_FLAGS)) != NULL && !is_one_of(of->value, flags))
		refuse(c, of, "are flags that dt does not give to sudo");
	return set(c, "become", "yes");
}

static int read_shell(struct connecting *c)
{
	static const char *const types[] = { "sh", "csh", "fish", NULL }, *const windows[] = { "powershell", "cmd", NULL };
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "zsh", NULL };
	const struct ansible_var *v = given(c->h, K_SHELL_EXECUTABLE);
	const char *slash = v ? strrchr(v->value, '/') : NULL;

	/* commands are read by the login shell, as ssh's are: another POSIX shell reads them the same way */
	if (v && !is_one_of(slash ? slash + 1 : v->value, shells))
		refuse(c, v, "is no shell that reads commands as sh does");
	v = given(c->h, K_SHELL_TYPE);
	if (!v || is_one_of(plain(v->value), types))
		return 0;
	if (is_one_of(plain(v->value), windows))
		return set(c, "shell", "no");
	refuse(c, v, "is a shell that dt does not know");
	return 0;
}

/* Which variable, where it has a value, cannot be honoured, and why. */
static void refuse_others(struct connecting *c, bool paramiko)
{
	const struct ansible_var *v = given(c->h, K_EXECUTABLE);

	if (v && strcmp(v->value, "ssh") != 0 && strcmp(v->value, "/usr/bin/ssh") != 0)
		refuse(c, v, "is another program than ssh");
	if ((v = given(c->h, K_PROVIDER)) != NULL)
		refuse(c, v, "is not used by dt; PKCS11Provider in ssh_config(5) is");
	if ((v = given(c->h, K_KEY_TEXT)) != NULL)
		refuse(c, v, "is a key in an inventory, which dt takes only from a file or an agent");
	if (paramiko && (v = given(c->h, K_PARAMIKO)) != NULL)
		refuse(c, v, "is for paramiko alone; use the variable for ssh");
}

int ansible_connect(const struct ansible_host *h, struct entry *e, struct dt_err *err)
{
	static const char *const ways[] = { "ssh", "smart", "paramiko", "paramiko_ssh", NULL };
	struct connecting c = { .h = h, .e = e, .err = err };
	const struct ansible_var *v = given(h, K_CONNECTION);
	const char *way = v ? plain(v->value) : "ssh";
	int r = 0;

	if (strcmp(way, "local") == 0)
		r = set(&c, "transport", "local");
	else if (!is_one_of(way, ways))
		refuse(&c, v, "is no way that dt has; it has ssh and local");
	if (r == 0)
		r = connect_ssh(&c);
	/* nobody goes that way */
	if (strcmp(way, "local") == 0)
		*c.refused = '\0';
	if (r == 0)
		r = read_become(&c);
	if (r == 0 && strcmp(way, "local") != 0) {
		r = read_shell(&c);
		refuse_others(&c, str_starts(way, "paramiko"));
		if (r == 0 && given(h, K_PASSWORD))
			r = set(&c, "ask_password", "yes");
	}
	if (r == 0 && *c.refused)
		r = set(&c, "refuse", c.refused);
	return r;
}

bool ansible_warn(const char *file, const struct ansible_var *v)
{
	struct ssh_args a = { 0 };
	bool keys = v->known == K_KEY_CHECKING && is_one_of(v->value, no), args = false;
	bool secret = v->known == K_PASSWORD || strcmp(v->name, "ansible_become_pass") == 0 ||
		      strcmp(v->name, "ansible_become_password") == 0;

	if (keys)
		log_warn("%s:%d: %s=%s does not count: host keys are checked all the same (dt trust, --accept-new)", file, v->line,
			 v->name, v->value);
	if (secret)
		log_warn("%s:%d: %s is not read: %s asks for it", file, v->line, v->name, v->known == K_PASSWORD ? "-k" : "-K");
	if (v->known == K_SSH_ARGS || v->known == K_COMMON_ARGS || v->known == K_EXTRA_ARGS)
		args = ssh_args_read(v->value, &a) == 0 && *a.told;
	if (args)
		log_warn("%s:%d: %s: %s", file, v->line, v->name, a.told);
	ssh_args_release(&a);
	return keys || secret || args;
}
