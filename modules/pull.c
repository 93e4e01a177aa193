/* pull - files and folders of every host, to a folder of its own here. */
#include "dt_module.h"

#include <stdlib.h>
#include <string.h>

struct pull {
	const char **paths;	/* the sources */
	struct dt_fileset *files;
};

static unsigned flag(const struct dt_call *call, const struct dt_services *dt, const char *name, unsigned value)
{
	return dt->arg_number(call, name) ? value : 0;
}

static int pull_prepare(struct dt_call *call, const struct dt_services *dt)
{
	const char *const *paths;
	struct pull *p = calloc(1, sizeof(*p));
	size_t n, excludes;
	struct dt_files files = {
		.exclude = dt->arg_list(call, "exclude", &excludes), .mode = -1,
		.rate = dt->arg_number(call, "limit-rate"), .max_size = dt->arg_number(call, "max-size"),
		.flags = flag(call, dt, "recursive", DT_FILES_RECURSIVE) | flag(call, dt, "check", DT_FILES_CHECK) |
			 flag(call, dt, "preserve", DT_FILES_PRESERVE) | flag(call, dt, "sudo", DT_FILES_SUDO),
	};

	if (strcmp(dt->arg(call, "compress"), "never") == 0)
		files.flags |= DT_FILES_PLAIN;
	paths = dt->arg_list(call, "paths", &n);
	if (p)
		p->paths = calloc(n + 1, sizeof(*p->paths));
	dt->set_state(call, p);
	if (!p || !p->paths) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	if (n < 2) {
		dt->refuse(call, "needs a SOURCE there and a DEST here");
		return DT_FAIL;
	}
	memcpy(p->paths, paths, (n - 1) * sizeof(*paths));
	files.sources = p->paths;
	files.dest = paths[n - 1];
	p->files = dt->pull_files(call, &files);
	return p->files ? DT_OK : DT_FAIL;
}

static int pull_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct pull *p = dt->state(call);

	return dt->pull(task, p->files, NULL);
}

static int pull_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct pull *p = dt->state(call);

	if (p)
		free(p->paths);
	free(p);
	return DT_OK;
}

static const char *const compress_choices[] = { "auto", "never", NULL };

static const struct dt_param pull_params[] = {
	{ .name = "recursive", .letter = 'r', .type = DT_BOOL, .flags = DT_OPTION, .help = "folders too, with all that is in them" },
	{ .name = "preserve", .letter = 'p', .type = DT_BOOL, .flags = DT_OPTION,
	  .help = "modes and times as they are there; else files are for their owner alone" },
	{ .name = "check", .type = DT_BOOL, .flags = DT_OPTION, .help = "fetch nothing; say what would come" },
	{ .name = "exclude", .flags = DT_OPTION | DT_MANY,
	  .help = "leave out names, or paths where it has a /, that fit this pattern" },
	{ .name = "max-size", .type = DT_SIZE, .flags = DT_OPTION, .def = "1G", .help = "bytes that one host may send; 0: no limit" },
	{ .name = "sudo", .type = DT_BOOL, .flags = DT_OPTION, .help = "read as root, through sudo there" },
	{ .name = "compress", .type = DT_CHOICE, .flags = DT_OPTION, .def = "auto", .choices = compress_choices,
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
		.finish = pull_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "pull",
	.summary = "fetch files of every host into DEST/HOST/",
	.verbs = pull_verbs,
};
