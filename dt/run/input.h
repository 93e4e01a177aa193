/*
 * input - dt's own standard input for many hosts at a time, to each from its beginning.
 *
 * It is read only as far as the host wants that is furthest in it, and ends
 * with them.  A file is read where it is.  What else it is goes through a file
 * without a name (in TMPDIR, or /var/tmp) that is written round and round: so
 * many bytes hosts may be apart, and memory holds none of them.
 */
#ifndef DT_RUN_INPUT_H
#define DT_RUN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"

struct input;

/* A host; a zeroed one is outside.  Its fields are the input's, but failed and fd. */
struct input_reader {
	struct input_reader *next;
	uint64_t at;		/* what was taken */
	int fd;			/* readable once there may be more, after INPUT_LATER */
	bool inside, counted, waits;
	bool failed;		/* the input did: what came of it is not whole */
};

/* fd is read for so many hosts; apart is at least INPUT_APART_MIN.  Nothing is read yet.  NULL: ERR_USAGE, ERR_LOCAL. */
struct input *input_new(int fd, size_t hosts, uint64_t apart, struct dt_err *err);
/* All hosts have left. */
void input_free(struct input *in);
#define INPUT_APART_MIN (1U << 20)

/* A host's turn has come: it will enter, or leave.  Until then all is kept for it. */
void input_expect(struct input *in);
/* 0, or -1: ERR_LOCAL. */
int input_enter(struct input *in, struct input_reader *r, struct dt_err *err);
/* From the beginning again.  -1: ERR_LOCAL, it is not kept any more. */
int input_rewind(struct input *in, struct input_reader *r, struct dt_err *err);
/* Up to size bytes; 0: the end.  INPUT_LATER: none yet; or never, where r->failed says so.  Never waits. */
size_t input_take(struct input *in, struct input_reader *r, char *room, size_t size);
#define INPUT_LATER ((size_t)-1)
/* Why it failed. */
void input_error(struct input *in, struct dt_err *err);
/* It wants no more; also of one that never entered. */
void input_leave(struct input *in, struct input_reader *r);

#endif
