/* set - attributes of hosts in the store. */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

/* The words, cut at their "="; value "" deletes. */
struct setting {
	char *key;
	const char *value;
};
struct settings {
	struct setting *v;
	size_t n;
	const char *text;	/* what changed hosts are told */
};

static int add_setting(struct dt_call *call, const struct dt_services *dt, struct settings *s, const char *word)
{
	const char *eq = strchr(word, '='), *fault;
	struct setting *one = &s->v[s->n];

	if (!eq) {
		dt->refuse(call, "\"%s\" is not KEY=VALUE", word);
		return DT_FAIL;
	}
	one->key = strndup(word, (size_t)(eq - word));
	if (!one->key) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	s->n++;
	one->value = eq + 1;
	for (size_t i = 0; i + 1 < s->n; i++) {
		if (strcmp(s->v[i].key, one->key) == 0) {
			dt->refuse(call, "%s is set twice", one->key);
			return DT_FAIL;
		}
	}
	fault = dt->store_fault(call, one->key, one->value);
	if (fault) {
		dt->refuse(call, "%s: %s", word, fault);
		return DT_FAIL;
	}
	return DT_OK;
}

static int set_prepare(struct dt_call *call, const struct dt_services *dt)
{
	size_t n;
	const char *const *words = dt->arg_list(call, "settings", &n);
	struct settings *s = calloc(1, sizeof(*s));

	if (s) {
		dt->set_state(call, s);
		s->v = calloc(n + 1, sizeof(*s->v));
	}
	if (!s || !s->v) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	for (size_t i = 0; i < n; i++)
		if (add_setting(call, dt, s, words[i]) != DT_OK)
			return DT_FAIL;
	/* Only now is everything right, and finish has something to do. */
	s->text = dt->arg(call, "settings");
	return DT_OK;
}

static int set_hosts(struct dt_call *call, const struct dt_services *dt, const struct settings *s)
{
	for (size_t i = 0; i < dt->host_count(call); i++) {
		const char *host = dt->host(call, i)->name;
		bool any = false;

		for (size_t k = 0; k < s->n; k++) {
			bool changed = false;

			if (dt->store_set(call, host, s->v[k].key, s->v[k].value, &changed) != DT_OK)
				return DT_FAIL;
			any |= changed;
		}
		if (any)
			dt->report(call, i, DT_OK, "set %s", s->text);
		else
			dt->report(call, i, DT_OK, "unchanged");
	}
	return DT_OK;
}

static int set_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct settings *s = dt->state(call);
	int r = DT_OK;

	if (!s)
		return DT_FAIL;
	if (s->text)
		r = set_hosts(call, dt, s);
	for (size_t k = 0; k < s->n; k++)
		free(s->v[k].key);
	free(s->v);
	free(s);
	return r;
}

static const struct dt_param set_params[] = {
	{ .name = "settings", .flags = DT_REQUIRED | DT_REST, .help = "KEY=VALUE, or KEY= to delete it" },
	{ 0 }
};

static const struct dt_verb set_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "set attributes of hosts in the inventory store",
		.params = set_params,
		.prepare = set_prepare,
		.finish = set_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "set",
	.summary = "set attributes of hosts in the inventory store",
	.verbs = set_verbs,
};
