#include "dt/base/escape.h"

#include <stdint.h>
#include <string.h>

size_t utf8_char(const char *data, size_t len, unsigned *cp)
{
	const unsigned char *s = (const unsigned char *)data;
	unsigned c, min;
	size_t n, i;

	if (!len)
		return 0;
	c = s[0];
	if (c < 0x80) {
		*cp = c;
		return 1;
	} else if (c >= 0xc2 && c <= 0xdf) {
		n = 2, min = 0x80, c &= 0x1f;
	} else if ((c & 0xf0) == 0xe0) {
		n = 3, min = 0x800, c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4, min = 0x10000, c &= 0x07;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return n;
}

/* How many of the first bytes are ASCII; eight at a time. */
static size_t ascii_run(const char *data, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	return i;
}

bool utf8_valid(const char *data, size_t len)
{
	unsigned cp;

	while (len) {
		size_t run = ascii_run(data, len), n = run ? run : utf8_char(data, len, &cp);

		if (!n)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

/* Unicode 15: Bidi_Control, the line and paragraph separators, and C1. */
static bool unsafe(unsigned cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

static int add_hex(struct buf *out, const char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		char hex[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };

		if (buf_add(out, hex, 4) != 0)
			return -1;
	}
	return 0;
}

/*
 * How many of the first bytes stay as they are, whatever they are part of:
 * printable ASCII without backslash and colon.  Eight at a time; a word with a
 * byte that might not be one is left to the caller.
 */
static size_t plain_run(const char *data, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	size_t i = 0;
	uint64_t w, odd;

	for (; len - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, data + i, sizeof(w));
		/* below 0x20, DEL or above, a backslash, a colon: each sets the high bit of a byte */
		odd = (w - ones * 0x20) | (w + ones) | w;
		odd |= ((w ^ ones * '\\') - ones) & ~(w ^ ones * '\\');
		odd |= ((w ^ ones * ':') - ones) & ~(w ^ ones * ':');
		if (odd & high)
			break;
	}
	return i;
}

static int escape_with(struct buf *out, const char *data, size_t len, bool field)
{
	size_t start = 0, i = 0;

	while (i < len) {
		unsigned cp = 0;
		size_t n;
		int r;

		i += plain_run(data + i, len - i);
		if (i == len)
			break;
		n = utf8_char(data + i, len - i, &cp);

		if (n && !unsafe(cp) && cp != '\\' && !(field && cp == ':')) {
			i += n;
			continue;
		}
		if (buf_add(out, data + start, i - start) != 0)
			return -1;
		if (!n)
			n = 1;
		if (n == 1 && cp == '\n')
			r = buf_add(out, "\\n", 2);
		else if (n == 1 && cp == '\r')
			r = buf_add(out, "\\r", 2);
		else if (n == 1 && cp == '\t')
			r = buf_add(out, "\\t", 2);
		else if (n == 1 && cp == '\\')
			r = buf_add(out, "\\\\", 2);
		else
			r = add_hex(out, data + i, n);
		if (r != 0)
			return -1;
		i += n;
		start = i;
	}
	return buf_add(out, data + start, i - start);
}

int escape(struct buf *out, const char *data, size_t len)
{
	return escape_with(out, data, len, false);
}

int escape_field(struct buf *out, const char *data, size_t len)
{
	return escape_with(out, data, len, true);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int unescape(struct buf *out, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		const char *slash = memchr(text + i, '\\', len - i);
		size_t n = slash ? (size_t)(slash - text) - i : len - i;
		static const char names[] = "nrt\\", values[] = "\n\r\t\\";
		const char *name;

		if (buf_add(out, text + i, n) != 0)
			return -1;
		i += n;
		if (!slash)
			break;
		if (i + 3 < len && text[i + 1] == 'x' && hex_value(text[i + 2]) >= 0 && hex_value(text[i + 3]) >= 0) {
			if (buf_addc(out, (char)(hex_value(text[i + 2]) << 4 | hex_value(text[i + 3]))) != 0)
				return -1;
			i += 4;
		} else if (i + 1 < len && text[i + 1] && (name = strchr(names, text[i + 1])) != NULL) {
			if (buf_addc(out, values[name - names]) != 0)
				return -1;
			i += 2;
		} else {
			if (buf_addc(out, '\\') != 0)
				return -1;
			i++;
		}
	}
	return 0;
}
