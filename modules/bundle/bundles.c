#include "bundle/bundles.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const bundles_keys[] = {
	"needed", "authentic", "before", "after_success", "after_failure", "after_before_failure", "after_denial",
	"after_rollback",
	"parts", "source", "target", "owner", "group", "mode", "exclude", "recursive", "delete", "mkdir", "sudo", NULL,
};

bool bundles_is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *s && *s != '.' && strspn(s, letters) == strlen(s) && strlen(s) < 100;
}

const struct setting *bundles_in_section(const struct bundles *b, const char *section, const char *key)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct setting *v = &b->v[i];

		if (strcmp(v->section, section) == 0 && strcmp(v->key, key) == 0)
			return v;
	}
	return NULL;
}

int bundles_no_memory(const struct bundles *b)
{
	b->dt->refuse(b->call, "out of memory");
	return DT_FAIL;
}

void *bundles_own(struct bundles *b, void *memory)
{
	void **v = memory ? realloc(b->owned, (b->owned_count + 1) * sizeof(*v)) : NULL;

	if (!v) {
		free(memory);
		return NULL;
	}
	b->owned = v;
	return v[b->owned_count++] = memory;
}

static const char *add(struct bundles *b, const char *section, const char *key, const char *value, int line)
{
	struct setting *v = realloc(b->v, (b->n + 1) * sizeof(*v));

	if (!v)
		return "out of memory";
	b->v = v;
	v += b->n;
	*v = (struct setting){ .section = bundles_own(b, strdup(section)), .key = bundles_own(b, strdup(key)),
			       .value = bundles_own(b, strdup(value)), .path = b->path, .line = line };
	if (!v->section || !v->key || !v->value)
		return "out of memory";
	b->n++;
	return NULL;
}

static const char *begin_section(struct bundles *b, const char *section, int line)
{
	const struct setting *before = bundles_in_section(b, section, "");

	b->again = before;
	if (before && before->path == b->path)
		return "this section was there before";
	if (!bundles_is_name(section))
		return "a name is of letters, digits, dots, _ and -";
	return b->again ? NULL : add(b, section, "", "", line);
}

static const char *take(void *arg, const char *section, const char *key, const char *value, int line)
{
	struct bundles *b = arg;
	bool known = false;

	if (!key)
		return begin_section(b, section, line);
	if (!*section)
		return "it stands before the first section";
	for (const char *const *k = bundles_keys; *k; k++)
		known |= strcmp(*k, key) == 0;
	if (!known)
		return "there is no such key (dt help bundle lists them)";
	if (b->again)
		return NULL;
	return bundles_in_section(b, section, key) ? "this key was there before" : add(b, section, key, value, line);
}

static int read_one(struct bundles *b, const char *path)
{
	b->path = bundles_own(b, strdup(path));
	return b->path ? b->dt->read_ini(b->call, path, take, b) : bundles_no_memory(b);
}

/* FOLDER/dt/bundles/ *.conf, in the order of their names. */
static int read_folder(struct bundles *b, const char *folder, const char *below)
{
	char pattern[4096];
	int r = DT_OK;
	glob_t g;

	if (!folder ||
	    snprintf(pattern, sizeof(pattern), "%s%s/dt/bundles/*.conf", folder, below) >= (int)sizeof(pattern) ||
	    glob(pattern, 0, NULL, &g) != 0)
		return DT_OK;
	for (size_t i = 0; r == DT_OK && i < g.gl_pathc; i++)
		r = read_one(b, g.gl_pathv[i]);
	globfree(&g);
	return r;
}

int bundles_read(struct bundles *b)
{
	const char *file = b->dt->arg(b->call, "file"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char prefix[4096];
	ssize_t n;
	int r;

	if (file)
		return read_one(b, file);
	r = config && *config == '/' ? read_folder(b, config, "") : read_folder(b, home, "/.config");
	if (r == DT_OK)
		r = read_folder(b, "/etc", "");
	/* PREFIX/bin/dt has PREFIX/share */
	n = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);
	for (int i = 0; n > 0 && i < 2; i++) {
		prefix[n] = '\0';
		n = strrchr(prefix, '/') - prefix;
	}
	if (r == DT_OK && n > 0) {
		prefix[n] = '\0';
		r = read_folder(b, prefix, "/share");
	}
	return r;
}

const struct setting *bundles_find(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *v = NULL;

	for (const char *suffix = name; suffix && !v; suffix = strchr(suffix, '.') ? strchr(suffix, '.') + 1 : NULL)
		v = bundles_in_section(b, suffix, key);
	v = v ? v : bundles_in_section(b, "defaults", key);
	return v && *v->value ? v : NULL;
}

const char *bundles_value(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *v = bundles_find(b, name, key);

	return v ? v->value : NULL;
}

/* A value of a bundle is bundles_wrong. */
int bundles_wrong(const struct bundles *b, const char *name, const struct setting *v, const char *why, const char *what)
{
	b->dt->refuse(b->call, "%s:%d: %s: %s = %s: %s%s", v->path, v->line, name, v->key, v->value, why, what);
	return DT_FAIL;
}

void bundles_free(struct bundles *b)
{
	for (size_t i = 0; i < b->owned_count; i++)
		free(b->owned[i]);
	free(b->owned);
	free(b->v);
}
