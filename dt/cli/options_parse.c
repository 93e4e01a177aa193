#include "dt/cli/options.h"

#include <stdio.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/nearest.h"

const struct option_spec *option_by_name(const char *name)
{
	for (const struct option_spec *s = option_table; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

enum option_source option_source(const struct options *o, const char *name)
{
	return (enum option_source)o->set_by[option_by_name(name) - option_table];
}

const struct option_spec *option_by_letter(char c)
{
	for (const struct option_spec *s = option_table; c && s->name; s++)
		if (s->letter == c)
			return s;
	return NULL;
}

bool option_has_value(const struct option_spec *spec)
{
	return spec->type != OPT_BOOL && spec->type != OPT_COUNT;
}

const char *option_nearest(const char *name, bool conf)
{
	const char *names[OPTION_MAX];
	size_t n = 0;

	for (const struct option_spec *s = option_table; s->name; s++)
		if (!conf || s->in_conf)
			names[n++] = s->name;
	return nearest(name, names, n);
}

/* An option that stands without a value; each -v counts one more, from 0 again where only dt.conf has set it. */
static int set_plain(struct options *o, const struct option_spec *spec, struct dt_err *err)
{
	long long *count = (long long *)(void *)((char *)o + spec->offset);
	unsigned char *set_by = &o->set_by[spec - option_table];

	if (spec->type == OPT_BOOL)
		return options_set(o, spec, "yes", err);
	if (*set_by != o->source)
		*count = 0;
	if (*count < spec->max)
		++*count;
	*set_by = (unsigned char)o->source;
	return 0;
}

const struct option_spec *option_wants_value(const char *word)
{
	const struct option_spec *s;

	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-') {
		s = option_by_name(word + 2);
		return s && option_has_value(s) ? s : NULL;
	}
	for (const char *p = word + 1; *p; p++) {
		s = option_by_letter(*p);
		if (!s)
			return NULL;
		if (option_has_value(s))
			return p[1] ? NULL : s;
	}
	return NULL;
}

static int needs_value(const struct option_spec *spec, const char *written, struct dt_err *err)
{
	return err_set(err, ERR_USAGE, "%s needs a value (%s)", written, spec->arg);
}

static int take_long(struct options *o, char *const *words, size_t n, size_t *i, struct dt_err *err)
{
	const char *name = words[*i] + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct option_spec *spec = NULL;
	char written[64];

	for (const struct option_spec *s = option_table; s->name && !spec; s++)
		if (strlen(s->name) == len && strncmp(s->name, name, len) == 0)
			spec = s;
	if (!spec)
		return 0;
	if (eq)
		return options_set(o, spec, eq + 1, err) == 0 ? 1 : -1;
	if (!option_has_value(spec))
		return set_plain(o, spec, err) == 0 ? 1 : -1;
	if (*i + 1 >= n) {
		(void)snprintf(written, sizeof(written), "--%s", spec->name);
		return needs_value(spec, written, err);
	}
	return options_set(o, spec, words[++*i], err) == 0 ? 1 : -1;
}

static int unknown(const char *word, struct dt_err *err)
{
	const char *near = NULL;
	char name[80];

	if (str_starts(word, "--")) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		near = option_nearest(name, false);
	}
	if (near)
		return err_set(err, ERR_USAGE, "unknown option %.200s; did you mean --%s?", word, near);
	return err_set(err, ERR_USAGE, "unknown option %.200s; dt --help lists them", word);
}

static int unknown_letter(const char *at, const char *word, struct dt_err *err)
{
	unsigned cp;
	size_t len = utf8_char(at, strlen(at), &cp);

	return err_set(err, ERR_USAGE, "unknown option -%.*s in %.200s; dt --help lists them", len ? (int)len : 1, at,
		       word);
}

static int take_letters(struct options *o, char *const *words, size_t n, size_t *i, struct dt_err *err)
{
	const char *word = words[*i];
	char written[3] = "-";

	for (const char *p = word + 1; *p; p++) {
		const struct option_spec *spec = option_by_letter(*p);

		if (!spec && p == word + 1)
			return 0;
		if (!spec)
			return unknown_letter(p, word, err);
		if (!option_has_value(spec)) {
			if (set_plain(o, spec, err) != 0)
				return -1;
			continue;
		}
		written[1] = *p;
		if (!p[1] && *i + 1 >= n)
			return needs_value(spec, written, err);
		return options_set(o, spec, p[1] ? p + 1 : words[++*i], err) == 0 ? 1 : -1;
	}
	return 1;
}

int options_take(struct options *o, char *const *words, size_t n, size_t *i, struct dt_err *err)
{
	const char *word = words[*i];

	if (word[0] != '-' || !word[1] || strcmp(word, "--") == 0)
		return 0;
	return word[1] == '-' ? take_long(o, words, n, i, err) : take_letters(o, words, n, i, err);
}

int options_parse(struct options *o, char *const *args, int *i, struct dt_err *err)
{
	size_t at = (size_t)*i, n = at;

	while (args[n])
		n++;
	for (; at < n && args[at][0] == '-' && args[at][1]; at++) {
		int r;

		if (strcmp(args[at], "--") == 0) {
			at++;
			break;
		}
		r = options_take(o, args, n, &at, err);
		if (r == 0)
			return unknown(args[at], err);
		if (r < 0)
			return -1;
	}
	*i = (int)at;
	return 0;
}
