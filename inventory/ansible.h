/*
 * ansible - what the readers of an Ansible inventory share: its words, groups and variables.
 *
 * Format: Ansible's "How to build your inventory", and as ansible-core reads it
 * (lib/ansible/plugins/inventory/ini.py, inventory/group.py, parsing/utils/addresses.py).
 */
#ifndef INVENTORY_ANSIBLE_H
#define INVENTORY_ANSIBLE_H

#include "inventory/internal.h"
#include "inventory/range.h"

/* ---- ansible_words.c ---- */

/* A line in words as shlex.split() gives them, a comment cut; NULL, or what is wrong. */
const char *ansible_split(const char *line, struct strs *words);

enum ansible_kind { ANSIBLE_TEXT, ANSIBLE_NUMBER, ANSIBLE_NONE, ANSIBLE_COMPOUND };
/*
 * A value as literal_eval() of Python reads it: "22 # c" is 22, 'a b' loses its
 * quotes, and what is no literal stays as it is.  In place, and never longer.
 */
enum ansible_kind ansible_value(char *text);

/* "HOST[:PORT]" in place; *port NULL where there is none.  NULL, or what is wrong. */
const char *ansible_address(char *text, char **host, char **port);
/* web[01:50:2].x, db-[a:f]; names in order.  0, or as range_expand. */
int ansible_expand(const char *pattern, range_fn *fn, void *arg, struct dt_err *err);

/* ---- ansible_groups.c ---- */

/* The variables that say whom, as whom and by which way. */
enum known {
	K_HOST, K_SSH_HOST, K_PORT, K_SSH_PORT, K_USER, K_SSH_USER, K_KEY, K_SSH_KEY, K_TIMEOUT, K_SSH_TIMEOUT,
	K_CONNECTION, K_SSH_ARGS, K_COMMON_ARGS, K_EXTRA_ARGS, K_EXECUTABLE, K_PASSWORD, K_BECOME, K_BECOME_USER,
	K_BECOME_METHOD, K_BECOME_EXE, K_BECOME_FLAGS, K_SHELL_TYPE, K_SHELL_EXECUTABLE, K_KEY_CHECKING, K_PROVIDER,
	K_KEY_TEXT, K_PARAMIKO, KNOWN_COUNT, KNOWN_NONE = KNOWN_COUNT
};
enum known ansible_known(const char *name);

struct ansible_var {
	char *name, *value;
	const char *key;	/* the attribute; NULL: none */
	enum known known;
	enum ansible_kind kind;
	int line;
};
/* Each name once, the later value; in the order of the first. */
struct ansible_vars {
	struct ansible_var *v;
	size_t n, cap;
	bool known;	/* one of them is */
};

struct ansible_group {
	char *name;
	int line;		/* where it is first named */
	bool declared;		/* [NAME] or [NAME:children] stands somewhere */
	bool as_child;
	struct ansible_vars vars;
	size_t *parents, parent_count, parent_cap;
	size_t waiting;		/* parents without a depth yet */
	size_t *above, above_count;	/* itself and all groups it stands in, nearest first; not all, ungrouped */
	int depth;
	long long priority;
	size_t rank;		/* of two the larger wins */
};

struct ansible_groups {
	struct ansible_group *v;
	size_t n, cap;
	size_t *slots, slot_count;	/* places and 1, by the hash of the name */
	size_t above_total;
};
enum { GROUP_ALL, GROUP_UNGROUPED };	/* the first two */

int ansible_groups_init(struct ansible_groups *g, struct dt_err *err);
void ansible_groups_release(struct ansible_groups *g);
/* The group's place, made where it is new. */
int ansible_group(struct ansible_groups *g, const char *name, int line, size_t *place, struct dt_err *err);
int ansible_child(struct ansible_groups *g, size_t parent, size_t child, struct dt_err *err);
/* Depths, ranks, and what each stands in.  *line is that of a fault. */
int ansible_groups_settle(struct ansible_groups *g, int *line, struct dt_err *err);

/* The last value of a variable, or NULL. */
struct ansible_var *ansible_var(const struct ansible_vars *vars, enum known known);
int ansible_vars_set(struct ansible_vars *vars, const char *name, const char *value, int line, struct dt_err *err);
/* The values of another list, as they are. */
int ansible_vars_copy(struct ansible_vars *vars, const struct ansible_vars *from, struct dt_err *err);
void ansible_vars_release(struct ansible_vars *vars);

/* ---- ansible_connection.c ---- */

/* What is known of one host, for its connection. */
struct ansible_host {
	const struct ansible_groups *groups;
	const struct ansible_vars *own;
	const size_t *in;	/* groups, as above */
	size_t in_count;
	const char *file;
};
/*
 * The attributes by which dt reaches the host as Ansible would, where those of
 * its groups do not say so already; "refuse" where it cannot.
 */
int ansible_connect(const struct ansible_host *h, struct entry *e, struct dt_err *err);
/* What a variable asks for and does not get, as a warning; false: nothing. */
bool ansible_warn(const char *file, const struct ansible_var *v);

#endif
