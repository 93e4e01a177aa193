#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

#define VECTORS 10000

enum { ANY_BYTE = 1, NEWLINE = 2 };	/* what a shell's arguments may hold */

static char folder[] = "/tmp/dt-quote-XXXXXX";

static const char *quoted(const char *arg)
{
	static char text[256];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	CHECK(quote_arg(&b, arg) == 0);
	memcpy(text, b.data, b.len + 1);
	buf_release(&b);
	return text;
}

static void test_known(void)
{
	const char *const argv[] = { "echo", "", "a b", "it's" };
	struct buf b;

	CHECK_STR(quoted("plain-1.2_/x:@%+,"), "plain-1.2_/x:@%+,");
	CHECK_STR(quoted(""), "''");
	CHECK_STR(quoted("a b"), "'a b'");
	CHECK_STR(quoted("it's"), "'it'\\''s'");
	CHECK_STR(quoted("$HOME `x` \"y\""), "'$HOME `x` \"y\"'");
	CHECK_STR(quoted("~root"), "'~root'");
	CHECK_STR(quoted("A=b"), "'A=b'");
	CHECK_STR(quoted("a\\b!"), "'a'\\\\'b'\\!''");
	CHECK_STR(quoted("new\nline"), "'new\nline'");

	buf_init(&b, 100);
	CHECK(quote_argv(&b, argv, 4) == 0);
	CHECK_STR(b.data, "echo '' 'a b' 'it'\\''s'");
	buf_clear(&b);
	CHECK(quote_argv(&b, argv, 0) == 0);
	CHECK_STR(b.data, "");
	buf_release(&b);
	buf_init(&b, 3);
	CHECK(quote_argv(&b, argv, 4) == -1);
	buf_release(&b);
}

static size_t character(char *to, unsigned flags)
{
	static const char special[] = "'\"\\$`!~#&*()[]{}|;<>?=^%@-+:,./ \t";
	static const char *const words[] = {
		"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\xa7", "$(", "${x}", "\\'", "''", "$'",
	};
	const char *word;

	switch (random_below(flags & ANY_BYTE ? 5 : 4)) {
	case 0:
		*to = special[random_below(sizeof(special) - 1)];
		return 1;
	case 1:
		word = words[random_below(ARRAY_LEN(words))];
		memcpy(to, word, strlen(word));
		return strlen(word);
	case 2:
		*to = flags & NEWLINE && random_below(4) == 0 ? '\n' : "'\\!"[random_below(3)];
		return 1;
	case 3:
		*to = (char)(' ' + random_below(95));
		return 1;
	default:
		*to = (char)(1 + random_below(255));
		if (*to == '\n' && !(flags & NEWLINE))
			*to = '\r';
		return 1;
	}
}

/* One vector: a line for the shell, and what its printf must say. */
static int vector(struct buf *script, struct buf *expected, const char *printer, unsigned flags)
{
	const char *argv[8];
	static char args[8][80];
	size_t n = random_below(ARRAY_LEN(argv) + 1);

	for (size_t i = 0; i < n; i++) {
		size_t len = 0, want = random_below(30);

		while (len < want)
			len += character(args[i] + len, flags);
		args[i][len] = '\0';
		argv[i] = args[i];
		if (buf_add(expected, args[i], len + 1) != 0)
			return -1;
	}
	if (buf_add(expected, "end", 4) != 0 || buf_adds(script, printer) != 0 || buf_addc(script, ' ') != 0)
		return -1;
	if (quote_argv(script, argv, n) != 0)
		return -1;
	return buf_adds(script, " end\n");
}

static bool write_file(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "w");
	bool ok;

	if (!f)
		return false;
	ok = fwrite(b->data, 1, b->len, f) == b->len;
	return fclose(f) == 0 && ok;
}

/* How many bytes are the same, from the start. */
static size_t same(const struct buf *a, const struct buf *b)
{
	size_t i = 0;

	while (i < a->len && i < b->len && a->data[i] == b->data[i])
		i++;
	return i;
}

/* Random vectors through one shell; a script of many lines, to start it once. */
static void through(const char *shell, const char *printer, long vectors, unsigned flags)
{
	struct buf script, expected, got, command;
	char path[128];
	uint64_t seed;
	struct dt_err err = DT_ERR_INIT;
	FILE *f;

	buf_init(&script, 64 << 20);
	buf_init(&expected, 64 << 20);
	buf_init(&got, 64 << 20);
	buf_init(&command, 1024);
	random_start();
	seed = random_state;
	for (long i = 0; i < vectors; i++)
		CHECK(vector(&script, &expected, printer, flags) == 0);
	(void)snprintf(path, sizeof(path), "%s/script", folder);
	CHECK(write_file(path, &script));
	CHECK(buf_addf(&command, "%s %s", shell, path) == 0);
	f = popen(command.data, "r");
	CHECK(f != NULL);
	if (f) {
		CHECK(read_fd(fileno(f), shell, &got, &err) == 0);
		CHECK_INT(pclose(f), 0);
	}
	if (got.len != expected.len || same(&got, &expected) != got.len) {
		(void)fprintf(stderr, "%s: %zu of %zu bytes came back\n", shell, same(&got, &expected), expected.len);
		random_again(seed);
		CHECK(got.len == expected.len && same(&got, &expected) == got.len);
	}
	(void)unlink(path);
	buf_release(&script);
	buf_release(&expected);
	buf_release(&got);
	buf_release(&command);
}

static bool have(const char *shell)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "command -v %s >/dev/null", shell);
	return system(command) == 0;
}

#define PRINTF "printf '%s\\0'"

static void test_sh(void)
{
	through("sh", PRINTF, random_rounds(VECTORS), ANY_BYTE | NEWLINE);
}

static void test_dash(void)
{
	through("dash", PRINTF, random_rounds(VECTORS), ANY_BYTE | NEWLINE);
}

static void test_bash(void)
{
	through("bash", PRINTF, random_rounds(VECTORS), ANY_BYTE | NEWLINE);
	through("LC_ALL=C.UTF-8 bash", PRINTF, random_rounds(VECTORS), ANY_BYTE | NEWLINE);
}

static void test_busybox(void)
{
	through("busybox sh", PRINTF, random_rounds(VECTORS), ANY_BYTE | NEWLINE);
}

/* Not POSIX, but login shells of some users; only where they are installed. */
static void test_csh(void)
{
	if (have("csh"))	/* its printf is a program: fewer */
		through("csh -f", "/usr/bin/printf '%s\\0'", random_rounds(500), 0);
}

static void test_fish(void)
{
	if (have("fish"))
		through("LC_ALL=C.UTF-8 fish --no-config", PRINTF, random_rounds(VECTORS), NEWLINE);
}

/* The words of a line, joined by |; or what is wrong. */
static const char *split(const char *line)
{
	static char text[512];
	struct dt_err err = DT_ERR_INIT;
	struct strs words = { 0 };
	size_t at = 0;

	text[0] = '\0';
	if (quote_split(line, &words, &err) != 0) {
		(void)snprintf(text, sizeof(text), "%d %s", err.code, err.msg);
	} else {
		for (size_t i = 0; i < words.n; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "|" : "", words.v[i]);
	}
	strs_release(&words);
	return text;
}

static void test_split(void)
{
	CHECK_STR(split(""), "");
	CHECK_STR(split("  \t "), "");
	CHECK_STR(split(" a  b\tc\n"), "a|b|c");
	CHECK_STR(split("'a b'c \"d e\"'f'"), "a bc|d ef");
	CHECK_STR(split("'' \"\" x"), "||x");
	CHECK_STR(split("a\\ b \\'c\\\" \\\\"), "a b|'c\"|\\");
	CHECK_STR(split("\"a\\b \\$c \\\"d \\\\ 'e'\""), "a\\b $c \"d \\ 'e'");
	CHECK_STR(split("'a\\b \"c'"), "a\\b \"c");
	CHECK_STR(split("$x * ~ # ; |"), "$x|*|~|#|;||");
	CHECK_STR(split("end\\"), "end\\");
	CHECK_STR(split("a 'b c"), "2 a quote is not closed: 'b c");
	CHECK_STR(split("\"b\\\""), "2 a quote is not closed: \"b\\\"");
}

/* What quote_argv puts together comes apart again; all that a C string can hold. */
static void test_split_back(void)
{
	random_start();
	for (int i = 0; i < random_rounds(VECTORS); i++) {
		struct dt_err err = DT_ERR_INIT;
		struct strs words = { 0 };
		char arg[3][24];
		const char *argv[3];
		struct buf b;

		for (int k = 0; k < 3; k++) {
			size_t len = random_below(sizeof(arg[k]));

			for (size_t c = 0; c < len; c++)
				arg[k][c] = random_below(3) ? "'\"\\ \t\n$!"[random_below(8)] : (char)(1 + random_below(255));
			arg[k][len] = '\0';
			argv[k] = arg[k];
		}
		buf_init(&b, 4096);
		CHECK(quote_argv(&b, argv, 3) == 0);
		CHECK(quote_split(b.data, &words, &err) == 0 && words.n == 3);
		for (size_t k = 0; k < words.n; k++)
			CHECK_STR(words.v[k], arg[k]);
		strs_release(&words);
		buf_release(&b);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_split), TEST(test_split_back),
		TEST(test_known), TEST(test_sh), TEST(test_dash), TEST(test_bash), TEST(test_busybox), TEST(test_csh),
		TEST(test_fish), { NULL, NULL },
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = test_main(tests, argc, argv);
	(void)rmdir(folder);
	return r;
}
