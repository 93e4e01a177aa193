/* del - hosts out of the store. */
#include "dt_module.h"

#include <stdlib.h>

/* All of them or none: a name that the store does not have may be a slip. */
static int del_finish(struct dt_call *call, const struct dt_services *dt)
{
	size_t n = dt->host_count(call), missing = 0;
	bool *found = calloc(n + 1, sizeof(*found));
	int r = DT_FAIL;

	if (!found) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	for (size_t i = 0; i < n; i++) {
		if (dt->store_del(call, dt->host(call, i)->name, &found[i]) != DT_OK)
			goto out;
		missing += !found[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (!found[i])
			dt->report(call, i, DT_FAIL, "not in the store");
		else if (missing)
			dt->report(call, i, DT_FAIL, "kept: others are not in the store");
		else
			dt->report(call, i, DT_OK, "deleted");
	}
	r = missing ? DT_FAIL : DT_OK;
out:
	free(found);
	return r;
}

static const struct dt_verb del_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "delete hosts from the inventory store",
		.finish = del_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "del",
	.summary = "delete hosts from the inventory store",
	.verbs = del_verbs,
};
