/* Candidates for the arguments of modules, and of dt's own words. */
#include <string.h>

#include "dt/cli/complete_impl.h"
#include "dt/cli/wordlist.h"
#include "dt/report/result.h"

/* ---- modules ---- */

static const struct dt_verb *find_verb(const struct dt_module *m, const char *name)
{
	for (const struct dt_verb *v = m->verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* The parameter of "--name", "--name=value" or "-n"; NULL: none. */
static const struct dt_param *find_param(const struct dt_verb *v, const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct dt_param *p = v->params; p && p->name && word[0] == '-' && word[1]; p++)
		if ((p->flags & DT_OPTION) &&
		    (word[1] == '-' ? strlen(p->name) == len - 2 && strncmp(p->name, word + 2, len - 2) == 0
				    : p->letter && p->letter == word[1] && !word[2]))
			return p;
	return NULL;
}

static bool has_rest(const struct dt_verb *v)
{
	for (const struct dt_param *p = v->params; p && p->name; p++)
		if (p->flags & DT_REST)
			return true;
	return false;
}

static void offer_values(struct completion *c, size_t skip, const struct dt_param *p)
{
	offer_choices(c, skip, p->choices);
	if (strcmp(p->name, "tags") == 0)
		offer_from(c, last_item(c->word, skip), c->src->tags, "");
	else if (p->type == DT_FILE || strcmp(p->name, "paths") == 0 || (p->type == DT_STRING && strchr(c->word + skip, '/')))
		offer_paths(c, skip);	/* a text may be a path: where one is begun */
}

static void offer_params(struct completion *c, const struct dt_verb *v)
{
	const struct dt_param *given = strchr(c->word, '=') ? find_param(v, c->word) : NULL;
	char name[80] = "--";

	if (given)
		offer_values(c, strcspn(c->word, "=") + 1, given);
	for (const struct dt_param *p = v->params; p && p->name; p++) {
		if (!(p->flags & DT_OPTION) || strlen(p->name) + 3 > sizeof(name))
			continue;
		memcpy(name + 2, p->name, strlen(p->name) + 1);
		offer(c, 0, name, "", p->help);
	}
	if (!has_rest(v))
		complete_option(c);
}

/* The parameter that the n-th positional argument is of; NULL: none. */
static const struct dt_param *positional(const struct dt_verb *v, size_t n)
{
	for (const struct dt_param *p = v->params; p && p->name; p++)
		if (!(p->flags & DT_OPTION) && (n-- == 0 || p->flags & (DT_REST | DT_MANY)))
			return p;
	return NULL;
}

/* first: the first word that the verb takes. */
static void complete_params(struct completion *c, const struct dt_verb *v, size_t first)
{
	size_t n = c->words.n - 1, count = 0;
	bool options = true, rest = has_rest(v);
	const struct option_spec *own;
	const struct dt_param *p;

	for (size_t i = first; i < n; i++) {
		const char *word = c->words.v[i];

		if (!options || word[0] != '-' || !word[1]) {
			count++;
			options = options && !rest;
		} else if (strcmp(word, "--") == 0) {
			options = false;
		} else if ((p = find_param(v, word)) != NULL) {
			if (strchr(word, '=') || p->type == DT_BOOL || p->bare)
				continue;
			if (++i == n) {
				offer_values(c, 0, p);
				return;
			}
		} else if (!rest && (own = option_wants_value(word)) != NULL && ++i == n) {
			complete_value(c, own, 0);
			return;
		}
	}
	if (options && c->word[0] == '-')
		offer_params(c, v);
	p = positional(v, count);
	if (p)
		offer_values(c, 0, p);
}

void complete_arguments(struct completion *c, const char *module, size_t first)
{
	const struct dt_module *m = c->src->module ? c->src->module(c->src->arg, module) : NULL;
	const struct dt_verb *v = NULL;

	if (!m)
		return;
	if (c->words.n - 1 > first)
		v = find_verb(m, c->words.v[first]);
	else
		for (const struct dt_verb *each = m->verbs; each->name; each++)
			if (*each->name)
				offer(c, 0, each->name, "", each->summary);
	if (v && *v->name)
		first++;
	else
		v = find_verb(m, "");
	if (v)
		complete_params(c, v, first);
}

/* ---- dt's words ---- */

static void offer_topics(struct completion *c)
{
	static const char *const topics[] = { "selection", "output", "exit", "conf", NULL };

	offer_choices(c, 0, topics);
	for (const struct word_spec *w = word_table; w->name; w++)
		offer(c, 0, w->name, "", w->help);
	offer_from(c, 0, c->src->modules, "");
}

static void offer_job_hosts(struct completion *c, const char *job)
{
	struct strs names = { 0 };

	if (c->src->job_hosts)
		c->src->job_hosts(c->src->arg, job, c->word, &names);
	for (size_t i = 0; i < names.n; i++)
		offer(c, 0, names.v[i], "", NULL);
	strs_release(&names);
}

/* before: the argument before it. */
static void offer_arg(struct completion *c, enum word_arg takes, const char *before)
{
	switch (takes) {
	case TAKES_FILE:
		offer_paths(c, 0);
		break;
	case TAKES_HOST:
		offer_from(c, 0, c->src->hosts, "");
		break;
	case TAKES_MODULE:
		offer_from(c, 0, c->src->modules, "");
		break;
	case TAKES_STATUS:
		for (int o = OUTCOME_OK; o <= OUTCOME_UNKNOWN; o++)
			offer(c, 0, outcome_name((enum outcome)o), "", NULL);
		break;
	case TAKES_TOPIC:
		offer_topics(c);
		break;
	case TAKES_SELECTION:
		complete_selection(c);
		break;
	case TAKES_JOB:
	case TAKES_RUNNING:
		complete_job(c, 0, takes == TAKES_RUNNING);
		break;
	case TAKES_JOB_HOST:
		offer_job_hosts(c, before);
		break;
	case TAKES_NOTHING:
	case TAKES_TEXT:
		break;
	}
}

/* Options of the word's own, and the words behind it; count: arguments there are. */
static void offer_parts(struct completion *c, const struct word_spec *w, size_t count)
{
	for (const struct word_part *p = w->parts; p && p->name; p++)
		if (p->name[0] == '-' ? c->word[0] == '-' : !count)
			offer(c, 0, p->name, "", p->help);
}

void complete_word_arguments(struct completion *c, const char *word, size_t first)
{
	const struct word_spec *w = word_find(word);
	const struct word_part *sub = NULL;
	const char *before = "";
	size_t n = c->words.n - 1, count = 0;

	for (size_t i = first; i < n; i++) {
		const struct word_part *part = word_part_find(w, c->words.v[i]);
		const struct option_spec *own = option_wants_value(c->words.v[i]);

		if (c->words.v[i][0] != '-') {
			if (!count++)
				sub = part;
			before = c->words.v[i];
		} else if (part && part->takes != TAKES_NOTHING) {
			if (++i == n) {
				offer_arg(c, part->takes, "");
				return;
			}
		} else if (!part && own && ++i == n) {
			complete_value(c, own, 0);
			return;
		}
	}
	offer_parts(c, w, count);
	if (c->word[0] == '-' && (w->options || w->takes[0] == TAKES_TOPIC))
		complete_option(c);
	else if (c->word[0] != '-' && sub)
		offer_arg(c, sub->takes, "");
	else if (c->word[0] != '-' && count < ARRAY_LEN(w->takes))
		offer_arg(c, w->takes[count], before);
}
