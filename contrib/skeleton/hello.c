/*
 * hello - a module to copy: it greets every host.
 *
 *	dt tag:linux hello --shout world
 *
 * dt-module(3) is the manual, dt_module.h the contract.
 */
#include <dt_module.h>

#include <stdlib.h>

/* What prepare makes once and run reads on many threads: constant while they run. */
struct hello {
	const char *mark;
};

/* Once, before any host is touched.  The parameters were checked by their table already. */
static int hello_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct hello *h = calloc(1, sizeof(*h));

	if (!h) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	h->mark = dt->arg_number(call, "shout") ? "!!!" : "";
	dt->set_state(call, h);
	return DT_OK;
}

/* Once per host, several at a time.  What belongs to one host lives in the task. */
static int hello_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct hello *h = dt->state(call);
	const char *argv[] = { "echo", "hello", NULL };
	struct dt_exec exec = { 0 };
	struct dt_exit end;
	int r;

	argv[2] = dt->format(task, "%s%s", dt->arg(call, "name"), h->mark);
	if (!argv[2])
		return DT_FAIL;
	/* Quoted: whatever the name holds, the shell there reads it as one word. */
	exec.command = dt->quote(task, argv, 3);
	if (!exec.command)
		return DT_FAIL;
	r = dt->exec(task, &exec, &end);
	if (r != DT_OK)
		return r;
	return end.status == 0 ? DT_OK : DT_FAIL;
}

/* Once, after the last host; also where prepare refused. */
static int hello_finish(struct dt_call *call, const struct dt_services *dt)
{
	free(dt->state(call));
	return DT_OK;
}

static const struct dt_param hello_params[] = {
	{ .name = "shout", .type = DT_BOOL, .flags = DT_OPTION, .help = "say it loud" },
	{ .name = "name", .def = "world", .help = "whom to greet" },
	{ 0 }
};

static const struct dt_verb hello_verbs[] = {
	{
		.name = "",
		.kind = DT_INFO,
		.summary = "greet every host",
		.params = hello_params,
		.prepare = hello_prepare,
		.run = hello_run,
		.finish = hello_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "hello",
	.summary = "greet every host",
	.verbs = hello_verbs,
};
