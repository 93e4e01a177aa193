/*
 * blob - the data types of the SSH protocol (RFC 4251 section 5), read with every length checked.
 */
#ifndef DT_SSH_BLOB_H
#define DT_SSH_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"

/* Bytes that are still to be read; they belong to somebody else. */
struct blob {
	const unsigned char *p;
	size_t left;
};

/* Each takes one value from the front: 0, or -1 where it is not all there. */
int blob_bytes(struct blob *b, size_t n, struct blob *out);
int blob_u32(struct blob *b, uint32_t *n);
int blob_string(struct blob *b, struct blob *out);
/* A number that is not negative: its bytes, without leading zeros. */
int blob_mpint(struct blob *b, struct blob *out);
/* Takes a string and compares: 0 where it is this text. */
int blob_expect(struct blob *b, const char *text);

bool blob_is(const struct blob *b, const char *text);
/* At most size - 1 bytes, up to a NUL byte, as a string. */
void blob_text(const struct blob *b, char *out, size_t size);

/* Each adds one value: 0, or -1 (no memory, or over the buffer's maximum). */
int blob_put_u32(struct buf *b, uint32_t n);
int blob_put_string(struct buf *b, const void *data, size_t len);
/* A number from its bytes, leading zeros or not. */
int blob_put_mpint(struct buf *b, const unsigned char *data, size_t len);

/* Adds the bytes of base64 text; blanks and newlines are skipped.  0, or -1. */
int blob_base64(struct buf *out, const char *text, size_t len);

#endif
