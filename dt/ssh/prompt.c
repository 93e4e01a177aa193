#include "dt/ssh/prompt.h"

#include <string.h>

void prompt_init(struct prompt *p, const char *asked, const char *ready)
{
	p->asked = asked;
	p->ready = ready;
	p->past = !asked && !ready;
	buf_init(&p->held, 1 << 20);
}

void prompt_release(struct prompt *p)
{
	buf_release(&p->held);
}

/* The longest end of data that is a beginning of marker. */
static size_t tail(const struct buf *b, const char *marker)
{
	size_t n = marker ? strlen(marker) - 1 : 0;

	if (n > b->len)
		n = b->len;
	for (; n; n--)
		if (memcmp(b->data + b->len - n, marker, n) == 0)
			return n;
	return 0;
}

static char *find(const struct buf *b, const char *marker)
{
	return marker ? memmem(b->data, b->len, marker, strlen(marker)) : NULL;
}

enum prompt_event prompt_feed(struct prompt *p, const char *data, size_t len,
			      void (*pass)(void *arg, const char *data, size_t len), void *arg)
{
	char *asked, *ready;
	size_t keep, n;

	if (p->past) {
		prompt_end(p, pass, arg);
		if (len)
			pass(arg, data, len);
		return PROMPT_NONE;
	}
	if (buf_add(&p->held, data, len) != 0) {
		prompt_end(p, pass, arg);
		pass(arg, data, len);
		return PROMPT_NONE;
	}
	asked = find(&p->held, p->asked);
	ready = find(&p->held, p->ready);
	if (asked && (!ready || asked < ready)) {
		pass(arg, p->held.data, (size_t)(asked - p->held.data));
		buf_consume(&p->held, (size_t)(asked - p->held.data) + strlen(p->asked));
		return PROMPT_ASKED;
	}
	if (ready) {
		pass(arg, p->held.data, (size_t)(ready - p->held.data));
		buf_consume(&p->held, (size_t)(ready - p->held.data) + strlen(p->ready));
		p->past = true;
		return PROMPT_READY;
	}
	keep = tail(&p->held, p->asked);
	n = tail(&p->held, p->ready);
	if (n > keep)
		keep = n;
	if (p->held.len > keep) {
		pass(arg, p->held.data, p->held.len - keep);
		buf_consume(&p->held, p->held.len - keep);
	}
	return PROMPT_NONE;
}

void prompt_end(struct prompt *p, void (*pass)(void *arg, const char *data, size_t len), void *arg)
{
	if (p->held.len)
		pass(arg, p->held.data, p->held.len);
	buf_clear(&p->held);
}
