#include <stdbool.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static struct buf coded, decoded;

/*
 * The length of the character at s by Unicode's table 3-7 (well-formed byte
 * sequences), row for row, so that it shares nothing with what is tested.
 */
static size_t table_3_7(const unsigned char *s, size_t len)
{
	static const struct { unsigned char lo[4], hi[4]; size_t n; } rows[] = {
		{ { 0x00 }, { 0x7f }, 1 },
		{ { 0xc2, 0x80 }, { 0xdf, 0xbf }, 2 },
		{ { 0xe0, 0xa0, 0x80 }, { 0xe0, 0xbf, 0xbf }, 3 },
		{ { 0xe1, 0x80, 0x80 }, { 0xec, 0xbf, 0xbf }, 3 },
		{ { 0xed, 0x80, 0x80 }, { 0xed, 0x9f, 0xbf }, 3 },
		{ { 0xee, 0x80, 0x80 }, { 0xef, 0xbf, 0xbf }, 3 },
		{ { 0xf0, 0x90, 0x80, 0x80 }, { 0xf0, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf1, 0x80, 0x80, 0x80 }, { 0xf3, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf4, 0x80, 0x80, 0x80 }, { 0xf4, 0x8f, 0xbf, 0xbf }, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t k = 0;

		while (k < rows[i].n && k < len && s[k] >= rows[i].lo[k] && s[k] <= rows[i].hi[k])
			k++;
		if (k == rows[i].n)
			return k;
	}
	return 0;
}

static bool starts(const unsigned char *s, size_t len, const char *bytes)
{
	size_t n = strlen(bytes);

	return len >= n && memcmp(s, bytes, n) == 0;
}

/* Nothing in it can move a cursor, end a line or turn the text round. */
static bool harmless(const char *text, size_t len)
{
	static const char *const bidi[] = {
		"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac",
		"\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
		"\xe2\x80\xa8", "\xe2\x80\xa9",
	};
	const unsigned char *s = (const unsigned char *)text;

	while (len) {
		size_t n = table_3_7(s, len);

		if (!n || *s < 0x20 || *s == 0x7f)
			return false;
		if (*s == 0xc2 && s[1] < 0xa0)
			return false;
		for (size_t i = 0; (*s == 0xd8 || *s == 0xe2) && i < ARRAY_LEN(bidi); i++)
			if (starts(s, len, bidi[i]))
				return false;
		s += n;
		len -= n;
	}
	return true;
}

static bool round_trip(const char *data, size_t len)
{
	buf_clear(&coded);
	buf_clear(&decoded);
	if (escape(&coded, data, len) != 0 || !harmless(coded.data, coded.len))
		return false;
	if (unescape(&decoded, coded.data, coded.len) != 0)
		return false;
	return decoded.len == len && memcmp(decoded.data, data, len) == 0;
}

static bool round_trip_field(const char *data, size_t len)
{
	buf_clear(&coded);
	buf_clear(&decoded);
	if (escape_field(&coded, data, len) != 0 || !harmless(coded.data, coded.len))
		return false;
	if (memchr(coded.data, ':', coded.len) || unescape(&decoded, coded.data, coded.len) != 0)
		return false;
	return decoded.len == len && memcmp(decoded.data, data, len) == 0;
}

static const char *escaped(const char *data, size_t len)
{
	buf_clear(&coded);
	CHECK(escape(&coded, data, len) == 0);
	return coded.data;
}
#define ESCAPED(literal) escaped(literal, sizeof(literal) - 1)

static const char *unescaped(const char *text)
{
	buf_clear(&decoded);
	CHECK(unescape(&decoded, text, strlen(text)) == 0);
	return decoded.data;
}

static void test_known(void)
{
	CHECK_STR(ESCAPED(""), "");
	CHECK_STR(ESCAPED("plain: text ~"), "plain: text ~");
	CHECK_STR(ESCAPED("a\nb\rc\td\\e"), "a\\nb\\rc\\td\\\\e");
	CHECK_STR(ESCAPED("\0\x01\x1b[31m\x7f"), "\\x00\\x01\\x1b[31m\\x7f");
	CHECK_STR(ESCAPED("Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x90\xa7"),
		  "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x90\xa7");
	CHECK_STR(ESCAPED("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\xc2\xa0");
	CHECK_STR(ESCAPED("\xd8\x9c\xe2\x80\xae\xe2\x81\xa6"), "\\xd8\\x9c\\xe2\\x80\\xae\\xe2\\x81\\xa6");
	CHECK_STR(ESCAPED("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");
	CHECK_STR(ESCAPED("\xff\xfe" "a"), "\\xff\\xfea");
	buf_clear(&coded);
	CHECK(escape_field(&coded, "fe80::1", 7) == 0);
	CHECK_STR(coded.data, "fe80\\x3a\\x3a1");
}

/* What is not UTF-8, though it looks like it: each byte is escaped by itself. */
static void test_malformed(void)
{
	CHECK_STR(ESCAPED("\xc3"), "\\xc3");					/* cut off */
	CHECK_STR(ESCAPED("\xe2\x82" "x"), "\\xe2\\x82x");
	CHECK_STR(ESCAPED("\xf0\x9f\x90\xc3\xbc"), "\\xf0\\x9f\\x90\xc3\xbc");
	CHECK_STR(ESCAPED("\xc0\x80\xc1\xbf"), "\\xc0\\x80\\xc1\\xbf");		/* overlong */
	CHECK_STR(ESCAPED("\xe0\x80\x8a\xe0\x9f\xbf"), "\\xe0\\x80\\x8a\\xe0\\x9f\\xbf");
	CHECK_STR(ESCAPED("\xf0\x80\x80\x8a\xf0\x8f\xbf\xbf"), "\\xf0\\x80\\x80\\x8a\\xf0\\x8f\\xbf\\xbf");
	CHECK_STR(ESCAPED("\xed\xa0\x80\xed\xbf\xbf"), "\\xed\\xa0\\x80\\xed\\xbf\\xbf");	/* surrogates */
	CHECK_STR(ESCAPED("\xf4\x90\x80\x80\xf5\x80\x80\x80"), "\\xf4\\x90\\x80\\x80\\xf5\\x80\\x80\\x80");
	CHECK_STR(ESCAPED("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80");
	CHECK_STR(ESCAPED("\x80\xbf"), "\\x80\\xbf");				/* continuation alone */
	CHECK_STR(ESCAPED("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

static void test_unescape(void)
{
	CHECK_STR(unescaped("a\\nb\\rc\\td\\\\e\\x41\\x7A\\x7a"), "a\nb\rc\td\\eAzz");
	CHECK_STR(unescaped("\\\\n"), "\\n");
	CHECK_STR(unescaped("\\\\x41"), "\\x41");
	/* what it does not know stays */
	CHECK_STR(unescaped("\\q\\x4\\xg0\\x0g\\"), "\\q\\x4\\xg0\\x0g\\");
	CHECK_STR(unescaped("\\x"), "\\x");
	CHECK_STR(unescaped("\\x4"), "\\x4");
	CHECK_STR(unescaped("\\X41"), "\\X41");
	buf_clear(&decoded);
	CHECK(unescape(&decoded, "\\\0n", 3) == 0);
	CHECK_INT(decoded.len, 3);
}

static void test_all_bytes(void)
{
	char all[256], two[2];
	int bad = 0;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	CHECK(round_trip(all, sizeof(all)));
	CHECK(round_trip_field(all, sizeof(all)));
	for (int i = 0; i < 65536; i++) {
		two[0] = (char)(i >> 8);
		two[1] = (char)i;
		bad += !round_trip(two, 1) || !round_trip(two, 2) || !round_trip_field(two, 2);
	}
	CHECK_INT(bad, 0);
}

/* Every three-byte string that begins like a character, and every code point. */
static void test_all_characters(void)
{
	unsigned char s[4];
	unsigned cp;
	long bad = 0;

	for (unsigned v = 0xe00000; v <= 0xf4ffff; v += 1 + (v >> 8 & 1)) {
		s[0] = (unsigned char)(v >> 16);
		s[1] = (unsigned char)(v >> 8);
		s[2] = (unsigned char)v;
		s[3] = 0x80;
		bad += utf8_char((char *)s, 3, &cp) != table_3_7(s, 3);
		bad += utf8_char((char *)s, 4, &cp) != table_3_7(s, 4);
	}
	for (unsigned i = 0x10000; i <= 0x10ffff; i++) {
		s[0] = (unsigned char)(0xf0 | i >> 18);
		s[1] = (unsigned char)(0x80 | (i >> 12 & 63));
		s[2] = (unsigned char)(0x80 | (i >> 6 & 63));
		s[3] = (unsigned char)(0x80 | (i & 63));
		bad += utf8_char((char *)s, 4, &cp) != 4 || cp != i;
		bad += utf8_char((char *)s, 3, &cp) != 0;
	}
	CHECK_INT(bad, 0);
	CHECK(utf8_valid("", 0));
	CHECK(utf8_valid("a\0\xc3\xbc", 4));
	CHECK(!utf8_valid("a\xc3", 2));
}

/* Pieces that an encoder or a decoder may trip over. */
static size_t piece(char *to)
{
	static const char *const pieces[] = {
		"\\", "\\x", "\\x4", "\\x41", "\\n", "\\\\", "x", "n", "0", "f", ":", "\n", "\r", "\t", "\033[2J",
		"\xc2\x9b", "\xc2", "\xe2\x80\xae", "\xe2\x80", "\xe2", "\xe2\x80\xa8", "\xf0\x9f\x90\xa7",
		"\xf0\x9f\x90", "\xed\xa0\x80", "\xc0\x80", "\xff", "\x7f", "\xef\xbb\xbf", "\xd8\x9c",
	};
	const char *p = pieces[random_below(ARRAY_LEN(pieces))];

	memcpy(to, p, strlen(p));
	return strlen(p);
}

static void test_random(void)
{
	static char data[4096 + 8];
	long rounds = random_rounds(1000000), bad = 0;
	uint64_t at = 0;

	random_start();
	for (long i = 0; i < rounds; i++) {
		size_t len = 0, want = i % 5000 ? random_below(40) : random_below(4096);
		uint64_t before = random_state;
		int kind = (int)random_below(3);

		while (len < want) {
			if (kind == 0 || (kind == 1 && random_below(2)))
				data[len++] = (char)random_next();
			else
				len += piece(data + len);
		}
		if (!round_trip(data, len) || !round_trip_field(data, len)) {
			bad++;
			at = before;
		}
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(at);
}

static void test_no_room(void)
{
	struct buf small;

	buf_init(&small, 3);
	CHECK(escape(&small, "\n\n", 2) != 0);
	buf_clear(&small);
	CHECK(escape(&small, "\x01", 1) != 0);
	CHECK_INT(small.len, 0);
	CHECK(unescape(&small, "abcd", 4) != 0);
	buf_release(&small);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_known), TEST(test_malformed), TEST(test_unescape), TEST(test_all_bytes),
		TEST(test_all_characters), TEST(test_random), TEST(test_no_room), { NULL, NULL },
	};
	int r;

	buf_init(&coded, 1 << 20);
	buf_init(&decoded, 1 << 20);
	r = test_main(tests, argc, argv);
	buf_release(&coded);
	buf_release(&decoded);
	return r;
}
