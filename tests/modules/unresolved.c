/* A module that calls what dt has not: refused when loaded, not when run. */
#include "dt_module.h"

extern int dt_has_no_such_function(void);

static int finish(struct dt_call *call, const struct dt_services *dt)
{
	(void)call;
	(void)dt;
	return dt_has_no_such_function();
}

static const struct dt_verb verbs[] = {
	{ .name = "", .kind = DT_INFO, .summary = "nothing", .finish = finish },
	{ 0 }
};

const struct dt_module dt_module = { .abi = DT_MODULE_ABI, .name = "unresolved", .summary = "nothing", .verbs = verbs };
