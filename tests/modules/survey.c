/* Asks every host with one command, and acts with another; rows of all types. */
#include "dt_module.h"

#include <string.h>

static int exec(struct dt_task *task, const struct dt_services *dt, const char *command)
{
	struct dt_exec e = { .command = command };
	struct dt_exit end;
	int r = dt->exec(task, &e, &end);

	return r != DT_OK ? r : end.status == 0 ? DT_OK : DT_FAIL;
}

static int prepare(struct dt_call *call, const struct dt_services *dt)
{
	const char *secret = dt->arg_number(call, "ask") ? dt->ask(call, "secret") : "";

	dt->waits_in_services(call);
	return !secret || strcmp(secret, "wrong") == 0 ? DT_FAIL : DT_OK;
}

static int survey(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	if (strcmp(dt->host(call, dt->task_index(task))->name, dt->task_host(task)->name) != 0)
		return dt->fail(task, 99, "the index is another host's");
	return exec(task, dt, dt->arg(call, "first"));
}

static int agree(struct dt_call *call, const struct dt_services *dt)
{
	if (!dt->arg_number(call, "refuse"))
		return DT_OK;
	dt->refuse(call, "they do not agree");
	return DT_FAIL;
}

static int run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct dt_field full[] = {
		{ .name = "text", .text = "a \"b\"\033\xff" }, { .name = "none" },
		{ .name = "number", .type = DT_INT, .number = -5 }, { .name = "time", .type = DT_TIME, .number = 1250 },
		{ .name = "yes", .type = DT_BOOL, .number = 1 },
	};
	const struct dt_field empty[] = {
		{ .name = "text", .text = "" }, { .name = "none" }, { .name = "number", .type = DT_INT, .unknown = true },
		{ .name = "time", .type = DT_TIME, .unknown = true }, { .name = "yes", .type = DT_BOOL },
	};

	dt->row(task, full, 5);
	dt->row(task, empty, 5);
	return exec(task, dt, dt->arg(call, "second"));
}

static const struct dt_param params[] = {
	{ .name = "refuse", .type = DT_BOOL, .flags = DT_OPTION, .help = "let them not agree" },
	{ .name = "ask", .type = DT_BOOL, .flags = DT_OPTION, .help = "ask for a secret" },
	{ .name = "first", .flags = DT_REQUIRED, .help = "the command of the survey" },
	{ .name = "second", .flags = DT_REQUIRED, .help = "the command of the run" },
	{ 0 }
};

static const struct dt_verb verbs[] = {
	{ .name = "", .kind = DT_ACTION, .summary = "ask all, then act", .params = params, .prepare = prepare,
	  .run = run, .survey = survey, .agree = agree },
	{ 0 }
};

const struct dt_module dt_module = { .abi = DT_MODULE_ABI, .name = "survey", .summary = "for tests", .verbs = verbs };
