#include "dt/files/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modules/dt_module.h"

/* The longest line: a path and its numbers. */
#define LINE_LIMIT 16384
#define SAID_MAX 2000

void answer_init(struct answer *a, struct dt_err *err)
{
	buf_init(&a->rest, (size_t)4 * LINE_LIMIT);
	buf_init(&a->said, SAID_MAX);
	a->err = err;
}

void answer_release(struct answer *a)
{
	buf_release(&a->rest);
	buf_release(&a->said);
}

int answer_nonsense(struct dt_err *err)
{
	return err_set(err, ERR_LOST, "the host's answer makes no sense");
}

const char *answer_time(const char *text, struct timespec *out)
{
	char *end;
	long long seconds;
	long part = 0, digit = 100000000;
	bool before = *text == '-';

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (end == text || errno)
		return NULL;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, digit /= 10)
			part += (*end - '0') * digit;
	/* a point in time is a whole second and what follows it */
	if (before && part) {
		seconds--;
		part = 1000000000 - part;
	}
	*out = (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = part };
	return *end == ' ' ? end + 1 : NULL;
}

static int take_lines(struct answer *a)
{
	size_t at = 0;

	while (at < a->rest.len) {
		char *line = a->rest.data + at, *end;
		bool path = a->has_path(a->arg, *line);
		size_t left = a->rest.len - at;

		end = path ? memmem(line, left, "//\n", 3) : memchr(line, '\n', left);
		if (!end)
			break;
		*end = '\0';
		if (a->line(a->arg, line, (size_t)(end - line), a->err) != 0)
			return -1;
		at += (size_t)(end - line) + (path ? 3 : 1);
	}
	buf_consume(&a->rest, at);
	return a->rest.len < LINE_LIMIT ? 0 : answer_nonsense(a->err);
}

void answer_add(void *arg, int stream, const char *data, size_t len)
{
	struct answer *a = arg;

	if (stream == DT_STDERR) {
		size_t room = a->said.max - a->said.len;

		(void)buf_add(&a->said, data, len < room ? len : room);
		return;
	}
	while (len && !a->failed) {
		size_t n = len < LINE_LIMIT ? len : LINE_LIMIT;

		a->failed = buf_add(&a->rest, data, n) != 0 ? err_nomem(a->err) != 0 : take_lines(a) != 0;
		data += n;
		len -= n;
	}
}
