/*
 * spool - bytes kept until the end of a run: in memory while they are few,
 * then in a file without a name (in TMPDIR, or /var/tmp).
 */
#ifndef DT_REPORT_SPOOL_H
#define DT_REPORT_SPOOL_H

#include <stdint.h>

#include "dt/base/buf.h"

#define SPOOL_MEMORY (64U << 20)

struct spool {
	struct buf tail;	/* the last bytes */
	int fd;			/* the bytes before; -1: none yet */
	uint64_t written;	/* how many those are */
};

void spool_init(struct spool *s, size_t memory);
void spool_release(struct spool *s);

/* Where the next bytes go. */
uint64_t spool_end(const struct spool *s);
/* Both: 0, or -1 with errno. */
int spool_add(struct spool *s, const void *data, size_t len);
/* Adds len bytes from place at to out. */
int spool_read(struct spool *s, uint64_t at, size_t len, struct buf *out);

/* A file that nobody else can name, in TMPDIR, or /var/tmp.  -1: errno. */
int spool_file(void);

#endif
