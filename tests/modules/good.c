/* A module with two verbs, each kind of parameter, and nothing wrong. */
#include "dt_module.h"

static int good_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	dt->message(task, "%s", dt->arg(call, "text"));
	return DT_OK;
}

static const char *even(const char *value)
{
	size_t n = 0;

	while (value[n])
		n++;
	return (value[n - 1] - '0') % 2 ? "is odd" : NULL;
}

static const char *const colours[] = { "red", "green", NULL };

static const struct dt_param say_params[] = {
	{ .name = "colour", .type = DT_CHOICE, .flags = DT_OPTION, .def = "red", .choices = colours, .help = "a colour" },
	{ .name = "count", .type = DT_INT, .flags = DT_OPTION, .def = "2", .check = even, .help = "an even number" },
	{ .name = "text", .flags = DT_REQUIRED | DT_REST, .help = "what to say" },
	{ 0 }
};

static const struct dt_verb good_verbs[] = {
	{ .name = "say", .kind = DT_INFO, .summary = "say something", .params = say_params, .run = good_run },
	{ .name = "shout", .kind = DT_INFO, .summary = "say it louder", .params = say_params, .run = good_run },
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "good",
	.summary = "a module for tests",
	.verbs = good_verbs,
};
