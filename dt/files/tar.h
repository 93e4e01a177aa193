/*
 * tar - archives as a stream: written, and read without trusting a byte.
 *
 * ustar headers, with GNU's records for names over 100 bytes ('L', 'K') and
 * its base-256 numbers, and pax's mtime where that is finer than
 * seconds; read are also pax's path, linkpath, size and mtime.
 * Sources: POSIX.1-2017 pax(1), "ustar Interchange Format" and "pax Header
 * Block"; the GNU tar manual, "Basic Tar Format".
 */
#ifndef DT_FILES_TAR_H
#define DT_FILES_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"

#define TAR_BLOCK 512
/* The longest name that is read or written. */
#define TAR_NAME_MAX 4096

enum tar_type { TAR_FILE = '0', TAR_HARDLINK = '1', TAR_SYMLINK = '2', TAR_FOLDER = '5' };

struct tar_entry {
	const char *name;
	const char *link;	/* of a link; else "" */
	char type;		/* enum tar_type; read: any other that came */
	unsigned mode;		/* permission bits, 07777 */
	uint64_t size;		/* of a file's content */
	int64_t mtime;		/* seconds since 1970 */
	long nanoseconds;	/* written: and these, in a pax header */
};

/* Adds the header of an entry; its content follows, padded.  0, or -1: no memory, or a name too long. */
int tar_header(struct buf *out, const struct tar_entry *e);
/* Zero bytes that follow so much content. */
size_t tar_padding(uint64_t size);
/* Adds the end of the archive.  0, or -1: no memory. */
int tar_end(struct buf *out);

/*
 * What a reader tells.  Each returns 0, or -1 after err_set, which ends the
 * reading.  An entry's data follows it, then done.
 */
struct tar_events {
	int (*entry)(void *arg, const struct tar_entry *e, struct dt_err *err);
	int (*data)(void *arg, const char *data, size_t len, struct dt_err *err);
	int (*done)(void *arg, struct dt_err *err);
};

struct tar_reader;

struct tar_reader *tar_reader_new(const struct tar_events *events, void *arg);	/* NULL: no memory */
void tar_reader_free(struct tar_reader *r);
/*
 * Bytes of archives as they come, one behind the other: an end is passed over. 
 * 0, or -1: ERR_FAIL "malformed archive: ...", or what an event said.
 */
int tar_reader_add(struct tar_reader *r, const char *data, size_t len, struct dt_err *err);

#endif
