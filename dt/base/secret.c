#include "dt/base/secret.h"

#include <stdlib.h>
#include <string.h>

struct secret {
	size_t len;
	char bytes[];
};

struct secret *secret_new(const char *bytes, size_t len)
{
	struct secret *s = malloc(sizeof(*s) + len + 1);

	if (!s)
		return NULL;
	s->len = len;
	memcpy(s->bytes, bytes, len);
	s->bytes[len] = '\0';
	return s;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	explicit_bzero(s->bytes, s->len);
	free(s);
}

const char *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}
