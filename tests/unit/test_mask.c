#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/report/mask.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static struct buf out;

static const char *masked(const char *text)
{
	buf_clear(&out);
	CHECK(mask(&out, text, strlen(text)) == 0);
	return out.data;
}

static const struct {
	const char *text, *masked;
} cases[] = {
	{ "", "" },
	{ "no digit, none: at all", "no digit, none: at all" },
	{ "okay::dt:x::z ::", "okay::dt:x::z ::" },
	/* numbers */
	{ "7", "<n>" },
	{ "load 0.42, 1.05", "load <n>, <n>" },
	{ "1,024.5 of 3", "<n> of <n>" },
	{ "-5%", "-<n>%" },
	{ "12K 3.2GiB 7kB 9B 4M", "<n> <n> <n> <n> <n>" },
	{ "5min 10s 3MHz", "<n>min <n>s <n>MHz" },
	{ "web01.example eth0 x86_64", "web<n>.example eth<n> x<n>_<n>" },
	{ "5.10.0-21-amd64", "<n>-<n>-amd<n>" },
	{ "up 3 days.", "up <n> days." },
	{ "(42)", "(<n>)" },
	{ "1,", "<n>," },
	{ "a1b2", "a<n>b<n>" },
	{ "\xc3\xa9" "5\xff" "6", "\xc3\xa9<n>\xff<n>" },
	/* times */
	{ "12:04", "<time>" },
	{ "at 23:54:04 CET 2009", "at <time> CET <n>" },
	{ "12:04:05.123,", "<time>," },
	{ "2009-11-16", "<time>" },
	{ "16/11/2009 x", "<time> x" },
	{ "2009-11-16T23:54:04Z", "<time>" },
	{ "2009-11-16 23:54:04.5+01:00 z", "<time> z" },
	{ "2009-11-16 23:54:04 +0100", "<time> +<n>" },
	{ "Mon Nov 16 23:54:04 CET 2009", "Mon Nov <n> <time> CET <n>" },
	{ "up 12:04, 3 users", "up <time>, <n> users" },
	{ "16.11.2009", "<time>" },
	{ "[12:04:05]", "[<time>]" },
	/* addresses */
	{ "10.0.0.7", "<ip>" },
	{ "inet 10.0.0.7/24 brd 10.0.0.255", "inet <ip> brd <ip>" },
	{ "10.0.0.7:22", "<ip>:<n>" },
	{ "10.0.0.7.", "<ip>." },
	{ "1.2.3.4.5", "<n>" },
	{ "256.1.1.1", "<n>" },
	{ "1.2.3", "<n>" },
	{ "fe80::1%eth0/64 scope", "<ip> scope" },
	{ "::1", "<ip>" },
	{ "2001:db8::ff00:42:8329", "<ip>" },
	{ "[2001:db8::7]:22", "[<ip>]:<n>" },
	{ "::ffff:10.0.0.7", "<ip>" },
	{ "at fe80::1: refused", "at <ip>: refused" },
	{ "1:2:3:4:5:6:7:8", "<ip>" },
	{ "dead::beef.", "<ip>." },
	{ "ether 52:54:00:12:34:56 x", "ether <mac> x" },
	{ "52-54-00-AB-cd-56", "<mac>" },
	{ "00:11:22:33:44:55:66:77", "<mac>" },
	/* identifiers */
	{ "123e4567-e89b-12d3-a456-426614174000", "<id>" },
	{ "0x7ffe1c", "<id>" },
	{ "commit 9f42eb4a17", "commit <id>" },
	{ "9f42eb4", "<n>f<n>eb<n>" },
	{ "deadbeef", "deadbeef" },
	{ "12345678", "<n>" },
	{ "9f42eb4axyz", "<n>f<n>eb<n>axyz" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_STR(masked(cases[i].text), cases[i].masked);
}

static void test_twice(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_STR(masked(cases[i].masked), cases[i].masked);
}

/* What a number at its side has kept from being an address is none either when that is masked. */
static void test_twice_beside(void)
{
	static const char alphabet[] = "abcdef::::----....%/01<>gx";
	static const char *const found[] = {
		"a::1.2", "::ffff:1.2", "aa:bb:cc:dd:ee:ff:5", "aa-bb-cc-dd-ee-ff-5", "x5::a g", "a::b.5x", "<n>::a", "a::<ip>",
		"abcdefab-abcd-abcd-abcd-abcdefabcdef5", "::a%1<n>", "a::b/<n>",
	};
	long rounds = random_rounds(200000), bad = 0;
	char once[512], text[64];
	uint64_t seed;

	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		(void)snprintf(once, sizeof(once), "%s", masked(found[i]));
		CHECK_STR(masked(once), once);
	}
	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		size_t len = 1 + random_below(sizeof(text) - 1), at = 0;

		while (at + 18 < len) {
			if (random_below(8) == 0)
				at += (size_t)sprintf(text + at, "%s", random_below(2) ? "aa:bb:cc:dd:ee:ff" : "<n>");
			else
				text[at++] = alphabet[random_below(sizeof(alphabet) - 1)];
		}
		text[at] = '\0';
		(void)snprintf(once, sizeof(once), "%s", masked(text));
		bad += strcmp(masked(once), once) != 0;
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
}

/* Where one case ends, another may begin: both are what they are alone. */
static void test_together(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
			char text[256], expected[256];

			(void)snprintf(text, sizeof(text), "%s | %s\n", cases[i].text, cases[k].text);
			(void)snprintf(expected, sizeof(expected), "%s | %s\n", cases[i].masked, cases[k].masked);
			CHECK_STR(masked(text), expected);
		}
}

/* No digit is left but in a placeholder's place, nothing but what has digits or is hexadecimal goes, and it ends. */
static void test_random(void)
{
	static const char alphabet[] = "0123456789abcdefxTZ:.-/, %+_\n\xc3\xa9";
	long rounds = random_rounds(200000), bad = 0;
	uint64_t seed;

	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		char data[64];
		size_t len = random_below(sizeof(data)), letters = 0, left = 0;
		bool any = i % 4 == 0;
		struct buf again;

		for (size_t k = 0; k < len; k++) {
			data[k] = any ? (char)random_next() : alphabet[random_below(sizeof(alphabet) - 1)];
			letters += data[k] == 'x' || data[k] == '\n';
		}
		buf_clear(&out);
		bad += mask(&out, data, len) != 0;
		for (size_t k = 0; k < out.len; k++) {
			bad += out.data[k] >= '0' && out.data[k] <= '9';
			left += out.data[k] == 'x' || out.data[k] == '\n';
		}
		/* an x is only taken as that of 0x */
		bad += left > letters || (!memmem(data, len, "0x", 2) && left != letters && !memmem(data, len, "%", 1));
		buf_init(&again, 4096);
		/* twice changes nothing more */
		bad += mask(&again, out.data, out.len) != 0 || again.len != out.len || memcmp(again.data, out.data, out.len) != 0;
		buf_release(&again);
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
}

/* No text takes more than its length's time. */
static void test_long(void)
{
	static const char *const pieces[] = {
		"aa:", "1:", "aa-", "a", "1", "1.", "00000000-", "::", "1,", "fe80::1%a", "2009-",
	};
	static char text[1 << 20];

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct buf big;
		size_t n = strlen(pieces[i]);

		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = pieces[i][k % n];
		buf_init(&big, 8 << 20);
		alarm(20);
		CHECK(mask(&big, text, sizeof(text)) == 0);
		alarm(0);
		buf_release(&big);
	}
}

static void test_no_room(void)
{
	struct buf small;

	for (size_t max = 0; max < 10; max++) {
		buf_init(&small, max);
		CHECK(mask(&small, "x 1 10.0.0.1", 12) == -1);
		buf_release(&small);
	}
	buf_init(&small, 12);
	CHECK(mask(&small, "x 1 1.2.3.4", 11) == 0);
	CHECK_STR(small.data, "x <n> <ip>");
	buf_release(&small);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_cases), TEST(test_twice), TEST(test_twice_beside), TEST(test_together), TEST(test_random), TEST(test_long),
		TEST(test_no_room), { NULL, NULL },
	};
	int r;

	buf_init(&out, 1 << 20);
	r = test_main(tests, argc, argv);
	buf_release(&out);
	return r;
}
