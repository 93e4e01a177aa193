/*
 * pull - files of one host into a folder here: what is there, and then what differs.
 */
#ifndef DT_FILES_PULL_H
#define DT_FILES_PULL_H

#include <sys/types.h>

#include "dt/files/files.h"

struct pull {
	const char *const *sources;	/* there, NULL-terminated; a / at the end of a folder: what is in it */
	const char *folder;		/* here: what the user named */
	const char *below;		/* in it: what a host's name or attribute made, through no link */
	const char *const *exclude;
	uint64_t max_size;		/* bytes that may come; 0: no limit */
	mode_t umask;
	bool recursive, check, preserve, pack;
	bool again;			/* files that were listed are looked at once more */
};

/* The name of a source here; NULL: what is in it goes into the folder itself. */
const char *pull_name(const char *source, char *room, size_t size);

/* As a module's run: DT_OK, or what a service said, and the host's result has a message. */
int pull_run(const struct pull *p, const struct files_host *h, struct dt_files_done *done);

#endif
