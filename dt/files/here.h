/*
 * here - the folder of one host's files on this machine, written without
 * trusting a name: no step leads through a symbolic link, and nothing that was
 * there is touched before all that comes is complete.
 */
#ifndef DT_FILES_HERE_H
#define DT_FILES_HERE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "dt/base/err.h"
#include "dt/base/sha256.h"

struct here;

/*
 * Opens the folder path/below; make: it, and those above it, are made where
 * missing, and temporary folders that a dead dt left in it are removed.  path
 * is the user's own; no step of below leads through a link.  A folder that
 * is missing, where it is not to be made, is an empty one.
 * NULL: ERR_LOCAL "PATH: ...".
 */
struct here *here_open(const char *path, const char *below, bool make, struct dt_err *err);
/* Removes what was staged and not put in place. */
void here_close(struct here *h);

enum here_kind { HERE_NOTHING, HERE_FILE, HERE_FOLDER, HERE_LINK, HERE_OTHER };

/* What stands at a path below the folder ("sub/name").  -1: ERR_LOCAL (a link on the way, ...). */
int here_look(struct here *h, const char *path, enum here_kind *kind, struct dt_err *err);
/* Is the file there this one?  *same tells.  0, or -1: ERR_LOCAL. */
int here_compare(struct here *h, const char *path, uint64_t size, const unsigned char sum[SHA256_SIZE], mode_t mode,
		 bool *same, struct dt_err *err);
/* Has what stands there this time, as far as its file system knows? */
bool here_same_time(struct here *h, const char *path, const struct timespec *mtime);
/* The same of a link. */
bool here_same_link(struct here *h, const char *path, const char *text);

/*
 * Receives file number i: begin, data, end.  mode and mtime (NULL: now) are
 * what it gets.  sum: what its bytes make.  0, or -1: ERR_LOCAL.  One that
 * was begun and not ended may be begun again.
 */
int here_begin(struct here *h, size_t i, struct dt_err *err);
int here_add(struct here *h, const char *data, size_t len, struct dt_err *err);
int here_end(struct here *h, mode_t mode, const struct timespec *mtime, unsigned char sum[SHA256_SIZE], struct dt_err *err);
/* The bytes of number from once more, as number i. */
int here_copy(struct here *h, size_t from, size_t i, struct dt_err *err);
int here_link(struct here *h, size_t i, const char *text, const struct timespec *mtime, struct dt_err *err);

/* All is staged: to disk with it. */
int here_sync(struct here *h, struct dt_err *err);
/* Makes a folder in its place, where it is not there yet; always: one that is there gets the mode too. */
int here_folder(struct here *h, const char *path, mode_t mode, bool always, struct dt_err *err);
/* Gives it to a folder (when nothing more comes into it) or to a file in its place. */
int here_set_time(struct here *h, const char *path, const struct timespec *mtime, struct dt_err *err);
/* Moves number i to its place. */
int here_place(struct here *h, size_t i, const char *path, struct dt_err *err);

#endif
