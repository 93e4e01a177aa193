#include "dt/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dt/base/buf.h"
#include "dt/base/escape.h"

static int log_at;

void log_set_level(int level)
{
	log_at = level;
}

int log_level(void)
{
	return log_at;
}

static void put(const char *head, const char *text, bool lines)
{
	struct buf out;
	const char *nl;

	buf_init(&out, 65536);
	(void)buf_adds(&out, head);
	/* a line of ours below begins with spaces (a caret, a hint); any other newline came with somebody's text */
	while (lines && (nl = strstr(text, "\n  ")) != NULL) {
		(void)escape(&out, text, (size_t)(nl - text));
		(void)buf_addc(&out, '\n');
		text = nl + 1;
	}
	(void)escape(&out, text, strlen(text));
	(void)buf_addc(&out, '\n');
	(void)fwrite(out.data, 1, out.len, stderr);
	(void)fflush(stderr);
	buf_release(&out);
}

__attribute__((format(printf, 2, 0)))
static void vput(const char *head, const char *fmt, va_list ap)
{
	struct buf text;

	buf_init(&text, 16384);
	if (buf_vaddf(&text, fmt, ap) != 0)
		(void)buf_adds(&text, "(message too long)");
	put(head, text.data, false);
	buf_release(&text);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput("dt: ", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput("dt: warning: ", fmt, ap);
	va_end(ap);
}

void log_info(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_at)
		return;
	va_start(ap, fmt);
	vput("dt: ", fmt, ap);
	va_end(ap);
}

void log_err(const struct dt_err *e)
{
	put("dt: ", e->msg, true);
}
