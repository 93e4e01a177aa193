/*
 * inventory - hosts in memory: names, tags, attributes, settings and their precedence.
 */
#include "inventory/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/internal.h"

#define BLOCK_SIZE 65536

struct block {
	struct block *next;
};

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (n > a->left) {
		size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
		struct block *b = calloc(1, sizeof(*b) + 16 + size);

		if (!b)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		a->at = (char *)b + 16;
		a->left = size;
	}
	p = a->at;
	a->at += n;
	a->left -= n;
	return p;
}

const char *arena_str(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p)
		memcpy(p, s, len);
	return p;
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	memset(a, 0, sizeof(*a));
}

/* ---- sets ---- */

int hostset_add(struct hostset *s, struct host *h)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct host **v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -1;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = h;
	return 0;
}

void hostset_release(struct hostset *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}

static int by_order(const void *va, const void *vb)
{
	const struct host *a = *(struct host *const *)va, *b = *(struct host *const *)vb;

	return (a->order > b->order) - (a->order < b->order);
}

void hostset_sort(struct hostset *s)
{
	size_t n = 0;
	bool sorted = true;

	for (size_t i = 1; i < s->n && sorted; i++)
		sorted = s->v[i - 1]->order < s->v[i]->order;
	if (sorted)
		return;
	qsort(s->v, s->n, sizeof(*s->v), by_order);
	for (size_t i = 0; i < s->n; i++)
		if (!n || s->v[n - 1] != s->v[i])
			s->v[n++] = s->v[i];
	s->n = n;
}

/* ---- hosts by name ---- */

struct inventory *inventory_new(void)
{
	return calloc(1, sizeof(struct inventory));
}

void inventory_free(struct inventory *inv)
{
	if (!inv)
		return;
	inventory_rollback(inv);
	db_close(inv->db);
	free(inv->table);
	free(inv->settings);
	hostset_release(&inv->hosts);
	arena_release(&inv->arena);
	free(inv);
}

/* FNV-1a */
static size_t hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

struct host *inventory_lookup(const struct inventory *inv, const char *name)
{
	if (!inv->slots)
		return NULL;
	for (size_t i = hash(name) & (inv->slots - 1); inv->table[i]; i = (i + 1) & (inv->slots - 1))
		if (strcmp(inv->table[i]->pub.name, name) == 0)
			return inv->table[i];
	return NULL;
}

static void insert(struct host **table, size_t slots, struct host *h)
{
	size_t i = hash(h->pub.name) & (slots - 1);

	while (table[i])
		i = (i + 1) & (slots - 1);
	table[i] = h;
}

static int grow(struct inventory *inv)
{
	size_t slots = inv->slots ? inv->slots * 2 : 256;
	struct host **table = calloc(slots, sizeof(*table));

	if (!table)
		return -1;
	for (size_t i = 0; i < inv->slots; i++)
		if (inv->table[i])
			insert(table, slots, inv->table[i]);
	free(inv->table);
	inv->table = table;
	inv->slots = slots;
	return 0;
}

/* ---- entries ---- */

void entry_release(struct entry *e)
{
	strs_release(&e->tags);
	strs_release(&e->keys);
	strs_release(&e->values);
}

int entry_set(struct entry *e, const char *key, const char *value, struct dt_err *err)
{
	const char *fault = attr_fault(key, value);

	if (fault)
		return err_set(err, ERR_USAGE, "%.100s=%.200s %s", key, value, fault);
	if (strs_has(&e->keys, key))
		return err_set(err, ERR_USAGE, "%.100s is set twice", key);
	if (e->keys.n == INVENTORY_WORDS_LIMIT)
		return err_set(err, ERR_USAGE, "more than %d attributes", INVENTORY_WORDS_LIMIT);
	return strs_add(&e->keys, key) != 0 || strs_add(&e->values, value) != 0 ? err_nomem(err) : 0;
}

int entry_tag(struct entry *e, const char *tag, struct dt_err *err)
{
	const char *fault = tag_fault(tag);

	if (fault)
		return err_set(err, ERR_USAGE, "the tag \"%.200s\" %s", tag, fault);
	if (strs_has(&e->tags, tag))
		return 0;
	if (e->tags.n == INVENTORY_WORDS_LIMIT)
		return err_set(err, ERR_USAGE, "more than %d tags", INVENTORY_WORDS_LIMIT);
	return strs_add(&e->tags, tag) != 0 ? err_nomem(err) : 0;
}

int entry_words(struct entry *e, const char *text, struct dt_err *err)
{
	for (;;) {
		char word[4400];
		size_t n = 0, eq = 0;
		bool quoted = false;

		text += strspn(text, " \t\r");
		if (!*text)
			return 0;
		for (; *text && (quoted || !strchr(" \t\r", *text)); text++) {
			if (*text == '"') {
				quoted = !quoted;
				continue;
			}
			if (n == sizeof(word) - 1)
				return err_set(err, ERR_USAGE, "a word is too long");
			if (*text == '=' && !eq)
				eq = n;
			word[n++] = *text;
		}
		word[n] = '\0';
		if (quoted)
			return err_set(err, ERR_USAGE, "a quote has no end");
		if (eq)
			word[eq] = '\0';
		if ((eq ? entry_set(e, word, word + eq + 1, err) : entry_tag(e, word, err)) != 0)
			return -1;
	}
}

/* ---- putting hosts ---- */

/* A tag, a key or a short value, of which a fleet has few different ones. */
static const char *shared(struct inventory *inv, const char *word)
{
	size_t n = sizeof(inv->recent) / sizeof(inv->recent[0]);

	for (size_t i = 0; i < n && inv->recent[i]; i++)
		if (strcmp(inv->recent[i], word) == 0)
			return inv->recent[i];
	word = arena_str(&inv->arena, word, strlen(word));
	inv->recent[inv->recent_at++ % n] = word;
	return word;
}

static int set_tags(struct inventory *inv, struct host *h, const struct strs *tags)
{
	size_t had = 0;
	const char **v;

	while (h->pub.tags && h->pub.tags[had])
		had++;
	v = arena_alloc(&inv->arena, (had + tags->n + 1) * sizeof(*v));
	if (!v)
		return -1;
	for (size_t i = 0; i < had; i++)
		v[i] = h->pub.tags[i];
	for (size_t i = 0; i < tags->n; i++)
		if (!host_has_tag(h, tags->v[i]) && !(v[had++] = shared(inv, tags->v[i])))
			return -1;
	h->pub.tags = v;
	return 0;
}

static int set_attrs(struct inventory *inv, struct host *h, const struct entry *e, const char *source)
{
	const struct strs *keys = &e->keys, *values = &e->values;
	const char **origins = NULL;
	struct dt_attr *v;
	size_t had = 0;

	while (h->pub.attrs && h->pub.attrs[had].key)
		had++;
	v = arena_alloc(&inv->arena, (had + keys->n + 1) * sizeof(*v));
	if (!v)
		return -1;
	if (had)
		memcpy(v, h->pub.attrs, had * sizeof(*v));
	if (h->origins || e->origins || (keys->n && source != h->source)) {
		origins = arena_alloc(&inv->arena, (had + keys->n) * sizeof(*origins));
		if (!origins)
			return -1;
		for (size_t i = 0; i < had; i++)
			origins[i] = h->origins ? h->origins[i] : h->source;
	}
	for (size_t i = 0; i < keys->n; i++) {
		if (host_attr(h, keys->v[i]))
			continue;
		v[had].key = shared(inv, keys->v[i]);
		v[had].value = strlen(values->v[i]) < 8 ? shared(inv, values->v[i])
							: arena_str(&inv->arena, values->v[i], strlen(values->v[i]));
		if (!v[had].key || !v[had].value)
			return -1;
		if (origins)
			origins[had] = e->origins ? e->origins[i] : source;
		had++;
	}
	h->pub.attrs = v;
	h->origins = origins;
	return 0;
}

/* A host without words of its own gets those of the host before it in the same line. */
static int set_words(struct inventory *inv, struct host *h, struct entry *e, const char *source)
{
	bool fresh = (!h->pub.tags || !*h->pub.tags) && (!h->pub.attrs || !h->pub.attrs->key) && h->source == source;

	if (fresh && e->kept_source == source) {
		h->pub.tags = e->kept_tags;
		h->pub.attrs = e->kept_attrs;
		h->origins = e->kept_origins;
		return 0;
	}
	inv->kept += e->tags.n + e->keys.n;
	if (set_tags(inv, h, &e->tags) != 0 || set_attrs(inv, h, e, source) != 0)
		return -1;
	if (fresh) {
		e->kept_tags = h->pub.tags;
		e->kept_attrs = h->pub.attrs;
		e->kept_origins = h->origins;
		e->kept_source = source;
	}
	return 0;
}

struct host *inventory_put(struct inventory *inv, const char *name, struct entry *e, const char *source,
			   size_t order, struct dt_err *err)
{
	struct host *h = inventory_lookup(inv, name);

	if (!h) {
		if (inv->used >= INVENTORY_HOSTS_LIMIT) {
			(void)err_set(err, ERR_USAGE, "more than %d hosts in all, at %.200s", INVENTORY_HOSTS_LIMIT, name);
			return NULL;
		}
		if (inv->used * 4 >= inv->slots * 3 && grow(inv) != 0)
			goto memory;
		h = arena_alloc(&inv->arena, sizeof(*h));
		if (!h || !(h->pub.name = arena_str(&inv->arena, name, strlen(name))))
			goto memory;
		h->source = source;
		h->order = order;
		if (hostset_add(&inv->hosts, h) != 0)
			goto memory;
		insert(inv->table, inv->slots, h);
		inv->used++;
	}
	if (set_words(inv, h, e, source) != 0)
		goto memory;
	if (inv->kept > INVENTORY_KEPT_LIMIT) {
		(void)err_set(err, ERR_USAGE, "more than %d tags and attributes in all, at %.200s", INVENTORY_KEPT_LIMIT, name);
		return NULL;
	}
	return h;
memory:
	(void)err_nomem(err);
	return NULL;
}

int inventory_put_setting(struct inventory *inv, enum scope scope, const char *name, const char *key,
			  const char *value, const char *origin, struct dt_err *err)
{
	const char *fault = scope == SCOPE_TAG ? tag_fault(name) : scope == SCOPE_DOMAIN ? domain_fault(name) : NULL;
	struct setting *s;

	if (fault)
		return err_set(err, ERR_USAGE, "the %s \"%.200s\" %s", scope == SCOPE_TAG ? "tag" : "domain", name, fault);
	fault = attr_fault(key, value);
	if (fault)
		return err_set(err, ERR_USAGE, "%.100s = %.200s %s", key, value, fault);
	for (size_t i = 0; i < inv->setting_count; i++) {
		s = &inv->settings[i];
		if (s->source == inv->sources && s->scope == scope && strcmp(s->name, name) == 0 && strcmp(s->key, key) == 0)
			return err_set(err, ERR_USAGE, "%.100s is set already, at %s", key, s->origin);
	}
	if (inv->setting_count == INVENTORY_SETTINGS_LIMIT)
		return err_set(err, ERR_USAGE, "more than %d settings of defaults, domains and tags", INVENTORY_SETTINGS_LIMIT);
	if (inv->setting_count == inv->setting_cap) {
		size_t cap = inv->setting_cap ? inv->setting_cap * 2 : 16;
		struct setting *v = realloc(inv->settings, cap * sizeof(*v));

		if (!v)
			return err_nomem(err);
		inv->settings = v;
		inv->setting_cap = cap;
	}
	s = &inv->settings[inv->setting_count];
	s->scope = scope;
	s->source = inv->sources;
	s->name = arena_str(&inv->arena, name, strlen(name));
	s->key = arena_str(&inv->arena, key, strlen(key));
	s->value = arena_str(&inv->arena, value, strlen(value));
	s->origin = origin;
	if (!s->name || !s->key || !s->value)
		return err_nomem(err);
	inv->setting_count++;
	return 0;
}

bool setting_counts(const struct inventory *inv, const struct setting *s)
{
	for (const struct setting *t = inv->settings; t < s; t++)
		if (t->scope == s->scope && strcmp(t->name, s->name) == 0 && strcmp(t->key, s->key) == 0)
			return false;
	return true;
}

const char *inventory_origin(struct inventory *inv, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%.480s:%d", file, line);

	return arena_str(&inv->arena, text, (size_t)n);
}

/* ---- lookups ---- */

int inventory_is_empty(struct inventory *inv, bool *empty, struct dt_err *err)
{
	*empty = true;
	for (size_t i = 0; i < inv->hosts.n && *empty; i++)
		*empty = inv->hosts.v[i]->ad_hoc;
	return *empty ? store_is_empty(inv, empty, err) : 0;
}

int inventory_all(struct inventory *inv, struct hostset *out, struct dt_err *err)
{
	if (store_all(inv, err) != 0)
		return -1;
	for (size_t i = 0; i < inv->hosts.n; i++)
		if (!inv->hosts.v[i]->ad_hoc && hostset_add(out, inv->hosts.v[i]) != 0)
			return err_nomem(err);
	return 0;
}

int inventory_tagged(struct inventory *inv, const char *tag, struct hostset *out, struct dt_err *err)
{
	size_t n = inv->hosts.n;

	if (store_tagged(inv, tag, out, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (host_has_tag(inv->hosts.v[i], tag) && hostset_add(out, inv->hosts.v[i]) != 0)
			return err_nomem(err);
	return 0;
}

int inventory_var(struct inventory *inv, const char *key, const char *value, struct hostset *out,
		  struct dt_err *err)
{
	if (store_all(inv, err) != 0)
		return -1;
	for (size_t i = 0; i < inv->hosts.n; i++) {
		struct host *h = inv->hosts.v[i];

		if (!h->ad_hoc && str_eq(inventory_setting(inv, h, key, NULL), value) && hostset_add(out, h) != 0)
			return err_nomem(err);
	}
	return 0;
}

int inventory_find(struct inventory *inv, const char *name, struct host **out, struct dt_err *err)
{
	*out = inventory_lookup(inv, name);
	if (!*out)
		return store_find(inv, name, out, err);
	if ((*out)->ad_hoc)
		*out = NULL;
	return 0;
}

int inventory_name(struct inventory *inv, const char *name, struct host **out, struct dt_err *err)
{
	struct entry nothing = { 0 };
	const char *fault = host_name_fault(name);

	*out = NULL;
	if (fault)
		return err_set(err, ERR_USAGE, "the host name \"%.200s\" %s", name, fault);
	*out = inventory_lookup(inv, name);
	if (!*out && store_find(inv, name, out, err) != 0)
		return -1;
	if (*out)
		return 0;
	/* behind all sources, in the order they are named */
	*out = inventory_put(inv, name, &nothing, "command line", ((size_t)UINT32_MAX << 32) + inv->hosts.n, err);
	if (!*out)
		return -1;
	(*out)->ad_hoc = true;
	return 0;
}

/* "alice@[::1]:2222" */
static const char *name_as(struct inventory *inv, const char *name, const char *user, const char *port)
{
	bool brackets = port && strchr(name, ':');
	char *text = NULL;
	const char *kept;

	if (asprintf(&text, "%s%s%s%s%s%s%s", user ? user : "", user ? "@" : "", brackets ? "[" : "", name, brackets ? "]" : "",
		     port ? ":" : "", port ? port : "") < 0)
		return NULL;
	kept = arena_str(&inv->arena, text, strlen(text));
	free(text);
	return kept;
}

int inventory_name_as(struct inventory *inv, const char *name, const char *user, const char *port,
		      struct host **out, struct dt_err *err)
{
	struct host *h;

	if (inventory_name(inv, name, &h, err) != 0)
		return -1;
	*out = h;
	if (!user && !port)
		return 0;
	if (h->named && (!str_eq(h->user, user) || !str_eq(h->port, port))) {
		const char *other = name_as(inv, name, user, port);

		*out = NULL;
		return err_set(err, ERR_USAGE, "one host with two ways to it: %.300s and %.300s", h->named, other ? other : name);
	}
	h->user = user ? arena_str(&inv->arena, user, strlen(user)) : NULL;
	h->port = port ? arena_str(&inv->arena, port, strlen(port)) : NULL;
	h->named = name_as(inv, name, user, port);
	return (user && !h->user) || (port && !h->port) || !h->named ? err_nomem(err) : 0;
}

static bool in_domain(const char *host, const char *domain)
{
	size_t n = strlen(host), m = strlen(domain);

	return n > m && strcmp(host + n - m, domain) == 0 && (*domain == '.' || host[n - m - 1] == '.');
}

const char *inventory_setting(const struct inventory *inv, const struct host *h, const char *key,
			      const char **origin)
{
	const struct setting *best = NULL;
	size_t length = 0;
	const char *named = strcmp(key, "user") == 0 ? h->user : strcmp(key, "port") == 0 ? h->port : NULL;

	if (named) {
		if (origin)
			*origin = "command line";
		return named;
	}
	for (const struct dt_attr *a = h->pub.attrs; a && a->key; a++) {
		if (strcmp(a->key, key) != 0)
			continue;
		if (origin)
			*origin = h->origins ? h->origins[a - h->pub.attrs] : h->source;
		return a->value;
	}
	for (enum scope scope = SCOPE_TAG; !best; scope--) {
		for (size_t i = 0; i < inv->setting_count; i++) {
			const struct setting *s = &inv->settings[i];

			if (s->scope != scope || strcmp(s->key, key) != 0)
				continue;
			if (scope == SCOPE_TAG ? best || !host_has_tag(h, s->name)
			    : scope == SCOPE_DOMAIN ? strlen(s->name) <= length || !in_domain(h->pub.name, s->name)
						    : best != NULL)
				continue;
			best = s;
			length = strlen(s->name);
		}
		if (scope == SCOPE_DEFAULTS)
			break;
	}
	if (origin)
		*origin = best ? best->origin : NULL;
	return best ? best->value : NULL;
}

/* Sorted, each once. */
static void unite(struct strs *l)
{
	size_t n = 0;

	strs_sort(l);
	for (size_t i = 0; i < l->n; i++) {
		if (n && strcmp(l->v[n - 1], l->v[i]) == 0)
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
	if (l->v)
		l->v[n] = NULL;
}

int inventory_tags(struct inventory *inv, const char *prefix, struct strs *out, struct dt_err *err)
{
	size_t enough = 1000;	/* many hosts have few tags */

	for (size_t i = 0; i < inv->hosts.n; i++) {
		for (const char *const *t = inv->hosts.v[i]->pub.tags; t && *t; t++)
			if (str_starts(*t, prefix) && strs_add(out, *t) != 0)
				return err_nomem(err);
		if (out->n < enough)
			continue;
		unite(out);
		enough = 2 * out->n + 1000;
	}
	if (store_tags(inv, prefix, out, err) != 0)
		return -1;
	unite(out);
	return 0;
}

int inventory_names(struct inventory *inv, const char *prefix, size_t limit, struct strs *out,
		    struct dt_err *err)
{
	for (size_t i = 0; i < inv->hosts.n; i++)
		if (!inv->hosts.v[i]->ad_hoc && str_starts(inv->hosts.v[i]->pub.name, prefix) &&
		    strs_add(out, inv->hosts.v[i]->pub.name) != 0)
			return err_nomem(err);
	if (store_names(inv, prefix, limit, out, err) != 0)
		return -1;
	unite(out);
	if (out->n > limit + 1) {
		for (size_t i = limit; i + 1 < out->n; i++)
			free(out->v[i]);
		out->v[limit] = out->v[out->n - 1];
		out->v[limit + 1] = NULL;
		out->n = limit + 1;
	}
	return 0;
}
