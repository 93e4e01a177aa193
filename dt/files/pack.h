/*
 * pack - a stream compressed by zstd (RFC 8878), in pieces as they are asked for.
 */
#ifndef DT_FILES_PACK_H
#define DT_FILES_PACK_H

#include <stdbool.h>
#include <stddef.h>

struct pack;

struct pack *pack_new(void);	/* NULL: no memory */
void pack_free(struct pack *p);
/*
 * Up to size bytes of what source gives, compressed; 0: its end.  source
 * returns up to size bytes, 0 at its end.
 */
size_t pack_read(struct pack *p, size_t (*source)(void *arg, char *room, size_t size), void *arg, char *room,
		 size_t size);

/* Does a sample shrink enough to be worth it? */
bool pack_pays(const char *sample, size_t len);

#endif
