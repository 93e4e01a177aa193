#include "lib/files_args.h"

#include <stdlib.h>
#include <string.h>

/* The call's state. */
struct files_args {
	const char **sources;
	struct dt_fileset *files;
};

const char *const files_args_compress[] = { "auto", "never", NULL };

static unsigned get_flags(const struct dt_call *call, const struct dt_services *dt)
{
	static const struct { const char *name; unsigned flag; } all[] = {
		{ "recursive", DT_FILES_RECURSIVE }, { "check", DT_FILES_CHECK }, { "delete", DT_FILES_DELETE },
		{ "mkdir", DT_FILES_MKDIR }, { "quick", DT_FILES_QUICK }, { "preserve", DT_FILES_PRESERVE },
		{ "sudo", DT_FILES_SUDO },
	};
	unsigned flags = strcmp(dt->arg(call, "compress"), "never") == 0 ? DT_FILES_PLAIN : 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (dt->arg_number(call, all[i].name))
			flags |= all[i].flag;
	return flags;
}

static const char *fault_of(const struct dt_files *f, size_t paths, const char *needs)
{
	if (paths < 2)
		return needs;
	if ((f->flags & DT_FILES_DELETE) && !(f->flags & DT_FILES_RECURSIVE))
		return "--delete is for folders: it needs -r";
	return NULL;
}

int files_args_prepare(struct dt_call *call, const struct dt_services *dt, const char *needs,
		       struct dt_fileset *(*make)(struct dt_call *, const struct dt_files *))
{
	size_t n, excludes;
	const char *const *paths = dt->arg_list(call, "paths", &n);
	const char *mode = dt->arg(call, "mode"), *fault;
	struct files_args *a = calloc(1, sizeof(*a));
	struct dt_files files = {
		.owner = dt->arg(call, "owner"), .group = dt->arg(call, "group"), .backup = dt->arg(call, "backup"),
		.exclude = dt->arg_list(call, "exclude", &excludes), .mode = mode ? strtol(mode, NULL, 8) : -1,
		.rate = dt->arg_number(call, "limit-rate"), .max_size = dt->arg_number(call, "max-size"),
		.flags = get_flags(call, dt),
	};

	dt->set_state(call, a);
	if (a)
		a->sources = calloc(n + 1, sizeof(*a->sources));
	fault = a && a->sources ? fault_of(&files, n, needs) : "out of memory";
	if (fault) {
		dt->refuse(call, "%s", fault);
		return DT_FAIL;
	}
	memcpy(a->sources, paths, (n - 1) * sizeof(*paths));
	files.sources = a->sources;
	files.dest = paths[n - 1];
	a->files = make(call, &files);
	return a->files ? DT_OK : DT_FAIL;
}

const struct dt_fileset *files_args_set(const struct dt_call *call, const struct dt_services *dt)
{
	const struct files_args *a = dt->state(call);

	return a->files;
}

int files_args_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct files_args *a = dt->state(call);

	if (a)
		free(a->sources);
	free(a);
	return DT_OK;
}
