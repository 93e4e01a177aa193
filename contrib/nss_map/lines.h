/* lines - a file line by line, in memory of one line's size. */
#ifndef CONTRIB_NSS_MAP_LINES_H
#define CONTRIB_NSS_MAP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lines {
	int fd;
	int error;		/* an errno; EBADMSG: one of our files is broken */
	bool ours;		/* our own file: everything in it has to be right */
	bool at_end;
	size_t begin, end;	/* what is in data and was not told of */
	size_t at;		/* the byte of the file behind the line that was told */
	size_t max;		/* of our own: no more bytes than these */
	char head[256];		/* of a line that does not fit into data */
	char data[2048];
};

/*
 * A regular file, never waited for; 0 or an errno.  owner: it has to be ours, and
 * nobody else may write it, or it is EBADMSG; NULL: a file of the system.
 */
int map_open(const char *path, const uid_t *owner, size_t max, int *fd);

/* As map_open; 0 or an errno, and there is nothing to close. */
int lines_open(struct lines *l, const char *path, const uid_t *owner, size_t max);

/*
 * The next line, without its newline; NULL: the end, or l->error.  Of a line that is too
 * long the system's file has the beginning, ours is EBADMSG; and so is one of ours
 * without a newline (it is being written) or with control bytes.
 */
char *lines_next(struct lines *l);

/* From the byte at on, which is the first of a line. */
void lines_seek(struct lines *l, size_t at);

/* Leaves l->error. */
void lines_close(struct lines *l);

#endif
