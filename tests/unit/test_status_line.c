#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/filter.h"
#include "dt/report/status_line.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

/* "STATUS PROGRAM MODULE HOST|MESSAGE", or "" for no status line. */
static const char *got(const char *text)
{
	static char said[256];
	struct status_line line;
	struct buf fields;
	size_t message;

	buf_init(&fields, 4096);
	said[0] = '\0';
	if (status_line_read(text, strlen(text), &line, &fields, &message) == 1)
		(void)snprintf(said, sizeof(said), "%s %s %s %s|%s", line.ok ? "okay" : "fail", line.program,
			       line.module, line.host, text + message);
	buf_release(&fields);
	return said;
}

static void test_read(void)
{
	CHECK_STR(got("okay::dt:ssh:web1:all: is well"), "okay dt ssh web1|all: is well");
	CHECK_STR(got("fail::dt:ssh:web1:"), "fail dt ssh web1|");
	CHECK_STR(got("okay::dt:ssh:fe80\\x3a\\x3a1:x"), "okay dt ssh fe80\\x3a\\x3a1|x");
	CHECK_STR(got("\033[32;1mokay\033[0;0m::dt:ssh:\033[0;1mweb1\033[0;0m:m"), "okay dt ssh web1|m");
	CHECK_STR(got("okay::dt::h\033]0;title\007:m"), "okay dt  h\\x1b]0;title\\x07|m");
	CHECK_STR(got("\033[32mfail\033[0m::::h:"), "fail   h|");
	/* and what is none */
	CHECK_STR(got(""), "");
	CHECK_STR(got("okay"), "");
	CHECK_STR(got("okay::dt:ssh:web1"), "");
	CHECK_STR(got("okay:hidden:dt:ssh:web1:x"), "");
	CHECK_STR(got("info::dt:ssh:web1:x"), "");
	CHECK_STR(got("type:hidden:dt:ssh:web1:Password: "), "");
	CHECK_STR(got("okay::dt:interrupt::waiting for childs..."), "");
	CHECK_STR(got("Okay::dt:ssh:web1:x"), "");
	CHECK_STR(got(" okay::dt:ssh:web1:x"), "");
	CHECK_STR(got("okay::dt:ss\nh:web1:x"), "");
	CHECK_STR(got("root:x:0:0:root:/root:/bin/bash"), "");
}

static void check_reason(const char *message, const char *reason, const char *output)
{
	size_t at, n = status_line_reason(message, strlen(message), &at);
	char text[128];

	(void)snprintf(text, sizeof(text), "%.*s", (int)n, message);
	CHECK_STR(text, reason);
	CHECK_STR(message + at, output);
}

static void test_reason(void)
{
	check_reason("exit 3: no such file\\nx", "exit 3", "no such file\\nx");
	check_reason("exit 255: ", "exit 255", "");
	check_reason("exit 1:", "exit 1", "");
	check_reason("exit 1000: x", "", "exit 1000: x");
	check_reason("exit x: y", "", "exit x: y");
	check_reason("exit: y", "", "exit: y");
	check_reason("exit 1", "", "exit 1");
	check_reason("connect: connection refused", "connect: connection refused", "");
	check_reason("timeout: not in time\\\\n\\n10%\\n20%", "timeout: not in time\\\\n", "10%\\n20%");
	check_reason("killed: signal KILL\\n", "killed: signal KILL", "");
	check_reason("", "", "");
	check_reason("Permission denied (publickey).", "", "Permission denied (publickey).");
}

static void test_safe(void)
{
	struct buf out;

	buf_init(&out, 1000);
	CHECK(status_line_safe(&out, "a\\n\\\\\\x1b\t\033\xff\xc3\xbc\\", 15) == 0);
	CHECK_STR(out.data, "a\\n\\\\\\x1b\\t\\x1b\\xff\xc3\xbc\\");
	buf_release(&out);
	CHECK_INT(status_line_piece("abc", 3), 3);
	CHECK_INT(status_line_piece("ab\\", 3), 2);
	CHECK_INT(status_line_piece("a\\\\", 3), 3);
	CHECK_INT(status_line_piece("a\\\\\\", 4), 3);
	CHECK_INT(status_line_piece("ab\xc3", 3), 2);
	CHECK_INT(status_line_piece("ab\xe2\x82", 4), 2);
	CHECK_INT(status_line_piece("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16), 15);
}

/* What comes out of a filter for this; freed by the caller. */
static char *filtered(const char *format, const char *text, size_t len, size_t *out_len)
{
	struct run_info run = { .program = "dt", .selection = "", .module = "", .verb = "" };
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	struct dt_err err = DT_ERR_INIT;
	struct buf b;

	buf_init(&b, 64 << 20);
	CHECK(write(in, text, len) == (ssize_t)len && lseek(in, 0, SEEK_SET) == 0);
	CHECK(filter(format_find(format), &run, in, out, out, &err) == 0);
	CHECK_STR(err.msg, "");
	CHECK(lseek(out, 0, SEEK_SET) == 0 && read_fd(out, "out", &b, &err) == 0);
	(void)close(in);
	(void)close(out);
	*out_len = b.len;
	return buf_steal(&b);
}

static void check_filter(const char *format, const char *text, const char *expected)
{
	size_t len;
	char *out = filtered(format, text, strlen(text), &len);

	CHECK_STR(out, expected);
	free(out);
}

#define LINE "---------------\n"

static void test_filters(void)
{
	static const char lines[] =
		"okay::dt:ssh:a:one\\ntwo\\\\n\nnothing of ours\nfail::dt:ssh:b:exit 2: x\ninfo::dt:ssh:c:live\n"
		"okay::dt:ssh:c:\n\nfail::dt:ssh:d:Permission denied\nokay::dt:ssh:e:one\\ntwo\\\\n";

	check_filter("host", lines,
		     "okay::dt:ssh:a:\n\tone\n\ttwo\\\\n\n\nnothing of ours\nfail::dt:ssh:b:\n\texit 2: x\n\n"
		     "info::dt:ssh:c:live\nokay::dt:ssh:c:\n\n\nfail::dt:ssh:d:\n\tPermission denied\n\n"
		     "okay::dt:ssh:e:\n\tone\n\ttwo\\\\n\n\n");
	check_filter("status", lines,
		     "okay:\n\ta:one\\ntwo\\\\n\nnothing of ours\ninfo::dt:ssh:c:live\n\tc:\n\n\te:one\\ntwo\\\\n\n\n"
		     "fail:\n\tb:exit 2: x\n\td:Permission denied\n\n");
	check_filter("compact", lines, ".\nnothing of ours\n!\ninfo::dt:ssh:c:live\n.\n\n!.\n\nTotal:         5\n"
		     "Okay:          3  [ 60.0%]\nFail:          2  [ 40.0%]\n\nFailed:\n"
		     "fail::dt:ssh:b:exit 2: x\nfail::dt:ssh:d:Permission denied\n");
	check_filter("gather", lines, "nothing of ours\ninfo::dt:ssh:c:live\n\n"
		     LINE "a,e (2)\n" LINE "one\ntwo\\\\n\n" LINE "c\n" LINE
		     LINE "b: exit 2\n" LINE "x\n" LINE "d: failed\n" LINE "Permission denied\n");
	check_filter("host", "", "");
	check_filter("status", "no newline", "no newline");
	check_filter("compact", "", "Total:         0\n");
}

/* A line of any length; and what is none of ours comes out as it went in, bit by bit. */
static void test_long(void)
{
	static const char *const names[] = { "host", "status", "gather" };
	size_t size = 5 << 20, len, n = 0;
	char *text = malloc(size + 100), *out;
	long bad = 0;

	random_start();
	for (size_t i = 0; i < size; i++) {
		static const char alphabet[] = "ab\\nx1:\xc3\xbc\t";

		text[i] = random_below(100) ? alphabet[random_below(sizeof(alphabet) - 1)] : (char)random_next();
		if (text[i] == '\n' && random_below(4000))
			text[i] = 'n';
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		out = filtered(names[i], text, size, &len);
		bad += len != size || memcmp(out, text, size) != 0;
		free(out);
	}
	CHECK_INT(bad, 0);

	/* one line, of which nothing is lost: as status has it, unescaped again */
	memcpy(text, "okay::dt:ssh:h:", 15);
	for (size_t i = 15; i < size; i++)
		text[i] = "abc\\"[random_below(4)];
	text[size - 1] = 'x';
	out = filtered("status", text, size, &len);
	CHECK_INT(len, size - 15 + strlen("okay:\n\th:\n\n"));
	CHECK(strncmp(out, "okay:\n\th:", 9) == 0 && memcmp(out + 9, text + 15, size - 15) == 0);
	free(out);
	memcpy(text, "fail", 4);
	out = filtered("compact", text, size, &len);
	CHECK(len > size && memcmp(out + len - size - 1, text, size) == 0);
	free(out);

	/* and as host has it: lines where there were escapes, wherever pieces ended */
	memcpy(text, "okay::dt:ssh:h:", 15);
	for (size_t i = 15; i < size; i += 3)
		memcpy(text + i, random_below(5) ? "\\\\n" : "x\\n", 3);
	len = 15 + (size - 15) / 3 * 3;
	out = filtered("host", text, len, &size);
	bad = 0;
	for (const char *p = out + 16, *q = text + 15; q < text + len; n++) {
		bad += *p++ != '\t';
		while (q < text + len && memcmp(q, "x\\n", 3) != 0) {
			bad += memcmp(p, q, 3) != 0;
			p += 3;
			q += 3;
		}
		if (q < text + len)
			bad += *p++ != 'x' || *p++ != '\n';
		q += 3;
		if (bad)
			break;
	}
	CHECK_INT(bad, 0);
	CHECK(n > 1000);
	free(out);
	free(text);
}

/* No byte that is a control reaches what a status line becomes, whatever is in it. */
static void test_no_controls(void)
{
	static const char *const names[] = { "host", "status", "compact", "gather" };
	long rounds = random_rounds(4000) / 10, bad = 0;
	uint64_t seed;

	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		char text[2000];
		size_t len = 0, out_len;
		char *out;

		while (len < sizeof(text) - 300) {
			size_t n = random_below(200);

			len += (size_t)snprintf(text + len, 40, "%s::dt:ssh:h%d", random_below(2) ? "okay" : "fail",
						(int)random_below(9));
			text[len++] = (char)random_next();
			text[len++] = ':';
			while (n--)
				text[len++] = (char)random_next();
			text[len++] = '\n';
		}
		for (size_t k = 0; k + 1 < len; k++) {
			/* one line each, so that none of them is no status line */
			if (text[k] == '\n' && strncmp(text + k + 1, "okay::", 6) != 0 &&
			    strncmp(text + k + 1, "fail::", 6) != 0)
				text[k] = '\r';
		}
		out = filtered(names[i % 4], text, len, &out_len);
		for (size_t k = 0; k < out_len; k++) {
			unsigned char c = (unsigned char)out[k];

			bad += (c < 0x20 && c != '\n' && !(c == '\t' && i % 4 < 2 && k && out[k - 1] == '\n')) ||
			       c == 0x7f;
		}
		bad += !utf8_valid(out, out_len);
		free(out);
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_read), TEST(test_reason),	 TEST(test_safe), TEST(test_filters),
		TEST(test_long), TEST(test_no_controls), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
