#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/secret.h"
#include "dt/base/util.h"
#include "tests/unit/test.h"

static char folder[] = "/tmp/dt-util-XXXXXX";

static long long ms_of(const char *s)
{
	int64_t ms = -2;

	return parse_time_ms(s, &ms) == 0 ? ms : -1;
}

static void test_time(void)
{
	static const struct { const char *s; long long ms; } table[] = {
		{ "0", 0 }, { "1", 1000 }, { "10s", 10000 }, { "500ms", 500 }, { "2m", 120000 }, { "1h", 3600000 },
		{ "1.5s", 1500 }, { "0.25", 250 }, { "1.5h", 5400000 }, { "007", 7000 }, { "1d", 86400000 },
		{ "0.001s", 1 }, { "3650d", 315360000000 },
		{ "", -1 }, { "s", -1 }, { "-1", -1 }, { "+1", -1 }, { " 1", -1 }, { "1 s", -1 }, { "1x", -1 },
		{ "1.", -1 }, { ".5", -1 }, { "1.s", -1 }, { "1.2.3", -1 }, { "1e3", -1 }, { "inf", -1 }, { "nan", -1 },
		{ "0x10", -1 }, { "1sm", -1 }, { "11y", -1 }, { "4000d", -1 }, { "99999999999999999999999", -1 },
	};
	static char long_number[5000];

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (ms_of(table[i].s) != table[i].ms)
			(void)fprintf(stderr, "\"%s\":\n", table[i].s);
		CHECK_INT(ms_of(table[i].s), table[i].ms);
	}
	memset(long_number, '9', sizeof(long_number) - 1);
	CHECK_INT(ms_of(long_number), -1);
	memcpy(long_number, "1.", 2);
	memset(long_number + 2, '0', sizeof(long_number) - 3);
	CHECK_INT(ms_of(long_number), 1000);
}

static void test_format_time(void)
{
	static const struct { int64_t ms; const char *s; } table[] = {
		{ 0, "0s" }, { 250, "250ms" }, { 1500, "1500ms" }, { 10000, "10s" }, { 90000, "90s" }, { 120000, "2m" },
		{ 3600000, "1h" }, { 5400000, "90m" }, { 86400000, "24h" },
	};
	char s[32];

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		format_time_ms(table[i].ms, s, sizeof(s));
		CHECK_STR(s, table[i].s);
		CHECK_INT(ms_of(s), table[i].ms);
	}
}

static void test_size(void)
{
	static const struct { const char *s; uint64_t n; int fine; } table[] = {
		{ "0", 0, 1 }, { "4096", 4096, 1 }, { "64k", 65536, 1 }, { "64K", 65536, 1 }, { "10M", 10485760, 1 },
		{ "1G", 1073741824, 1 }, { "2T", UINT64_C(2199023255552), 1 }, { "1kB", 1024, 1 }, { "1KiB", 1024, 1 },
		{ "", 0, 0 }, { "k", 0, 0 }, { "-1", 0, 0 }, { "1.5M", 0, 0 }, { "1x", 0, 0 }, { "1kk", 0, 0 },
		{ "1 k", 0, 0 }, { "16777216T", 0, 0 }, { "99999999999999999999", 0, 0 }, { "1\x0b", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		uint64_t n = 0;

		CHECK_INT(parse_size(table[i].s, &n) == 0, table[i].fine);
		CHECK_INT(n, table[i].n);
	}
}

static void test_whole_numbers(void)
{
	long long n = 7;

	CHECK(parse_int("42", 0, 100, &n) == 0 && n == 42);
	CHECK(parse_int("-5", -5, 0, &n) == 0 && n == -5);
	CHECK(parse_int("100", 0, 100, &n) == 0 && n == 100);
	CHECK(parse_int("010", 0, 100, &n) == 0 && n == 10);
	CHECK(parse_int("9223372036854775807", 0, LLONG_MAX, &n) == 0 && n == LLONG_MAX);
	CHECK(parse_int("101", 0, 100, &n) == -1);
	CHECK(parse_int("-1", 0, 100, &n) == -1);
	CHECK(parse_int("9223372036854775808", 0, LLONG_MAX, &n) == -1);
	CHECK(parse_int("", 0, 100, &n) == -1);
	CHECK(parse_int("-", -9, 100, &n) == -1);
	CHECK(parse_int("+1", 0, 100, &n) == -1);
	CHECK(parse_int(" 1", 0, 100, &n) == -1);
	CHECK(parse_int("1 ", 0, 100, &n) == -1);
	CHECK(parse_int("0x1", 0, 100, &n) == -1);
	CHECK(parse_int("1.0", 0, 100, &n) == -1);
}

static void test_deadline(void)
{
	int64_t now = now_ms();

	CHECK(now > 0);
	CHECK_INT(deadline_min(0, 0), 0);
	CHECK_INT(deadline_min(0, 5), 5);
	CHECK_INT(deadline_min(5, 0), 5);
	CHECK_INT(deadline_min(7, 5), 5);
	CHECK_INT(deadline_poll_ms(0), -1);
	CHECK_INT(deadline_poll_ms(now), 0);
	CHECK_INT(deadline_poll_ms(1), 0);
	CHECK(deadline_poll_ms(now + 60000) > 50000);
	CHECK(deadline_poll_ms(now + 60000) <= 60000);
	CHECK_INT(deadline_poll_ms(now + INT64_C(10) * INT_MAX), INT_MAX);
}

static void test_strs(void)
{
	struct strs l = { 0 };
	char name[16];

	CHECK(!strs_has(&l, "x"));
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		CHECK(strs_add(&l, name) == 0);
		CHECK(l.v[l.n] == NULL);
	}
	CHECK(strs_addn(&l, "abcdef", 3) == 0);
	CHECK_INT(l.n, 101);
	CHECK_STR(l.v[99], "n99");
	CHECK_STR(l.v[100], "abc");
	CHECK(strs_has(&l, "n0") && strs_has(&l, "abc") && !strs_has(&l, "abcd"));
	strs_release(&l);
	CHECK(!l.v && !l.n);
	strs_release(&l);
}

static void test_prefixes(void)
{
	CHECK(str_eq(NULL, NULL) && str_eq("a", "a"));
	CHECK(!str_eq(NULL, "a") && !str_eq("a", NULL) && !str_eq("a", "b"));
	CHECK(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
	CHECK(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("bc", "abc"));
}

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *data, size_t len)
{
	FILE *f = fopen(in_folder(name), "w");

	CHECK(f && fwrite(data, 1, len, f) == len);
	CHECK(f && fclose(f) == 0);
}

static void test_read_file(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf b;

	put("ten", "0123\0" "56789", 10);
	buf_init(&b, 100);
	CHECK(buf_adds(&b, "> ") == 0);
	CHECK(read_file(in_folder("ten"), &b, &err) == 0);
	CHECK_INT(b.len, 12);
	CHECK(memcmp(b.data, "> 0123\0" "56789", 13) == 0);
	buf_release(&b);

	buf_init(&b, 10);
	CHECK(read_file(in_folder("ten"), &b, &err) == 0);
	CHECK_INT(b.len, 10);
	buf_release(&b);

	buf_init(&b, 9);
	CHECK(read_file(in_folder("ten"), &b, &err) == -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, "/ten: larger than 9 bytes");
	buf_release(&b);

	buf_init(&b, 100);
	CHECK(read_file(in_folder("none"), &b, &err) == -1);
	CHECK_HAS(err.msg, "/none: no such file or directory");
	CHECK(read_file(folder, &b, &err) == -1);
	CHECK_HAS(err.msg, ": is a directory");
	CHECK(read_file("/dev/zero", &b, &err) == -1);
	CHECK_STR(err.msg, "/dev/zero: larger than 100 bytes");
	buf_release(&b);
	(void)unlink(in_folder("ten"));
}

static void test_paths(void)
{
	struct dt_err err = DT_ERR_INIT;
	char *p;

	CHECK(setenv("HOME", "/home/me", 1) == 0);
	CHECK(unsetenv("XDG_TEST_HOME") == 0);
	CHECK_STR(home_dir(), "/home/me");
	p = xdg_path("XDG_TEST_HOME", ".config", "dt/dt.conf", &err);
	CHECK_STR(p, "/home/me/.config/dt/dt.conf");
	free(p);
	CHECK(setenv("XDG_TEST_HOME", "/x", 1) == 0);
	p = xdg_path("XDG_TEST_HOME", ".config", "dt/dt.conf", &err);
	CHECK_STR(p, "/x/dt/dt.conf");
	free(p);
	CHECK(setenv("XDG_TEST_HOME", "relative", 1) == 0);	/* the specification says: ignore it */
	p = xdg_path("XDG_TEST_HOME", ".config", "dt/dt.conf", &err);
	CHECK_STR(p, "/home/me/.config/dt/dt.conf");
	free(p);

	p = expand_tilde("~/x");
	CHECK_STR(p, "/home/me/x");
	free(p);
	p = expand_tilde("~");
	CHECK_STR(p, "/home/me");
	free(p);
	p = expand_tilde("~other/x");
	CHECK_STR(p, "~other/x");
	free(p);
	p = expand_tilde("a~/x");
	CHECK_STR(p, "a~/x");
	free(p);

	CHECK(setenv("HOME", "nowhere", 1) == 0);	/* not absolute: the password database counts */
	CHECK(!home_dir() || *home_dir() == '/');
	CHECK(setenv("HOME", "/", 1) == 0);

	p = install_prefix();
	CHECK(p && *p == '/' && access(p, F_OK) == 0);
	free(p);
}

static void test_make_parents(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct stat st;

	CHECK(make_parents(in_folder("a/b/file"), &err) == 0);
	CHECK(make_parents(in_folder("a/b/file"), &err) == 0);
	CHECK(stat(in_folder("a/b"), &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
	CHECK(stat(in_folder("a/b/file"), &st) != 0);
	put("a/b/file", "x", 1);
	CHECK(make_parents(in_folder("a/b/file/c/d"), &err) == -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, "not a directory");
	CHECK(make_parents("file", &err) == 0);
	(void)unlink(in_folder("a/b/file"));
	(void)rmdir(in_folder("a/b"));
	(void)rmdir(in_folder("a"));
}

static void test_random(void)
{
	char a[33], b[33];

	random_hex(a, 16);
	random_hex(b, 16);
	CHECK_INT(strlen(a), 32);
	CHECK_INT(strspn(a, "0123456789abcdef"), 32);
	CHECK(strcmp(a, b) != 0);
}

static void test_err(void)
{
	static char text[1000];
	struct dt_err err = DT_ERR_INIT;

	CHECK(err_set(&err, ERR_AUTH, "%s %d", "no", 1) == -1);
	CHECK_INT(err.code, ERR_AUTH);
	CHECK_STR(err.msg, "no 1");
	err_prefix(&err, "%s", "web1");
	CHECK_STR(err.msg, "web1: no 1");
	CHECK_INT(err.code, ERR_AUTH);
	/* its own text as an argument */
	CHECK(err_set(&err, ERR_LOST, "%s again", err.msg) == -1);
	CHECK_STR(err.msg, "web1: no 1 again");
	CHECK(err_sys(&err, ERR_FAIL, 2, "%s", "path") == -1);
	CHECK_STR(err.msg, "path: no such file or directory");
	CHECK_INT(err.sys, 2);
	CHECK(err_nomem(&err) == -1);
	CHECK_INT(err.code, ERR_LOCAL);

	memset(text, 'x', sizeof(text) - 1);
	(void)err_set(&err, ERR_FAIL, "%s", text);
	CHECK_INT(strlen(err.msg), sizeof(err.msg) - 1);
	CHECK(str_ends(err.msg, "xxx..."));
	(void)err_sys(&err, ERR_FAIL, 2, "%s", text);
	CHECK_INT(strlen(err.msg), sizeof(err.msg) - 1);
	CHECK(str_ends(err.msg, "..."));
	err_prefix(&err, "%s", text);
	CHECK_INT(strlen(err.msg), sizeof(err.msg) - 1);
	text[479] = '\0';	/* just fits */
	(void)err_set(&err, ERR_FAIL, "%s", text);
	CHECK_STR(err.msg, text);
}

static void test_secret(void)
{
	struct secret *s = secret_new("pass\0word", 9);

	CHECK(s != NULL);
	if (!s)
		return;
	CHECK_INT(secret_len(s), 9);
	CHECK(memcmp(secret_bytes(s), "pass\0word", 10) == 0);
	secret_free(s);
	secret_free(NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_time), TEST(test_format_time), TEST(test_size), TEST(test_whole_numbers), TEST(test_deadline),
		TEST(test_strs), TEST(test_prefixes), TEST(test_read_file), TEST(test_paths), TEST(test_make_parents),
		TEST(test_random), TEST(test_err), TEST(test_secret), { NULL, NULL },
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = test_main(tests, argc, argv);
	(void)rmdir(folder);
	return r;
}
