#include <stdlib.h>
#include <string.h>

#include "inventory/ansible.h"

/* ---- variables ---- */

enum known ansible_known(const char *name)
{
	static const struct {
		const char *name;
		enum known known;
	} names[] = {
		{ "ansible_host", K_HOST }, { "ansible_ssh_host", K_SSH_HOST }, { "ansible_port", K_PORT },
		{ "ansible_ssh_port", K_SSH_PORT }, { "ansible_user", K_USER }, { "ansible_ssh_user", K_SSH_USER },
		{ "ansible_private_key_file", K_KEY }, { "ansible_ssh_private_key_file", K_SSH_KEY },
		{ "ansible_timeout", K_TIMEOUT }, { "ansible_ssh_timeout", K_SSH_TIMEOUT },
		{ "ansible_connection", K_CONNECTION }, { "ansible_ssh_args", K_SSH_ARGS },
		{ "ansible_ssh_common_args", K_COMMON_ARGS }, { "ansible_ssh_extra_args", K_EXTRA_ARGS },
		{ "ansible_ssh_executable", K_EXECUTABLE }, { "ansible_password", K_PASSWORD },
		{ "ansible_ssh_pass", K_PASSWORD }, { "ansible_ssh_password", K_PASSWORD }, { "ansible_become", K_BECOME },
		{ "ansible_become_user", K_BECOME_USER }, { "ansible_become_method", K_BECOME_METHOD },
		{ "ansible_become_exe", K_BECOME_EXE }, { "ansible_sudo_exe", K_BECOME_EXE },
		{ "ansible_become_flags", K_BECOME_FLAGS }, { "ansible_sudo_flags", K_BECOME_FLAGS },
		{ "ansible_sudo_user", K_BECOME_USER }, { "ansible_shell_type", K_SHELL_TYPE },
		{ "ansible_shell_executable", K_SHELL_EXECUTABLE }, { "ansible_host_key_checking", K_KEY_CHECKING },
		{ "ansible_ssh_host_key_checking", K_KEY_CHECKING }, { "ansible_ssh_pkcs11_provider", K_PROVIDER },
		{ "ansible_private_key", K_KEY_TEXT }, { "ansible_ssh_private_key", K_KEY_TEXT },
		{ "ansible_paramiko_host", K_PARAMIKO }, { "ansible_paramiko_port", K_PARAMIKO },
		{ "ansible_paramiko_user", K_PARAMIKO }, { "ansible_paramiko_private_key_file", K_PARAMIKO },
		{ "ansible_paramiko_proxy_command", K_PARAMIKO }, { "ansible_paramiko_pass", K_PASSWORD },
		{ "ansible_paramiko_password", K_PASSWORD },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].known;
	return KNOWN_NONE;
}

/* The attribute that a variable becomes as it is; NULL: none. */
static const char *key_of(const char *name, enum known known)
{
	static const char *const keys[] = {
		[K_HOST] = "address", [K_SSH_HOST] = "address", [K_PORT] = "port", [K_SSH_PORT] = "port", [K_USER] = "user",
		[K_SSH_USER] = "user", [K_KEY] = "identity", [K_SSH_KEY] = "identity",
	};

	if (known < ARRAY_LEN(keys))
		return keys[known];
	/* a secret shows nowhere */
	if (known == K_PASSWORD || known == K_KEY_TEXT || str_ends(name, "_pass") || str_ends(name, "_password") ||
	    str_ends(name, "_passphrase"))
		return NULL;
	if (str_starts(name, "dt_") && attr_is_own(name + 3))
		return name + 3;
	return attr_is_own(name) ? NULL : name;
}

struct ansible_var *ansible_var(const struct ansible_vars *vars, enum known known)
{
	struct ansible_var *found = NULL;

	for (size_t i = 0; vars->known && i < vars->n; i++)
		if (vars->v[i].known == known)
			found = &vars->v[i];
	return found;
}

static int put(struct ansible_vars *vars, const char *name, const char *value, int line, struct ansible_var **out,
	       struct dt_err *err)
{
	struct ansible_var *v = NULL;
	char *copy = strdup(value);

	if (!copy)
		return err_nomem(err);
	for (size_t i = 0; i < vars->n && !v; i++)
		if (strcmp(vars->v[i].name, name) == 0)
			v = &vars->v[i];
	if (!v) {
		if (vars->n == INVENTORY_WORDS_LIMIT) {
			free(copy);
			return err_set(err, ERR_USAGE, "more than %d variables", INVENTORY_WORDS_LIMIT);
		}
		if (vars->n == vars->cap) {
			size_t cap = vars->cap ? vars->cap * 2 : 4;

			v = realloc(vars->v, cap * sizeof(*v));
			if (!v)
				goto memory;
			vars->v = v;
			vars->cap = cap;
		}
		v = &vars->v[vars->n];
		memset(v, 0, sizeof(*v));
		v->name = strdup(name);
		if (!v->name)
			goto memory;
		v->known = ansible_known(name);
		v->key = key_of(v->name, v->known);
		vars->n++;
	}
	free(v->value);
	v->value = copy;
	v->kind = ANSIBLE_TEXT;
	vars->known |= v->known != KNOWN_NONE;
	v->line = line;
	*out = v;
	return 0;
memory:
	free(copy);
	return err_nomem(err);
}

int ansible_vars_set(struct ansible_vars *vars, const char *name, const char *value, int line, struct dt_err *err)
{
	struct ansible_var *v;

	if (put(vars, name, value, line, &v, err) != 0)
		return -1;
	v->kind = ansible_value(v->value);
	return 0;
}

int ansible_vars_copy(struct ansible_vars *vars, const struct ansible_vars *from, struct dt_err *err)
{
	struct ansible_var *v;

	for (size_t i = 0; i < from->n; i++) {
		if (put(vars, from->v[i].name, from->v[i].value, from->v[i].line, &v, err) != 0)
			return -1;
		v->kind = from->v[i].kind;
	}
	return 0;
}

void ansible_vars_release(struct ansible_vars *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	memset(vars, 0, sizeof(*vars));
}

/* ---- groups ---- */

/* The slot of a name: its own, or the free one that waits for it. */
static size_t *slot_of(const struct ansible_groups *g, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037);	/* FNV-1a */

	for (const char *s = name; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	for (size_t i = (size_t)(h ^ h >> 32) & (g->slot_count - 1);; i = (i + 1) & (g->slot_count - 1))
		if (!g->slots[i] || strcmp(g->v[g->slots[i] - 1].name, name) == 0)
			return &g->slots[i];
}

static int grow_groups(struct ansible_groups *g)
{
	size_t cap = g->cap ? g->cap * 2 : 16, *slots = calloc(cap * 2, sizeof(*slots));
	struct ansible_group *v = realloc(g->v, cap * sizeof(*v));

	if (v)
		g->v = v;
	if (!v || !slots) {
		free(slots);
		return -1;
	}
	free(g->slots);
	g->slots = slots;
	g->slot_count = cap * 2;
	g->cap = cap;
	for (size_t i = 0; i < g->n; i++)
		*slot_of(g, g->v[i].name) = i + 1;
	return 0;
}

int ansible_group(struct ansible_groups *g, const char *name, int line, size_t *place, struct dt_err *err)
{
	struct ansible_group *group;
	size_t *slot;

	if (g->n > GROUP_UNGROUPED && tag_fault(name))
		return err_set(err, ERR_USAGE, "the group \"%.200s\" can be no tag: it %s", name, tag_fault(name));
	if (g->n == g->cap && grow_groups(g) != 0)
		return err_nomem(err);
	slot = slot_of(g, name);
	if (*slot) {
		*place = *slot - 1;
		return 0;
	}
	group = &g->v[g->n];
	memset(group, 0, sizeof(*group));
	group->name = strdup(name);
	if (!group->name)
		return err_nomem(err);
	group->line = line;
	group->priority = 1;
	*place = g->n++;
	*slot = g->n;
	return 0;
}

int ansible_groups_init(struct ansible_groups *g, struct dt_err *err)
{
	size_t place;

	memset(g, 0, sizeof(*g));
	if (ansible_group(g, "all", 0, &place, err) != 0 || ansible_group(g, "ungrouped", 0, &place, err) != 0)
		return -1;
	g->v[GROUP_ALL].declared = g->v[GROUP_UNGROUPED].declared = true;
	return 0;
}

void ansible_groups_release(struct ansible_groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].name);
		ansible_vars_release(&g->v[i].vars);
		free(g->v[i].parents);
		free(g->v[i].above);
	}
	free(g->v);
	free(g->slots);
}

int ansible_child(struct ansible_groups *g, size_t parent, size_t child, struct dt_err *err)
{
	struct ansible_group *c = &g->v[child];

	if (child == GROUP_ALL || parent == child)
		return err_set(err, ERR_USAGE, "the group %.100s stands in itself", c->name);
	if (child == GROUP_UNGROUPED || parent == GROUP_UNGROUPED)
		return err_set(err, ERR_USAGE, "\"ungrouped\" holds the hosts of no group, and neither has nor is a child");
	for (size_t i = 0; i < c->parent_count; i++)
		if (c->parents[i] == parent)
			return 0;
	if (c->parent_count == INVENTORY_WORDS_LIMIT)
		return err_set(err, ERR_USAGE, "the group %.100s stands in more than %d groups", c->name, INVENTORY_WORDS_LIMIT);
	if (c->parent_count == c->parent_cap) {
		size_t cap = c->parent_cap ? c->parent_cap * 2 : 4, *v = realloc(c->parents, cap * sizeof(*v));

		if (!v)
			return err_nomem(err);
		c->parents = v;
		c->parent_cap = cap;
	}
	c->parents[c->parent_count++] = parent;
	return 0;
}

/* Itself, and what its parents have, once each. */
static int gather_above(struct ansible_groups *g, size_t at, size_t *seen, struct dt_err *err)
{
	struct ansible_group *c = &g->v[at];
	size_t room = 1, n = 0;

	if (at <= GROUP_UNGROUPED)
		return 0;
	for (size_t i = 0; i < c->parent_count; i++)
		room += g->v[c->parents[i]].above_count;
	if (room > INVENTORY_WORDS_LIMIT + 1)
		room = INVENTORY_WORDS_LIMIT + 1;
	c->above = calloc(room, sizeof(*c->above));
	if (!c->above)
		return err_nomem(err);
	c->above[n++] = at;
	for (size_t i = 0; i < c->parent_count; i++) {
		const struct ansible_group *p = &g->v[c->parents[i]];

		for (size_t k = 0; k < p->above_count; k++) {
			if (seen[p->above[k]] == at)
				continue;
			seen[p->above[k]] = at;
			if (n > INVENTORY_WORDS_LIMIT)
				return err_set(err, ERR_USAGE, "the group %.100s stands in more than %d groups", c->name,
					       INVENTORY_WORDS_LIMIT);
			c->above[n++] = p->above[k];
		}
	}
	c->above_count = n;
	g->above_total += n;
	return g->above_total <= INVENTORY_KEPT_LIMIT ? 0
	     : err_set(err, ERR_USAGE, "the groups stand in more than %d groups in all", INVENTORY_KEPT_LIMIT);
}

/* By depth, priority and name, as Ansible has it: the last of these wins. */
static int by_rank(const void *va, const void *vb, void *arg)
{
	const struct ansible_group *v = arg, *a = &v[*(const size_t *)va], *b = &v[*(const size_t *)vb];
	int r = (a->depth > b->depth) - (a->depth < b->depth);

	if (!r)
		r = (a->priority > b->priority) - (a->priority < b->priority);
	return r ? r : strcmp(a->name, b->name);
}

static int rank(struct ansible_groups *g, size_t *order)
{
	for (size_t i = 0; i < g->n; i++)
		order[i] = i;
	qsort_r(order, g->n, sizeof(*order), by_rank, g->v);
	for (size_t i = 0; i < g->n; i++)
		g->v[order[i]].rank = i;
	return 0;
}

/* Children by their parents: the pairs sorted by parent, and where each parent's begin. */
struct edges {
	size_t *child, *begin;
};

static int children_of(const struct ansible_groups *g, struct edges *e, struct dt_err *err)
{
	size_t total = 0;

	e->begin = calloc(g->n + 2, sizeof(*e->begin));
	for (size_t i = 0; i < g->n; i++)
		total += g->v[i].parent_count;
	e->child = calloc(total + 1, sizeof(*e->child));
	if (!e->begin || !e->child)
		return err_nomem(err);
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->v[i].parent_count; k++)
			e->begin[g->v[i].parents[k] + 2]++;
	for (size_t i = 2; i < g->n + 2; i++)
		e->begin[i] += e->begin[i - 1];
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->v[i].parent_count; k++)
			e->child[e->begin[g->v[i].parents[k] + 1]++] = i;
	return 0;
}

/* Parents before children; the depth is that of the longest way from "all". */
static int sort_out(struct ansible_groups *g, const struct edges *e, size_t *order, size_t *seen, int *line,
		    struct dt_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		g->v[i].waiting = g->v[i].parent_count;
		g->v[i].depth = i != GROUP_ALL;
		if (!g->v[i].waiting)
			order[n++] = i;
	}
	for (size_t at = 0; at < n; at++) {
		const struct ansible_group *p = &g->v[order[at]];

		*line = p->line;
		if (gather_above(g, order[at], seen, err) != 0)
			return -1;
		for (size_t k = e->begin[order[at]]; k < e->begin[order[at] + 1]; k++) {
			struct ansible_group *c = &g->v[e->child[k]];

			c->depth = c->depth > p->depth ? c->depth : p->depth + 1;
			if (!--c->waiting)
				order[n++] = e->child[k];
		}
	}
	for (size_t i = 0; n < g->n && i < g->n; i++) {
		if (!g->v[i].waiting)
			continue;
		*line = g->v[i].line;
		return err_set(err, ERR_USAGE, "the group %.100s stands in itself, over others", g->v[i].name);
	}
	return 0;
}

int ansible_groups_settle(struct ansible_groups *g, int *line, struct dt_err *err)
{
	size_t *order = calloc(g->n + 1, sizeof(*order)), *seen = calloc(g->n + 1, sizeof(*seen));
	struct edges e = { 0 };
	int r = order && seen ? children_of(g, &e, err) : err_nomem(err);

	for (size_t i = 0; r == 0 && i < g->n; i++) {
		const struct ansible_group *group = &g->v[i];

		*line = group->line;
		if (!group->declared)
			r = err_set(err, ERR_USAGE, group->as_child ? "there is no group %.100s" :
				    "[%.100s:vars] is of no group: there is none of this name", group->name);
	}
	if (r == 0)
		r = sort_out(g, &e, order, seen, line, err);
	if (r == 0)
		r = rank(g, order);
	free(e.begin);
	free(e.child);
	free(order);
	free(seen);
	return r;
}
