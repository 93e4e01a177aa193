/* add - hosts into the store, with tags and attributes. */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

/* A word cut at its "=": an attribute, or a tag where value is NULL. */
struct word {
	char *name;
	const char *value;
};
struct words {
	struct word *v;
	size_t n;
	bool ready;
};

static int add_word(struct dt_call *call, const struct dt_services *dt, struct words *w, const char *text, size_t len)
{
	const char *eq = memchr(text, '=', len), *fault;
	struct word *one = &w->v[w->n];

	one->name = strndup(text, eq ? (size_t)(eq - text) : len);
	if (!one->name) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	w->n++;
	one->value = eq ? eq + 1 : NULL;
	if (eq && !*one->value)
		fault = "has no value";
	else if (!*one->name)
		fault = eq ? "has no key" : "an empty tag";
	else
		fault = dt->store_fault(call, one->name, one->value);
	if (fault) {
		dt->refuse(call, "\"%.*s\": %s", (int)len, text, fault);
		return DT_FAIL;
	}
	return DT_OK;
}

/* One argument: KEY=VALUE, or tags with commas between. */
static int add_argument(struct dt_call *call, const struct dt_services *dt, struct words *w, const char *text)
{
	if (strchr(text, '='))
		return add_word(call, dt, w, text, strlen(text));
	for (;; text++) {
		size_t n = strcspn(text, ",");

		if (add_word(call, dt, w, text, n) != DT_OK)
			return DT_FAIL;
		text += n;
		if (!*text)
			return DT_OK;
	}
}

static int add_prepare(struct dt_call *call, const struct dt_services *dt)
{
	size_t n, room = 1;
	const char *const *words = dt->arg_list(call, "words", &n);
	struct words *w = calloc(1, sizeof(*w));

	for (size_t i = 0; i < n; i++)
		room += strlen(words[i]) + 1;
	if (w) {
		dt->set_state(call, w);
		w->v = calloc(room, sizeof(*w->v));
	}
	if (!w || !w->v) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	for (size_t i = 0; i < n; i++)
		if (add_argument(call, dt, w, words[i]) != DT_OK)
			return DT_FAIL;
	w->ready = true;
	return DT_OK;
}

static int add_host(struct dt_call *call, const struct dt_services *dt, const struct words *w, size_t i)
{
	const char *host = dt->host(call, i)->name;
	bool added = false, any = false;

	if (dt->store_add(call, host, &added) != DT_OK)
		return DT_FAIL;
	for (size_t k = 0; k < w->n; k++) {
		const struct word *one = &w->v[k];
		bool changed = false;
		int r;

		r = one->value ? dt->store_set(call, host, one->name, one->value, &changed)
			       : dt->store_tag(call, host, one->name, true, &changed);
		if (r != DT_OK)
			return DT_FAIL;
		any |= changed;
	}
	dt->report(call, i, DT_OK, added ? "added" : any ? "changed" : "unchanged");
	return DT_OK;
}

static int add_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct words *w = dt->state(call);
	int r = DT_OK;

	if (!w)
		return DT_FAIL;
	for (size_t i = 0; w->ready && r == DT_OK && i < dt->host_count(call); i++)
		r = add_host(call, dt, w, i);
	for (size_t k = 0; k < w->n; k++)
		free(w->v[k].name);
	free(w->v);
	free(w);
	return r;
}

static const struct dt_param add_params[] = {
	{ .name = "words", .flags = DT_REST, .help = "tags and KEY=VALUE attributes for the hosts" },
	{ 0 }
};

static const struct dt_verb add_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "add hosts to the inventory store",
		.params = add_params,
		.prepare = add_prepare,
		.finish = add_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "add",
	.summary = "add hosts to the inventory store",
	.verbs = add_verbs,
};
