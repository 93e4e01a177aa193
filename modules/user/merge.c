#include "user/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fate { KEEP, REPLACE, REMOVE };

static size_t find(const struct key_list *list, const struct public_key *key)
{
	size_t i = 0;

	while (i < list->n && !public_key_same(&list->v[i].key, key))
		i++;
	return i;
}

static bool same_options(const struct public_key *a, const struct public_key *b)
{
	return a->options_len == b->options_len && memcmp(a->options, b->options, a->options_len) == 0;
}

/* What becomes of a line; *which is the key of u->keys that it is of, or their number. */
static enum fate judge(const struct want *u, const char *line, const bool *seen, size_t *which)
{
	struct public_key key;
	const char *text = line + strspn(line, " \t\r");

	*which = u->keys.n;
	if (!*text || *text == '#')
		return KEEP;
	if (!public_key_find(&key, line))
		return u->keys_exclusive ? REMOVE : KEEP;
	*which = find(&u->keys, &key);
	if (*which == u->keys.n)
		return u->keys_exclusive || find(&u->dropped, &key) < u->dropped.n ? REMOVE : KEEP;
	if (!u->keys.v[*which].key.options_len || same_options(&u->keys.v[*which].key, &key))
		return KEEP;
	/* a second line would let in what the first one no longer does */
	return seen[*which] ? REMOVE : REPLACE;
}

static void one_line(struct merge *m, FILE *out, const struct want *u, char *line, const char *end, bool *seen)
{
	size_t which;
	enum fate fate = judge(u, line, seen, &which);

	if (fate == REMOVE)
		m->removed++;
	else if (fate == REPLACE)
		m->changed++;
	if (fate == KEEP)
		(void)fprintf(out, "%s%s", line, end);
	else if (fate == REPLACE)
		(void)fprintf(out, "%s\n", u->keys.v[which].line);
	if (which < u->keys.n)
		seen[which] = true;
}

int merge_keys(struct merge *m, const char *old, size_t len, const struct want *u)
{
	char *copy = malloc(len + 1), *rest = copy, *line;
	bool *seen = calloc(u->keys.n + 1, sizeof(*seen)), ends = true;
	FILE *out;

	*m = (struct merge){ .text = NULL };
	out = copy && seen ? open_memstream(&m->text, &m->len) : NULL;
	if (!out) {
		free(copy);
		free(seen);
		return -1;
	}
	memcpy(copy, old, len);
	copy[len] = '\0';
	while (rest && *rest) {
		line = strsep(&rest, "\n");
		ends = rest;
		one_line(m, out, u, line, ends ? "\n" : "", seen);
	}
	for (size_t i = 0; i < u->keys.n; i++) {
		if (seen[i])
			continue;
		/* the last line there may lack its end */
		(void)fprintf(out, "%s%s\n", ends ? "" : "\n", u->keys.v[i].line);
		ends = true;
		m->added++;
	}
	free(copy);
	free(seen);
	if (fclose(out) == 0)
		return 0;
	free(m->text);
	m->text = NULL;
	return -1;
}
