#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/param.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/report/textdiff.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static struct buf out;

static int add(void *arg, char kind, const char *line, size_t len)
{
	(void)arg;
	if (kind != '@' && buf_addc(&out, kind) != 0)
		return 1;
	return buf_add(&out, line, len) != 0 || buf_addc(&out, '\n') != 0;
}

static const char *diff(const char *a, const char *b)
{
	buf_clear(&out);
	CHECK(textdiff(a, strlen(a), b, strlen(b), add, NULL) == 0);
	return out.data;
}

static void test_cases(void)
{
	CHECK_STR(diff("", ""), "");
	CHECK_STR(diff("a\nb\n", "a\nb\n"), "");
	CHECK_STR(diff("a\n", "b\n"), "@@ -1 +1 @@\n-a\n+b\n");
	CHECK_STR(diff("", "b\n"), "@@ -0,0 +1 @@\n+b\n");
	CHECK_STR(diff("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
	CHECK_STR(diff("a", "a\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
	CHECK_STR(diff("a\nb\nc\n", "a\nc\n"), "@@ -1,3 +1,2 @@\n a\n-b\n c\n");
	CHECK_STR(diff("1\n2\n3\n4\n5\nx\n1\n2\n3\n4\n5\n6\ny\n", "1\n2\n3\n4\n5\n1\n2\n3\n4\n5\n6\n"),
		  "@@ -3,11 +3,9 @@\n 3\n 4\n 5\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n");
	CHECK_STR(diff("x\n1\n2\n3\n4\n5\n6\n7\ny\n", "1\n2\n3\n4\n5\n6\n7\n"),
		  "@@ -1,4 +1,3 @@\n-x\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-y\n");
	CHECK_STR(diff("x\n1\n2\n3\n4\n5\n6\ny\n", "1\n2\n3\n4\n5\n6\n"),
		  "@@ -1,8 +1,6 @@\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n");
}

static int stop(void *arg, char kind, const char *line, size_t len)
{
	(void)kind;
	(void)line;
	(void)len;
	return --*(int *)arg ? 0 : 7;
}

static void test_stop(void)
{
	for (int n = 1; n <= 3; n++) {
		int left = n;

		CHECK_INT(textdiff("a\n", 2, "b\n", 2, stop, &left), 7);
	}
}

static size_t text(char *to, size_t max, int words)
{
	size_t len = 0, lines = random_below(max / 4);

	while (lines--)
		len += (size_t)snprintf(to + len, 4, "%c\n", (int)('a' + random_below((size_t)words)));
	if (len && random_below(4) == 0)
		len--;
	return len;
}

/* Another text made of one by a few edits. */
static size_t edited(const char *from, size_t len, char *to, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 4 < max; i++) {
		if ((!i || from[i - 1] == '\n') && random_below(8) == 0)
			n += (size_t)snprintf(to + n, 4, "%c\n", (int)('a' + random_below(6)));
		if ((!i || from[i - 1] == '\n') && random_below(8) == 0 && i + 2 < len)
			i += 2;
		to[n++] = from[i];
	}
	return n;
}

/* Applies out to a, line by line, and compares with b.  The number of edits in *edits. */
static bool applies(const char *a, size_t a_len, const char *b, size_t b_len, size_t *edits)
{
	const char *p = out.data, *at = a;
	struct buf made;
	bool ok = true;
	size_t line = 0;

	*edits = 0;
	buf_init(&made, 1 << 20);
	while (*p) {
		const char *nl = strchr(p, '\n');
		size_t n = (size_t)(nl - p);
		bool cut = nl[1] == '\\';

		if (*p == '@') {
			size_t from = strtoul(p + 4, NULL, 10), count = 1;
			const char *comma = strchr(p, ',');

			if (comma && comma < strchr(p + 4, ' '))
				count = strtoul(comma + 1, NULL, 10);
			for (from -= count > 0; line < from; line++) {
				const char *end = memchr(at, '\n', a_len - (size_t)(at - a));

				ok &= end != NULL;
				if (!end)
					break;
				(void)buf_add(&made, at, (size_t)(end + 1 - at));
				at = end + 1;
			}
		} else if (*p != '\\') {
			size_t left = a_len - (size_t)(at - a), full = n - 1 + !cut;

			*edits += *p != ' ';
			if (*p != '+') {
				/* the newline behind p's line is a's own, or the one that is missing there */
				ok &= left >= full && memcmp(at, p + 1, n - 1) == 0 && (cut || at[n - 1] == '\n');
				if (!ok)
					break;
				at += full;
				line++;
			}
			if (*p != '-')
				(void)buf_add(&made, p + 1, full);
		}
		p = nl + 1;
	}
	(void)buf_add(&made, at, a_len - (size_t)(at - a));
	ok = ok && made.len == b_len && memcmp(made.data, b, b_len) == 0;
	buf_release(&made);
	return ok;
}

/* The fewest edits, by the book: a table of all. */
static size_t fewest(const char *a, size_t a_len, const char *b, size_t b_len)
{
	static unsigned short best[130][130];
	const char *x[130], *y[130];
	size_t n = 0, m = 0;

	for (const char *p = a; p < a + a_len;
	     p = memchr(p, '\n', (size_t)(a + a_len - p)) ? strchr(p, '\n') + 1 : a + a_len)
		x[n++] = p;
	x[n] = a + a_len;
	for (const char *p = b; p < b + b_len;
	     p = memchr(p, '\n', (size_t)(b + b_len - p)) ? strchr(p, '\n') + 1 : b + b_len)
		y[m++] = p;
	y[m] = b + b_len;
	for (size_t i = 0; i <= n; i++)
		for (size_t k = 0; k <= m; k++) {
			bool same = i && k && x[i] - x[i - 1] == y[k] - y[k - 1] &&
				    memcmp(x[i - 1], y[k - 1], (size_t)(x[i] - x[i - 1])) == 0;

			if (!i || !k)
				best[i][k] = (unsigned short)(i + k);
			else if (same)
				best[i][k] = best[i - 1][k - 1];
			else
				best[i][k] = (unsigned short)(1 + MIN(best[i - 1][k], best[i][k - 1]));
		}
	return best[n][m];
}

/* Random texts: what it says makes one of the other, and in as few edits as can be. */
static void test_random(void)
{
	long rounds = random_rounds(20000), bad = 0, longer = 0;
	uint64_t seed;

	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		char a[256] = "", b[256] = "";
		size_t edits, a_len = text(a, sizeof(a), 1 + (int)random_below(8)), b_len;

		b_len = random_below(2) ? edited(a, a_len, b, sizeof(b)) : text(b, sizeof(b), 1 + (int)random_below(8));
		a[a_len] = b[b_len] = '\0';
		buf_clear(&out);
		bad += textdiff(a, a_len, b, b_len, add, NULL) != 0;
		bad += !applies(a, a_len, b, b_len, &edits);
		longer += edits != fewest(a, a_len, b, b_len);
	}
	CHECK_INT(bad, 0);
	CHECK_INT(longer, 0);
	if (bad || longer)
		random_again(seed);
}

static void file(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

/* patch(1) takes what it says, and makes the other text of it. */
static void test_patch(void)
{
	char dir[] = "/tmp/dt-diff-XXXXXX", path[64], command[160];
	long rounds = random_rounds(20000) / 400, bad = 0;

	CHECK(mkdtemp(dir) != NULL);
	random_start();
	for (long i = 0; i < rounds; i++) {
		char a[256], b[256];
		size_t a_len = text(a, sizeof(a), 8), b_len = edited(a, a_len, b, sizeof(b));
		struct buf back;
		struct dt_err err;
		FILE *p;

		if (!a_len || !b_len)	/* patch removes a file that gets empty */
			continue;
		buf_clear(&out);
		CHECK(textdiff(a, a_len, b, b_len, add, NULL) == 0);
		if (!out.len)
			continue;
		(void)snprintf(path, sizeof(path), "%s/file", dir);
		file(path, a, a_len);
		(void)snprintf(command, sizeof(command), "patch -s -u %s >/dev/null", path);
		p = popen(command, "w");
		bad += !p || fprintf(p, "--- file\n+++ file\n%s", out.data) < 0 || pclose(p) != 0;
		buf_init(&back, 4096);
		bad += read_file(path, &back, &err) != 0 || back.len != b_len || memcmp(back.data, b, b_len) != 0;
		buf_release(&back);
		(void)unlink(path);
	}
	CHECK_INT(bad, 0);
	CHECK(rmdir(dir) == 0);
}

/* Texts with nothing in common are given up, not searched for hours; and what is said is right. */
static void test_large(void)
{
	static char a[400000], b[400000];
	size_t a_len = 0, b_len = 0, edits;

	for (int i = 0; i < 40000; i++) {
		a_len += (size_t)snprintf(a + a_len, 10, "a%d\n", i);
		b_len += (size_t)snprintf(b + b_len, 10, i == 20000 ? "a%d\n" : "b%d\n", i);
	}
	buf_clear(&out);
	CHECK(textdiff(a, a_len, b, b_len, add, NULL) == 0);
	CHECK(applies(a, a_len, b, b_len, &edits));
	CHECK(edits >= 79998);
	/* one line of many */
	memcpy(b, a, a_len);
	b[a_len / 2] = '\n';
	buf_clear(&out);
	CHECK(textdiff(a, a_len, b, a_len, add, NULL) == 0);
	CHECK(applies(a, a_len, b, a_len, &edits));
	CHECK(edits <= 4);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_cases), TEST(test_stop),  TEST(test_random),
		TEST(test_patch), TEST(test_large), { NULL, NULL },
	};
	int r;

	buf_init(&out, 8 << 20);
	r = test_main(tests, argc, argv);
	buf_release(&out);
	return r;
}
