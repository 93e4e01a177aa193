#include "lib/command.h"

#include <stdlib.h>

struct input {
	const char *bytes;
	size_t len;
};

int command_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct input *in;

	dt->waits_in_services(call);
	if (!*dt->arg(call, "command")) {
		dt->refuse(call, "the command is empty");
		return DT_FAIL;
	}
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

int command_finish(struct dt_call *call, const struct dt_services *dt)
{
	free(dt->state(call));
	return DT_OK;
}

int command_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, unsigned flags)
{
	const struct input *in = dt->state(call);
	/* The words are joined by spaces and not quoted, as ssh(1) does it. */
	struct dt_exec exec = { .command = dt->arg(call, "command"), .flags = flags };
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
