/* list - the hosts of a selection with their tags and attributes. */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

static char *put(char *to, const char *s)
{
	size_t n = strlen(s);

	memcpy(to, s, n);
	return to + n;
}

/* "linux web port=2222", malloced. */
static char *describe(const struct dt_host *h)
{
	size_t size = 1;
	char *text, *p;

	for (const char *const *t = h->tags; t && *t; t++)
		size += strlen(*t) + 1;
	for (const struct dt_attr *a = h->attrs; a && a->key; a++)
		size += strlen(a->key) + strlen(a->value) + 2;
	text = p = malloc(size);
	if (!text)
		return NULL;
	for (const char *const *t = h->tags; t && *t; t++) {
		p = put(p, *t);
		*p++ = ' ';
	}
	for (const struct dt_attr *a = h->attrs; a && a->key; a++) {
		p = put(p, a->key);
		*p++ = '=';
		p = put(p, a->value);
		*p++ = ' ';
	}
	if (p > text)
		p--;
	*p = '\0';
	return text;
}

static int list_finish(struct dt_call *call, const struct dt_services *dt)
{
	size_t n = dt->host_count(call);

	for (size_t i = 0; i < n; i++) {
		char *text = describe(dt->host(call, i));

		if (!text) {
			dt->refuse(call, "out of memory");
			return DT_FAIL;
		}
		dt->report(call, i, DT_OK, "%s", text);
		free(text);
	}
	return DT_OK;
}

static const struct dt_verb list_verbs[] = {
	{
		.name = "",
		.kind = DT_INFO,
		.summary = "list hosts with their tags and attributes",
		.finish = list_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "list",
	.summary = "list hosts with their tags and attributes",
	.verbs = list_verbs,
};
