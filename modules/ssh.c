/* ssh - a command on every host, through the login shell there. */
#include "lib/command.h"

static int ssh_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return command_run(task, call, dt, 0);
}

static const struct dt_param ssh_params[] = {
	{ .name = "stdin", .type = DT_BOOL, .flags = DT_OPTION, .help = "pass dt's own standard input to every host" },
	{ .name = "stdin-max", .type = DT_SIZE, .flags = DT_OPTION, .def = "1G", .help = "how far hosts may be apart in it" },
	{ .name = "tty", .type = DT_BOOL, .flags = DT_OPTION, .help = "give the command a terminal on the host, and no input" },
	{ .name = "command", .flags = DT_REQUIRED | DT_REST, .help = "command line for the login shell on the host" },
	{ 0 }
};

static const struct dt_verb ssh_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "run a command on every host",
		.params = ssh_params,
		.prepare = command_prepare,
		.run = ssh_run,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "ssh",
	.summary = "run a command on every host",
	.verbs = ssh_verbs,
};
