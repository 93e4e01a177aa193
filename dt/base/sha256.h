/*
 * sha256 - SHA-256 of bytes and files (FIPS 180-4), by OpenSSL.
 */
#ifndef DT_BASE_SHA256_H
#define DT_BASE_SHA256_H

#include <stddef.h>

#define SHA256_SIZE 32
#define SHA256_HEX 64

struct sha256;

struct sha256 *sha256_new(void);	/* NULL: no memory */
void sha256_free(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* The sum of what was added; it begins anew. */
void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE]);

void sha256_hex(const unsigned char sum[SHA256_SIZE], char out[SHA256_HEX + 1]);
/* 64 hexadecimal digits, not necessarily ended by NUL.  0, or -1. */
int sha256_parse(const char *hex, unsigned char out[SHA256_SIZE]);

#endif
