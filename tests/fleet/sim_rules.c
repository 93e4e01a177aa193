#include "sim_rules.h"

#include <fnmatch.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_MAX 48

struct rule {
	struct rule *next;
	char section[SECTION_MAX + 1]; /* as it stands in the file */
	char patterns[SECTION_MAX + 1]; /* NUL after each, and an empty one last */
	char *command;
	bool shared;
	uint32_t share;
	struct answer answer;
};

struct rules {
	struct rule *first, *latest;
	FILE *file;
	unsigned sections, at; /* lines "[...]" so far; that of the latest rule */
	const char *wrong;
};

/* "sim1*, 127.64.0.1 label" into patterns; a label is a word without a comma before it. */
static void split(struct rule *r)
{
	const char *p = r->section;
	char *to = r->patterns;
	bool comma = true;

	while (*(p += strspn(p, " \t"))) {
		size_t n = strcspn(p, " \t,");

		if (n && !comma)
			break;
		if (n) {
			memcpy(to, p, n);
			to += n;
			*to++ = '\0';
		}
		p += n;
		p += strspn(p, " \t");
		comma = *p == ',';
		p += comma;
	}
	*to = '\0';
}

static struct rule *rule_new(struct rules *rules, const char *section)
{
	struct rule *r = calloc(1, sizeof(*r));

	if (r) {
		(void)snprintf(r->section, sizeof(r->section), "%s", section);
		split(r);
		*(rules->latest ? &rules->latest->next : &rules->first) = r;
		rules->latest = r;
		rules->at = rules->sections;
	}
	return r;
}

static int handle(void *arg, const char *section, const char *key, const char *value)
{
	struct rules *rules = arg;
	struct rule *r = rules->latest;

	if (strlen(section) > SECTION_MAX) {
		rules->wrong = "the section's name is too long";
		return 0;
	}
	if (!r || rules->at != rules->sections)
		r = rule_new(rules, section);
	if (!r) {
		rules->wrong = "out of memory";
		return 0;
	}
	if (strcmp(key, "command") == 0) {
		free(r->command);
		r->command = strdup(value);
	} else if (strcmp(key, "share") == 0) {
		r->shared = true;
		if (answer_percent(value, &r->share) != 0)
			rules->wrong = "share is not like 1%";
	} else {
		rules->wrong = answer_set(&r->answer, key, value);
	}
	return rules->wrong == NULL;
}

/* inih does not say that a section of the same name begins anew; its lines do. */
static char *read_line(char *line, int size, void *arg)
{
	struct rules *rules = arg;

	line = fgets(line, size, rules->file);
	if (line && *line == '[')
		rules->sections++;
	return line;
}

struct rules *rules_load(const char *path)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	int line;

	if (!rules)
		return NULL;
	rules->file = fopen(path, "r");
	line = rules->file ? ini_parse_stream(read_line, rules, handle, rules) : -1;
	if (rules->file)
		(void)fclose(rules->file);
	if (line == 0)
		return rules;
	if (line < 0)
		(void)fprintf(stderr, "simfleet: cannot read %s\n", path);
	else
		(void)fprintf(stderr, "simfleet: %s:%d: %s\n", path, line,
			      rules->wrong ? rules->wrong : "not KEY = VALUE");
	rules_free(rules);
	return NULL;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	for (struct rule *r = rules->first, *next; r; r = next) {
		next = r->next;
		answer_release(&r->answer);
		free(r->command);
		free(r);
	}
	free(rules);
}

static bool applies(const struct rule *r, const struct host *h)
{
	for (const char *p = r->patterns; *p; p += strlen(p) + 1)
		if (fnmatch(p, h->name, 0) == 0 || fnmatch(p, h->dotted, 0) == 0)
			return !r->shared ||
			       host_share(host_hash(h->name, host_hash(r->section, 0)), r->share);
	return false;
}

void rules_answer(const struct rules *rules, const struct host *h, const char *command, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	for (const struct rule *r = rules ? rules->first : NULL; r; r = r->next)
		if ((!r->command || (command && fnmatch(r->command, command, 0) == 0)) && applies(r, h))
			answer_merge(a, &r->answer);
}
