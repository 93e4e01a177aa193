#include "dt/report/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "dt/base/escape.h"

static int base64(struct buf *out, const char *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = (const unsigned char *)data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)s[i] << 16 | (n > 1 ? (unsigned)s[i + 1] << 8 : 0) | (n > 2 ? s[i + 2] : 0U);
		char quad[4] = {
			digits[v >> 18], digits[v >> 12 & 63],
			n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=',
		};

		if (buf_add(out, quad, 4) != 0)
			return -1;
	}
	return 0;
}

/* May this character stand as it is?  What is unsafe beyond ASCII is escape()'s to say. */
static bool plain(unsigned cp, const char *data, size_t n)
{
	struct buf tried;
	bool same;

	if (cp < 0x80)
		return cp >= 0x20 && cp != 0x7f && cp != '"' && cp != '\\';
	buf_init(&tried, n);	/* what is escaped is longer and does not fit */
	same = escape(&tried, data, n) == 0;
	buf_release(&tried);
	return same;
}

static int add_escaped(struct buf *out, unsigned cp)
{
	static const char names[] = "\n\r\t\"\\", letters[] = "nrt\"\\";
	const char *at = cp && cp < 0x80 ? strchr(names, (int)cp) : NULL;

	if (at)
		return buf_addf(out, "\\%c", letters[at - names]);
	return buf_addf(out, "\\u%04x", cp);	/* all of them are below U+10000 */
}

static int string(struct buf *out, const char *data, size_t len)
{
	size_t start = 0, i = 0;

	if (buf_addc(out, '"') != 0)
		return -1;
	while (i < len) {
		unsigned cp = 0;
		size_t n = utf8_char(data + i, len - i, &cp);

		if (!plain(cp, data + i, n)) {
			if (buf_add(out, data + start, i - start) != 0 || add_escaped(out, cp) != 0)
				return -1;
			start = i + n;
		}
		i += n;
	}
	return buf_add(out, data + start, len - start) != 0 ? -1 : buf_addc(out, '"');
}

int json_bytes(struct buf *out, const char *data, size_t len)
{
	if (utf8_valid(data, len))
		return string(out, data, len);
	if (buf_adds(out, "{\"base64\":\"") != 0 || base64(out, data, len) != 0)
		return -1;
	return buf_adds(out, "\"}");
}

int json_text(struct buf *out, const char *s)
{
	return s ? json_bytes(out, s, strlen(s)) : buf_adds(out, "null");
}

int json_seconds(struct buf *out, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	return buf_addf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}
