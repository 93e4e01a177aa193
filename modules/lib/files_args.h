/*
 * files_args - what push and pull have in common: their arguments, as files of the services.
 *
 * A parameter is known here by its name, whichever of the two has it; one that a verb does not have is one that
 * was not given.
 */
#ifndef MODULES_LIB_FILES_ARGS_H
#define MODULES_LIB_FILES_ARGS_H

#include "dt_module.h"

/* Choices of "compress". */
extern const char *const files_args_compress[];

/*
 * prepare: "paths" and all options, for make (dt->push_files or pull_files); needs says what paths there have to be.
 * What prepare shall return.
 */
int files_args_prepare(struct dt_call *call, const struct dt_services *dt, const char *needs,
		       struct dt_fileset *(*make)(struct dt_call *, const struct dt_files *));
/* run: what make made. */
const struct dt_fileset *files_args_set(const struct dt_call *call, const struct dt_services *dt);
/* finish, as it stands in a verb. */
int files_args_finish(struct dt_call *call, const struct dt_services *dt);

#endif
