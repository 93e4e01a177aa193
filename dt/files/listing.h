/*
 * listing - what a host has below some sources; list.sh is its other half.
 *
 * Nothing here is trusted: names are checked before anyone uses them.
 */
#ifndef DT_FILES_LISTING_H
#define DT_FILES_LISTING_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "dt/base/sha256.h"
#include "dt/base/util.h"
#include "dt/files/answer.h"
#include "dt/files/pull.h"

struct listed {
	char *path;		/* there, below its source: "sub/name" */
	uint32_t source;
	mode_t mode;
	bool has_sum;
	/* for who fetches: it differs, or in its time alone; is not here; so many bytes came, and are what was listed */
	bool wanted, other_time, is_new, staged, arrived;
	uint64_t size;
	struct timespec mtime;
	unsigned char sum[SHA256_SIZE];
	unsigned char got[SHA256_SIZE];	/* of what is staged */
	char *link;		/* the text of a link, or NULL */
};

struct listing {
	struct listed *v;	/* in the order of sources, and of paths in them */
	size_t n;
	struct strs faults;	/* "PATH: reason": sources that cannot be had, in words */
	bool partial;		/* some things could not be looked at; said has the host's words */
	bool has_zstd, packs;	/* it can compress, and that pays */
	char *kinds;		/* of each source: 't'ree, 'f'ile, '-' */
	mode_t *modes;		/* of each tree's own folder */
	struct timespec *times;
	struct buf said;

	/* its own */
	const struct pull *p;
	size_t cap, current, bytes, sorted;
	bool whole, summing, sampled;
	bool odd;		/* a name has control bytes */
	struct listed *link, nobody;	/* whose text comes next */
};

/* DT_OK; or DT_FAIL: with *err, or with ERR_NONE where the host's outcome is recorded. */
int listing_run(struct listing *l, const struct pull *p, const struct files_host *h, struct dt_err *err);
void listing_release(struct listing *l);
/* The index of a path of a source, or n. */
size_t listing_find(const struct listing *l, uint32_t source, const char *path);

/*
 * Adds the path here of a listed thing: its source's name, and its path with
 * control bytes as \xHH.  0, or -1: no memory.
 */
int listing_here(const struct listing *l, const struct listed *f, struct buf *out);

#endif
