/* A module with a parameter that can never be reached. */
#include "dt_module.h"

static int run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	(void)task;
	(void)call;
	(void)dt;
	return DT_OK;
}

static const struct dt_param params[] = {
	{ .name = "all", .flags = DT_REST, .help = "all there is" },
	{ .name = "more", .help = "what is left of it" },
	{ 0 }
};

static const struct dt_verb verbs[] = {
	{ .name = "go", .kind = DT_ACTION, .summary = "nothing", .params = params, .run = run },
	{ 0 }
};

const struct dt_module dt_module = { .abi = DT_MODULE_ABI, .name = "bad-table", .summary = "nothing", .verbs = verbs };
