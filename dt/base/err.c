#include "dt/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *msg, size_t size, int n)
{
	if (n >= (int)size)
		memcpy(msg + size - 4, "...", 4);
}

int err_set(struct dt_err *e, enum err_code code, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mark_cut(text, sizeof(text), n);
	e->code = code;
	e->sys = 0;
	memcpy(e->msg, text, sizeof(text));
	return -1;
}

const char *err_text(int sys, char *out, size_t size)
{
	char why[128];

	(void)snprintf(out, size, "%s", strerror_r(sys, why, sizeof(why)));
	/* "RFS specific error" keeps its capitals */
	if (out[0] && islower((unsigned char)out[1]))
		out[0] = (char)tolower((unsigned char)out[0]);
	return out;
}

int err_sys(struct dt_err *e, enum err_code code, int sys, const char *fmt, ...)
{
	char text[sizeof(e->msg)], why[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mark_cut(text, sizeof(text), n);
	e->code = code;
	e->sys = sys;
	n = snprintf(e->msg, sizeof(e->msg), "%s: %s", text, err_text(sys, why, sizeof(why)));
	mark_cut(e->msg, sizeof(e->msg), n);
	return -1;
}

int err_nomem(struct dt_err *e)
{
	return err_set(e, ERR_LOCAL, "out of memory");
}

void err_prefix(struct dt_err *e, const char *fmt, ...)
{
	char head[sizeof(e->msg)], rest[sizeof(e->msg)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	memcpy(rest, e->msg, sizeof(rest));
	n = snprintf(e->msg, sizeof(e->msg), "%s: %s", head, rest);
	mark_cut(e->msg, sizeof(e->msg), n);
}
