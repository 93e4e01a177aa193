/*
 * push - a fileset to one host: what is there, and then what differs.
 */
#ifndef DT_FILES_PUSH_H
#define DT_FILES_PUSH_H

#include "dt/files/files.h"
#include "dt/files/fileset.h"

struct push {
	const struct fileset *set;
	const char *folder;	/* the target folder there: absolute, or below the login's home */
	const char *root;	/* what a named set is called in it */
	const char *owner, *group;	/* NULL: whose the old file is, or the login's */
	const char *backup;	/* suffix of what is replaced, or NULL */
	const char *keep;	/* the name under which what an undo needs is kept there, or NULL */
	const char *run;	/* what it is part of, for push_undo */
	const char *const *exclude;
	bool check;		/* say what would change, and change nothing */
	bool quick;		/* the same size and time are enough */
	bool times;		/* bring times as they are here */
	bool del;		/* delete what is in no source */
	bool mkdir;
	bool pack;		/* compress where the host can */
	bool few;		/* hosts: of many, one may take its sums while others' files go */
	bool quiet;		/* no message */
};

/*
 * Undoes the push of a run that was kept under this name.  DT_OK, or what a service said.
 */
int push_undo(const char *keep, const char *run, const struct files_host *h);

/*
 * As a module's run: DT_OK, or what a service said, and the host's result
 * has a message.  *count, where not NULL, is set on DT_OK.
 */
int push_run(const struct push *p, const struct files_host *h, struct dt_files_done *count);

#endif
