/*
 * source_ansible - an Ansible INI inventory: groups are tags, variables are attributes.
 *
 * What stands in a group, and the groups that one stands in, are known at the
 * end of the text: lines are gathered first, then the hosts get what is theirs.
 * Variables of a group are those of a tag, the group that wins in Ansible
 * first; [all:vars] are defaults.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/log.h"
#include "inventory/ansible.h"

#define MENTIONS_LIMIT (4 * INVENTORY_HOSTS_LIMIT)

/* A line that names hosts. */
struct host_line {
	size_t group;
	struct ansible_vars vars;
	char *port;
	const char *origin;
	int line;
};

/* One host of one line. */
struct mention {
	struct host *host;
	size_t line;
};

struct ansible {
	struct inventory *inv;
	const char *file;
	struct ansible_groups groups;
	struct host_line *lines;
	size_t line_count, line_cap;
	struct mention *mentions;
	size_t mention_count, mention_cap;
	int line;		/* of a fault */
	struct entry nothing;
	struct strs told;	/* variables that were warned of */
};

enum section { SECTION_HOSTS, SECTION_CHILDREN, SECTION_VARS };

/* ---- lines ---- */

static int mention(void *arg, const char *name, struct dt_err *err)
{
	struct ansible *a = arg;
	const char *fault = host_name_fault(name);
	struct host *h = inventory_lookup(a->inv, name);

	if (fault)
		return err_set(err, ERR_USAGE, "the host name \"%.200s\" %s", name, fault);
	if (a->mention_count == MENTIONS_LIMIT)
		return err_set(err, ERR_USAGE, "hosts are named more than %d times", MENTIONS_LIMIT);
	if (!h && store_find(a->inv, name, &h, err) != 0)
		return -1;
	if (!h)
		h = inventory_put(a->inv, name, &a->nothing, a->lines[a->line_count - 1].origin,
				  ((size_t)a->inv->sources << 32) + a->inv->hosts.n, err);
	if (!h)
		return -1;
	if (a->mention_count == a->mention_cap) {
		size_t cap = a->mention_cap ? a->mention_cap * 2 : 64;
		struct mention *v = realloc(a->mentions, cap * sizeof(*v));

		if (!v)
			return err_nomem(err);
		a->mentions = v;
		a->mention_cap = cap;
	}
	a->mentions[a->mention_count++] = (struct mention){ h, a->line_count - 1 };
	return 0;
}

static struct host_line *new_line(struct ansible *a, size_t group)
{
	if (a->line_count == a->line_cap) {
		size_t cap = a->line_cap ? a->line_cap * 2 : 64;
		struct host_line *v = realloc(a->lines, cap * sizeof(*v));

		if (!v)
			return NULL;
		a->lines = v;
		a->line_cap = cap;
	}
	a->lines[a->line_count] = (struct host_line){
		.group = group, .line = a->line, .origin = inventory_origin(a->inv, a->file, a->line),
	};
	if (!a->lines[a->line_count].origin)
		return NULL;
	return &a->lines[a->line_count++];
}

static int host_line(struct ansible *a, size_t group, const char *text, struct dt_err *err)
{
	struct host_line *l = new_line(a, group);
	struct strs words = { 0 };
	const char *fault = l ? ansible_split(text, &words) : "out of memory";
	char *host = NULL, *port = NULL, *shown = !fault && words.n ? strdup(words.v[0]) : NULL;
	int r = 0;

	if (!fault && !words.n)
		fault = "no host in the line";
	else if (!fault && !shown)
		fault = "out of memory";
	if (!fault && (fault = ansible_address(words.v[0], &host, &port)) != NULL)
		r = err_set(err, ERR_USAGE, "\"%.200s\" %s", shown, fault);
	else if (fault)
		r = err_set(err, ERR_USAGE, "%s", fault);
	if (r == 0 && port && !(l->port = strdup(port)))
		r = err_nomem(err);
	for (size_t i = 1; r == 0 && i < words.n; i++) {
		char *value = strchr(words.v[i], '=');

		if (!value || value == words.v[i]) {
			r = err_set(err, ERR_USAGE, "\"%.200s\" is no NAME=VALUE", words.v[i]);
			break;
		}
		*value++ = '\0';
		r = ansible_vars_set(&l->vars, words.v[i], value, a->line, err);
	}
	if (r == 0)
		r = ansible_expand(host, mention, a, err);
	free(shown);
	strs_release(&words);
	return r;
}

static int var_line(struct ansible *a, size_t group, char *text, struct dt_err *err)
{
	struct ansible_group *g = &a->groups.v[group];
	char *value = strchr(text, '='), *end = value;
	long long n;

	while (end && end > text && strchr(" \t", end[-1]))
		end--;
	if (!value || end == text)
		return err_set(err, ERR_USAGE, "\"%.200s\" is no NAME=VALUE", text);
	value += 1 + strspn(value + 1, " \t");
	*end = '\0';
	if (strcmp(text, "ansible_group_priority") != 0)
		return ansible_vars_set(&g->vars, text, value, a->line, err);
	(void)ansible_value(value);
	if (parse_int(value, -1000000000, 1000000000, &n) != 0)
		return err_set(err, ERR_USAGE, "the priority \"%.100s\" is no number", value);
	g->priority = n;
	return 0;
}

static int child_line(struct ansible *a, size_t group, char *text, struct dt_err *err)
{
	size_t n = strcspn(text, ":] \t"), child;
	const char *rest = text + n + strspn(text + n, " \t");

	if (!n || (*rest && *rest != '#'))
		return err_set(err, ERR_USAGE, "\"%.200s\" is no name of a group", text);
	text[n] = '\0';
	if (ansible_group(&a->groups, text, a->line, &child, err) != 0)
		return -1;
	a->groups.v[child].as_child = true;
	return ansible_child(&a->groups, group, child, err);
}

/* "[GROUP]" or "[GROUP:KIND]", with a comment or without; 1: it is none. */
static int section_line(struct ansible *a, char *text, size_t *group, enum section *section, struct dt_err *err)
{
	static const char *const kinds[] = { "", "children", "vars" };
	size_t n = *text == '[' ? strcspn(text + 1, ":] \t") : 0, kind = 0;
	char *rest = text + 1 + n, *word = rest, *end = rest;

	if (!n)
		return 1;
	if (*rest == ':') {
		word = ++rest;
		rest += strcspn(rest, "] \t:");
		end = rest;
	}
	if (*rest != ']')
		return 1;
	rest += 1 + strspn(rest + 1, " \t");
	if (*rest && *rest != '#' && *rest != ';')
		return 1;
	if (word > text + 1 + n && word == end)
		return 1;
	*end = '\0';
	text[1 + n] = '\0';
	while (end > word && kind < ARRAY_LEN(kinds) && (!kind || strcmp(word, kinds[kind]) != 0))
		kind++;
	if (kind == ARRAY_LEN(kinds))
		return err_set(err, ERR_USAGE, "unknown section [%.100s:%.100s]", text + 1, word);
	*section = (enum section)kind;
	if (ansible_group(&a->groups, text + 1, a->line, group, err) != 0)
		return -1;
	a->groups.v[*group].declared |= *section != SECTION_VARS;
	return 0;
}

static int one_line(struct ansible *a, char *text, size_t *group, enum section *section, struct dt_err *err)
{
	size_t n = strlen(text);
	int r = section_line(a, text, group, section, err);

	if (r <= 0)
		return r;
	if (*text == '[' && strchr(text, ']') == text + n - 1) {
		text[n - 1] = '\0';
		r = host_is_address(text + 1) ? 0 : err_set(err, ERR_USAGE, "\"%.200s]\" is no section", text);
		text[n - 1] = ']';
		if (r != 0)
			return -1;
	}
	switch (*section) {
	case SECTION_HOSTS:
		return host_line(a, *group, text, err);
	case SECTION_VARS:
		return var_line(a, *group, text, err);
	default:
		return child_line(a, *group, text, err);
	}
}

static int read_lines(struct ansible *a, const char *text, size_t len, struct dt_err *err)
{
	const char *end = text + len;
	enum section section = SECTION_HOSTS;
	size_t group = GROUP_UNGROUPED;
	char copy[8192];
	int r = 0;

	for (a->line = 1; text < end; a->line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text), start;

		if (n >= sizeof(copy))
			return err_set(err, ERR_USAGE, "the line has %zu bytes, %zu are the most", n, sizeof(copy) - 1);
		if (memchr(text, '\0', n))
			return err_set(err, ERR_USAGE, "a NUL byte");
		memcpy(copy, text, n);
		while (n && strchr(" \t\r\v\f", copy[n - 1]))
			n--;
		copy[n] = '\0';
		start = strspn(copy, " \t\r\v\f");
		if (copy[start] && copy[start] != '#' && copy[start] != ';')
			r = one_line(a, copy + start, &group, &section, err);
		if (r != 0)
			return -1;
		text = nl ? nl + 1 : end;
	}
	return 0;
}

/* ---- settings ---- */

/* What is left out or does not count is told once of a variable. */
static int warn(struct ansible *a, const struct ansible_var *v, struct dt_err *err)
{
	const char *fault = v->key && v->known == KNOWN_NONE ? attr_fault(v->key, v->value) : NULL;
	bool own = !v->key && attr_is_own(v->name);

	if ((!fault && !own && v->known == KNOWN_NONE && v->key) || strs_has(&a->told, v->name))
		return 0;
	if (fault)
		log_warn("%s:%d: %s left out: it %s", a->file, v->line, v->name, fault);
	else if (own)
		log_warn("%s:%d: %s left out: to dt it would mean more than to Ansible; dt_%s says it to dt", a->file, v->line,
			 v->name, v->name);
	else if (!ansible_warn(a->file, v))
		return 0;
	return strs_add(&a->told, v->name) == 0 ? 0 : err_nomem(err);
}

/* The attribute that a variable is, without a fault; NULL: it is none. */
static const char *key_of(const struct ansible_var *v)
{
	return v->key && !attr_fault(v->key, v->value) ? v->key : NULL;
}

/* Of two variables for one attribute the older name wins. */
static bool outdone(const struct ansible_vars *vars, const struct ansible_var *v)
{
	for (size_t i = 0; i < vars->n; i++)
		if (vars->v[i].key && v->key && strcmp(vars->v[i].key, v->key) == 0 && vars->v[i].known > v->known &&
		    vars->v[i].kind != ANSIBLE_NONE)
			return true;
	return false;
}

static bool is_way(const struct ansible_var *v)
{
	return v->known <= K_SSH_KEY;
}

static int put_settings(struct ansible *a, const struct ansible_group *g, bool all, struct dt_err *err)
{
	for (size_t i = 0; i < g->vars.n; i++) {
		const struct ansible_var *v = &g->vars.v[i];
		const char *key, *origin;

		if (warn(a, v, err) != 0)
			return -1;
		key = key_of(v);
		if (!key || outdone(&g->vars, v) || (is_way(v) && (v->kind != ANSIBLE_TEXT && v->kind != ANSIBLE_NUMBER)) ||
		    (is_way(v) && (!*v->value || strstr(v->value, "{{") || strstr(v->value, "{%"))))
			continue;
		a->line = v->line;
		origin = inventory_origin(a->inv, a->file, v->line);
		if (!origin)
			return err_nomem(err);
		if (inventory_put_setting(a->inv, all ? SCOPE_DEFAULTS : SCOPE_TAG, all ? "" : g->name, key, v->value, origin,
					  err) != 0)
			return -1;
	}
	return 0;
}

/* The group that wins first. */
static int put_groups(struct ansible *a, struct dt_err *err)
{
	size_t n = a->groups.n, *order = calloc(n + 1, sizeof(*order));
	int r = 0;

	if (!order)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		order[n - 1 - a->groups.v[i].rank] = i;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (order[i] != GROUP_UNGROUPED)
			r = put_settings(a, &a->groups.v[order[i]], order[i] == GROUP_ALL, err);
	free(order);
	return r;
}

/* ---- hosts ---- */

/* What one host, or several in a row of the same lines, are given. */
struct gathered {
	struct entry entry;
	struct ansible_vars own;
	size_t *in, in_count, in_cap;
	const char *origin, **origins;
};

static void gathered_release(struct gathered *g)
{
	entry_release(&g->entry);
	ansible_vars_release(&g->own);
	free(g->in);
	free(g->origins);
	memset(g, 0, sizeof(*g));
}

static int add_above(struct ansible *a, struct gathered *g, size_t group, struct dt_err *err)
{
	const struct ansible_group *of = &a->groups.v[group];

	for (size_t i = 0; i < of->above_count; i++) {
		bool there = false;

		for (size_t k = 0; k < g->in_count && !there; k++)
			there = g->in[k] == of->above[i];
		if (there)
			continue;
		if (entry_tag(&g->entry, a->groups.v[of->above[i]].name, err) != 0)
			return -1;
		if (g->in_count == g->in_cap) {
			size_t cap = g->in_cap ? g->in_cap * 2 : 8, *v = realloc(g->in, cap * sizeof(*v));

			if (!v)
				return err_nomem(err);
			g->in = v;
			g->in_cap = cap;
		}
		g->in[g->in_count++] = of->above[i];
	}
	return 0;
}

/* Where each attribute stands, unless all do in the host's first line. */
static int find_origins(struct ansible *a, struct gathered *g, int line, struct dt_err *err)
{
	const struct strs *keys = &g->entry.keys;

	for (size_t i = 0; i < keys->n; i++)
		for (size_t k = 0; k < g->own.n; k++) {
			const struct ansible_var *v = &g->own.v[k];

			if (v->line == line || !v->key || strcmp(v->key, keys->v[i]) != 0)
				continue;
			if (!g->origins && !(g->origins = calloc(keys->n, sizeof(*g->origins))))
				return err_nomem(err);
			g->origins[i] = inventory_origin(a->inv, a->file, v->line);
			if (!g->origins[i])
				return err_nomem(err);
		}
	for (size_t i = 0; g->origins && i < keys->n; i++)
		if (!g->origins[i])
			g->origins[i] = g->origin;
	g->entry.origins = g->origins;
	return 0;
}

/* From the lines that name a host, in their order. */
static int gather(struct ansible *a, const struct mention *m, size_t n, struct gathered *g, struct dt_err *err)
{
	const struct host_line *first = &a->lines[m[0].line];
	struct ansible_host h = { .groups = &a->groups, .file = a->file };

	a->line = first->line;
	for (size_t i = 0; i < n; i++)
		if (add_above(a, g, a->lines[m[i].line].group, err) != 0)
			return -1;
	if (!g->in_count && ansible_vars_copy(&g->own, &a->groups.v[GROUP_UNGROUPED].vars, err) != 0)
		return -1;
	/* the port beside a name counts where the name comes first */
	if (first->port && ansible_vars_set(&g->own, "ansible_port", first->port, first->line, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (ansible_vars_copy(&g->own, &a->lines[m[i].line].vars, err) != 0)
			return -1;
	for (size_t i = 0; i < g->own.n; i++) {
		const struct ansible_var *v = &g->own.v[i];
		const char *key = is_way(v) ? NULL : key_of(v);

		if (warn(a, v, err) != 0)
			return -1;
		if (key && entry_set(&g->entry, key, v->value, err) != 0)
			return -1;
	}
	h.own = &g->own;
	h.in = g->in;
	h.in_count = g->in_count;
	g->origin = first->origin;
	return ansible_connect(&h, &g->entry, err) == 0 ? find_origins(a, g, first->line, err) : -1;
}

static int by_host(const void *va, const void *vb)
{
	const struct mention *a = va, *b = vb;

	if (a->host != b->host)
		return (a->host->order > b->host->order) - (a->host->order < b->host->order);
	return (a->line > b->line) - (a->line < b->line);
}

static bool same_lines(const struct mention *a, const struct mention *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].line != b[i].line)
			return false;
	return true;
}

static int put_hosts(struct ansible *a, struct dt_err *err)
{
	const struct mention *last = NULL;
	struct gathered g = { 0 };
	size_t last_count = 0;
	int r = 0;

	qsort(a->mentions, a->mention_count, sizeof(*a->mentions), by_host);
	for (size_t i = 0, n; r == 0 && i < a->mention_count; i += n) {
		const struct mention *m = &a->mentions[i];

		for (n = 1; i + n < a->mention_count && m[n].host == m->host; n++)
			if (a->lines[m[n].line].port && !str_eq(a->lines[m[n].line].port, a->lines[m->line].port))
				log_warn("%s:%d: the port of %s does not count, as in Ansible: its first line is %d", a->file,
					 a->lines[m[n].line].line, m->host->pub.name, a->lines[m->line].line);
		if (!last || n != last_count || !same_lines(m, last, n)) {
			gathered_release(&g);
			r = gather(a, m, n, &g, err);
		}
		last = m;
		last_count = n;
		a->line = a->lines[m->line].line;
		if (r == 0)
			r = inventory_put(a->inv, m->host->pub.name, &g.entry, g.origin, m->host->order, err) ? 0 : -1;
	}
	gathered_release(&g);
	return r;
}

int source_ansible(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	struct ansible a = { .inv = inv, .file = file };
	int r = ansible_groups_init(&a.groups, err);

	if (r == 0)
		r = read_lines(&a, text, len, err);
	if (r == 0)
		r = ansible_groups_settle(&a.groups, &a.line, err);
	if (r == 0)
		r = put_groups(&a, err);
	if (r == 0)
		r = put_hosts(&a, err);
	if (r != 0)
		err_prefix(err, "%s:%d", file, a.line);
	for (size_t i = 0; i < a.line_count; i++) {
		ansible_vars_release(&a.lines[i].vars);
		free(a.lines[i].port);
	}
	strs_release(&a.told);
	free(a.lines);
	free(a.mentions);
	ansible_groups_release(&a.groups);
	return r;
}
