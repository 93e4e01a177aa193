#include <stdint.h>
#include <stdlib.h>

#include "dt/base/buf.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static void test_empty(void)
{
	struct buf b;
	char *s;

	buf_init(&b, 10);
	CHECK_STR(b.data, "");
	CHECK_INT(b.len, 0);
	buf_clear(&b);
	buf_consume(&b, 5);
	CHECK(buf_add(&b, NULL, 0) == 0);
	CHECK(buf_adds(&b, "") == 0);
	CHECK(buf_addf(&b, "%s", "") == 0);
	CHECK_STR(b.data, "");
	buf_release(&b);
	s = buf_steal(&b);
	CHECK_STR(s, "");
	free(s);
	buf_release(&b);
	CHECK_STR(b.data, "");
}

static void test_add(void)
{
	struct buf b;

	buf_init(&b, 100);
	CHECK(buf_adds(&b, "one") == 0);
	CHECK(buf_addc(&b, ' ') == 0);
	CHECK(buf_add(&b, "two\0three", 9) == 0);
	CHECK(buf_addf(&b, " %d%s", 4, "!") == 0);
	CHECK_INT(b.len, 16);
	CHECK(memcmp(b.data, "one two\0three 4!", 17) == 0);
	buf_consume(&b, 8);
	CHECK_STR(b.data, "three 4!");
	buf_consume(&b, 0);
	CHECK_STR(b.data, "three 4!");
	buf_consume(&b, 8);
	CHECK_STR(b.data, "");
	CHECK(buf_adds(&b, "again") == 0);
	CHECK_STR(b.data, "again");
	buf_clear(&b);
	CHECK_STR(b.data, "");
	buf_release(&b);
}

/* Nothing is added that does not fit whole. */
static void test_max(void)
{
	struct buf b;

	buf_init(&b, 4);
	CHECK(buf_adds(&b, "abcde") == -1);
	CHECK_INT(b.len, 0);
	CHECK(buf_adds(&b, "abcd") == 0);
	CHECK(buf_addc(&b, 'e') == -1);
	CHECK(buf_addf(&b, "%d", 5) == -1);
	CHECK(buf_add(&b, "", SIZE_MAX) == -1);
	CHECK(!buf_reserve(&b, 1));
	CHECK(buf_reserve(&b, 0) == b.data + 4);
	CHECK_STR(b.data, "abcd");
	CHECK(b.cap <= 5);
	buf_release(&b);

	buf_init(&b, 0);
	CHECK(buf_addc(&b, 'x') == -1);
	CHECK(buf_addf(&b, "%s", "") == 0);
	CHECK_STR(b.data, "");
	buf_release(&b);
}

/* No maximum that somebody may think of makes an allocation too small. */
static void test_huge_max(void)
{
	static const size_t maxima[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 3 * 2 };

	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		struct buf b;

		buf_init(&b, maxima[i]);
		CHECK(buf_adds(&b, "some text") == 0);
		CHECK(b.cap > 9);
		for (int k = 0; k < 1000; k++)
			CHECK(buf_adds(&b, "some more text") == 0);
		CHECK_INT(b.len, 14009);
		/* cannot be had; and is not tried for ever */
		CHECK(!buf_reserve(&b, SIZE_MAX / 2));
		CHECK(!buf_reserve(&b, SIZE_MAX - b.len));
		CHECK(!buf_reserve(&b, SIZE_MAX - 1));
		CHECK_INT(b.len, 14009);
		buf_release(&b);
	}
}

static void test_reserve(void)
{
	struct buf b;
	char *to;

	buf_init(&b, 1000);
	to = buf_reserve(&b, 1000);
	CHECK(to && b.len == 0);
	if (!to)
		return;
	CHECK_STR(b.data, "");
	memset(to, 'x', 1000);
	b.len += 1000;
	b.data[b.len] = '\0';
	CHECK_INT(strlen(b.data), 1000);
	CHECK_INT(b.cap, 1001);
	buf_release(&b);
}

static void test_steal(void)
{
	struct buf b;
	char *s;

	buf_init(&b, 100);
	CHECK(buf_adds(&b, "mine") == 0);
	s = buf_steal(&b);
	CHECK_STR(s, "mine");
	CHECK_STR(b.data, "");
	CHECK_INT(b.max, 100);
	CHECK(buf_adds(&b, "next") == 0);
	CHECK_STR(b.data, "next");
	free(s);
	buf_release(&b);
}

/* Against the plainest of models. */
static void test_random(void)
{
	enum { MAX = 3000 };
	static char model[MAX + 1], add[600];
	long bad = 0, rounds = random_rounds(200000);
	size_t len = 0;
	struct buf b;
	uint64_t seed;

	random_start();
	seed = random_state;
	buf_init(&b, MAX);
	for (long i = 0; i < rounds && !bad; i++) {
		size_t n = random_below(sizeof(add));

		switch (random_below(8)) {
		case 0:
			buf_consume(&b, n);
			n = n < len ? n : len;
			memmove(model, model + n, len - n);
			len -= n;
			break;
		case 1:
			if (random_below(50) == 0) {
				buf_clear(&b);
				len = 0;
			}
			break;
		case 2:
			if (random_below(50) == 0) {
				buf_release(&b);
				len = 0;
			}
			break;
		case 3:
			n = n > 40 ? 40 : n;
			bad += (buf_addf(&b, "%*s", (int)n, "") == 0) != (len + n <= MAX);
			if (len + n <= MAX) {
				memset(model + len, ' ', n);
				len += n;
			}
			break;
		default:
			n = random_below(2) ? n % 20 : n;
			for (size_t k = 0; k < n; k++)
				add[k] = (char)random_next();
			bad += (buf_add(&b, add, n) == 0) != (len + n <= MAX);
			if (len + n <= MAX) {
				memcpy(model + len, add, n);
				len += n;
			}
		}
		bad += b.len != len || memcmp(b.data, model, len) != 0 || b.data[len] != '\0' || b.cap > MAX + 1;
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
	buf_release(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_empty), TEST(test_add), TEST(test_max), TEST(test_huge_max), TEST(test_reserve),
		TEST(test_steal), TEST(test_random), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
