#include "dt/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1];

void buf_init(struct buf *b, size_t max)
{
	b->data = empty;
	b->len = b->cap = 0;
	b->max = max;
}

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t len)
{
	size_t cap, need;
	char *data;

	if (len > b->max || b->len > b->max - len)
		return NULL;
	need = b->len + len;
	if (need < b->cap)
		return b->data + b->len;
	if (need >= SIZE_MAX / 2)	/* no allocation is that large; and cap cannot overflow */
		return NULL;
	cap = b->cap ? b->cap : 64;
	while (cap <= need)
		cap += cap / 2;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	data = realloc(b->cap ? b->data : NULL, cap);
	if (!data)
		return NULL;
	if (!b->cap)
		data[0] = '\0';
	b->data = data;
	b->cap = cap;
	return data + b->len;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	char *to;

	if (!len)
		return 0;
	to = buf_reserve(b, len);
	if (!to)
		return -1;
	memcpy(to, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -1;
	to = buf_reserve(b, (size_t)n);
	if (!to)
		return -1;
	if (n > 0)
		(void)vsnprintf(to, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

char *buf_steal(struct buf *b)
{
	char *data = b->cap ? b->data : calloc(1, 1);

	if (data)
		buf_init(b, b->max);
	return data;
}
