#include "tests/unit/test.h"

#include <stdint.h>
#include <stdlib.h>

#include "dt/base/buf.h"
#include "dt/base/ini.h"

/* What the reader told, one line each: "LINE [section]", "LINE section|name|value" ('+': it goes on). */
static struct buf told;
static struct dt_err err;

static int tell(void *arg, const char *section, const char *name, const char *value, int line, bool more,
		struct dt_err *e)
{
	const char *stop = arg;

	if (stop && name && strcmp(name, stop) == 0)
		return err_set(e, ERR_USAGE, "stopped at %s", name);
	if (!name)
		CHECK(buf_addf(&told, "%d [%s]\n", line, section) == 0 && !value && !more);
	else
		CHECK(buf_addf(&told, "%d%s %s|%s|%s\n", line, more ? "+" : "", section, name, value) == 0);
	return 0;
}

static int read_bytes(const char *text, size_t len, const char *stop)
{
	/* a copy without a NUL behind it: the sanitizer sees who reads too far */
	char *copy = malloc(len ? len : 1);
	int r;

	if (!copy)
		abort();
	memcpy(copy, text, len);
	buf_clear(&told);
	memset(&err, 0, sizeof(err));
	r = ini_read("f.ini", copy, len, tell, (void *)(uintptr_t)stop, &err);
	free(copy);
	if (r != 0)
		CHECK_INT(err.code, ERR_USAGE);
	return r;
}

/* What is told of a text that has no fault. */
static const char *good(const char *text)
{
	int r = read_bytes(text, strlen(text), NULL);

	CHECK_STR(err.msg, "");
	CHECK_INT(r, 0);
	return told.data;
}

static const char *bad(const char *text)
{
	CHECK_INT(read_bytes(text, strlen(text), NULL), -1);
	return err.msg;
}

/* n bytes of c, in one of a few places. */
static const char *run(int c, size_t n)
{
	static char text[4][1024];
	static int next;
	char *s = text[next++ % 4];

	memset(s, c, n);
	s[n] = '\0';
	return s;
}

static char *join(const char *a, const char *b, const char *c)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "%s%s%s", a, b, c);
	return text;
}

static void test_sections(void)
{
	CHECK_STR(good(""), "");
	CHECK_STR(good("\n\n"), "");
	CHECK_STR(good("[a]"), "1 [a]\n");
	CHECK_STR(good("x = 1\n[a]\n\n[b c]\ny=2"), "1 |x|1\n2 [a]\n4 [b c]\n5 b c|y|2\n");
	CHECK_STR(good("[a]\r\nx = 1\r\n"), "1 [a]\n2 a|x|1\n");
	CHECK_STR(good("[]\nx=1\n"), "1 []\n2 |x|1\n");
	CHECK_STR(good("  [a]\nx=1\n  [b]\n[b]\n"), "1 [a]\n2 a|x|1\n3+ a|x|[b]\n4 [b]\n");
	CHECK_STR(good("[a] ; why\nx=1\n"), "1 [a]\n2 a|x|1\n");
	CHECK_STR(good("# [a]\n; [b]\n  # x = 1\n"), "");
	CHECK_STR(good("[a]\nx=1\n[a]\nx=2\n"), "1 [a]\n2 a|x|1\n3 [a]\n4 a|x|2\n");
}

static void test_section_length(void)
{
	const char *most = run('s', INI_SECTION_LIMIT), *more = run('t', INI_SECTION_LIMIT + 1);
	char want[512];

	(void)snprintf(want, sizeof(want), "1 [%s]\n2 %s|x|1\n", most, most);
	CHECK_STR(good(join("[", most, "]\nx=1\n")), want);
	CHECK_STR(bad(join("\n[", more, "]\nx=1\n")),
		  "f.ini:2: the section's name has 50 bytes, 49 are the most");
}

static void test_values(void)
{
	CHECK_STR(good("[s]\na=\nb =  \nc = x y  \nd==\n"), "1 [s]\n2 s|a|\n3 s|b|\n4 s|c|x y\n5 s|d|=\n");
	CHECK_STR(good("a = b = c : d\n"), "1 |a|b = c : d\n");
	CHECK_STR(good("a b = c\n"), "1 |a b|c\n");
	CHECK_STR(good("= c\n"), "1 ||c\n");
	CHECK_STR(good("a = \xc3\xa9\xff\n"), "1 |a|\xc3\xa9\xff\n");
	CHECK_STR(good("a = #b # c\n"), "1 |a|#b # c\n");
}

static void test_continuation(void)
{
	CHECK_STR(good("[s]\na = b\n\tc d\n  e\nf = g\n"), "1 [s]\n2 s|a|b\n3+ s|a|c d\n4+ s|a|e\n5 s|f|g\n");
	CHECK_STR(good("a = b\n\tc = d\n\te:f\n\tg : h\n"), "1 |a|b\n2+ |a|c = d\n3+ |a|e:f\n4+ |a|g : h\n");
	CHECK_STR(good("a = b\n\n\t; no\n   \n\tc ; no\n"), "1 |a|b\n5+ |a|c\n");
	/* what has nothing to go on with is a line of its own */
	CHECK_STR(good("\ta = b\n"), "1 |a|b\n");
	CHECK_STR(good("x = 1\n[s]\n\ta = b\n"), "1 |x|1\n2 [s]\n3 s|a|b\n");
	CHECK_STR(bad("x = 1\n[s]\n\ta\n"), "f.ini:3: no \"=\" in the line");
	/* all that is white space to libinih */
	CHECK_STR(good("a = b\n\vc = d\n\r\fe = f\n"), "1 |a|b\n2+ |a|c = d\n3+ |a|e = f\n");
	/* a name that libinih would cut at 49 bytes */
	char want[1024];
	const char *name = run('n', 120);

	(void)snprintf(want, sizeof(want), "1 |%s|1\n2+ |%s|2\n", name, name);
	CHECK_STR(good(join("", name, " = 1\n  2\n")), want);
}

static void test_line_length(void)
{
	const char *most = run('v', INI_LINE_LIMIT - 4), *more = run('v', INI_LINE_LIMIT - 3);
	char want[512];

	(void)snprintf(want, sizeof(want), "1 |a|%s\n", most);
	CHECK_STR(good(join("a = ", most, "\n")), want);
	CHECK_STR(good(join("a = ", most, "")), want);
	(void)snprintf(want, sizeof(want), "1 [s]\n2 s|b|1\n3+ s|b|%s\n", run('v', INI_LINE_LIMIT - 1));
	CHECK_STR(good(join("[s]\nb=1\n\t", run('v', INI_LINE_LIMIT - 1), "\n")), want);
	CHECK_HAS(bad(join("\nb = 1\na = ", more, "\nc = 2\n")),
		  "f.ini:3: the line has 199 bytes, 198 are the most");
	CHECK_STR(told.data, "2 |b|1\n");
	CHECK_HAS(bad(join("b = 1\n\t", run('v', INI_LINE_LIMIT), "")), "f.ini:2: the line has 199 bytes");
	CHECK_HAS(bad(join("; ", run('c', 900), "\n")), "f.ini:1: the line has 902 bytes");
}

static void test_control_bytes(void)
{
	CHECK_STR(bad("a = b\nc = \1d\n"), "f.ini:2: a control byte");
	CHECK_STR(bad("a\2b = c\n"), "f.ini:1: a control byte");
	CHECK_STR(bad("; \1\n"), "f.ini:1: a control byte");
	CHECK_INT(read_bytes("a = b\n\nc = d\0e\n", 15, NULL), -1);
	CHECK_STR(err.msg, "f.ini:3: a control byte");
	CHECK_INT(read_bytes("a\0", 2, NULL), -1);
	CHECK_STR(err.msg, "f.ini:1: a control byte");
}

static void test_semicolons(void)
{
	CHECK_STR(good("a = b ; c\n"), "1 |a|b\n");
	CHECK_STR(good("a = b;c\n"), "1 |a|b;c\n");
	CHECK_STR(good("a = \"b ; c\" ; d\n"), "1 |a|\"b ; c\"\n");
	CHECK_STR(good("a = k=\"b ;c\" l=\" ;\" ; \"d\"\n"), "1 |a|k=\"b ;c\" l=\" ;\"\n");
	CHECK_STR(good("a = 1\n\tk=\"b ; c\" ; d\n"), "1 |a|1\n2+ |a|k=\"b ; c\"\n");
	/* a quote that never ends */
	CHECK_STR(good("a = \"b ; c\n"), "1 |a|\"b ; c\n");
}

static void test_colons(void)
{
	CHECK_STR(good("fe80::1 = linux\n"), "1 |fe80::1|linux\n");
	CHECK_STR(good("::1=a:b\n"), "1 |::1|a:b\n");
	CHECK_STR(good("fe80::1%eth0 = via=[::2]:22\n"), "1 |fe80::1%eth0|via=[::2]:22\n");
	CHECK_STR(good("[s]\n[::1]:22 = x\n"), "1 [s]\n2 s|[::1]:22|x\n");
	CHECK_STR(good("[s]\n[::1] = x\n[01-02].y=z\n[t] ; [u]=v\n"), "1 [s]\n2 s|[::1]|x\n3 s|[01-02].y|z\n4 [t]\n");
	CHECK_STR(good("\xef\xbb\xbf[s]\na = b\n"), "1 [s]\n2 s|a|b\n");
	CHECK_STR(good("a: b = c\n"), "1 |a|b = c\n");
	CHECK_STR(good("a : b\n"), "1 |a|b\n");
	CHECK_STR(good("a:b\n"), "1 |a|b\n");
	CHECK_STR(good("fe80::1: k=v\n"), "1 |fe80::1|k=v\n");
	CHECK_STR(good("fe80:: = x\n"), "1 |fe80:|= x\n");
}

static void test_first_fault(void)
{
	CHECK_STR(bad("[s]\na = b\nno sign\n"), "f.ini:3: no \"=\" in the line");
	CHECK_STR(bad("[s\nx = 1\n"), "f.ini:1: a section without its \"]\"");
	CHECK_HAS(bad("[s ; t]\n"), "f.ini:1: ");
	/* the first of several, of whatever kind */
	CHECK_STR(bad("no sign\n\nneither\n"), "f.ini:1: no \"=\" in the line");
	CHECK_STR(bad("a = b\nno sign\nc = \1\n"), "f.ini:2: no \"=\" in the line");
	CHECK_STR(bad(join("no sign\na = ", run('v', 300), "\n")), "f.ini:1: no \"=\" in the line");
	CHECK_STR(bad("a = \1\nno sign\n"), "f.ini:1: a control byte");
	/* of the callback: nothing is told behind it */
	CHECK_INT(read_bytes("a = 1\nb = 2\nc = 3\n", 18, "b"), -1);
	CHECK_STR(err.msg, "f.ini:2: stopped at b");
	CHECK_STR(told.data, "1 |a|1\n");
	CHECK_INT(read_bytes("no sign\nb = 2\n", 14, "b"), -1);
	CHECK_STR(err.msg, "f.ini:1: no \"=\" in the line");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_sections), TEST(test_section_length), TEST(test_values), TEST(test_continuation),
		TEST(test_line_length), TEST(test_control_bytes), TEST(test_semicolons), TEST(test_colons),
		TEST(test_first_fault), { NULL, NULL },
	};
	int r;

	buf_init(&told, 65536);
	r = test_main(tests, argc, argv);
	buf_release(&told);
	return r;
}
