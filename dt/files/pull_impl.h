/*
 * pull_impl - what the files behind pull.h share.
 */
#ifndef DT_FILES_PULL_IMPL_H
#define DT_FILES_PULL_IMPL_H

#include "dt/files/here.h"
#include "dt/files/listing.h"
#include "dt/files/tar.h"

#define PATH_ROOM 20480

struct fetch {
	const struct pull *p;
	const struct files_host *h;
	struct listing list;
	struct here *here;
	struct dt_files_done count;
	size_t skipped;		/* links that lead out, devices and the like */
	size_t unreadable;
	size_t changed;		/* came, and changed while they were read; the first of them */
	size_t first_changed;
	struct strs lost;	/* "PATH: reason": cannot come as they were */
	struct dt_err *err;

	/* the program */
	size_t next;
	uint32_t source;	/* cd went there; UINT32_MAX: nowhere yet */
	struct buf text;
	size_t text_done;

	/* the archive */
	struct tar_reader *tar;
	struct unpack *unpack;
	struct buf said;
	size_t at;		/* expected next */
	size_t current;		/* under way, and so much of it still comes; what it has grown by does not count */
	uint64_t left;
	uint64_t received;
	bool stop;		/* an error: no more of it */
};

/* pull_fetch.c: all that is wanted, in its stage, or told of as lost.  DT_OK, or what a service said. */
int pull_fetch(struct fetch *f);
void pull_fetch_release(struct fetch *f);
/* What still comes. */
bool pull_comes(const struct listed *x);
/* pull.c: the mode that it gets here. */
mode_t pull_mode(const struct fetch *f, const struct listed *x);

#endif
