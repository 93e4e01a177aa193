#include "bundle/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "here: COMMAND", "there: COMMAND"; without a word before it, there. */
static int get_step(const struct bundles *b, const char *name, const char *key, struct step *s)
{
	const struct setting *v = bundles_find(b, name, key);

	s->name = key;
	if (!v)
		return DT_OK;
	s->here = strncmp(v->value, "here:", 5) == 0;
	s->command = v->value + (s->here ? 5 : strncmp(v->value, "there:", 6) == 0 ? 6 : 0);
	s->command += strspn(s->command, " \t");
	return *s->command ? DT_OK : bundles_wrong(b, name, v, "an empty command", "");
}

static int get_flags(const struct bundles *b, const char *name, unsigned *flags)
{
	static const struct { const char *key; unsigned flag; } all[] = {
		{ "recursive", DT_FILES_RECURSIVE }, { "delete", DT_FILES_DELETE }, { "mkdir", DT_FILES_MKDIR },
		{ "sudo", DT_FILES_SUDO },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct setting *v = bundles_find(b, name, all[i].key);

		if (v && strcmp(v->value, "yes") == 0)
			*flags |= all[i].flag;
		else if (v && strcmp(v->value, "no") != 0)
			return bundles_wrong(b, name, v, "yes or no", "");
	}
	if ((*flags & DT_FILES_DELETE) && !(*flags & DT_FILES_RECURSIVE))
		return bundles_wrong(b, name, bundles_find(b, name, "delete"), "it needs recursive = yes", "");
	return DT_OK;
}

static int get_mode(const struct bundles *b, const char *name, long long *mode)
{
	const struct setting *v = bundles_find(b, name, "mode");
	char *end;

	if (!v)
		return DT_OK;
	*mode = strtol(v->value, &end, 8);
	return !*end && *mode >= 0 && *mode <= 07777 ? DT_OK : bundles_wrong(b, name, v, "octal, as 0644", "");
}

/* Cuts text at blanks into a list that ends with NULL; words that do not begin with a slash are below folder. */
static const char *const *cut(struct bundles *b, const char *text, const char *folder, int len)
{
	char *rest = bundles_own(b, strdup(text)), *path;
	const char **list = bundles_own(b, calloc(strlen(text) / 2 + 2, sizeof(*list)));
	size_t n = 0;

	for (const char *word; rest && list && (word = strsep(&rest, " \t")) != NULL;) {
		if (!*word)
			continue;
		if (len && *word != '/')
			word = asprintf(&path, "%.*s%s", len, folder, word) < 0 ? NULL : bundles_own(b, path);
		if (!word)
			return NULL;
		list[n++] = word;
	}
	return list;
}

static int get_files(struct bundles *b, struct part *p)
{
	const struct setting *source = bundles_find(b, p->name, "source");
	const char *exclude = bundles_value(b, p->name, "exclude"), *action = b->dt->arg(b->call, "action"), *slash;
	struct dt_files f = {
		.dest = bundles_value(b, p->name, "target"), .owner = bundles_value(b, p->name, "owner"),
		.group = bundles_value(b, p->name, "group"), .mode = -1, .keep = p->name,
	};

	if (!source || !f.dest) {
		b->dt->refuse(b->call, "%s: no %s", p->name, f.dest ? "source" : "target");
		return DT_FAIL;
	}
	if (get_mode(b, p->name, &f.mode) != DT_OK || get_flags(b, p->name, &f.flags) != DT_OK)
		return DT_FAIL;
	p->sudo = f.flags & DT_FILES_SUDO;
	slash = strrchr(source->path, '/');
	f.sources = cut(b, source->value, source->path, slash ? (int)(slash + 1 - source->path) : 0);
	f.exclude = cut(b, exclude ? exclude : "", "", 0);
	if (!f.sources || !f.exclude)
		return bundles_no_memory(b);
	if (strcmp(action, "check") == 0)
		f.flags |= DT_FILES_CHECK;
	if (strcmp(action, "check") != 0 && strcmp(action, "apply") != 0)
		return DT_OK;
	p->files = b->dt->push_files(b->call, &f);
	f.flags |= DT_FILES_CHECK | DT_FILES_QUIET;
	if (p->files && p->steps[BEFORE].command)
		p->look = b->dt->push_files(b->call, &f);
	return p->files && (p->look || !p->steps[BEFORE].command) ? DT_OK : DT_FAIL;
}

static int get_part(struct parts *s, const char *name)
{
	struct bundles *b = &s->b;
	struct part *p = &s->v[s->n];

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return DT_OK; /* once is enough */
	if (s->n == PARTS_MAX) {
		b->dt->refuse(b->call, "%s: more than %d parts", name, PARTS_MAX);
		return DT_FAIL;
	}
	p->name = name;
	s->n++;
	for (int i = 0; i < STEPS; i++)
		if (get_step(b, name, bundles_keys[i], &p->steps[i]) != DT_OK)
			return DT_FAIL;
	return get_files(b, p);
}

static int get_parts(struct parts *s, const struct setting *parts)
{
	char *rest = bundles_own(&s->b, strdup(parts->value)), *word;
	int r = rest ? DT_OK : bundles_no_memory(&s->b);

	s->stack[s->depth++] = parts;
	while (r == DT_OK && (word = strsep(&rest, " \t")) != NULL)
		if (*word)
			r = parts_get(s, word);
	s->depth--;
	return r;
}

int parts_get(struct parts *s, const char *name)
{
	const struct setting *parts = bundles_in_section(&s->b, name, "parts");
	const struct setting *of = s->depth ? s->stack[s->depth - 1] : NULL;

	for (size_t i = 0; i < s->depth; i++)
		if (strcmp(s->stack[i]->section, name) == 0)
			return bundles_wrong(&s->b, of->section, of, "a part of itself: ", name);
	if (!bundles_in_section(&s->b, name, "")) {
		if (of)
			return bundles_wrong(&s->b, of->section, of, "there is no bundle ", name);
		s->b.dt->refuse(s->b.call, "there is no bundle %s", name);
		return DT_FAIL;
	}
	if (!parts)
		return get_part(s, name);
	if (!*parts->value)
		return bundles_wrong(&s->b, name, parts, "it names none", "");
	return s->depth < PARTS_MAX ? get_parts(s, parts) : bundles_wrong(&s->b, name, parts, "too deep", "");
}
