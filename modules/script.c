/*
 * script - a local script with arguments on every host, over stdin.
 *
 * It is read here once, and nothing is left on the hosts: the interpreter of
 * its #! line reads it from stdin, told so by "-s --" (shells) or "-".
 */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

struct script {
	const char *text;
	size_t len;
	char *line;		/* what the words of the interpreter point into */
	const char **argv;
	size_t argc;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The program that reads the script: behind env(1), its options and assignments. */
static const char *program(const char *const *argv, size_t n)
{
	if (strcmp(base_name(argv[0]), "env") != 0)
		return base_name(argv[0]);
	for (size_t i = 1; i < n; i++) {
		if (strncmp(argv[i], "-S", 2) == 0 && argv[i][2])
			return base_name(argv[i] + 2);
		if (argv[i][0] != '-' && !strchr(argv[i], '='))
			return base_name(argv[i]);
	}
	return "";
}

static int is_shell(const char *name)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", NULL };

	for (const char *const *s = shells; *s; s++)
		if (strcmp(name, *s) == 0)
			return 1;
	return 0;
}

/* Interpreter (/bin/sh without a #! line), what makes it read stdin, and the script's own arguments. */
static int make_argv(struct script *s, const char *const *args, size_t n)
{
	bool has_line = strncmp(s->text, "#!", 2) == 0;
	const char **argv;
	size_t argc = 0;
	char *rest;

	s->line = has_line ? strndup(s->text + 2, strcspn(s->text + 2, "\r\n")) : strdup("");
	if (!s->line)
		return -1;
	/* A line of n bytes has no more than n/2 + 1 words. */
	s->argv = argv = calloc(strlen(s->line) / 2 + 1 + 2 + n, sizeof(*argv));
	if (!argv)
		return -1;
	rest = s->line;
	for (char *word; (word = strsep(&rest, " \t"));)
		if (*word)
			argv[argc++] = word;
	if (!argc)
		argv[argc++] = "/bin/sh";
	if (is_shell(program(argv, argc))) {
		argv[argc++] = "-s";
		argv[argc++] = "--";
	} else {
		argv[argc++] = "-";
	}
	for (size_t i = 0; i < n; i++)
		argv[argc++] = args[i];
	s->argc = argc;
	return 0;
}

static int script_prepare(struct dt_call *call, const struct dt_services *dt)
{
	const char *path = dt->arg(call, "file");
	const char *const *args;
	struct script *s = calloc(1, sizeof(*s));
	size_t n;

	if (!s) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->set_state(call, s);
	dt->waits_in_services(call);
	s->text = dt->read_file(call, path, &s->len);
	if (!s->text)
		return DT_FAIL;
	if (memchr(s->text, '\0', s->len)) {
		dt->refuse(call, "%s: a binary, not a script", path);
		return DT_FAIL;
	}
	args = dt->arg_list(call, "arguments", &n);
	if (make_argv(s, args, n) != 0) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	return DT_OK;
}

static int script_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct script *s = dt->state(call);
	struct dt_exec exec = { .in = s->text, .in_len = s->len };
	struct dt_exit end;
	int r;

	exec.command = dt->quote(task, s->argv, s->argc);
	if (!exec.command)
		return DT_FAIL;
	if (dt->arg_number(call, "sudo"))
		exec.flags = DT_EXEC_SUDO;
	r = dt->exec(task, &exec, &end);
	if (r != DT_OK)
		return r;
	return end.status == 0 ? DT_OK : DT_FAIL;
}

static int script_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct script *s = dt->state(call);

	if (s) {
		free(s->argv);
		free(s->line);
		free(s);
	}
	return DT_OK;
}

static const struct dt_param script_params[] = {
	{ .name = "sudo", .type = DT_BOOL, .flags = DT_OPTION, .help = "run it as root, through sudo there" },
	{ .name = "file", .type = DT_FILE, .flags = DT_REQUIRED, .help = "script here, its interpreter on its #! line" },
	{ .name = "arguments", .flags = DT_REST, .help = "arguments of the script" },
	{ 0 }
};

static const struct dt_verb script_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "run a local script on every host",
		.params = script_params,
		.prepare = script_prepare,
		.run = script_run,
		.finish = script_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "script",
	.summary = "run a local script on every host",
	.verbs = script_verbs,
};
