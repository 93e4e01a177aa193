/*
 * secret - a password, in a type that no formatter prints.
 *
 * It never goes into an argument vector, the environment, a log or a file.
 */
#ifndef DT_BASE_SECRET_H
#define DT_BASE_SECRET_H

#include <stddef.h>

struct secret;

/* A copy of len bytes; NULL when out of memory. */
struct secret *secret_new(const char *bytes, size_t len);
/* Zeroed, then freed; NULL is fine. */
void secret_free(struct secret *s);
/* The bytes, NUL-terminated, valid while the secret lives. */
const char *secret_bytes(const struct secret *s);
size_t secret_len(const struct secret *s);

#endif
