/* tag - tags of hosts in the store. */
#include "dt_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
	const char *tag;
	bool on;
};
struct changes {
	char *words;		/* a copy of all words, cut at commas */
	struct change *v;
	size_t n;
	bool ready;
};

/* "linux", "+linux" or "-linux". */
static int add_change(struct dt_call *call, const struct dt_services *dt, struct changes *c, const char *word)
{
	struct change *one = &c->v[c->n];
	const char *fault;

	one->on = *word != '-';
	one->tag = word + (*word == '-' || *word == '+');
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->v[i].tag, one->tag) == 0 && c->v[i].on != one->on) {
			dt->refuse(call, "%s: both added and removed", one->tag);
			return DT_FAIL;
		}
	}
	c->n++;
	fault = *one->tag ? dt->store_fault(call, one->tag, NULL) : "an empty tag";
	if (fault) {
		dt->refuse(call, "\"%s\": %s", word, fault);
		return DT_FAIL;
	}
	return DT_OK;
}

/* Words are joined by spaces here, and no tag has one inside that store_fault would pass. */
static int tag_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct changes *c = calloc(1, sizeof(*c));
	char *rest;

	if (c) {
		dt->set_state(call, c);
		c->words = strdup(dt->arg(call, "tags"));
	}
	if (c && c->words)
		c->v = calloc(strlen(c->words) + 1, sizeof(*c->v));
	if (!c || !c->v) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	rest = c->words;
	for (char *word; (word = strsep(&rest, ", "));)
		if (add_change(call, dt, c, word) != DT_OK)
			return DT_FAIL;
	c->ready = true;
	return DT_OK;
}

/* Puts "tagged linux web" for those that were switched this way. */
static bool describe_one(FILE *f, const struct changes *c, const bool *changed, bool on, const char *head)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		if (!changed[i] || c->v[i].on != on)
			continue;
		fprintf(f, "%s %s", any ? "" : head, c->v[i].tag);
		any = true;
	}
	return any;
}

/* "tagged linux web, untagged old": what was not so before; malloced. */
static char *describe(const struct changes *c, const bool *changed)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool any;

	if (!f)
		return NULL;
	any = describe_one(f, c, changed, true, "tagged");
	any |= describe_one(f, c, changed, false, any ? ", untagged" : "untagged");
	if (!any)
		fputs("unchanged", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int tag_host(struct dt_call *call, const struct dt_services *dt, const struct changes *c, size_t host,
		    bool *changed)
{
	char *text;

	for (size_t i = 0; i < c->n; i++) {
		changed[i] = false;
		if (dt->store_tag(call, dt->host(call, host)->name, c->v[i].tag, c->v[i].on, &changed[i]) != DT_OK)
			return DT_FAIL;
	}
	text = describe(c, changed);
	if (!text) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->report(call, host, DT_OK, "%s", text);
	free(text);
	return DT_OK;
}

static int tag_hosts(struct dt_call *call, const struct dt_services *dt, const struct changes *c)
{
	bool *changed = calloc(c->n + 1, sizeof(*changed));
	int r = DT_OK;

	if (!changed) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	for (size_t i = 0; r == DT_OK && i < dt->host_count(call); i++)
		r = tag_host(call, dt, c, i, changed);
	free(changed);
	return r;
}

static int tag_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct changes *c = dt->state(call);
	int r = DT_OK;

	if (!c)
		return DT_FAIL;
	if (c->ready)
		r = tag_hosts(call, dt, c);
	free(c->v);
	free(c->words);
	free(c);
	return r;
}

static const struct dt_param tag_params[] = {
	{ .name = "tags", .flags = DT_REQUIRED | DT_REST, .help = "TAG or +TAG adds, -TAG removes; also TAG,TAG" },
	{ 0 }
};

static const struct dt_verb tag_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "add and remove tags of hosts in the inventory store",
		.params = tag_params,
		.prepare = tag_prepare,
		.finish = tag_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "tag",
	.summary = "add and remove tags of hosts in the inventory store",
	.verbs = tag_verbs,
};
