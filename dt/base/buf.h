/*
 * buf - a growable run of bytes that is born with a maximum.
 *
 * data is always NUL-terminated behind len bytes (the NUL is not counted),
 * and never NULL, so it can be read as a string at any time.
 */
#ifndef DT_BASE_BUF_H
#define DT_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;	/* bytes allocated, 0 while data is the shared empty string */
	size_t max;	/* len never exceeds it */
};

/* max: the most bytes it may ever hold. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer is empty and usable again. */
void buf_release(struct buf *b);
/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *b);

/* Each returns 0, or -1 when out of memory or over max; then nothing was added. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_addc(struct buf *b, char c);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Makes room for len more bytes and returns where they go; add them to b->len. */
char *buf_reserve(struct buf *b, size_t len);
/* Drops len bytes at the front. */
void buf_consume(struct buf *b, size_t len);
/* Moves the bytes out as a malloced string; the buffer is empty.  NULL: no memory. */
char *buf_steal(struct buf *b);

#endif
