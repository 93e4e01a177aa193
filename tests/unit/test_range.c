#include "tests/unit/test.h"

#include <stdlib.h>

#include "inventory/range.h"
#include "tests/unit/random.h"

static struct dt_err error;

static int join(void *arg, const char *name, struct dt_err *err)
{
	struct buf *b = arg;

	(void)err;
	return (b->len && buf_addc(b, ' ') != 0) || buf_addc(b, '<') != 0 || buf_adds(b, name) != 0 ||
	       buf_addc(b, '>') != 0 ? -1 : 0;
}

static int count(void *arg, const char *name, struct dt_err *err)
{
	(void)name;
	(void)err;
	++*(size_t *)arg;
	return 0;
}

/* "<web1> <web2>", or "fault" with the text in error. */
static const char *expanded(const char *pattern)
{
	static char text[4096];
	struct buf b;

	memset(&error, 0, sizeof(error));
	buf_init(&b, sizeof(text) - 1);
	(void)snprintf(text, sizeof(text), "%s",
		       range_expand(pattern, join, &b, &error) == 0 ? b.data : "fault");
	buf_release(&b);
	return text;
}

static void test_numbers(void)
{
	CHECK_STR(expanded("web"), "<web>");
	CHECK_STR(expanded("web[1-3]"), "<web1> <web2> <web3>");
	CHECK_STR(expanded("web[7]"), "<web7>");
	CHECK_STR(expanded("web[1,5-6,0]"), "<web1> <web5> <web6> <web0>");
	CHECK_STR(expanded("web[0-10/4,1]"), "<web0> <web4> <web8> <web1>");
	CHECK_STR(expanded("web[08-12/2]"), "<web08> <web10> <web12>");
	CHECK_STR(expanded("web[1-999999999999999999/999999999999999999]"), "<web1>");
	CHECK_STR(expanded("web[1-9/0]"), "fault");
	CHECK_STR(expanded("web[1-9/]"), "fault");
	CHECK_STR(expanded("web[1/2-9]"), "fault");
	CHECK_STR(expanded("web[1-9/-1]"), "fault");
	CHECK_STR(expanded("w[999999999999999998-999999999999999999]"),
		  "<w999999999999999998> <w999999999999999999>");
	CHECK_STR(expanded("\xc3\xa4[1-2]"), "<\xc3\xa4""1> <\xc3\xa4""2>");
}

static void test_padding(void)
{
	CHECK_STR(expanded("web[08-11]"), "<web08> <web09> <web10> <web11>");
	CHECK_STR(expanded("web[8-11]"), "<web8> <web9> <web10> <web11>");
	CHECK_STR(expanded("web[099-101]"), "<web099> <web100> <web101>");
	CHECK_STR(expanded("web[09-10,1]"), "<web09> <web10> <web1>");
	CHECK_STR(expanded("web[98-0101]"), "<web98> <web99> <web100> <web101>");
	CHECK_STR(expanded("web{08..10}"), "<web08> <web09> <web10>");
}

static void test_braces(void)
{
	CHECK_STR(expanded("db{1..3}"), "<db1> <db2> <db3>");
	CHECK_STR(expanded("db{a,b}.x"), "<dba.x> <dbb.x>");
	CHECK_STR(expanded("db{a,,b}"), "<dba> <db> <dbb>");
	CHECK_STR(expanded("{x..y,z}"), "<x..y> <z>");
}

static void test_products(void)
{
	CHECK_STR(expanded("r[1-2]n[1-2]"), "<r1n1> <r1n2> <r2n1> <r2n2>");
	CHECK_STR(expanded("r[1-2][3-4]"), "<r13> <r14> <r23> <r24>");
	CHECK_STR(expanded("db{1..2}{a,b}"), "<db1a> <db1b> <db2a> <db2b>");
	CHECK_STR(expanded("{a,b}[01-02].{x,y}"),
		  "<a01.x> <a01.y> <a02.x> <a02.y> <b01.x> <b01.y> <b02.x> <b02.y>");
	CHECK_STR(expanded("[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]"), "<1111111111111111>");
	CHECK_STR(expanded("[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]"), "fault");
	CHECK_HAS(error.msg, "more than 16 groups");
}

static void test_ipv6(void)
{
	CHECK_STR(expanded("[::1]"), "<::1>");
	CHECK_STR(expanded("[10.0.0.1]"), "<10.0.0.1>");
	/* with more behind it it is no range, and another host neither */
	CHECK_STR(expanded("[2001:db8::10]:2222"), "fault");
	CHECK_STR(expanded("2001:db8:[1:2]::5"), "fault");
	CHECK_STR(expanded("web[1:3]"), "fault");
	CHECK_HAS(error.msg, "only in an Ansible inventory");
	CHECK_STR(expanded("[fe80::1%eth0]"), "<fe80::1%eth0>");
	CHECK_STR(expanded("2001:db8::[1-2]"), "<2001:db8::1> <2001:db8::2>");
	CHECK_STR(expanded("2001:db8::1"), "<2001:db8::1>");
}

static void test_limit(void)
{
	static const struct {
		const char *pattern;
		size_t n;	/* 0: too many */
	} v[] = {
		{ "n[1-1000000]", RANGE_LIMIT }, { "n[0-999999]", RANGE_LIMIT }, { "n[0-1000000]", 0 },
		{ "n[1-1000][1-1000]", RANGE_LIMIT }, { "n[1-1000][1-1001]", 0 },
		{ "n[1-1000000,1000001]", 0 }, { "n[1-999999,0]", RANGE_LIMIT },
		{ "n{0..999999}", RANGE_LIMIT }, { "n{0..1000000}", 0 }, { "n[0-999999999999999999]", 0 },
		{ "[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t n = 0;
		int r = range_expand(v[i].pattern, count, &n, &error);

		CHECK_INT(r, v[i].n ? 0 : -1);
		if (v[i].n)
			CHECK_INT(n, v[i].n);
		else
			CHECK_HAS(error.msg, "more than 1000000 hosts");
		CHECK(n <= RANGE_LIMIT);
	}
}

/* The message is WHAT, the pattern, and a caret under this column. */
static void fails(const char *pattern, const char *what, int column)
{
	char want[400];

	CHECK_STR(expanded(pattern), "fault");
	CHECK_INT(error.code, ERR_USAGE);
	(void)snprintf(want, sizeof(want), "%s\n  %s\n  %*s^", what, pattern, column, "");
	CHECK_STR(error.msg, want);
}

static void test_carets(void)
{
	char text[6000];

	fails("web[", "the group has no end", 3);
	fails("web]", "closes a group that is not open", 3);
	fails("web[1]x}", "closes a group that is not open", 7);
	fails("web[1[2]]", "a group within a group", 5);
	fails("web{a,[1]}", "a group within a group", 6);
	fails("web[1}", "the group is closed by the other bracket", 5);
	fails("web{1,2]", "the group is closed by the other bracket", 7);
	fails("web{}", "an empty group", 3);
	fails("web[1,,2]", "an empty place in the brackets", 6);
	fails("web[1,]", "an empty place in the brackets", 6);
	fails("web[1-2,x]", "neither a number nor a range", 8);
	fails("web[1-x]", "a range is LOW-HIGH, of numbers", 4);
	fails("web[-2]", "a range is LOW-HIGH, of numbers", 4);
	fails("web[1,3-2]", "the range runs backwards", 6);
	fails("web{3..2}", "the range runs backwards", 4);
	fails("web[0-1000000]", "more than 1000000 hosts", 4);
	fails("web{a..c}", "a range is LOW..HIGH, of numbers", 4);
	fails("web{a}", "neither a list nor a range in the braces", 4);
	fails("web[1234567890123456789]", "neither a number nor a range", 4);
	/* columns are characters, not bytes */
	fails("\xc3\xa4\xc3\xb6[3-2]", "the range runs backwards", 3);
	/* nothing runs over */
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text + sizeof(text) - 5, "[1]", 4);
	CHECK_STR(expanded(text), "fault");
	CHECK_HAS(error.msg, "too long");
	memcpy(text + 300, "[2-1]", 6);
	CHECK_STR(expanded(text), "fault");
	CHECK_HAS(error.msg, "backwards");
}

static int stop(void *arg, const char *name, struct dt_err *err)
{
	(void)err;
	++*(int *)arg;
	return strcmp(name, "n3") == 0 ? 7 : 0;
}

/* What fn returns ends it and comes back. */
static void test_stops(void)
{
	int n = 0;

	CHECK_INT(range_expand("n[1-9]", stop, &n, &error), 7);
	CHECK_INT(n, 3);
	CHECK_INT(range_expand("{m,n}[1-9]", stop, &n, &error), 7);
	CHECK_INT(n, 15);
}

static const char *split(const char *list, size_t len)
{
	static char text[400];
	struct strs parts = { 0 };
	size_t at = 0;

	memset(&error, 0, sizeof(error));
	text[0] = '\0';
	if (range_split(list, len, &parts, &error) != 0)
		(void)snprintf(text, sizeof(text), "fault");
	else
		for (size_t i = 0; i < parts.n; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s<%s>", i ? " " : "",
				       parts.v[i]);
	strs_release(&parts);
	return text;
}

#define SPLIT(s) split(s, strlen(s))

static void test_split(void)
{
	CHECK_STR(SPLIT("a"), "<a>");
	CHECK_STR(SPLIT("a,b[1,2],c"), "<a> <b[1,2]> <c>");
	CHECK_STR(SPLIT("{a,b}[1,2],c{d,e}"), "<{a,b}[1,2]> <c{d,e}>");
	CHECK_STR(SPLIT("[::1],x"), "<[::1]> <x>");
	CHECK_STR(split("a,b,c", 3), "<a> <b>");
	/* what is not closed is left to range_expand to complain about */
	CHECK_STR(SPLIT("a[1,b"), "<a[1,b>");
	CHECK_STR(SPLIT("a,,b"), "fault");
	CHECK_STR(error.msg, "an empty name in the list\n  a,,b\n    ^");
	CHECK_STR(SPLIT(",a"), "fault");
	CHECK_STR(error.msg, "an empty name in the list\n  ,a\n  ^");
	CHECK_STR(SPLIT("a,"), "fault");
	CHECK_STR(error.msg, "an empty name in the list\n  a,\n    ^");
	CHECK_STR(SPLIT(""), "fault");
	CHECK_STR(SPLIT("\xc3\xa4\xc3\xb6,,b"), "fault");
	CHECK_STR(error.msg, "an empty name in the list\n  \xc3\xa4\xc3\xb6,,b\n     ^");
}

static const char *folded(const char *list)
{
	static char text[1024];
	struct strs names = { 0 };
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	CHECK_INT(range_split(list, strlen(list), &names, &error), 0);
	CHECK_INT(range_fold((const char *const *)names.v, names.n, &b), 0);
	(void)snprintf(text, sizeof(text), "%s", b.data);
	buf_release(&b);
	strs_release(&names);
	return text;
}

static void test_fold(void)
{
	struct buf none;

	CHECK_STR(folded("web01,web02,web03,db"), "web[01-03],db");
	CHECK_STR(folded("db,web03,web01,web02"), "db,web[01-03]");
	CHECK_STR(folded("db,web1,db,web1,web2"), "db,web[1-2]");
	CHECK_STR(folded("web1,web2,web3,web5,web7,web8"), "web[1-3,5,7-8]");
	CHECK_STR(folded("web8,web9,web10,web11"), "web[8-11]");
	CHECK_STR(folded("web08,web09,web10,web11"), "web[08-11]");
	CHECK_STR(folded("web99,web100"), "web[99-100]");
	CHECK_STR(folded("web1.example.org,web2.example.org"), "web[1-2].example.org");
	CHECK_STR(folded("web1.a2,web2.a2,web2.a3"), "web[1-2].a2,web2.a3");
	CHECK_STR(folded("r1n1,r1n2,r2n1"), "r1n[1-2],r2n1");
	CHECK_STR(folded("n1234567890123456789,n1234567890123456790"),
		  "n1234567890123456789,n1234567890123456790");
	CHECK_STR(folded("fe80::1,fe80::2"), "fe80::[1-2]");
	buf_init(&none, 10);
	CHECK_INT(range_fold(NULL, 0, &none), 0);
	CHECK_STR(none.data, "");
}

static int collect(void *arg, const char *name, struct dt_err *err)
{
	(void)err;
	return strs_add(arg, name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts both lists; are they the same, but for doubles in names? */
static bool same_set(struct strs *names, struct strs *again)
{
	size_t k = 0;

	if (!again->n)
		return false;
	qsort(names->v, names->n, sizeof(*names->v), by_text);
	qsort(again->v, again->n, sizeof(*again->v), by_text);
	for (size_t i = 0; i < names->n; i++) {
		if (i && strcmp(names->v[i], names->v[i - 1]) == 0)
			continue;
		if (k == again->n || strcmp(names->v[i], again->v[k++]) != 0)
			return false;
	}
	return k == again->n;
}

static bool comes_back(struct strs *names)
{
	struct strs parts = { 0 }, again = { 0 };
	struct buf b;
	bool same;

	buf_init(&b, 1UL << 20);
	same = range_fold((const char *const *)names->v, names->n, &b) == 0 &&
	       range_split(b.data, b.len, &parts, &error) == 0;
	for (size_t i = 0; i < parts.n; i++)
		same &= range_expand(parts.v[i], collect, &again, &error) == 0;
	same = same && same_set(names, &again);
	if (!same)
		(void)fprintf(stderr, "folded: %s\n", b.data);
	strs_release(&parts);
	strs_release(&again);
	buf_release(&b);
	return same;
}

static void test_fold_random(void)
{
	static const char *const parts[] = {
		"0", "1", "2", "9", "00", "09", "10", "99", "100", "web", "a", "-", ".", ".x1", "::", "1.2",
		"999999999999999999", "\xc3\xa4",
	};
	long rounds = random_rounds(20000);

	random_start();
	for (long i = 0; i < rounds; i++) {
		struct strs names = { 0 };
		uint64_t seed = random_state;
		size_t n = 1 + random_below(40), kinds = 1 + random_below(ARRAY_LEN(parts));

		for (size_t k = 0; k < n; k++) {
			char name[128];
			int len = snprintf(name, sizeof(name), "w");

			for (size_t m = random_below(4); m > 0; m--)
				len += snprintf(name + len, 32, "%s", parts[random_below(kinds)]);
			if (random_below(2))
				(void)snprintf(name + len, 20, "%0*zu", (int)random_below(4),
					       random_below(130));
			CHECK_INT(strs_add(&names, name), 0);
		}
		if (!comes_back(&names)) {
			CHECK(!"the same set");
			random_again(seed);
			i = rounds;
		}
		strs_release(&names);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_numbers), TEST(test_padding), TEST(test_braces), TEST(test_products),
		TEST(test_ipv6), TEST(test_limit), TEST(test_carets), TEST(test_stops), TEST(test_split),
		TEST(test_fold), TEST(test_fold_random), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
