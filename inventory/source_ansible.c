/*
 * source_ansible - an Ansible INI inventory: groups are tags, variables are attributes.
 *
 * Format: Ansible's "How to build your inventory".  A group's parents
 * ([parent:children]) are tags of its hosts too; of several groups' variables
 * the deepest group's count; [all:vars] are defaults.  The connection's
 * variables (ansible_host, ...) take dt's names; what dt cannot hold (a value
 * with quotes or control bytes) is left out with a warning.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "dt/base/log.h"
#include "inventory/internal.h"
#include "inventory/range.h"

#define DEPTH_LIMIT 32

struct group_var {
	char *group, *key, *value;
	int line;
};

struct ansible {
	struct inventory *inv;
	const char *file;
	struct strs parents, children;	/* pairs */
	struct group_var *vars;
	size_t var_count, var_cap;
	bool hosts_now;		/* the second pass, which knows all groups */
};

/* ---- words ---- */

static const char *our_key(const char *key)
{
	static const char *const names[][2] = {
		{ "ansible_host", "address" }, { "ansible_ssh_host", "address" },
		{ "ansible_port", "port" }, { "ansible_ssh_port", "port" },
		{ "ansible_user", "user" }, { "ansible_ssh_user", "user" },
		{ "ansible_ssh_private_key_file", "identity" }, { "ansible_private_key_file", "identity" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(key, names[i][0]) == 0)
			return names[i][1];
	return key;
}

/* The next word of *text, quotes of both kinds taken away, in place; NULL at the end or a comment. */
static char *next_word(char **text)
{
	char *in = *text + strspn(*text, " \t"), *out = in, *word = in, quote = 0;

	if (!*in || *in == '#')
		return NULL;
	for (; *in && (quote || !strchr(" \t", *in)); in++) {
		if (quote ? *in == quote : *in == '"' || *in == '\'')
			quote = quote ? 0 : *in;
		else
			*out++ = *in;
	}
	*text = *in ? in + 1 : in;
	*out = '\0';
	return word;
}

/* The end of "[ADDRESS]" at s, which is IPv6; NULL: something else. */
static char *address_end(char *s)
{
	char *close = *s == '[' ? strchr(s, ']') : NULL;
	unsigned char out[16];
	char text[64];

	if (!close || (size_t)(close - s) > sizeof(text))
		return NULL;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(close - s) - 1, s + 1);
	text[strcspn(text, "%")] = '\0';
	return inet_pton(AF_INET6, text, out) == 1 ? close : NULL;
}

/* Ansible writes ranges as [01:50]. */
static void convert_range(char *name)
{
	bool inside = false;

	for (; *name; name++) {
		inside = *name == '[' || (inside && *name != ']');
		if (inside && *name == ':')
			*name = '-';
	}
}

/* ---- groups ---- */

/* A group and all groups that it stands in, as tags. */
static int add_groups(const struct ansible *a, const char *group, struct entry *e, int depth, struct dt_err *err)
{
	if (depth > DEPTH_LIMIT)
		return err_set(err, ERR_USAGE, "the group %.100s stands in itself, or %d deep", group, DEPTH_LIMIT);
	if (strcmp(group, "all") == 0 || strcmp(group, "ungrouped") == 0)
		return 0;
	if (entry_tag(e, group, err) != 0)
		return -1;
	for (size_t i = 0; i < a->children.n; i++)
		if (strcmp(a->children.v[i], group) == 0 && add_groups(a, a->parents.v[i], e, depth + 1, err) != 0)
			return -1;
	return 0;
}

static int depth_of(const struct ansible *a, const char *group, int depth)
{
	int deepest = depth;

	for (size_t i = 0; depth < DEPTH_LIMIT && i < a->children.n; i++)
		if (strcmp(a->children.v[i], group) == 0) {
			int d = depth_of(a, a->parents.v[i], depth + 1);

			deepest = d > deepest ? d : deepest;
		}
	return deepest;
}

/* ---- lines ---- */

struct putting {
	const struct ansible *a;
	const struct entry *entry;
	const char *origin;
	int line;
};

/* A host may stand in several groups. */
static int put_one(void *arg, const char *name, struct dt_err *err)
{
	const struct putting *p = arg;
	struct inventory *inv = p->a->inv;
	const struct host *h = inventory_lookup(inv, name);

	if (!h || h->order >> 32 != inv->sources)
		return source_hosts(inv, p->a->file, p->line, name, p->entry, err);
	return inventory_put(inv, name, p->entry, p->origin, h->order, err) ? 0 : -1;
}

static int host_line(struct ansible *a, const char *group, char *text, int line, struct dt_err *err)
{
	struct entry e = { 0 };
	char *name = next_word(&text), *close = address_end(name), *word, *port = NULL;
	struct putting p = { a, &e, inventory_origin(a->inv, a->file, line), line };
	int r;

	if (!close)
		convert_range(name);
	if (close && (!close[1] || close[1] == ':')) {
		port = close[1] ? close + 1 : NULL;
		*close = '\0';
		name++;
	} else if ((port = strchr(name, ':')) != NULL && (strchr(port + 1, ':') || strchr(port, ']'))) {
		port = NULL;
	}
	r = p.origin ? add_groups(a, group, &e, 0, err) : err_nomem(err);
	if (r == 0 && port) {
		*port = '\0';
		r = entry_set(&e, "port", port + 1, err);
	}
	while (r == 0 && (word = next_word(&text)) != NULL) {
		char *value = strchr(word, '=');

		if (!value || value == word) {
			r = err_set(err, ERR_USAGE, "\"%.200s\" is no NAME=VALUE", word);
			break;
		}
		*value++ = '\0';
		if (attr_fault(our_key(word), value))
			log_warn("%s:%d: %s left out: it %s", a->file, line, word, attr_fault(our_key(word), value));
		else if (!strs_has(&e.keys, our_key(word)))
			r = entry_set(&e, our_key(word), value, err);
	}
	if (r == 0)
		r = range_expand(name, put_one, &p, err);
	entry_release(&e);
	return r;
}

static int var_line(struct ansible *a, const char *group, char *text, int line, struct dt_err *err)
{
	char *value = strchr(text, '='), *rest;
	struct group_var *v;

	if (!value || value == text)
		return err_set(err, ERR_USAGE, "\"%.200s\" is no NAME=VALUE", text);
	if (tag_fault(group))
		return err_set(err, ERR_USAGE, "the tag \"%.200s\" %s", group, tag_fault(group));
	*value++ = '\0';
	text[strcspn(text, " \t")] = '\0';
	rest = value + strspn(value, " \t");
	if (*rest == '"' || *rest == '\'')
		value = next_word(&rest);
	else
		value = rest;
	if (attr_fault(our_key(text), value)) {
		log_warn("%s:%d: %s left out: it %s", a->file, line, text, attr_fault(our_key(text), value));
		return 0;
	}
	if (a->var_count == a->var_cap) {
		size_t cap = a->var_cap ? a->var_cap * 2 : 16;

		v = realloc(a->vars, cap * sizeof(*v));
		if (!v)
			return err_nomem(err);
		a->vars = v;
		a->var_cap = cap;
	}
	v = &a->vars[a->var_count++];
	*v = (struct group_var){ strdup(group), strdup(our_key(text)), strdup(value), line };
	return v->group && v->key && v->value ? 0 : err_nomem(err);
}

static int one_line(struct ansible *a, char *section, size_t size, char *text, int line, struct dt_err *err)
{
	char *close = strchr(text, ']'), *kind;

	/* a host may begin with a bracket as well: [01:20].example.org, [::1]:22 */
	if (*text == '[' && close && !address_end(text) && strchr("#;", close[1 + strspn(close + 1, " \t")])) {
		*close = '\0';
		if (strlen(text + 1) >= size)
			return err_set(err, ERR_USAGE, "the group's name is too long");
		memcpy(section, text + 1, (size_t)(close - text));
		return 0;
	}
	kind = strchr(section, ':');
	if (!kind)
		return a->hosts_now ? host_line(a, *section ? section : "ungrouped", text, line, err) : 0;
	if (a->hosts_now)
		return 0;
	*kind = '\0';
	if (strcmp(kind + 1, "vars") == 0) {
		int r = var_line(a, section, text, line, err);

		*kind = ':';
		return r;
	}
	if (strcmp(kind + 1, "children") != 0)
		return err_set(err, ERR_USAGE, "unknown section [%.100s:%.100s]", section, kind + 1);
	text[strcspn(text, " \t#")] = '\0';
	if (strs_add(&a->parents, section) != 0 || strs_add(&a->children, text) != 0)
		return err_nomem(err);
	*kind = ':';
	return 0;
}

static int pass(struct ansible *a, const char *text, size_t len, struct dt_err *err)
{
	const char *end = text + len;
	char section[256] = "", copy[8192];

	for (int line = 1; text < end; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text), start;
		int r = 0;

		if (n >= sizeof(copy)) {
			r = err_set(err, ERR_USAGE, "the line has %zu bytes, %zu are the most", n, sizeof(copy) - 1);
		} else {
			memcpy(copy, text, n);
			while (n && strchr(" \t\r", copy[n - 1]))
				n--;
			copy[n] = '\0';
			start = strspn(copy, " \t");
			if (copy[start] && copy[start] != '#' && copy[start] != ';')
				r = one_line(a, section, sizeof(section), copy + start, line, err);
		}
		if (r != 0) {
			err_prefix(err, "%s:%d", a->file, line);
			return -1;
		}
		text = nl ? nl + 1 : end;
	}
	return 0;
}

/* The deepest groups' variables first: the first that sets a key counts. */
static int put_vars(struct ansible *a, struct dt_err *err)
{
	for (int depth = DEPTH_LIMIT; depth >= 0; depth--)
		for (size_t i = 0; i < a->var_count; i++) {
			const struct group_var *v = &a->vars[i];
			bool all = strcmp(v->group, "all") == 0;
			const char *origin;

			if (depth_of(a, v->group, 0) != depth)
				continue;
			origin = inventory_origin(a->inv, a->file, v->line);
			if (!origin)
				return err_nomem(err);
			if (inventory_put_setting(a->inv, all ? SCOPE_DEFAULTS : SCOPE_TAG, all ? "" : v->group, v->key,
						  v->value, origin, err) != 0) {
				err_prefix(err, "%s:%d", a->file, v->line);
				return -1;
			}
		}
	return 0;
}

int source_ansible(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	struct ansible a = { .inv = inv, .file = file };
	int r = pass(&a, text, len, err);

	a.hosts_now = true;
	if (r == 0)
		r = pass(&a, text, len, err);
	if (r == 0)
		r = put_vars(&a, err);
	for (size_t i = 0; i < a.var_count; i++) {
		free(a.vars[i].group);
		free(a.vars[i].key);
		free(a.vars[i].value);
	}
	free(a.vars);
	strs_release(&a.parents);
	strs_release(&a.children);
	return r;
}
