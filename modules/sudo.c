/* sudo - a command on every host as root, through sudo(8) there. */
#include "lib/command.h"

static int sudo_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return command_run(task, call, dt, DT_EXEC_SUDO);
}

static const struct dt_param sudo_params[] = {
	{ .name = "stdin", .type = DT_BOOL, .flags = DT_OPTION, .help = "pass dt's own standard input to every host" },
	{ .name = "stdin-max", .type = DT_SIZE, .flags = DT_OPTION, .def = "1G", .help = "how far hosts may be apart in it" },
	{ .name = "tty", .type = DT_BOOL, .flags = DT_OPTION, .help = "give the command a terminal on the host, and no input" },
	{ .name = "command", .flags = DT_REQUIRED | DT_REST, .help = "command line for a shell of root on the host" },
	{ 0 }
};

static const struct dt_verb sudo_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "run a command on every host as root",
		.params = sudo_params,
		.prepare = command_prepare,
		.run = sudo_run,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "sudo",
	.summary = "run a command on every host as root",
	.verbs = sudo_verbs,
};
