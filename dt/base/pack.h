/*
 * pack - bytes compressed by zstd (RFC 8878): streams in pieces, or a text whole.
 */
#ifndef DT_BASE_PACK_H
#define DT_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"

struct pack;

struct pack *pack_new(void);	/* NULL: no memory */
void pack_free(struct pack *p);
/*
 * Up to size bytes of what source gives, compressed; 0: its end.  source
 * returns up to size bytes, 0 at its end.
 */
size_t pack_read(struct pack *p, size_t (*source)(void *arg, char *room, size_t size), void *arg, char *room,
		 size_t size);

/* Adds the bytes, packed as a frame of their own, to out.  0, or -1: no memory. */
int pack_bytes(struct pack *p, const char *data, size_t len, struct buf *out);

struct unpack;

struct unpack *unpack_new(void);	/* NULL: no memory */
void unpack_free(struct unpack *u);
/*
 * Hands what the bytes unpack to, piece by piece, to sink (0, or -1 to stop).
 * 0, or -1: sink said so, or *malformed (also where more than 8 MiB of memory would be needed).
 */
int unpack_add(struct unpack *u, const char *data, size_t len, int (*sink)(void *arg, const char *data, size_t len),
	       void *arg, bool *malformed);

/* Adds what one whole frame unpacks to; -1: malformed, no memory, or over out->max. */
int unpack_bytes(const void *data, size_t len, struct buf *out);

/* Does a sample shrink enough to be worth it? */
bool pack_pays(const char *sample, size_t len);

#endif
