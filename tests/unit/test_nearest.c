#include "dt/base/nearest.h"
#include "tests/unit/test.h"

static const char *const words[] = { "help", "version", "modules", NULL, "inventory", "trust", "ssh", "-", "list" };

static const char *near(const char *word)
{
	return nearest(word, words, sizeof(words) / sizeof(words[0]));
}

static void test_slips(void)
{
	CHECK_STR(near("hepl"), "help");	/* swapped */
	CHECK_STR(near("hlp"), "help");		/* left out */
	CHECK_STR(near("heelp"), "help");	/* doubled */
	CHECK_STR(near("halp"), "help");	/* replaced */
	CHECK_STR(near("versoin"), "version");
	CHECK_STR(near("inventry"), "inventory");
	CHECK_STR(near("invnetroy"), "inventory");
	CHECK_STR(near("shs"), "ssh");
	CHECK_STR(near("help"), "help");
}

static void test_far(void)
{
	CHECK_STR(near(""), NULL);
	CHECK_STR(near("x"), NULL);		/* all of its letters are wrong */
	CHECK_STR(near("qqqq"), NULL);
	CHECK_STR(near("database"), NULL);
	CHECK_STR(nearest("help", NULL, 0), NULL);
}

static void test_beginning(void)
{
	CHECK_STR(near("inv"), "inventory");
	CHECK_STR(near("in"), NULL);
}

static void test_first_of_equals(void)
{
	static const char *const two[] = { "bat", "cat", "cap" };

	CHECK_STR(nearest("rat", two, 3), "bat");
	CHECK_STR(nearest("tap", two, 3), "cap");
}

static void test_long(void)
{
	char word[200];
	const char *one = word;

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	CHECK_STR(nearest(word, words, 3), NULL);
	CHECK_STR(nearest("aaaa", &one, 1), NULL);
	word[64] = '\0';
	CHECK_STR(nearest(word, &one, 1), word);
	word[64] = 'a';
	word[65] = '\0';
	CHECK_STR(nearest(word, &one, 1), NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_slips), TEST(test_far), TEST(test_beginning), TEST(test_first_of_equals), TEST(test_long),
		{ NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
