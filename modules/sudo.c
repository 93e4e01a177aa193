/* sudo - a command on every host as root, through sudo(8) there. */
#include "dt_module.h"

#include <stdlib.h>

struct input {
	const char *bytes;
	size_t len;
};

static int sudo_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct input *in;

	dt->waits_in_services(call);
	if (!dt->arg_number(call, "stdin"))
		return DT_OK;
	in = calloc(1, sizeof(*in));
	if (!in) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->set_state(call, in);
	in->bytes = dt->read_stdin(call, &in->len);
	return in->bytes ? DT_OK : DT_FAIL;
}

static int sudo_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct input *in = dt->state(call);
	struct dt_exec exec = { .command = dt->arg(call, "command"), .flags = DT_EXEC_SUDO };
	struct dt_exit end;
	int r;

	if (in) {
		exec.in = in->bytes;
		exec.in_len = in->len;
	}
	r = dt->exec(task, &exec, &end);
	if (r != DT_OK)
		return r;
	return end.status == 0 ? DT_OK : DT_FAIL;
}

static int sudo_finish(struct dt_call *call, const struct dt_services *dt)
{
	free(dt->state(call));
	return DT_OK;
}

static const struct dt_param sudo_params[] = {
	{ .name = "stdin", .type = DT_BOOL, .flags = DT_OPTION, .help = "pass dt's own standard input to every host" },
	{ .name = "command", .flags = DT_REQUIRED | DT_REST, .help = "command line for a shell of root on the host" },
	{ 0 }
};

static const struct dt_verb sudo_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "run a command on every host as root",
		.params = sudo_params,
		.prepare = sudo_prepare,
		.run = sudo_run,
		.finish = sudo_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "sudo",
	.summary = "run a command on every host as root",
	.verbs = sudo_verbs,
};
