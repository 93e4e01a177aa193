/* gather, diff, host, status, compact and table: whole runs. */
#include <stdbool.h>
#include <stdlib.h>

#include "dt/base/util.h"
#include "dt/report/format.h"
#include "tests/unit/test.h"

static struct run_info run;
static struct report report;

static void fresh(void)
{
	run = (struct run_info){ .program = "dt", .selection = "tag:linux", .module = "ssh", .verb = "", .hosts = 3 };
}

/* What became of one host; rc below 0: not reached. */
struct host {
	const char *name, *out, *err;
	int rc;
	const struct dt_field *fields;
	size_t n;
};

/* A whole run of a format, and what it printed. */
static void shows(const char *format, const struct host *hosts, size_t n, const char *expected)
{
	const struct format *f = format_find(format);
	struct tally t = { 0 };

	buf_clear(&report.out);
	CHECK(f->open(&report) == 0);
	/* hosts end in another order than theirs */
	for (size_t k = 0; k < n; k++) {
		size_t i = (k * 7 + 3) % n;
		const struct host *h = &hosts[n % 7 ? i : k];
		struct result r;

		result_init(&r, 1 << 20);
		r.host = h->name;
		r.module = "ssh";
		r.index = (size_t)(h - hosts);
		CHECK(output_add(&r.output, STREAM_OUT, h->out, strlen(h->out)) == 0);
		CHECK(output_add(&r.output, STREAM_ERR, h->err ? h->err : "", h->err ? strlen(h->err) : 0) == 0);
		if (h->fields)
			result_row(&r, h->fields, h->n);
		if (h->rc < 0) {
			struct dt_err err;

			(void)err_set(&err, ERR_CONNECT, "10.0.0.%d: connection refused", -h->rc);
			result_error(&r, &err);
		} else {
			result_exit(&r, h->rc, "");
		}
		CHECK(f->end(&report, &r) == 0);
		result_release(&r);
	}
	CHECK(!f->summary_line || f->summary_line(&report, &t) == 0);
	CHECK_STR(report.out.data, expected);
	f->close(&report);
	report.state = NULL;
}

#define LINE "---------------\n"

static void test_gather(void)
{
	static const struct host hosts[] = {
		{ .name = "web01", .out = "a\n" },
		{ .name = "web02", .out = "a" },
		{ .name = "web03", .out = "a\n", .err = "w\033\n" },
		{ .name = "db", .out = "a\n", .rc = 1 },
		{ .name = "web04", .out = "a\n" },
		{ .name = "x1", .out = "", .rc = -1 },
		{ .name = "x2", .out = "", .rc = -2 },
		{ .name = "e", .out = "" },
	};

	fresh();
	shows("gather", hosts, ARRAY_LEN(hosts),
	      LINE "web[01-02,04] (3)\n" LINE "a\n" LINE "web03\n" LINE "a\n-- stderr\nw\\x1b\n" LINE "e\n" LINE
	      LINE "db: exit 1\n" LINE "a\n" LINE "x1: connect: 10.0.0.1: connection refused\n" LINE
	      LINE "x2: connect: 10.0.0.2: connection refused\n" LINE);
	shows("diff", hosts, ARRAY_LEN(hosts),
	      LINE "web[01-02,04] (3)\n" LINE "a\n"
	      LINE "web03\n" LINE "--- web[01-02,04] (3)\n+++ web03\n@@ -1 +1,3 @@\n a\n+-- stderr\n+w\\x1b\n"
	      LINE "e\n" LINE "--- web[01-02,04] (3)\n+++ e\n@@ -1 +0,0 @@\n-a\n"
	      LINE "db: exit 1\n" LINE "--- web[01-02,04] (3)\n+++ db\n"
	      LINE "x1: connect: 10.0.0.1: connection refused\n" LINE
	      LINE "x2: connect: 10.0.0.2: connection refused\n" LINE);
	run.mask = true;
	shows("gather", hosts + 3, 5,
	      LINE "web04\n" LINE "a\n" LINE "e\n" LINE LINE "x[1-2] (2): connect: <ip>: connection refused\n" LINE
	      LINE "db: exit 1\n" LINE "a\n");
	shows("gather", hosts, 0, "");
	run.color = run.raw = true;
	shows("gather", hosts + 2, 2, LINE "\033[1mweb03\033[0m\n" LINE "a\n-- stderr\nw\033\n" LINE
	      "\033[1mdb\033[0m: \033[31mexit 1\033[0m\n" LINE "a\n");
}

static void test_lines(void)
{
	static const struct host hosts[] = {
		{ .name = "a:1", .out = "x\n\n\ty\\\n" },
		{ .name = "b", .out = "o", .rc = 3 },
		{ .name = "c", .out = "" },
		{ .name = "d", .out = "", .rc = -9 },
	};

	fresh();
	shows("host", hosts, ARRAY_LEN(hosts),
	      "fail::dt:ssh:d:\n\tconnect: 10.0.0.9: connection refused\n\nokay::dt:ssh:c:\n\n"
	      "fail::dt:ssh:b:\n\texit 3: o\n\nokay::dt:ssh:a\\x3a1:\n\tx\n\t\n\t\\ty\\\\\n\n");
	shows("status", hosts, ARRAY_LEN(hosts),
	      "okay:\n\tc:\n\ta\\x3a1:x\\n\\n\\ty\\\\\n\nfail:\n\td:connect: 10.0.0.9: connection refused\n\tb:exit "
	      "3: o\n\n");
	shows("compact", hosts, ARRAY_LEN(hosts),
	      "!.!.\n\nTotal:         4\nOkay:          2  [ 50.0%]\nFail:          2  [ 50.0%]\n\nFailed:\n"
	      "fail::dt:ssh:d:connect: 10.0.0.9: connection refused\nfail::dt:ssh:b:exit 3: o\n");
	shows("status", hosts, 0, "");
	shows("compact", hosts, 0, "Total:         0\n");
}

static void test_table(void)
{
	static const struct dt_field one[] = {
		{ .name = "name", .type = DT_STRING, .text = "\xe4\xb8\xad\xe6\x96\x87" },
		{ .name = "pid", .type = DT_INT, .number = -7 },
		{ .name = "up", .type = DT_TIME, .number = 61500 },
		{ .name = "on", .type = DT_BOOL, .number = 1 },
	};
	static const struct dt_field two[] = {
		{ .name = "name", .type = DT_STRING }, { .name = "pid", .type = DT_INT, .unknown = true },
		{ .name = "up", .type = DT_TIME, .number = 5 }, { .name = "on", .type = DT_BOOL },
	};
	static const struct dt_field three[] = {
		{ .name = "name", .type = DT_STRING, .text = "a\tb\033" },
		{ .name = "pid", .type = DT_INT, .number = 123456 },
		{ .name = "up", .type = DT_TIME, .unknown = true },
		{ .name = "on", .type = DT_BOOL, .unknown = true },
	};
	static const struct host hosts[] = {
		{ .name = "web1", .out = "", .fields = one, .n = 4 },
		{ .name = "w2", .out = "", .fields = two, .n = 4 },
		{ .name = "far", .out = "", .rc = -1 },
		{ .name = "db\xc3\xbc", .out = "", .fields = three, .n = 4 },
		{ .name = "none", .out = "nothing there\nmore\n" },
	};

	fresh();
	shows("table", hosts, ARRAY_LEN(hosts),
	      "host  name         pid      up  on\n"
	      "web1  \xe4\xb8\xad\xe6\x96\x87          -7  61.500  yes\n"
	      "w2    -              -   0.005  no\n"
	      "far   unreachable  connect: 10.0.0.1: connection refused\n"
	      "db\xc3\xbc   a\\tb\\x1b  123456       -  -\n"
	      "none  okay         nothing there\n");
	shows("table", hosts + 2, 1,
	      "host  status       output\nfar   unreachable  connect: 10.0.0.1: connection refused\n");
	shows("table", hosts, 0, "");
}

static void test_colors(void)
{
	struct colors c;

	colors_init(&c, NULL, NULL);
	CHECK_STR(c.sgr[COLOR_OKAY], "32");
	CHECK_STR(c.sgr[COLOR_HOST], "1");
	colors_init(&c, "okay=1;33:host=", "ok=34:fail=35:new=1");
	CHECK_STR(c.sgr[COLOR_OKAY], "1;33");
	CHECK_STR(c.sgr[COLOR_FAIL], "35");
	CHECK_STR(c.sgr[COLOR_HOST], "");
	colors_init(&c, "fail=31m\033[2J:okay:=:::ok=x:info=1234567890123456789012345678901:host=3", "fail");
	CHECK_STR(c.sgr[COLOR_OKAY], "32");
	CHECK_STR(c.sgr[COLOR_FAIL], "31");
	CHECK_STR(c.sgr[COLOR_INFO], "1234567890123456789012345678901");
	CHECK_STR(c.sgr[COLOR_HOST], "3");
	colors_init(&c, "info=12345678901234567890123456789012", NULL);
	CHECK_STR(c.sgr[COLOR_INFO], "36");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_gather), TEST(test_lines), TEST(test_table), TEST(test_colors), { NULL, NULL },
	};
	int r;

	(void)unsetenv("DT_COLORS");
	(void)unsetenv("DTOOLS_COLORS");
	report_init(&report, &run);
	r = test_main(tests, argc, argv);
	report_release(&report);
	return r;
}
