#include "dt/run/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/buf.h"
#include "dt/base/nearest.h"
#include "dt/run/param.h"

/* Far above what the kernel lets an argument vector hold. */
#define TEXT_LIMIT (16u << 20)

struct parser {
	struct arguments *a;
	struct argument *rest;		/* the DT_REST parameter, or NULL */
	bool has_options;
	size_t position;		/* parameters before this index have had their turn */
};

static bool is_positional(const struct argument *g)
{
	return !(g->param->flags & DT_OPTION);
}

/* The next parameter that takes a positional argument, or NULL. */
static struct argument *next_positional(struct parser *p)
{
	for (; p->position < p->a->n; p->position++)
		if (is_positional(&p->a->v[p->position]))
			return &p->a->v[p->position];
	return NULL;
}

static int set_text(struct argument *g, const char *value, struct dt_err *err)
{
	char *copy = strdup(value);

	if (!copy)
		return err_nomem(err);
	free(g->text);
	g->text = copy;
	return 0;
}

static int set_value(struct argument *g, const char *value, struct dt_err *err)
{
	if (param_check(g->param, value, &g->number, err) != 0)
		return -1;
	if (g->param->flags & (DT_REST | DT_MANY))
		return strs_add(&g->list, value) == 0 ? 0 : err_nomem(err);
	return set_text(g, value, err);
}

static int take_rest(struct argument *g, char *const *words, size_t n, struct dt_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (set_value(g, words[i], err) != 0)
			return -1;
	g->given = n > 0;
	return 0;
}

static int join_words(struct argument *g, struct dt_err *err)
{
	struct buf text;

	buf_init(&text, TEXT_LIMIT);
	for (size_t i = 0; i < g->list.n; i++) {
		if ((i && buf_addc(&text, ' ') != 0) || buf_adds(&text, g->list.v[i]) != 0) {
			buf_release(&text);
			return err_set(err, ERR_MODULE, "%s: too long", g->param->name);
		}
	}
	g->text = buf_steal(&text);
	return g->text ? 0 : err_nomem(err);
}

static int unknown_option(const struct parser *p, const char *word, struct dt_err *err)
{
	size_t len = strcspn(word, "=");
	const char *names[64], *near;
	size_t n = 0;
	char bare[64];

	for (size_t i = 0; i < p->a->n && n < ARRAY_LEN(names); i++)
		if (!is_positional(&p->a->v[i]))
			names[n++] = p->a->v[i].param->name;
	(void)snprintf(bare, sizeof(bare), "%.*s", (int)(len < sizeof(bare) ? len : sizeof(bare) - 1), word);
	near = nearest(bare + strspn(bare, "-"), names, n);
	if (near)
		return err_set(err, ERR_MODULE, "no option %s; did you mean --%s?", bare, near);
	if (p->rest)
		return err_set(err, ERR_MODULE, "no option %s; put -- before a %s that begins with -", bare,
			       p->rest->param->name);
	return err_set(err, ERR_MODULE, "no option %s", bare);
}

/* The option that a word "--name", "--name=value" or "-n" is of, or NULL. */
static struct argument *find_option(struct parser *p, const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < p->a->n; i++) {
		const struct dt_param *q = p->a->v[i].param;

		if (!(q->flags & DT_OPTION))
			continue;
		if (word[1] == '-' ? strlen(q->name) == len - 2 && strncmp(q->name, word + 2, len - 2) == 0
				   : q->letter && word[1] == q->letter && !word[2])
			return &p->a->v[i];
	}
	return NULL;
}

static int take_option(struct argument *g, char *const *words, size_t n, size_t *i, struct dt_err *err)
{
	const char *eq = strchr(words[*i], '='), *value;

	if (eq)
		value = eq + 1;
	else if (g->param->type == DT_BOOL)
		value = "yes";
	else if (g->param->bare)
		value = g->param->bare;
	else if (*i + 1 < n)
		value = words[++*i];
	else
		return err_set(err, ERR_MODULE, "--%s needs a value (%s)", g->param->name,
			       param_type_name(g->param->type));
	g->given = true;
	return set_value(g, value, err);
}

/* A word that is an option by its look, where one may stand. */
static bool looks_like_option(struct parser *p, const char *word)
{
	const struct argument *g = next_positional(p);
	long long n;

	if (word[0] != '-' || !word[1])
		return false;
	if (p->rest && !p->has_options)
		return false;
	/* -5 for a parameter that is a number */
	return !(g && g->param->type == DT_INT && parse_int(word, -__LONG_LONG_MAX__ - 1, __LONG_LONG_MAX__, &n) == 0);
}

static int take_words(struct parser *p, char *const *words, size_t n,
		      int (*other)(void *arg, char *const *words, size_t n, size_t *i, struct dt_err *err),
		      void *arg, struct dt_err *err)
{
	bool options = true, begun = false;

	for (size_t i = 0; i < n; i++) {
		struct argument *g;

		if (options && strcmp(words[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && looks_like_option(p, words[i])) {
			int r;

			g = find_option(p, words[i]);
			if (g) {
				if (take_option(g, words, n, &i, err) != 0)
					return -1;
				continue;
			}
			r = !p->rest && other ? other(arg, words, n, &i, err) : 0;
			if (r == 0)
				return unknown_option(p, words[i], err);
			if (r < 0)
				return -1;
			continue;
		}
		g = next_positional(p);
		if (!g)
			return err_set(err, ERR_MODULE, begun ? "superfluous argument \"%s\"" : "takes no argument: \"%s\"",
				       words[i]);
		begun = true;
		if (p->rest)
			options = false;
		if (g == p->rest)
			return take_rest(g, words + i, n - i, err);
		if (set_value(g, words[i], err) != 0)
			return -1;
		g->given = true;
		if (!(g->param->flags & DT_MANY))
			p->position++;
	}
	return 0;
}

/* What was not given: the default, or an error. */
static int fill(struct argument *g, struct dt_err *err)
{
	const struct dt_param *q = g->param;
	const char *def = q->def ? q->def : q->type == DT_BOOL ? "no" : NULL;

	if (!g->given && (q->flags & DT_REQUIRED))
		return err_set(err, ERR_MODULE, "needs %s%s: %s", q->flags & DT_OPTION ? "--" : "a ", q->name, q->help);
	if (!g->given && def && set_value(g, def, err) != 0)
		return -1;
	return (q->flags & (DT_REST | DT_MANY)) && g->list.n ? join_words(g, err) : 0;
}

static int verb_names(const struct dt_module *m, const char **names, size_t max, struct buf *list)
{
	size_t n = 0;

	for (const struct dt_verb *v = m->verbs; v->name && n < max; v++) {
		if (!*v->name)
			continue;
		if (buf_addf(list, "%s%s", n ? ", " : "", v->name) != 0)
			return -1;
		names[n++] = v->name;
	}
	return (int)n;
}

/* *i is how many words the verb's name took. */
static const struct dt_verb *choose_verb(const struct dt_module *m, char *const *words, size_t n, size_t *i,
					 struct dt_err *err)
{
	const struct dt_verb *only = NULL;
	const char *names[64], *near = NULL;
	struct buf list;
	int count;

	*i = 0;
	for (const struct dt_verb *v = m->verbs; v->name; v++) {
		if (!*v->name) {
			only = v;
		} else if (n && strcmp(v->name, words[0]) == 0) {
			*i = 1;
			return v;
		}
	}
	if (only)
		return only;
	buf_init(&list, 4096);
	count = verb_names(m, names, ARRAY_LEN(names), &list);
	if (n && count > 0)
		near = nearest(words[0], names, (size_t)count);
	if (near)
		(void)err_set(err, ERR_MODULE, "%s: no verb \"%s\"; did you mean %s?", m->name, words[0], near);
	else if (n)
		(void)err_set(err, ERR_MODULE, "%s: no verb \"%s\"; there are %s", m->name, words[0], list.data);
	else
		(void)err_set(err, ERR_MODULE, "%s: needs a verb: %s", m->name, list.data);
	buf_release(&list);
	return NULL;
}

static size_t param_count(const struct dt_verb *v)
{
	size_t n = 0;

	while (v->params && v->params[n].name)
		n++;
	return n;
}

int arguments_parse(const struct dt_module *m, char *const *words, size_t n,
		    int (*other)(void *arg, char *const *words, size_t n, size_t *i, struct dt_err *err), void *arg,
		    struct arguments *out, struct dt_err *err)
{
	struct parser p = { .a = out };
	size_t skip;
	int r = -1;

	memset(out, 0, sizeof(*out));
	out->verb = choose_verb(m, words, n, &skip, err);
	if (!out->verb)
		return -1;
	out->n = param_count(out->verb);
	out->v = calloc(out->n + 1, sizeof(*out->v));
	if (!out->v) {
		(void)err_nomem(err);
		goto out;
	}
	for (size_t i = 0; i < out->n; i++) {
		struct argument *g = &out->v[i];

		g->param = &out->verb->params[i];
		if (g->param->flags & DT_REST)
			p.rest = g;
		if (g->param->flags & DT_OPTION)
			p.has_options = true;
	}
	if (take_words(&p, words + skip, n - skip, other, arg, err) != 0)
		goto out;
	for (size_t i = 0; i < out->n; i++)
		if (fill(&out->v[i], err) != 0)
			goto out;
	r = 0;
out:
	if (r != 0) {
		/* dt's own options (other) speak for themselves. */
		if (err->code == ERR_MODULE)
			err_prefix(err, "%s%s%s", m->name, *out->verb->name ? " " : "", out->verb->name);
		arguments_release(out);
	}
	return r;
}

void arguments_release(struct arguments *a)
{
	for (size_t i = 0; a->v && i < a->n; i++) {
		free(a->v[i].text);
		strs_release(&a->v[i].list);
	}
	free(a->v);
	memset(a, 0, sizeof(*a));
}

const struct argument *arguments_get(const struct arguments *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].param->name, name) == 0)
			return &a->v[i];
	return NULL;
}

/* A value as a script wants it: times and sizes as numbers. */
static const char *script_value(const struct argument *g, char *number, size_t size)
{
	if ((g->param->type != DT_TIME && g->param->type != DT_SIZE) || (g->param->flags & DT_REST))
		return g->text;
	(void)snprintf(number, size, "%lld", g->number);
	return number;
}

static char variable_letter(char c)
{
	static const char from[] = "abcdefghijklmnopqrstuvwxyz-", to[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	const char *at = strchr(from, c);

	if (at)
		return to[at - from];
	return c;
}

static int script_variable(const struct argument *g, const char *value, struct strs *env)
{
	struct buf line;
	int r = -1;

	buf_init(&line, TEXT_LIMIT);
	if (buf_adds(&line, "DT_PARAM_") != 0)
		goto out;
	for (const char *p = g->param->name; *p; p++)
		if (buf_addc(&line, variable_letter(*p)) != 0)
			goto out;
	if (buf_addc(&line, '=') == 0 && buf_adds(&line, value) == 0)
		r = strs_add(env, line.data);
out:
	buf_release(&line);
	return r;
}

static int script_words(const struct argument *g, const char *value, struct strs *words)
{
	if (!(g->param->flags & DT_REST))
		return strs_add(words, value);
	for (size_t i = 0; i < g->list.n; i++)
		if (strs_add(words, g->list.v[i]) != 0)
			return -1;
	return 0;
}

int arguments_script(const struct arguments *a, struct strs *env, struct strs *words)
{
	size_t left_out = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct argument *g = &a->v[i];
		char number[32];
		const char *value = script_value(g, number, sizeof(number));

		if (!g->text) {
			left_out += is_positional(g);
			continue;
		}
		if (script_variable(g, value, env) != 0)
			return -1;
		if (!is_positional(g))
			continue;
		for (; left_out; left_out--)
			if (strs_add(words, "") != 0)
				return -1;
		if (script_words(g, value, words) != 0)
			return -1;
	}
	return 0;
}
