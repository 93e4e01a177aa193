/*
 * select - evaluates a parsed selection.
 */
#include "inventory/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "inventory/address.h"
#include "inventory/internal.h"
#include "inventory/range.h"
#include "inventory/select_tree.h"

#define NAMES_LIMIT (256UL << 20)

struct evaluation {
	struct inventory *inv;
	struct select_options *opt;
	const struct select_tree *tree;
	struct hostset input;		/* of out:, once it was read */
	bool input_read;
	struct strs nowhere;		/* tags that no host has */
	struct dt_err *err;
};

/*
 * Hosts in inventory order.  Where but is set: all hosts of the inventory but
 * these, and the ad hoc hosts named; as a filter it lets all other ad hoc hosts pass.
 */
struct set {
	struct hostset hosts, named;
	bool but;
};

static void set_release(struct set *s)
{
	hostset_release(&s->hosts);
	hostset_release(&s->named);
}

/* ---- sets ---- */

enum keep { KEEP_BOTH, KEEP_FIRST, KEEP_EITHER };

/* In both, only in the first, or in either of two sorted sets; a becomes it. */
static int merge(struct hostset *a, const struct hostset *b, enum keep keep, struct dt_err *err)
{
	struct hostset out = { 0 };
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < a->n || (keep == KEEP_EITHER && k < b->n))) {
		bool first = k == b->n || (i < a->n && a->v[i]->order < b->v[k]->order);
		bool both = !first && i < a->n && a->v[i] == b->v[k];

		if (first || both) {
			if (keep == KEEP_EITHER || (keep == KEEP_BOTH) == both)
				r = hostset_add(&out, a->v[i]);
			i++;
			k += both;
		} else {
			if (keep == KEEP_EITHER)
				r = hostset_add(&out, b->v[k]);
			k++;
		}
	}
	hostset_release(a);
	*a = out;
	return r ? err_nomem(err) : 0;
}

static int add_hosts(struct hostset *out, const struct hostset *hosts, struct dt_err *err)
{
	for (size_t i = 0; i < hosts->n; i++)
		if (hostset_add(out, hosts->v[i]) != 0)
			return err_nomem(err);
	return 0;
}

static void swap(struct set *a, struct set *b)
{
	struct set c = *a;

	*a = *b;
	*b = c;
}

/* "All but" as the hosts themselves. */
static int spell_out(struct evaluation *ev, struct set *s)
{
	struct hostset all = { 0 };

	if (!s->but)
		return 0;
	if (inventory_all(ev->inv, &all, ev->err) != 0) {
		hostset_release(&all);
		return -1;
	}
	hostset_sort(&all);
	if (merge(&all, &s->hosts, KEEP_FIRST, ev->err) != 0 ||
	    merge(&all, &s->named, KEEP_EITHER, ev->err) != 0) {
		hostset_release(&all);
		return -1;
	}
	set_release(s);
	s->hosts = all;
	s->but = false;
	return 0;
}

/* a and b, into a. */
static int intersect(struct evaluation *ev, struct set *a, struct set *b)
{
	if (a->but && !b->but)
		swap(a, b);
	if (!a->but)
		return merge(&a->hosts, &b->hosts, b->but ? KEEP_FIRST : KEEP_BOTH, ev->err);
	if (merge(&a->named, &b->hosts, KEEP_FIRST, ev->err) != 0 ||
	    merge(&b->named, &a->hosts, KEEP_FIRST, ev->err) != 0 ||
	    merge(&a->named, &b->named, KEEP_EITHER, ev->err) != 0)
		return -1;
	return merge(&a->hosts, &b->hosts, KEEP_EITHER, ev->err);
}

/* a or b, into a. */
static int unite(struct evaluation *ev, struct set *a, struct set *b)
{
	if (!a->but && b->but)
		swap(a, b);
	if (!a->but)
		return merge(&a->hosts, &b->hosts, KEEP_EITHER, ev->err);
	for (size_t i = 0; !b->but && i < b->hosts.n; i++)
		if (b->hosts.v[i]->ad_hoc && hostset_add(&b->named, b->hosts.v[i]) != 0)
			return err_nomem(ev->err);
	if (merge(&a->named, &b->named, KEEP_EITHER, ev->err) != 0)
		return -1;
	return merge(&a->hosts, &b->hosts, b->but ? KEEP_BOTH : KEEP_FIRST, ev->err);
}

/* ---- names ---- */

struct naming {
	struct evaluation *ev;
	struct hostset *out;
	const struct host_address *address;	/* of the name, or NULL */
};

static int add_name(void *arg, const char *name, struct dt_err *err)
{
	struct naming *n = arg;
	struct host *h;

	if (inventory_name_as(n->ev->inv, name, n->address->user, n->address->port, &h, err) != 0)
		return -1;
	return hostset_add(n->out, h) != 0 ? err_nomem(err) : 0;
}

/* "[USER@]HOST[:PORT]", which is cut; HOST may be a range.  user: the one behind the port, or NULL. */
static int add_address(struct evaluation *ev, char *text, char *user, struct hostset *out)
{
	struct host_address a;
	struct naming n = { ev, out, &a };
	char shown[204];
	const char *fault;

	(void)snprintf(shown, sizeof(shown), "%.200s", text);
	fault = address_cut_pssh(text, user, &a);
	return fault ? err_set(ev->err, ERR_USAGE, "\"%s\" %s", shown, fault) : range_expand(a.host, add_name, &n, ev->err);
}

static int add_list(struct evaluation *ev, const char *list, size_t len, char *user, struct hostset *out)
{
	struct strs patterns = { 0 };
	int r = range_split(list, len, &patterns, ev->err);

	for (size_t i = 0; r == 0 && i < patterns.n; i++) {
		r = add_address(ev, patterns.v[i], user, out);
		if (r == 0 && out->n > RANGE_LIMIT)
			r = err_set(ev->err, ERR_USAGE, "more than %d hosts are named", RANGE_LIMIT);
	}
	strs_release(&patterns);
	return r;
}

/* Names and ranges, and a user where one stands behind them. */
static int add_line(struct evaluation *ev, const char *line, size_t len, struct hostset *out)
{
	size_t names = 0, at;
	char *user = NULL;
	int r;

	while (names < len && !strchr(" \t", line[names]))
		names++;
	for (at = names; at < len && strchr(" \t", line[at]);)
		at++;
	if (at < len && !(user = strndup(line + at, len - at)))
		return err_nomem(ev->err);
	r = add_list(ev, line, names, user, out);
	free(user);
	return r;
}

/* One name or range a line; '#' begins a comment. */
static int add_lines(struct evaluation *ev, const char *name, const struct buf *text, struct hostset *out)
{
	const char *s = text->data + source_mark(text->data, text->len), *end = text->data + text->len;
	const char *alien = source_alien(s, (size_t)(end - s));

	if (alien)
		return err_set(ev->err, ERR_USAGE, "%s: this is %s; names stand in lines of their own here", name, alien);
	for (int line = 1; s < end; line++) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *stop = nl ? nl : end, *hash;
		int r = 0;

		/* at the beginning or behind a blank: a user may have one in it */
		for (hash = s; (hash = memchr(hash, '#', (size_t)(stop - hash))) != NULL; hash++)
			if (hash == s || strchr(" \t", hash[-1])) {
				stop = hash;
				break;
			}
		if (memchr(s, '\0', (size_t)(stop - s)))
			r = err_set(ev->err, ERR_USAGE, "a NUL byte");
		while (s < stop && strchr(" \t\r", *s))
			s++;
		while (stop > s && strchr(" \t\r", stop[-1]))
			stop--;
		if (r == 0 && s < stop)
			r = add_line(ev, s, (size_t)(stop - s), out);
		if (r != 0) {
			err_prefix(ev->err, "%s:%d", name, line);
			return -1;
		}
		s = nl ? nl + 1 : end;
	}
	return 0;
}

static int read_input(struct evaluation *ev, const struct node *n, struct buf *text)
{
	if (ev->opt->stdin_fd < 0)
		return select_fault(ev->tree->text, n->at, ev->err, "out: reads standard input, which is not to be had here");
	ev->opt->stdin_read = true;
	return read_fd(ev->opt->stdin_fd, "standard input", text, ev->err);
}

static int add_input(struct evaluation *ev, const struct node *n, struct hostset *out)
{
	struct buf text;
	int r = 0;

	if (!ev->input_read) {
		buf_init(&text, NAMES_LIMIT);
		r = read_input(ev, n, &text);
		if (r == 0)
			r = add_lines(ev, "standard input", &text, &ev->input);
		ev->input_read = r == 0;
		buf_release(&text);
	}
	return r == 0 ? add_hosts(out, &ev->input, ev->err) : -1;
}

static int add_file(struct evaluation *ev, const char *name, struct hostset *out)
{
	char *path = expand_tilde(name);
	struct buf text;
	int r;

	if (!path)
		return err_nomem(ev->err);
	buf_init(&text, NAMES_LIMIT);
	r = read_file(path, &text, ev->err);
	if (r == 0)
		r = add_lines(ev, path, &text, out);
	buf_release(&text);
	free(path);
	return r;
}

static int run_program(struct evaluation *ev, struct node *n)
{
	char *argv[] = { (char *)(uintptr_t)n->program, (char *)(uintptr_t)n->value, NULL };
	struct buf text;
	int r;

	buf_init(&text, NAMES_LIMIT);
	r = program_output(argv, &text, ev->err);
	if (r == 0)
		r = add_lines(ev, n->program, &text, &n->printed);
	n->ran = r == 0;
	buf_release(&text);
	return r;
}

/* The first link with the same program and value has run it for all. */
static int add_program(struct evaluation *ev, const struct node *n, struct hostset *out)
{
	struct node **l = ev->tree->links;

	while (*l != n && ((*l)->kind != NODE_EXTERNAL || strcmp((*l)->program, n->program) != 0 ||
			   strcmp((*l)->value, n->value) != 0))
		l++;
	return (*l)->ran || run_program(ev, *l) == 0 ? add_hosts(out, &(*l)->printed, ev->err) : -1;
}

/* ---- selectors ---- */

static int add_found(void *to, const char *name, bool here, struct dt_err *err)
{
	struct naming *n = to;
	char *text = strdup(name);
	struct host_address a;
	struct host *h;
	int r;

	if (!text)
		return err_nomem(err);
	/* an earlier run has taken it for a name */
	if (address_cut(text, &a))
		r = inventory_name(n->ev->inv, name, &h, err);
	else
		r = inventory_name_as(n->ev->inv, a.host, a.user, a.port, &h, err);
	free(text);
	if (r != 0)
		return -1;
	h->local |= here;
	return hostset_add(n->out, h) != 0 ? err_nomem(err) : 0;
}

static int add_job(struct evaluation *ev, const struct node *n, struct hostset *out)
{
	const struct select_job q = { .job = n->value, .result = n->result, .rc = n->rc, .output = n->match };
	struct naming to = { ev, out, NULL };
	char why[sizeof(ev->err->msg)];

	if (!ev->opt->job)
		return select_fault(ev->tree->text, n->at, ev->err, "job: earlier runs are not to be had here");
	if (ev->opt->job(ev->opt->job_arg, &q, add_found, &to, ev->err) == 0)
		return 0;
	if (ev->err->code != ERR_USAGE || strchr(ev->err->msg, '\n'))
		return -1;
	memcpy(why, ev->err->msg, sizeof(why));
	return select_fault(ev->tree->text, n->at, ev->err, "%s", why);
}

/* "a,b" or, "+c" and, "-d" except, from left to right. */
static int eval_tags(struct evaluation *ev, const char *list, struct set *out)
{
	for (bool first = true;; first = false) {
		size_t n = strcspn(list, ",");
		char sign = *list == '+' || *list == '-' ? *list : ',', tag[300];
		struct set one = { 0 };
		int r;

		/* select_parse has looked at its length */
		memcpy(tag, list + (sign != ','), n - (sign != ','));
		tag[n - (sign != ',')] = '\0';
		r = inventory_tagged(ev->inv, tag, &one.hosts, ev->err);
		hostset_sort(&one.hosts);
		if (r == 0 && !one.hosts.n && !strs_has(&ev->nowhere, tag) && strs_add(&ev->nowhere, tag) != 0)
			r = err_nomem(ev->err);
		one.but = sign == '-';
		if (r == 0 && first)
			swap(out, &one);
		else if (r == 0)
			r = sign == ',' ? unite(ev, out, &one) : intersect(ev, out, &one);
		set_release(&one);
		if (r != 0)
			return -1;
		if (!list[n])
			return 0;
		list += n + 1;
	}
}

/* The hosts of the inventory whose name, or attribute key, matches. */
static int add_matches(struct evaluation *ev, const struct node *n, const char *key, struct hostset *out)
{
	struct hostset all = { 0 };
	int r = inventory_all(ev->inv, &all, ev->err);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const char *text = key ? inventory_setting(ev->inv, all.v[i], key, NULL) : all.v[i]->pub.name;
		int m = text ? match_test(n->match, text, ev->err) : 0;

		if (m < 0 || (m && hostset_add(out, all.v[i]) != 0))
			r = m < 0 ? -1 : err_nomem(ev->err);
	}
	hostset_release(&all);
	return r;
}

static int add_var(struct evaluation *ev, const struct node *n, struct hostset *out)
{
	size_t k = strcspn(n->value, "=~");
	char *key = strndup(n->value, k);
	int r;

	if (!key)
		return err_nomem(ev->err);
	r = n->match ? add_matches(ev, n, key, out) : inventory_var(ev->inv, key, n->value + k + 1, out, ev->err);
	free(key);
	return r;
}

static int add_this_machine(struct evaluation *ev, struct hostset *out)
{
	struct host *h;

	if (inventory_name(ev->inv, "localhost", &h, ev->err) != 0)
		return -1;
	h->local = true;
	return hostset_add(out, h) != 0 ? err_nomem(ev->err) : 0;
}

static int eval_link(struct evaluation *ev, const struct node *n, struct set *out)
{
	int r = 0;

	switch (n->kind) {
	case NODE_ALL:
		r = inventory_all(ev->inv, &out->hosts, ev->err);
		break;
	case NODE_SYS:
		r = add_list(ev, n->value, strlen(n->value), NULL, &out->hosts);
		break;
	case NODE_TAG:
		return eval_tags(ev, n->value, out);
	case NODE_EXP:
		r = add_matches(ev, n, NULL, &out->hosts);
		break;
	case NODE_VAR:
		r = add_var(ev, n, &out->hosts);
		break;
	case NODE_OUT:
		r = add_input(ev, n, &out->hosts);
		break;
	case NODE_FILE:
		r = add_file(ev, n->value, &out->hosts);
		break;
	case NODE_LOCAL:
		r = add_this_machine(ev, &out->hosts);
		break;
	case NODE_JOB:
		r = add_job(ev, n, &out->hosts);
		break;
	case NODE_EXTERNAL:
		r = add_program(ev, n, &out->hosts);
		break;
	default:
		break;
	}
	hostset_sort(&out->hosts);
	return r;
}

/* ---- expressions ---- */

static int eval(struct evaluation *ev, const struct node *n, struct set *out)
{
	memset(out, 0, sizeof(*out));
	if (n->kind == NODE_NOT) {
		if (eval(ev, n->child, out) != 0)
			return -1;
		out->but = !out->but;
		hostset_release(&out->named);
		return 0;
	}
	if (n->kind != NODE_AND && n->kind != NODE_OR)
		return eval_link(ev, n, out);
	if (eval(ev, n->child, out) != 0)
		return -1;
	for (const struct node *c = n->child->next; c; c = c->next) {
		struct set next;
		int r = eval(ev, c, &next);

		if (r == 0)
			r = n->kind == NODE_AND ? intersect(ev, out, &next) : unite(ev, out, &next);
		set_release(&next);
		if (r != 0)
			return -1;
	}
	return 0;
}

int select_hosts(struct inventory *inv, const char *text, struct select_options *opt,
		 struct hostset *out, struct dt_err *err)
{
	struct select_tree tree;
	struct evaluation ev = { .inv = inv, .opt = opt, .tree = &tree, .err = err };
	struct set found = { 0 };
	int r = select_parse(&tree, text, opt, err);

	memset(out, 0, sizeof(*out));
	if (r == 0)
		r = eval(&ev, tree.root, &found);
	if (r == 0)
		r = spell_out(&ev, &found);
	if (r == 0)
		*out = found.hosts;
	else
		set_release(&found);
	/* where nothing is selected, that is said anyway */
	for (size_t i = 0; r == 0 && out->n && i < ev.nowhere.n; i++)
		log_warn("no host has the tag %s", ev.nowhere.v[i]);
	strs_release(&ev.nowhere);
	hostset_release(&ev.input);
	select_tree_release(&tree);
	return r;
}

static bool contains(const struct set *s, const struct host *h)
{
	for (size_t i = 0; i < s->hosts.n; i++)
		if (s->hosts.v[i] == h)
			return !s->but;
	return s->but && !h->ad_hoc;
}

int select_explain(struct inventory *inv, const char *text, struct select_options *opt,
		   const struct host *h, void (*fn)(void *arg, const char *link, bool matches), void *arg,
		   struct dt_err *err)
{
	struct select_tree tree;
	struct evaluation ev = { .inv = inv, .opt = opt, .tree = &tree, .err = err };
	int r = select_parse(&tree, text, opt, err);

	for (size_t i = 0; r == 0 && i < tree.link_count; i++) {
		struct set one = { 0 };

		r = eval_link(&ev, tree.links[i], &one);
		if (r == 0)
			fn(arg, tree.links[i]->link, contains(&one, h));
		set_release(&one);
	}
	strs_release(&ev.nowhere);
	hostset_release(&ev.input);
	select_tree_release(&tree);
	return r;
}
