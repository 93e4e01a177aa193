#include "lib/command.h"

int command_prepare(struct dt_call *call, const struct dt_services *dt)
{
	dt->waits_in_services(call);
	if (!*dt->arg(call, "command")) {
		dt->refuse(call, "the command is empty");
		return DT_FAIL;
	}
	if (dt->arg_number(call, "stdin") && dt->arg_number(call, "tty")) {
		dt->refuse(call, "a command with a terminal there gets no input: not --tty with --stdin");
		return DT_FAIL;
	}
	return dt->arg_number(call, "stdin") ? dt->stdin_for_hosts(call, dt->arg_number(call, "stdin-max")) : DT_OK;
}

int command_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, unsigned flags)
{
	/* The words are joined by spaces and not quoted, as ssh(1) does it. */
	struct dt_exec exec = { .command = dt->arg(call, "command"), .flags = flags };
	struct dt_exit end;
	int r;

	if (dt->arg_number(call, "stdin"))
		exec.flags |= DT_EXEC_STDIN;
	if (dt->arg_number(call, "tty"))
		exec.flags |= DT_EXEC_TTY;
	r = dt->exec(task, &exec, &end);
	if (r != DT_OK)
		return r;
	return end.status == 0 ? DT_OK : DT_FAIL;
}
