/* local - a command here, once per host. */
#include "dt_module.h"

static int local_prepare(struct dt_call *call, const struct dt_services *dt)
{
	dt->waits_in_services(call);
	return DT_OK;
}

static int local_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	struct dt_exec exec = { .command = dt->arg(call, "command") };
	struct dt_exit end;
	int r = dt->local(task, &exec, &end);

	if (r != DT_OK)
		return r;
	return end.status == 0 ? DT_OK : DT_FAIL;
}

static const struct dt_param local_params[] = {
	{ .name = "command", .flags = DT_REQUIRED | DT_REST,
	  .help = "command line for /bin/sh here, with DT_HOST and the like in its environment" },
	{ 0 }
};

static const struct dt_verb local_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "run a command here, once per host",
		.params = local_params,
		.prepare = local_prepare,
		.run = local_run,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "local",
	.summary = "run a command here, once per host",
	.verbs = local_verbs,
};
