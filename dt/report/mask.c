#include "dt/report/mask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dt/base/util.h"

/*
 * Each matcher looks at s, of n bytes, and returns how many are the thing that
 * it knows, or 0.  They are asked where a word begins; only the number is also
 * looked for within words.
 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes above ASCII are letters of some script. */
static bool is_word(char c)
{
	return is_digit(c) || is_letter(c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_digit(s[i]))
		i++;
	return i;
}

static size_t hexes(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_hex(s[i]))
		i++;
	return i;
}

/* Does a word end before s[i]? */
static bool ends(const char *s, size_t n, size_t i)
{
	return i == n || !is_word(s[i]);
}

/*
 * What stands instead.  No number is left by it, but what had one at its side
 * and was no address for that reason could be one now: so whatever is at the
 * side of these is none, and a masked text stays as it is.
 */
#define MASK_MAC "<mac>"
#define MASK_TIME "<time>"
#define MASK_IP "<ip>"
#define MASK_ID "<id>"
#define MASK_N "<n>"
static const char *const tokens[] = { MASK_MAC, MASK_TIME, MASK_IP, MASK_ID, MASK_N };

static bool token(const char *s, size_t n)
{
	for (size_t k = 0; n && *s == '<' && k < ARRAY_LEN(tokens); k++)
		if (strlen(tokens[k]) <= n && memcmp(s, tokens[k], strlen(tokens[k])) == 0)
			return true;
	return false;
}

static bool token_before(const char *data, size_t i)
{
	for (size_t k = 0; i && data[i - 1] == '>' && k < ARRAY_LEN(tokens); k++)
		if (strlen(tokens[k]) <= i && memcmp(data + i - strlen(tokens[k]), tokens[k], strlen(tokens[k])) == 0)
			return true;
	return false;
}

/* Is there one at the end, or behind a mark there? */
static bool touches(const char *s, size_t n, size_t i)
{
	return token(s + i, n - i) || (i < n && strchr(":-", s[i]) && token(s + i + 1, n - i - 1));
}

/* from to to digits and then c (0: none): how many bytes. */
static size_t field(const char *s, size_t n, size_t from, size_t to, char c)
{
	size_t i = digits(s, n);

	if (i < from || i > to || (c && (i == n || s[i] != c)))
		return 0;
	return i + (c != 0);
}

/* Z, +01:00, +0100 or nothing. */
static size_t zone(const char *s, size_t n)
{
	size_t i;

	if (n && s[0] == 'Z' && ends(s, n, 1))
		return 1;
	if (n < 5 || (s[0] != '+' && s[0] != '-') || digits(s + 1, 2) != 2)
		return 0;
	i = s[3] == ':' ? 4 : 3;
	return n >= i + 2 && digits(s + i, n - i) == 2 ? i + 2 : 0;
}

/* 12:04, 12:04:05, 12:04:05.123456, each with a zone. */
static size_t clock(const char *s, size_t n)
{
	size_t i = field(s, n, 1, 2, ':'), k;

	if (!i || digits(s + i, n - i) != 2)
		return 0;
	i += 2;
	if (i < n && s[i] == ':' && digits(s + i + 1, n - i - 1) == 2) {
		i += 3;
		if (i + 1 < n && (s[i] == '.' || s[i] == ',') && is_digit(s[i + 1]))
			i += 1 + digits(s + i + 1, n - i - 1);
		k = zone(s + i, n - i);
		i += k;
	}
	return ends(s, n, i) && !(i + 1 < n && s[i] == ':' && is_hex(s[i + 1])) ? i : 0;
}

/* 2009-11-16, 2009/11/16, 16/11/2009, 16.11.2009 */
static size_t date(const char *s, size_t n)
{
	static const char marks[] = "-/.";

	for (const char *c = marks; *c; c++) {
		size_t a = field(s, n, 4, 4, *c), b, d;

		if (a && (b = field(s + a, n - a, 1, 2, *c)) != 0 && (d = field(s + a + b, n - a - b, 1, 2, 0)) != 0)
			return a + b + d;
		a = field(s, n, 1, 2, *c);
		if (a && (b = field(s + a, n - a, 1, 2, *c)) != 0 && (d = field(s + a + b, n - a - b, 4, 4, 0)) != 0)
			return a + b + d;
	}
	return 0;
}

static size_t match_time(const char *s, size_t n)
{
	size_t i = date(s, n), k;

	if (!i)
		return clock(s, n);
	if (i + 1 < n && (s[i] == 'T' || s[i] == ' ' || s[i] == '_')) {
		k = clock(s + i + 1, n - i - 1);
		if (k)
			return i + 1 + k;
	}
	/* 1.2.2009.7 is no date */
	return ends(s, n, i) && !(i + 1 < n && strchr("-/.", s[i]) && is_digit(s[i + 1])) ? i : 0;
}

static size_t match_mac(const char *s, size_t n)
{
	size_t pairs = 0, i = 0;
	char mark;

	if (n < 17 || hexes(s, 3) != 2 || (s[2] != ':' && s[2] != '-'))
		return 0;
	mark = s[2];
	while (pairs <= 8 && i + 2 <= n && hexes(s + i, n - i < 3 ? n - i : 3) == 2) {
		pairs++;
		i += 2;
		if (i + 1 >= n || s[i] != mark || !is_hex(s[i + 1]))
			break;
		i++;
	}
	return (pairs == 6 || pairs == 8) && ends(s, n, i) && !touches(s, n, i) ? i : 0;
}

/* "/24" behind an address. */
static size_t prefix(const char *s, size_t n)
{
	size_t i = n && s[0] == '/' ? digits(s + 1, n - 1) : 0;

	return i && i <= 3 && ends(s, n, i + 1) ? i + 1 : 0;
}

static size_t match_ip4(const char *s, size_t n)
{
	size_t i = 0;

	for (int part = 0; part < 4; part++) {
		size_t k = digits(s + i, n - i);
		int value = 0;

		if (!k || k > 3)
			return 0;
		for (size_t d = 0; d < k; d++)
			value = value * 10 + (s[i + d] - '0');
		if (value > 255)
			return 0;
		i += k;
		if (part < 3 && (i == n || s[i++] != '.'))
			return 0;
	}
	/* 1.2.3.4.5 is a version */
	if (!ends(s, n, i) || (i + 1 < n && s[i] == '.' && is_digit(s[i + 1])))
		return 0;
	return i + prefix(s + i, n - i);
}

static size_t match_ip6(const char *s, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	size_t i = 0, colons = 0, k;

	for (; i < n && i < sizeof(text) - 1 && (is_hex(s[i]) || s[i] == ':' || s[i] == '.'); i++)
		colons += s[i] == ':';
	/* the end of a sentence, or of "ADDRESS: text", is no part of it */
	if (token(s + i, n - i))
		return 0;
	while (i && (s[i - 1] == '.' || (s[i - 1] == ':' && !(i > 1 && s[i - 2] == ':'))))
		colons -= s[--i] == ':';
	if (colons < 2 || i < 3 || !ends(s, n, i))
		return 0;
	memcpy(text, s, i);
	text[i] = '\0';
	if (inet_pton(AF_INET6, text, address) != 1)
		return 0;
	if (i < n && s[i] == '%') {
		k = i + 1;
		while (k < n && is_word(s[k]))
			k++;
		i = k > i + 1 ? k : i;
	}
	return i + prefix(s + i, n - i);
}

static size_t match_id(const char *s, size_t n)
{
	static const size_t uuid[] = { 8, 4, 4, 4, 12 };
	bool digit = false, letter = false;
	size_t i = 0;

	if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		i = hexes(s + 2, n - 2);
		return i && ends(s, n, i + 2) ? i + 2 : 0;
	}
	for (size_t part = 0; part < 5; part++) {
		size_t k = hexes(s + i, n - i);

		if (k != uuid[part])
			break;
		i += k;
		if (part == 4 && ends(s, n, i))
			return touches(s, n, i) ? 0 : i;
		if (i == n || s[i++] != '-')
			break;
	}
	i = hexes(s, n);
	for (size_t k = 0; k < i; k++) {
		digit |= is_digit(s[k]);
		letter |= is_letter(s[k]);
	}
	return i >= 8 && digit && letter && ends(s, n, i) ? i : 0;
}

/* K, Mi, GB, TiB, kB, B: the letters of a size, with nothing of a word behind. */
static size_t unit(const char *s, size_t n)
{
	size_t i = n && memchr("kKMGTPE", s[0], 7) ? 1 : 0;

	if (i && i < n && s[i] == 'i')
		i++;
	if (i < n && s[i] == 'B')
		i++;
	return ends(s, n, i) ? i : 0;
}

static size_t match_number(const char *s, size_t n)
{
	size_t i = digits(s, n);

	while (i && i + 1 < n && (s[i] == '.' || s[i] == ',') && is_digit(s[i + 1]))
		i += 1 + digits(s + i + 1, n - i - 1);
	return i ? i + unit(s + i, n - i) : 0;
}

static const struct {
	size_t (*match)(const char *s, size_t n);
	const char *instead;
} kinds[] = {
	{ match_mac, MASK_MAC }, { match_time, MASK_TIME }, { match_ip4, MASK_IP }, { match_ip6, MASK_IP },
	{ match_id, MASK_ID }, { match_number, MASK_N },
};

int mask(struct buf *out, const char *data, size_t len)
{
	size_t i = 0, kept = 0;

	while (i < len) {
		bool begins = !i || !(is_word(data[i - 1]) || token_before(data, i));
		size_t k = begins ? 0 : ARRAY_LEN(kinds) - 1, n = 0;

		if (!is_hex(data[i]) && data[i] != ':') {
			i++;
			continue;
		}
		while (k < ARRAY_LEN(kinds) && (n = kinds[k].match(data + i, len - i)) == 0)
			k++;
		if (!n) {
			i++;
			continue;
		}
		if (buf_add(out, data + kept, i - kept) != 0 || buf_adds(out, kinds[k].instead) != 0)
			return -1;
		i += n;
		kept = i;
	}
	return buf_add(out, data + kept, len - kept);
}
