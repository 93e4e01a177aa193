#include "dt/run/limits.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 255

/* One value, and how many hosts have it. */
struct value {
	const char *text;	/* the inventory's or the plan's */
	size_t hosts;
	int group;
};

struct join {
	size_t host;
	struct value *value;
};

struct limit {
	const char *key;
	size_t key_len;
	struct share most;
	void *values;		/* tsearch(3) */
	struct join *joins;
	size_t n, cap;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct value *)a)->text, ((const struct value *)b)->text);
}

static int add(struct limit *l, size_t host, const char *text)
{
	struct value probe = { .text = text }, **at = tfind(&probe, &l->values, compare);

	if (!at) {
		struct value *v = calloc(1, sizeof(*v));

		if (!v)
			return -1;
		v->text = text;
		v->group = -1;
		at = tsearch(v, &l->values, compare);
		if (!at) {
			free(v);
			return -1;
		}
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct join *v = realloc(l->joins, cap * sizeof(*v));

		if (!v)
			return -1;
		l->joins = v;
		l->cap = cap;
	}
	(*at)->hosts++;
	l->joins[l->n++] = (struct join){ host, *at };
	return 0;
}

static bool key_is(const struct limit *l, const char *word)
{
	return l->key_len == strlen(word) && strncmp(l->key, word, l->key_len) == 0;
}

/* The values of one host. */
static int add_host(struct limit *l, const struct inventory *inv, const struct host *h, const struct plan *plan, size_t i)
{
	char key[KEY_MAX + 1];
	const char *text;
	int r = 0;

	if (key_is(l, "via")) {
		for (const struct target *t = plan_target(plan, i)->via; t; t = t->via)
			r |= add(l, i, t->name);
		return r;
	}
	if (key_is(l, "tag")) {
		for (const char *const *t = h->pub.tags; t && *t; t++)
			r |= add(l, i, *t);
		return r;
	}
	(void)memcpy(key, l->key, l->key_len);
	key[l->key_len] = '\0';
	if (str_starts(key, "tag:")) {
		for (const char *const *t = h->pub.tags; t && *t; t++)
			if (strcmp(*t, key + strlen("tag:")) == 0)
				r |= add(l, i, *t);
		return r;
	}
	text = inventory_setting(inv, h, key, NULL);
	return text ? add(l, i, text) : 0;
}

static int make_groups(struct limit *l, struct pace *p)
{
	for (size_t i = 0; i < l->n; i++) {
		struct value *v = l->joins[i].value;

		size_t most = share_at_most(l->most, v->hosts);

		if (v->group < 0)
			v->group = pace_group(p, most ? most : 1);
		if (v->group < 0 || pace_join(p, l->joins[i].host, v->group) != 0)
			return -1;
	}
	return 0;
}

/* KEY ends at the last '='; 0 where there is none. */
static size_t key_length(const char *spec, struct share *most)
{
	const char *equals = strrchr(spec, '=');
	size_t n = equals ? (size_t)(equals - spec) : 0;

	return n && n <= KEY_MAX && parse_share(equals + 1, 1, most) == 0 ? n : 0;
}

const char *limits_fault(const char *spec)
{
	struct share most;

	return key_length(spec, &most) ? NULL : "is not KEY=N or KEY=N%, with N above 0";
}

int limits_add(struct pace *p, const char *spec, const struct inventory *inv, const struct hostset *hosts,
	       const struct plan *plan, bool must_apply, struct dt_err *err)
{
	struct limit l = { .key = spec };
	int r = 0;

	l.key_len = key_length(spec, &l.most);
	if (!l.key_len)
		return err_set(err, ERR_USAGE, "--max-per: \"%.200s\" %s", spec, limits_fault(spec));
	for (size_t i = 0; i < hosts->n && r == 0; i++)
		r = add_host(&l, inv, hosts->v[i], plan, i);
	if (r == 0 && !l.n && must_apply)
		r = err_set(err, ERR_USAGE, "--max-per: \"%.200s\": none of the selected hosts has %s %.*s", spec,
			    key_is(&l, "via") || str_starts(spec, "tag") ? "a" : "the attribute", (int)l.key_len, spec);
	else if (r != 0 || make_groups(&l, p) != 0)
		r = err_nomem(err);
	tdestroy(l.values, free);
	free(l.joins);
	return r;
}
