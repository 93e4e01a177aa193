/* pull - files and folders of every host, to a folder of its own here. */
#include "dt_module.h"

#include "lib/files_args.h"

static int pull_prepare(struct dt_call *call, const struct dt_services *dt)
{
	return files_args_prepare(call, dt, "needs a SOURCE there and a DEST here", dt->pull_files);
}

static int pull_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return dt->pull(task, files_args_set(call, dt), NULL);
}

static const struct dt_param pull_params[] = {
	{ .name = "recursive", .letter = 'r', .type = DT_BOOL, .flags = DT_OPTION, .help = "folders too, with all that is in them" },
	{ .name = "preserve", .letter = 'p', .type = DT_BOOL, .flags = DT_OPTION,
	  .help = "modes and times as they are there; else files are for their owner alone" },
	{ .name = "check", .type = DT_BOOL, .flags = DT_OPTION, .help = "fetch nothing; say what would come" },
	{ .name = "exclude", .flags = DT_OPTION | DT_MANY,
	  .help = "leave out names, or paths where it has a /, that fit this pattern" },
	{ .name = "max-size", .type = DT_SIZE, .flags = DT_OPTION, .def = "1G", .help = "bytes that one host may send; 0: no limit" },
	{ .name = "sudo", .type = DT_BOOL, .flags = DT_OPTION, .help = "read as root, through sudo there" },
	{ .name = "compress", .type = DT_CHOICE, .flags = DT_OPTION, .def = "auto", .choices = files_args_compress,
	  .help = "zstd on the wire, where the host has it and it pays" },
	{ .name = "limit-rate", .type = DT_SIZE, .flags = DT_OPTION, .help = "bytes a second, of all hosts together" },
	{ .name = "paths", .flags = DT_REQUIRED | DT_MANY, .help = "SOURCE... there, and DEST here: they come to DEST/HOST/" },
	{ 0 }
};

static const struct dt_verb pull_verbs[] = {
	{
		.name = "",
		.kind = DT_INFO,
		.summary = "fetch files of every host into DEST/HOST/",
		.params = pull_params,
		.prepare = pull_prepare,
		.run = pull_run,
		.finish = files_args_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "pull",
	.summary = "fetch files of every host into DEST/HOST/",
	.verbs = pull_verbs,
};
