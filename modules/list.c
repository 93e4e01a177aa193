/* list - the hosts of a selection with their tags and attributes. */
#include "dt_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "linux web port=2222", malloced. */
static char *describe(const struct dt_host *h)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	const char *sep = "";

	if (!f)
		return NULL;
	for (const char *const *t = h->tags; t && *t; t++, sep = " ")
		fprintf(f, "%s%s", sep, *t);
	for (const struct dt_attr *a = h->attrs; a && a->key; a++, sep = " ")
		fprintf(f, strpbrk(a->value, " ;") || !*a->value ? "%s%s=\"%s\"" : "%s%s=%s", sep, a->key, a->value);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
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
