/*
 * fileset - what shall be on hosts: files, folders and links that were found
 * here, read once and hashed once for all of them.
 */
#ifndef DT_FILES_FILESET_H
#define DT_FILES_FILESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/sha256.h"

#define FILE_BASE ((size_t)-1)	/* the parent of what lies in the target folder itself */

struct file {
	char *path;		/* there, behind the set's root name: "" the root itself, "/sub", or "name/sub" */
	char *from;		/* here */
	size_t parent;		/* the folder it lies in, by index, or FILE_BASE */
	mode_t mode;		/* type and permissions, as they shall be there */
	uint64_t size;		/* of a regular file, in bytes; else 0 */
	int64_t mtime;		/* seconds since 1970 */
	char *link;		/* of a symbolic link, else NULL */
	struct stat found;	/* as it was found; a file that is another one by now is an error */
	unsigned char sum[SHA256_SIZE];	/* after fileset_hash */
};

/* A folder stands before what is in it, and the files of one folder stand together. */
struct fileset {
	struct file *v;
	size_t n;
	bool named;		/* one source, that gets a name of its own there */
	bool has_mode;		/* modes were given, and are not those of the sources */
	bool content;		/* some source is what is in a folder */
	uint64_t bytes;		/* all sizes */
	size_t *by_path;	/* indices, in the order of paths */
	struct dt_err fault;	/* of fileset_hash: ERR_NONE, or ERR_LOCAL "PATH: ..." */
};

struct fileset_options {
	bool named;		/* the one source becomes DEST itself, and not DEST/NAME */
	bool recursive;		/* folders too */
	const char *const *exclude;	/* NULL-terminated; patterns of fileset_excluded; may be NULL */
	bool has_mode;
	unsigned mode;		/* of files; folders are searchable where they are readable */
};

/*
 * Looks at the sources.  A source that ends in '/' is what is in that folder
 * (where !named).  A symbolic link is followed where it is a source, and kept
 * where it is in a folder.  NULL: ERR_MODULE "PATH: reason" (missing, not
 * readable, a folder without recursive, two of one name, no file, folder or link).
 */
struct fileset *fileset_new(const char *const *sources, size_t n, const struct fileset_options *o,
			    struct dt_err *err);
void fileset_free(struct fileset *s);

/*
 * Reads every file and takes its sum; fault says what failed, or that *stop
 * became true.  To be called once; all but sums and fault may be read
 * meanwhile by other threads.
 */
void fileset_hash(struct fileset *s, const _Atomic bool *stop);
/* Is it worth compressing?  A few samples tell. */
bool fileset_packs(const struct fileset *s);

/* Opens file i to read; ERR_LOCAL where it changed since it was found.  A descriptor, or -1. */
int fileset_open(const struct fileset *s, size_t i, struct dt_err *err);

/* Adds the path of file i below the target folder; root is what a named set is called.  0, or -1: no memory. */
int fileset_path(const struct fileset *s, size_t i, const char *root, struct buf *out);
/* The file of this path, or n. */
size_t fileset_find(const struct fileset *s, const char *path);
const char *fileset_name(const struct fileset *s, size_t i, const char *root);	/* its last part */

/*
 * Does a pattern of the list exclude a path, below its source?  As glob(7):
 * without '/' it is held against each name, with one against the whole path;
 * one that ends in '/' means folders.
 */
bool fileset_excluded(const char *const *patterns, const char *path, bool folder);

#endif
