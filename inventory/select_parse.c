#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/stat.h>

#include "dt/base/nearest.h"
#include "dt/base/path.h"
#include "inventory/select_tree.h"

struct parser {
	struct select_tree *t;
	const struct select_options *opt;
	const char *text, *p;
	int depth;
	struct dt_err *err;
};

static const struct {
	const char *name;
	enum node_kind kind;
} selectors[] = {
	{ "sys", NODE_SYS }, { "tag", NODE_TAG }, { "exp", NODE_EXP }, { "var", NODE_VAR }, { "out", NODE_OUT },
	{ "file", NODE_FILE }, { "local", NODE_LOCAL }, { "all", NODE_ALL }, { "nil", NODE_NIL }, { "not", NODE_NOT },
	{ "job", NODE_JOB },
};

const char *const select_results[] = {
	"okay", "fail", "ok", "failed", "unreachable", "auth", "hostkey", "timeout", "lost", "killed", "skipped", "unknown", NULL
};

int select_fault(const char *text, size_t at, struct dt_err *err, const char *fmt, ...)
{
	char what[200], shown[121];
	int columns = 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* of a long text, what is around the place */
	while (at > 100) {
		size_t skip = at - 60;

		while (((unsigned char)text[skip] & 0xc0) == 0x80)
			skip++;
		text += skip;
		at -= skip;
	}
	for (size_t i = 0; i < at; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	(void)snprintf(shown, sizeof(shown), "%s", text);
	for (char *s = shown; (s = strpbrk(s, "\t\n")) != NULL;)
		*s = ' ';
	return err_set(err, ERR_USAGE, "%s\n  %s\n  %*s^", what, shown, columns, "");
}

#define FAULT(ps, place, ...) select_fault((ps)->text, (size_t)((place) - (ps)->text), (ps)->err, __VA_ARGS__)

static struct node *new_node(struct parser *ps, enum node_kind kind, const char *at)
{
	struct node *n = arena_alloc(&ps->t->arena, sizeof(*n));

	if (!n) {
		(void)err_nomem(ps->err);
		return NULL;
	}
	n->kind = kind;
	n->at = (size_t)(at - ps->text);
	return n;
}

static int add_link(struct parser *ps, struct node *n)
{
	struct select_tree *t = ps->t;

	if (t->link_count == t->link_cap) {
		size_t cap = t->link_cap ? t->link_cap * 2 : 16;
		struct node **v = realloc(t->links, cap * sizeof(*v));

		if (!v)
			return err_nomem(ps->err);
		t->links = v;
		t->link_cap = cap;
	}
	t->links[t->link_count++] = n;
	return 0;
}

static void skip_space(struct parser *ps)
{
	ps->p += strspn(ps->p, " \t\n");
}

/* Is this word next, and whole? */
static bool at_word(struct parser *ps, const char *word)
{
	size_t n = strlen(word);

	skip_space(ps);
	return strncmp(ps->p, word, n) == 0 && (!ps->p[n] || strchr(" \t\n()", ps->p[n]));
}

/* ---- selectors ---- */

static int kind_of(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		if (strlen(selectors[i].name) == n && strncmp(name, selectors[i].name, n) == 0)
			return (int)selectors[i].kind;
	return -1;
}

/* The executable selectors/NAME, in the arena; NULL: there is none. */
static const char *find_program(struct parser *ps, const char *name, size_t n)
{
	const struct strs *dirs = ps->opt->selector_dirs;
	struct stat st;
	char path[4096];

	if (memchr(name, '/', n) || *name == '.')
		return NULL;
	for (size_t i = 0; dirs && i < dirs->n; i++) {
		int len = snprintf(path, sizeof(path), "%s/%.*s", dirs->v[i], (int)n, name);

		if (len > 0 && (size_t)len < sizeof(path) && access(path, X_OK) == 0 &&
		    stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return arena_str(&ps->t->arena, path, (size_t)len);
	}
	return NULL;
}

/* The letters of a selector's name at s, where a ':' follows; 0: none. */
static size_t selector_name(const char *s)
{
	size_t n = 0;

	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || (n && s[n] >= '0' && s[n] <= '9') ||
	       (n && (s[n] == '_' || s[n] == '-')))
		n++;
	return s[n] == ':' ? n : 0;
}

/* "2222" and nothing more, as behind a host and ':'. */
static bool is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n && n <= 5 && (!s[n] || strchr(" \t\n),:", s[n]));
}

/* Does a new link of a chain begin at s? */
static bool link_begins(struct parser *ps, const char *s)
{
	size_t n = selector_name(s);

	if (n)
		return kind_of(s, n) >= 0 || find_program(ps, s, n);
	return (strncmp(s, "all", 3) == 0 || strncmp(s, "nil", 3) == 0) && (!s[3] || strchr(" \t\n)", s[3]));
}

/*
 * The value at p: up to white space, a ')' that it did not open, or the ':'
 * before the next link, which does not begin in brackets, but in those of a
 * regex.  A part in double quotes is taken as it is.
 */
static const char *read_value(struct parser *ps, bool regex)
{
	const char *quote = NULL, *value;
	size_t open = 0, brackets = 0;
	struct buf out;
	int r = 0;

	buf_init(&out, 1UL << 20);
	for (; *ps->p; ps->p++) {
		char c = *ps->p;

		if (c == '"') {
			quote = quote ? NULL : ps->p;
			continue;
		}
		if (!quote) {
			if (strchr(" \t\n", c) || (c == ')' && !open))
				break;
			if (c == ':' && !open && !brackets && link_begins(ps, ps->p + 1))
				break;
			brackets += !regex && c == '[';
			brackets -= brackets && c == ']';
			open += c == '(';
			open -= c == ')';
		}
		/* what is escaped in a regex opens and closes nothing */
		if (regex && c == '\\' && ps->p[1]) {
			r |= buf_addc(&out, c);
			c = *++ps->p;
		}
		r |= buf_addc(&out, c);
	}
	value = r ? NULL : arena_str(&ps->t->arena, out.data, out.len);
	buf_release(&out);
	if (quote) {
		(void)FAULT(ps, quote, "the quote has no end");
		return NULL;
	}
	if (!value)
		(void)err_nomem(ps->err);
	return value;
}

static int check_tags(struct parser *ps, const char *list, const char *at)
{
	for (;;) {
		size_t n = strcspn(list, ",");
		char tag[300];
		const char *fault;

		(void)snprintf(tag, sizeof(tag), "%.*s", (int)(n < 299 ? n : 299), list);
		fault = tag_fault(*tag == '+' || *tag == '-' ? tag + 1 : tag);
		if (fault)
			return FAULT(ps, at, "the tag \"%.100s\" %s", tag, fault);
		if (!list[n])
			return 0;
		list += n + 1;
		at += n + 1;
	}
}

static int check_var(struct parser *ps, struct node *n, const char *at)
{
	size_t k = strcspn(n->value, "=~");
	char key[300];

	(void)snprintf(key, sizeof(key), "%.*s", (int)(k < 299 ? k : 299), n->value);
	if (!n->value[k])
		return FAULT(ps, at, "neither KEY=VALUE nor KEY~REGEX");
	if (attr_key_fault(key))
		return FAULT(ps, at, "the key \"%.100s\" is not allowed", key);
	if (n->value[k] == '~' && !(n->match = match_new(n->value + k + 1, false, ps->err)))
		return -1;
	return 0;
}

static int check_value(struct parser *ps, struct node *n, const char *at)
{
	if (n->kind == NODE_ALL || n->kind == NODE_NIL || n->kind == NODE_OUT || n->kind == NODE_LOCAL)
		return *n->value ? FAULT(ps, at, "this selector takes no value") : 0;
	if (!*n->value && n->kind != NODE_EXTERNAL)
		return FAULT(ps, at, "no value");
	if (n->kind == NODE_TAG)
		return check_tags(ps, n->value, at);
	if (n->kind == NODE_EXP)
		return (n->match = match_new(n->value, true, ps->err)) ? 0 : -1;
	return n->kind == NODE_VAR ? check_var(ps, n, at) : 0;
}

static int unknown(struct parser *ps, const char *name, size_t n)
{
	const char *names[ARRAY_LEN(selectors)], *near;
	char word[64];

	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		names[i] = selectors[i].name;
	(void)snprintf(word, sizeof(word), "%.*s", (int)n, name);
	near = nearest(word, names, ARRAY_LEN(names));
	if (n >= sizeof(word))
		return FAULT(ps, name, "unknown selector \"%s...:\"", word);
	if (near)
		return FAULT(ps, name, "unknown selector \"%s:\"; is it %s: ?", word, near);
	return FAULT(ps, name, "unknown selector \"%s:\"; a host is sys:%s", word, word);
}

/* Is the word at s, up to white space, ')' or ',', an IPv6 address? */
static bool is_address(const char *s)
{
	size_t n = strcspn(s, " \t\n),%");
	unsigned char out[16];
	char text[64];

	if (n >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)n, s);
	return inet_pton(AF_INET6, text, out) == 1;
}

/* "42", "last", "last-1" */
static bool is_job(const char *s, size_t n)
{
	char text[32];
	long long number;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (strcmp(text, "last") == 0)
		return true;
	return str_starts(text, "last-") ? parse_int(text + 5, 0, 1000000, &number) == 0
					 : parse_int(text, 1, INT64_MAX, &number) == 0;
}

/* Behind "job:42:".  Where no result stands there, p stays in front of the ':'. */
static int parse_result(struct parser *ps, struct node *n)
{
	const char *at = ps->p + 1, *value;
	bool rc = str_starts(at, "rc=");
	size_t len = strcspn(at, ": \t\n)");
	long long number;

	if (rc || str_starts(at, "out~")) {
		ps->p = at;
		value = read_value(ps, !rc);
		if (!value)
			return -1;
		if (!rc)
			return (n->match = match_new_text(value + 4, ps->err)) ? 0 : -1;
		if (parse_int(value + 3, 0, 255, &number) != 0)
			return FAULT(ps, at, "rc= wants an exit status, from 0 to 255");
		n->rc = (int)number;
		return 0;
	}
	for (const char *const *word = select_results; *word; word++) {
		if (strlen(*word) != len || strncmp(*word, at, len) != 0)
			continue;
		n->result = *word;
		ps->p = at + len;
		if (*ps->p == ':' && !link_begins(ps, ps->p + 1))
			return FAULT(ps, ps->p + 1, "no selector begins here");
		return 0;
	}
	return link_begins(ps, at) ? 0
	     : FAULT(ps, at, "neither a result (okay, fail, unknown, rc=N, out~REGEX, ...) nor a selector");
}

static int parse_job(struct parser *ps, struct node *n)
{
	size_t len = strcspn(ps->p, ": \t\n)");

	n->rc = -1;
	if (!is_job(ps->p, len))
		return FAULT(ps, ps->p, "a job is a number, last, or last-1; dt jobs lists them");
	n->value = arena_str(&ps->t->arena, ps->p, len);
	ps->p += len;
	if (!n->value)
		return err_nomem(ps->err);
	return *ps->p == ':' ? parse_result(ps, n) : 0;
}

/* One selector with its value. */
static struct node *parse_link(struct parser *ps)
{
	const char *start = ps->p, *at;
	bool address = is_address(start);
	size_t name = address ? 0 : selector_name(start);
	int kind = name ? kind_of(start, name) : NODE_SYS;
	struct node *n;

	/* db1:2222, fe80::[1-9] */
	if (name && kind < 0 && (is_port(start + name + 1) || start[name + 1] == ':') && !find_program(ps, start, name)) {
		name = 0;
		kind = NODE_SYS;
	}
	/* a bare word, but for the two that are selectors by themselves */
	if (!name && !address && (strncmp(start, "all", 3) == 0 || strncmp(start, "nil", 3) == 0) &&
	    (!start[3] || strchr(" \t\n):", start[3])))
		kind = *start == 'a' ? NODE_ALL : NODE_NIL;
	n = new_node(ps, (enum node_kind)kind, start);
	if (!n)
		return NULL;
	if (name && kind < 0) {
		n->kind = NODE_EXTERNAL;
		n->program = find_program(ps, start, name);
		if (!n->program) {
			(void)unknown(ps, start, name);
			return NULL;
		}
		if (path_check(n->program, ps->err) != 0) {
			ps->err->code = ERR_USAGE;
			return NULL;
		}
	}
	ps->p += name ? name + 1 : kind == NODE_SYS ? 0 : 3;
	at = ps->p;
	/* "tag:x:all:exp:y": nothing behind all, and "nil:" */
	if (!name && kind != NODE_SYS) {
		n->value = "";
	} else if (n->kind == NODE_JOB) {
		if (parse_job(ps, n) != 0) {
			match_free(n->match);
			return NULL;
		}
	} else if (address) {
		ps->p += strcspn(ps->p, " \t\n)");
		n->value = arena_str(&ps->t->arena, at, (size_t)(ps->p - at));
	} else if ((n->kind == NODE_ALL || n->kind == NODE_NIL || n->kind == NODE_OUT || n->kind == NODE_LOCAL) && link_begins(ps, ps->p)) {
		n->value = "";
		ps->p--;
	} else {
		n->value = read_value(ps, n->kind == NODE_EXP || n->kind == NODE_VAR);
	}
	if (!n->value || check_value(ps, n, at) != 0)
		return NULL;
	n->link = arena_str(&ps->t->arena, start, (size_t)(ps->p - start));
	if (!n->link || add_link(ps, n) != 0) {
		match_free(n->match);
		return NULL;
	}
	return n;
}

/* ---- expressions ---- */

static struct node *parse_or(struct parser *ps);

typedef struct node *parse_fn(struct parser *ps);

/* One or more of what parse reads, with word between them. */
static struct node *parse_list(struct parser *ps, enum node_kind kind, const char *word, parse_fn *parse)
{
	struct node *first = parse(ps), *last = first, *list;

	if (!first || !at_word(ps, word))
		return first;
	while (at_word(ps, word)) {
		ps->p += strlen(word);
		last->next = parse(ps);
		if (!last->next)
			return NULL;
		last = last->next;
	}
	list = new_node(ps, kind, ps->text + first->at);
	if (list)
		list->child = first;
	return list;
}

/* A "not" or '(' is next. */
static int deeper(struct parser *ps)
{
	return ++ps->depth > SELECT_DEPTH_LIMIT ? FAULT(ps, ps->p, "more than %d deep", SELECT_DEPTH_LIMIT) : 0;
}

static struct node *negate(struct parser *ps, struct node *n, const char *at)
{
	struct node *not = n ? new_node(ps, NODE_NOT, at) : NULL;

	if (not)
		not->child = n;
	return not;
}

/* link { ":" link }, with not: before some */
static struct node *parse_chain(struct parser *ps)
{
	struct node *list = NULL, *tail = NULL, *chain;

	for (;;) {
		const char *start = ps->p;
		bool odd = false;
		struct node *n;

		while (strncmp(ps->p, "not:", 4) == 0) {
			ps->p += 4;
			odd = !odd;
		}
		if (!*ps->p || strchr(" \t\n)", *ps->p)) {
			(void)FAULT(ps, ps->p, "a selector is missing");
			return NULL;
		}
		n = parse_link(ps);
		if (odd)
			n = negate(ps, n, start);
		if (!n)
			return NULL;
		if (tail)
			tail->next = n;
		else
			list = n;
		tail = n;
		if (*ps->p != ':')
			break;
		ps->p++;
	}
	if (!list->next)
		return list;
	chain = new_node(ps, NODE_AND, ps->text + list->at);
	if (chain)
		chain->child = list;
	return chain;
}

static struct node *parse_term(struct parser *ps)
{
	int depth = ps->depth;
	const char *start;
	struct node *n;

	skip_space(ps);
	start = ps->p;
	if ((at_word(ps, "not") || *start == '(') && deeper(ps) != 0)
		return NULL;
	if (at_word(ps, "not")) {
		ps->p += 3;
		n = negate(ps, parse_term(ps), start);
	} else if (*start == '(') {
		ps->p++;
		n = parse_or(ps);
		skip_space(ps);
		if (n && *ps->p != ')') {
			(void)FAULT(ps, start, "the parenthesis has no end");
			return NULL;
		}
		if (n)
			ps->p++;
	} else if (!*start || *start == ')' || at_word(ps, "and") || at_word(ps, "or")) {
		(void)FAULT(ps, start, "a selector is missing");
		return NULL;
	} else {
		n = parse_chain(ps);
	}
	ps->depth = depth;
	return n;
}

static struct node *parse_and(struct parser *ps)
{
	return parse_list(ps, NODE_AND, "and", parse_term);
}

static struct node *parse_or(struct parser *ps)
{
	return parse_list(ps, NODE_OR, "or", parse_and);
}

int select_parse(struct select_tree *t, const char *text, const struct select_options *opt, struct dt_err *err)
{
	struct parser ps = { .t = t, .opt = opt, .text = text, .p = text, .err = err };

	memset(t, 0, sizeof(*t));
	t->text = text;
	t->root = parse_or(&ps);
	if (!t->root)
		return -1;
	skip_space(&ps);
	if (*ps.p == ')')
		return FAULT(&ps, ps.p, "closes a parenthesis that is not open");
	if (*ps.p)
		return FAULT(&ps, ps.p, "\"and\" or \"or\" is missing");
	return 0;
}

void select_tree_release(struct select_tree *t)
{
	for (size_t i = 0; i < t->link_count; i++) {
		match_free(t->links[i]->match);
		hostset_release(&t->links[i]->printed);
	}
	free(t->links);
	arena_release(&t->arena);
}
