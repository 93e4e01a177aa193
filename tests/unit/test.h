/*
 * test - what a unit test program is written in.
 *
 *	static void test_thing(void) { CHECK(1 + 1 == 2); CHECK_STR(s, "x"); }
 *	int main(int argc, char **argv)
 *	{
 *		static const struct test tests[] = { TEST(test_thing), { NULL, NULL } };
 *		return test_main(tests, argc, argv);
 *	}
 *
 * Each test runs to its end; a failed CHECK is printed with file and line.
 * The last line is "N passed, N failed"; argv[1] (optional) runs one test.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*fn)(void);
};
#define TEST(f) { #f, f }

static int test_faults;

#define CHECK(cond) \
	((cond) ? (void)0 : (test_faults++, (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond)))
#define CHECK_INT(a, b) test_int(__FILE__, __LINE__, #a, (long long)(a), (long long)(b))
#define CHECK_STR(a, b) test_str(__FILE__, __LINE__, #a, (a), (b))
/* a contains b */
#define CHECK_HAS(a, b) test_has(__FILE__, __LINE__, #a, (a), (b))

static inline void test_int(const char *file, int line, const char *what, long long a, long long b)
{
	if (a == b)
		return;
	test_faults++;
	(void)fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, what, a, b);
}

static inline void test_str(const char *file, int line, const char *what, const char *a, const char *b)
{
	if (a == b || (a && b && strcmp(a, b) == 0))
		return;
	test_faults++;
	(void)fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", file, line, what, a ? a : "(null)", b ? b : "(null)");
}

static inline void test_has(const char *file, int line, const char *what, const char *a, const char *b)
{
	if (a && b && strstr(a, b))
		return;
	test_faults++;
	(void)fprintf(stderr, "%s:%d: %s is \"%s\", without \"%s\"\n", file, line, what, a ? a : "(null)", b);
}

static inline int test_main(const struct test *tests, int argc, char **argv)
{
	int passed = 0, failed = 0;

	for (; tests->name; tests++) {
		if (argc > 1 && strcmp(argv[1], tests->name) != 0)
			continue;
		test_faults = 0;
		tests->fn();
		if (test_faults) {
			failed++;
			printf("FAIL %s\n", tests->name);
		} else {
			passed++;
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}

#endif
