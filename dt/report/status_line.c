#include "dt/report/status_line.h"

#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"

#define FIELDS 5	/* before the message */

/* The length of an SGR sequence at text, or 0. */
static size_t sgr(const char *text, size_t len)
{
	size_t i = 2;

	if (len < 3 || text[0] != '\033' || text[1] != '[')
		return 0;
	while (i < len && ((text[i] >= '0' && text[i] <= '9') || text[i] == ';'))
		i++;
	return i < len && text[i] == 'm' ? i + 1 : 0;
}

/* Adds one field, safe and without colours, and a NUL. */
static int add_field(struct buf *fields, const char *text, size_t len)
{
	size_t from = 0, i = 0;

	while (i < len) {
		size_t n = sgr(text + i, len - i);

		if (n && status_line_safe(fields, text + from, i - from) != 0)
			return -1;
		i += n ? n : 1;
		from = n ? i : from;
	}
	return status_line_safe(fields, text + from, len - from) != 0 ? -1 : buf_addc(fields, '\0');
}

int status_line_read(const char *text, size_t len, struct status_line *line, struct buf *fields, size_t *message)
{
	const char *at = text, *end = text + len, *v[FIELDS];
	size_t place[FIELDS];

	buf_clear(fields);
	for (int i = 0; i < FIELDS; i++) {
		const char *colon = memchr(at, ':', (size_t)(end - at));

		/* a status is short; so most text is told apart at once */
		if (!colon || memchr(at, '\n', (size_t)(colon - at)) || (i == 0 && colon - at > 40))
			return 0;
		place[i] = fields->len;
		if (add_field(fields, at, (size_t)(colon - at)) != 0)
			return -1;
		at = colon + 1;
	}
	/* dtools takes the sequence that ends the host's colour behind the colon at times */
	*message = (size_t)(at - text);
	for (int i = 0; i < FIELDS; i++)
		v[i] = fields->data + place[i];
	*line = (struct status_line){ strcmp(v[0], "okay") == 0, v[2], v[3], v[4] };
	return (line->ok || strcmp(v[0], "fail") == 0) && !*v[1] && *v[4];
}

int status_line_safe(struct buf *out, const char *text, size_t len)
{
	while (len) {
		const char *slash = memchr(text, '\\', len);
		size_t n = slash ? (size_t)(slash - text) : len;

		if (escape(out, text, n) != 0 || (slash && buf_addc(out, '\\') != 0))
			return -1;
		n += slash != NULL;
		text += n;
		len -= n;
	}
	return 0;
}

size_t status_line_piece(const char *text, size_t len)
{
	size_t n = len, slashes = 0;

	/* a character has at most four bytes */
	for (int i = 0; i < 3 && n && (text[n - 1] & 0xc0) == 0x80; i++)
		n--;
	if (n && (unsigned char)text[n - 1] >= 0xc0)
		n--;
	while (slashes < n && text[n - 1 - slashes] == '\\')
		slashes++;
	n -= slashes % 2;
	/* what is no character at all need not stay together */
	return n || len < 16 ? n : len;
}

size_t status_line_next(const char *text, size_t len, bool raw, size_t *end)
{
	const char *at = text, *stop = text + len;

	for (;;) {
		at = memchr(at, raw ? '\n' : '\\', (size_t)(stop - at));
		if (!at || (!raw && at + 1 == stop)) {
			*end = len;
			return len;
		}
		if (raw || at[1] == 'n') {
			*end = (size_t)(at - text);
			return *end + (raw ? 1 : 2);
		}
		at += 2;
	}
}

size_t status_line_reason(const char *message, size_t len, size_t *output)
{
	static const char *const words[] = {
		"resolve: ", "connect: ", "hostkey: ", "auth: ", "timeout: ", "lost: ", "killed: ", "skipped: ",
		"local: ",
	};
	size_t i = 5, end;

	*output = 0;
	if (len > 5 && memcmp(message, "exit ", 5) == 0) {
		while (i < len && message[i] >= '0' && message[i] <= '9')
			i++;
		/* "exit 3: " and its output; or, cut short by somebody, "exit 3:" */
		if (i == 5 || i > 8 || i == len || message[i] != ':' || (i + 1 < len && message[i + 1] != ' '))
			return 0;
		*output = i + 2 < len ? i + 2 : len;
		return i;
	}
	for (size_t k = 0; k < ARRAY_LEN(words); k++) {
		if (len < strlen(words[k]) || memcmp(message, words[k], strlen(words[k])) != 0)
			continue;
		*output = status_line_next(message, len, false, &end);
		return end;
	}
	return 0;
}
