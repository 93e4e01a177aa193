/*
 * export - an inventory as text that source_ini reads back to the same.
 */
#include <string.h>

#include "dt/base/ini.h"
#include "inventory/internal.h"

/* What a line of a file may hold, and what of it is used. */
struct line {
	struct buf *out;
	size_t used;
	int failed;
};

static void put(struct line *l, const char *text)
{
	l->failed |= buf_adds(l->out, text);
	l->used += strlen(text);
}

/* Is a value to be quoted? */
static bool needs_quotes(const char *value)
{
	return !*value || strpbrk(value, " ;") != NULL;
}

/* A word behind what stands there, in a new line where it does not fit. */
static int word(struct line *l, const char *key, const char *value)
{
	bool quoted = value && needs_quotes(value);
	size_t n = strlen(key) + (value ? 1 + strlen(value) + (quoted ? 2 : 0) : 0);

	if (l->used + 1 + n > INI_LINE_LIMIT) {
		l->failed |= buf_adds(l->out, "\n\t");
		l->used = 1;
	} else {
		put(l, " ");
	}
	if (l->used + n > INI_LINE_LIMIT)
		return -1;
	put(l, key);
	if (value) {
		put(l, quoted ? "=\"" : "=");
		put(l, value);
		put(l, quoted ? "\"" : "");
	}
	return 0;
}

static int export_host(const struct host *h, struct buf *out, struct dt_err *err)
{
	struct line l = { .out = out };
	size_t n = strlen(h->pub.name);
	int r = 0;

	/* "fe80:: = x" would read as fe80 and a value; a name that begins with '[' cannot be */
	if (n + 2 > INI_LINE_LIMIT || h->pub.name[n - 1] == ':')
		return err_set(err, ERR_USAGE, "%.200s (%s): a name that the text format cannot hold", h->pub.name, h->source);
	put(&l, h->pub.name);
	put(&l, " =");
	for (const char *const *t = h->pub.tags; r == 0 && t && *t; t++)
		r = word(&l, *t, NULL);
	for (const struct dt_attr *a = h->pub.attrs; r == 0 && a && a->key; a++)
		r = word(&l, a->key, a->value);
	if (r != 0)
		return err_set(err, ERR_USAGE, "%.200s (%s): a word is longer than a line of %d bytes", h->pub.name, h->source,
			       INI_LINE_LIMIT);
	put(&l, "\n");
	return l.failed ? err_nomem(err) : 0;
}

static int export_setting(const struct setting *s, bool head, struct buf *out, struct dt_err *err)
{
	static const char *const scopes[] = { "defaults", "domain ", "tag " };
	bool quoted = needs_quotes(s->value);
	int r = 0;

	if (strlen(scopes[s->scope]) + strlen(s->name) > INI_SECTION_LIMIT ||
	    strlen(s->key) + 3 + strlen(s->value) + (quoted ? 2 : 0) > INI_LINE_LIMIT)
		return err_set(err, ERR_USAGE, "%s: %.100s is too long for the text format", s->origin, s->key);
	if (head)
		r |= buf_addf(out, "%s[%s%s]\n", out->len ? "\n" : "", scopes[s->scope], s->name);
	r |= buf_addf(out, quoted ? "%s = \"%s\"\n" : "%s = %s\n", s->key, s->value);
	return r ? err_nomem(err) : 0;
}

static int export_settings(const struct inventory *inv, struct buf *out, struct dt_err *err)
{
	const struct setting *last = NULL;

	for (size_t i = 0; i < inv->setting_count; i++) {
		const struct setting *s = &inv->settings[i];

		if (!setting_counts(inv, s))
			continue;
		if (export_setting(s, !last || last->scope != s->scope || strcmp(last->name, s->name) != 0, out, err) != 0)
			return -1;
		last = s;
	}
	return 0;
}

int inventory_export(struct inventory *inv, const struct hostset *only, struct buf *out, struct dt_err *err)
{
	struct hostset all = { 0 };
	int r = 0;

	if (!only && inventory_all(inv, &all, err) != 0)
		r = -1;
	hostset_sort(&all);
	if (!only)
		only = &all;
	if (r == 0)
		r = export_settings(inv, out, err);
	if (r == 0 && only->n && buf_adds(out, out->len ? "\n[hosts]\n" : "[hosts]\n") != 0)
		r = err_nomem(err);
	for (size_t i = 0; r == 0 && i < only->n; i++)
		r = export_host(only->v[i], out, err);
	hostset_release(&all);
	return r;
}
