/*
 * ssh_config_match - the criteria of Match lines: read, and weighed for a host.
 */
#include <stdlib.h>
#include <string.h>

#include "dt/ssh/pattern.h"
#include "dt/ssh/ssh_config_tree.h"

#define BLANKS " \t\r\n"
#define ODD "?"		/* a criterion that only ssh(1) reads */

enum criterion { ALL, CANONICAL, FINAL, HOST, ORIGINAL, USER, LOCAL_USER, BY_SSH, NOT_ONE };

static const struct { const char *name; enum criterion kind; bool argument; } criteria[] = {
	{ "all", ALL, false }, { "canonical", CANONICAL, false }, { "final", FINAL, false },
	{ "host", HOST, true }, { "originalhost", ORIGINAL, true }, { "user", USER, true },
	{ "localuser", LOCAL_USER, true },
	/* ssh(1) runs the command, or is newer than Debian 12's */
	{ "exec", BY_SSH, true }, { "localnetwork", BY_SSH, true }, { "tagged", BY_SSH, true },
	{ "command", BY_SSH, true }, { "sessiontype", BY_SSH, true }, { "version", BY_SSH, true },
	{ ODD, BY_SSH, false },
};

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(criteria) && strcasecmp(name, criteria[i].name) != 0)
		i++;
	return i;
}

/*
 * One word, "in double quotes" or plain.  0, with *len 0 and *quoted false at
 * the end or a comment; 1: written so that versions of ssh differ on it.
 */
static int next_word(const char **text, const char *stop, const char **word, size_t *len, bool *quoted)
{
	const char *s = *text + strspn(*text, BLANKS);

	*quoted = *s == '"';
	*word = s += *quoted;
	*len = *quoted ? strcspn(s, "\"\\'") : strcspn(s, stop);
	s += *len;
	if (*quoted && (*s != '"' || (s[1] && !strchr(BLANKS, s[1]))))
		return 1;
	if (!*quoted && memchr(*word, '#', *len) == *word)
		*len = 0;
	else if (!*quoted && *s && !strchr(stop, *s))
		return 1;
	*text = s + *quoted;
	for (size_t i = 0; !*quoted && i < *len; i++)
		if (strchr("\"'\\=", (*word)[i]))
			return 1;
	return 0;
}

static int bad(const struct conf_line *l, const char *why, const char *what, struct dt_err *err)
{
	return err_set(err, ERR_USAGE, "%s: Match: %s%s", l->where, why, what);
}

static int add_odd(struct conf_line *l, struct dt_err *err)
{
	return strs_add(&l->args, ODD) != 0 || strs_add(&l->args, "") != 0 ? err_nomem(err) : 0;
}

int conf_match_read(struct conf_line *l, const char *text, struct dt_err *err)
{
	const char *word;
	size_t len;
	bool quoted;

	for (;;) {
		const char *name;
		size_t i;

		/* "host=a" is "host a" */
		if (next_word(&text, BLANKS "=", &word, &len, &quoted) != 0)
			return add_odd(l, err);
		if (!len && !quoted)
			break;
		if (strs_addn(&l->args, word, len) != 0)
			return err_nomem(err);
		name = l->args.v[l->args.n - 1];
		i = find(name + (*name == '!'));
		if (i == ARRAY_LEN(criteria) || strcmp(name, ODD) == 0)
			return bad(l, "unsupported attribute ", name, err);
		if (criteria[i].kind == ALL && l->args.n > 3)
			return bad(l, "all cannot be combined with other attributes", "", err);
		len = 0;
		word = "";
		if (criteria[i].argument) {
			text += *text == '=';
			if (next_word(&text, BLANKS, &word, &len, &quoted) != 0) {
				free(l->args.v[--l->args.n]);
				l->args.v[l->args.n] = NULL;
				return add_odd(l, err);
			}
			if (!len && !(quoted && criteria[i].kind == BY_SSH))
				return bad(l, "missing argument of ", name, err);
		}
		if (strs_addn(&l->args, word, len) != 0)
			return err_nomem(err);
		if (criteria[i].kind == ALL) {
			if (next_word(&text, BLANKS, &word, &len, &quoted) != 0 || len || quoted)
				return bad(l, "all cannot be combined with other attributes", "", err);
			break;
		}
	}
	return l->args.n ? 0 : bad(l, "one or more attributes required", "", err);
}

/* Patterns in lower case against a name in lower case. */
static enum conf_verdict host_matches(const char *host, const char *patterns)
{
	char *name = strdup(host), *list = strdup(patterns);
	enum conf_verdict v = MATCH_UNKNOWN;

	if (name && list) {
		pattern_lower(name);
		pattern_lower(list);
		v = pattern_list_match(name, list) == 1 ? MATCH_YES : MATCH_NO;
	}
	free(name);
	free(list);
	return v;
}

static enum conf_verdict weigh(enum criterion kind, const char *arg, struct conf_facts *facts)
{
	switch (kind) {
	case ALL:
		return MATCH_YES;
	case FINAL:
		facts->wants_final = true;
		return facts->final ? MATCH_YES : MATCH_NO;
	case CANONICAL:
		return facts->final ? MATCH_YES : MATCH_NO;
	case HOST:
		return host_matches(facts->host, arg);
	case ORIGINAL:
		return host_matches(facts->original, arg);
	case USER:
		return pattern_list_match(facts->user, arg) == 1 ? MATCH_YES : MATCH_NO;
	case LOCAL_USER:
		return pattern_list_match(facts->local_user, arg) == 1 ? MATCH_YES : MATCH_NO;
	case BY_SSH:
	case NOT_ONE:
		break;
	}
	return MATCH_UNKNOWN;
}

enum conf_verdict conf_match(const struct conf_line *l, struct conf_facts *facts)
{
	enum conf_verdict result = MATCH_YES;

	for (size_t i = 0; i + 1 < l->args.n; i += 2) {
		const char *name = l->args.v[i];
		bool negated = *name == '!';
		size_t k = find(name + negated);
		enum conf_verdict v = weigh(k < ARRAY_LEN(criteria) ? criteria[k].kind : NOT_ONE, l->args.v[i + 1], facts);

		if (negated && v != MATCH_UNKNOWN)
			v = v == MATCH_YES ? MATCH_NO : MATCH_YES;
		/* one that fails decides; each is looked at, for "final" asks for the second pass wherever it stands */
		if (v == MATCH_NO || result == MATCH_NO)
			result = MATCH_NO;
		else if (v == MATCH_UNKNOWN)
			result = MATCH_UNKNOWN;
	}
	return result;
}
