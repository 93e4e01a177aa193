#include "tests/unit/test.h"

#include <stdlib.h>

#include "dt/base/util.h"
#include "dt/ssh/pattern.h"

static bool match(const char *s, const char *pattern)
{
	return pattern_match(s, pattern, strlen(pattern));
}

static void test_wildcards(void)
{
	CHECK(match("", ""));
	CHECK(match("", "*"));
	CHECK(match("", "**"));
	CHECK(!match("", "?"));
	CHECK(match("web01", "web01"));
	CHECK(!match("web01", "web0"));
	CHECK(!match("web0", "web01"));
	CHECK(!match("Web01", "web01"));
	CHECK(match("web01", "web??"));
	CHECK(!match("web01", "web???"));
	CHECK(match("a.example.org", "*.example.org"));
	CHECK(!match("example.org", "*.example.org"));
	CHECK(!match("a.example.org.evil", "*.example.org"));
	CHECK(match("abcabcabd", "*abd"));
	CHECK(match("abcabcabd", "a*c*b?"));
	CHECK(!match("abcabcabd", "a*c*b?x"));
	CHECK(match("[::1]:2222", "[::1]:*"));
	CHECK(match("a*b", "a*b"));
	CHECK(match("web", "*web*"));
	CHECK(pattern_match("web", "web,db", 3));
}

/* The plain definition, exponential but surely right. */
static bool naive(const char *s, const char *p)
{
	if (!*p)
		return !*s;
	if (*p == '*')
		return naive(s, p + 1) || (*s && naive(s + 1, p));
	return *s && (*p == '?' || *p == *s) && naive(s + 1, p + 1);
}

static void test_random_wildcards(void)
{
	int matched = 0;

	srandom(1);
	for (int i = 0; i < 200000; i++) {
		char s[9], p[7];
		size_t n = (size_t)random() % sizeof(s), m = (size_t)random() % sizeof(p), k;

		for (k = 0; k < n; k++)
			s[k] = "ab"[random() % 2];
		s[k] = '\0';
		for (k = 0; k < m; k++)
			p[k] = "ab?*"[random() % 4];
		p[k] = '\0';
		matched += match(s, p);
		if (match(s, p) != naive(s, p)) {
			CHECK_STR(s, p);
			return;
		}
	}
	CHECK(matched > 1000);
}

static void test_no_blow_up(void)
{
	char s[4001];
	int64_t began = now_ms();

	memset(s, 'a', sizeof(s) - 1);
	s[sizeof(s) - 1] = '\0';
	CHECK(!match(s, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"));
	CHECK(now_ms() - began < 1000);
}

static void test_lists(void)
{
	CHECK_INT(pattern_list_match("a", "a"), 1);
	CHECK_INT(pattern_list_match("a", "b,a"), 1);
	CHECK_INT(pattern_list_match("a", "b,c"), 0);
	CHECK_INT(pattern_list_match("a", ""), 0);
	CHECK_INT(pattern_list_match("bad.x", "!bad.x,*.x"), -1);
	CHECK_INT(pattern_list_match("bad.x", "*.x,!bad.x"), -1);
	CHECK_INT(pattern_list_match("good.x", "*.x,!bad.x"), 1);
	CHECK_INT(pattern_list_match("host3", "!host1,!host2"), 0);
	CHECK_INT(pattern_list_match("a", "a,"), 1);
	CHECK_INT(pattern_list_match("a", ",a"), 1);
	CHECK(pattern_list_is_plain("a,b,[c]:22"));
	CHECK(pattern_list_is_plain(""));
	CHECK(pattern_list_is_plain("a!b"));
	CHECK(!pattern_list_is_plain("!a"));
	CHECK(!pattern_list_is_plain("a,!b"));
	CHECK(!pattern_list_is_plain("a,b*"));
	CHECK(!pattern_list_is_plain("?"));
}

static void test_lower(void)
{
	char s[] = "WeB-01.Example.ORG_[Z]\xc3\x84";

	pattern_lower(s);
	CHECK_STR(s, "web-01.example.org_[z]\xc3\x84");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_wildcards), TEST(test_random_wildcards), TEST(test_no_blow_up),
		TEST(test_lists), TEST(test_lower), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
