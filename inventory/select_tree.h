/*
 * select_tree - a parsed selection; between select_parse.c and select.c.
 */
#ifndef INVENTORY_SELECT_TREE_H
#define INVENTORY_SELECT_TREE_H

#include "inventory/internal.h"
#include "inventory/match.h"
#include "inventory/select.h"

/* How deep parentheses and "not" may stand in each other. */
#define SELECT_DEPTH_LIMIT 200

enum node_kind {
	NODE_OR, NODE_AND, NODE_NOT,			/* with children */
	NODE_ALL, NODE_NIL, NODE_SYS, NODE_TAG, NODE_EXP, NODE_VAR, NODE_OUT, NODE_FILE, NODE_LOCAL,
	NODE_JOB,					/* value: the job; result, rc, match */
	NODE_EXTERNAL					/* program: its path */
};

struct node {
	enum node_kind kind;
	struct node *child, *next;	/* the first child; the next of the same parent */
	const char *link;		/* "tag:web", for the kinds without children */
	const char *value;		/* "web", quotes taken away */
	const char *program;
	const char *result;
	int rc;
	struct match *match;		/* NODE_EXP, and NODE_VAR and NODE_JOB with '~' */
	struct hostset printed;		/* by program, once it was run for the first link with this value */
	bool ran;
	size_t at;			/* where it stands in the text, in bytes */
};

/* Everything but match, printed and links is in the arena. */
struct select_tree {
	struct arena arena;
	const char *text;
	struct node *root;
	struct node **links;		/* all without children, in the order of the text */
	size_t link_count, link_cap;
};

/* 0, or -1: ERR_USAGE with a caret.  Release it in both cases. */
int select_parse(struct select_tree *t, const char *text, const struct select_options *opt, struct dt_err *err);
void select_tree_release(struct select_tree *t);
/* "WHAT\n  TEXT\n   ^" */
int select_fault(const char *text, size_t at, struct dt_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
