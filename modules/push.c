/* push - files and folders to every host, whole or not at all. */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

#include "lib/files_args.h"

/* chmod(1)'s octal form, up to 7777. */
static const char *check_mode(const char *value)
{
	size_t len = strlen(value);

	return len && len <= 5 && strspn(value, "01234567") == len && strtoul(value, NULL, 8) <= 07777
		       ? NULL
		       : "a mode is octal, as 0644";
}

static const char *check_suffix(const char *value)
{
	return *value && !strchr(value, '/') ? NULL : "a suffix is part of a file's name";
}

static const char *check_owner(const char *value)
{
	return *value && value[0] != '-' && !strpbrk(value, ":/ \t\n") ? NULL : "a user or group, by name or number";
}

static int push_prepare(struct dt_call *call, const struct dt_services *dt)
{
	return files_args_prepare(call, dt, "needs a SOURCE here and a DEST there", dt->push_files);
}

static int push_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return dt->push(task, files_args_set(call, dt), NULL);
}

static const struct dt_param push_params[] = {
	{ .name = "recursive", .letter = 'r', .type = DT_BOOL, .flags = DT_OPTION, .help = "folders too, with all that is in them" },
	{ .name = "preserve", .letter = 'p', .type = DT_BOOL, .flags = DT_OPTION,
	  .help = "times as they are here, of folders and of what is unchanged too" },
	{ .name = "check", .type = DT_BOOL, .flags = DT_OPTION, .help = "change nothing; say what would change" },
	{ .name = "delete", .type = DT_BOOL, .flags = DT_OPTION,
	  .help = "delete what is in the target folders and in no source (with -r)" },
	{ .name = "exclude", .flags = DT_OPTION | DT_MANY,
	  .help = "leave out names, or paths where it has a /, that fit this pattern" },
	{ .name = "mode", .flags = DT_OPTION, .check = check_mode, .help = "octal mode of files, instead of their own" },
	{ .name = "owner", .flags = DT_OPTION, .check = check_owner, .help = "owner there, by name or number" },
	{ .name = "group", .flags = DT_OPTION, .check = check_owner, .help = "group there, by name or number" },
	{ .name = "backup", .flags = DT_OPTION, .bare = "~", .check = check_suffix,
	  .help = "keep what is replaced under its name with this suffix (~)" },
	{ .name = "mkdir", .type = DT_BOOL, .flags = DT_OPTION, .help = "make the folder that DEST lies in" },
	{ .name = "quick", .type = DT_BOOL, .flags = DT_OPTION, .help = "take the same size and time for the same content" },
	{ .name = "sudo", .type = DT_BOOL, .flags = DT_OPTION, .help = "write as root, through sudo there" },
	{ .name = "compress", .type = DT_CHOICE, .flags = DT_OPTION, .def = "auto", .choices = files_args_compress,
	  .help = "zstd on the wire, where the host has it and it pays" },
	{ .name = "limit-rate", .type = DT_SIZE, .flags = DT_OPTION, .help = "bytes a second, of all hosts together" },
	{ .name = "paths", .flags = DT_REQUIRED | DT_MANY, .help = "SOURCE... here, and DEST there" },
	{ 0 }
};

static const struct dt_verb push_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "bring files to every host, whole or not at all",
		.params = push_params,
		.prepare = push_prepare,
		.run = push_run,
		.finish = files_args_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "push",
	.summary = "bring files to every host, whole or not at all",
	.verbs = push_verbs,
};
