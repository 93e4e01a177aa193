#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/format.h"
#include "dt/report/json.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static struct run_info run;
static struct report report;

static void fresh(void)
{
	static const char *const args[] = { "echo", "say \"so\"", "\xff", NULL };

	run = (struct run_info){
		.program = "dt", .selection = "tag:linux", .module = "ssh", .verb = "", .args = args, .hosts = 3,
	};
	buf_clear(&report.out);
	buf_clear(&report.diag);
}

static void init(struct result *r, const char *host)
{
	result_init(r, 1 << 20);
	r->host = host;
	r->module = "ssh";
}

/* A result with its outcome and text as output; code ERR_NONE: the exit status or signal. */
static void made(struct result *r, enum err_code code, const char *reason, int rc, const char *signal,
		 const char *text)
{
	struct dt_err err;

	init(r, "web1");
	CHECK(output_add(&r->output, STREAM_OUT, text, strlen(text)) == 0);
	if (code) {
		(void)err_set(&err, code, "%s", reason);
		result_error(r, &err);
	} else {
		result_exit(r, rc, signal);
	}
}

static void ends(const char *format, const struct result *r)
{
	const struct format *f = format_find(format);

	buf_clear(&report.out);
	buf_clear(&report.diag);
	CHECK(!f->open || f->open(&report) == 0);
	CHECK(f->end(&report, r) == 0);
	if (f->close)
		f->close(&report);
	report.state = NULL;
}

static void check_omni(enum err_code code, const char *reason, int rc, const char *signal, const char *text,
		       const char *line)
{
	struct result r;

	made(&r, code, reason, rc, signal, text);
	ends("omni", &r);
	CHECK_STR(report.out.data, line);
	CHECK_STR(report.diag.data, "");
	result_release(&r);
}

static void test_table(void)
{
	CHECK(format_find("omni") == &formats[0]);
	CHECK_STR(format_find("jsonl")->name, "jsonl");
	CHECK_STR(format_find("pdsh")->name, "pdsh");
	CHECK(!format_find("none"));
	CHECK(!format_find(""));
}

static void test_omni(void)
{
	fresh();
	check_omni(0, "", 0, "", "Mon Nov 16\n", "okay::dt:ssh:web1:Mon Nov 16\n");
	check_omni(0, "", 0, "", "", "okay::dt:ssh:web1:\n");
	check_omni(0, "", 0, "", "\n", "okay::dt:ssh:web1:\n");
	check_omni(0, "", 0, "", "a\n\n", "okay::dt:ssh:web1:a\\n\n");
	check_omni(0, "", 0, "", "a:b\tc\\\n\033[0m", "okay::dt:ssh:web1:a:b\\tc\\\\\\n\\x1b[0m\n");
	check_omni(0, "", 1, "", "", "fail::dt:ssh:web1:exit 1: \n");
	check_omni(0, "", 1, "", "no such file\n", "fail::dt:ssh:web1:exit 1: no such file\n");
	check_omni(0, "", -1, "KILL", "", "fail::dt:ssh:web1:killed: signal KILL\n");
	check_omni(0, "", -1, "KILL", "half\n", "fail::dt:ssh:web1:killed: signal KILL\\nhalf\n");
	check_omni(0, "", -1, "", "half", "fail::dt:ssh:web1:lost: no exit status came\\nhalf\n");
	check_omni(ERR_RESOLVE, "no such name", 0, "", "", "fail::dt:ssh:web1:resolve: no such name\n");
	check_omni(ERR_CONNECT, "connection refused", 0, "", "", "fail::dt:ssh:web1:connect: connection refused\n");
	check_omni(ERR_UNSUPPORTED, "no cipher", 0, "", "", "fail::dt:ssh:web1:connect: no cipher\n");
	check_omni(ERR_HOSTKEY, "changed", 0, "", "", "fail::dt:ssh:web1:hostkey: changed\n");
	check_omni(ERR_AUTH, "denied", 0, "", "", "fail::dt:ssh:web1:auth: denied\n");
	check_omni(ERR_TIMEOUT, "no end within 1s", 0, "", "50%\n",
		   "fail::dt:ssh:web1:timeout: no end within 1s\\n50%\n");
	check_omni(ERR_TIMEOUT, "no end within 1s", 0, "", "\n", "fail::dt:ssh:web1:timeout: no end within 1s\n");
	check_omni(ERR_LOST, "a\nb\033", 0, "", "", "fail::dt:ssh:web1:lost: a b\\x1b\n");
	check_omni(ERR_KILLED, "interrupted", 0, "", "", "fail::dt:ssh:web1:killed: interrupted\n");
	check_omni(ERR_SKIPPED, "interrupted", 0, "", "", "fail::dt:ssh:web1:skipped: interrupted\n");
	check_omni(ERR_LOCAL, "fork", 0, "", "", "fail::dt:ssh:web1:local: fork\n");
}

static void test_omni_head(void)
{
	struct result r;

	fresh();
	init(&r, "fe80::1%eth0");
	ends("omni", &r);	/* a result that nobody decided is no okay */
	CHECK_STR(report.out.data, "fail::dt:ssh:fe80\\x3a\\x3a1%eth0:lost: \n");
	result_exit(&r, 0, "");
	run.color = true;
	ends("omni", &r);
	CHECK_STR(report.out.data, "\033[32mokay\033[0m::dt:ssh:fe80\\x3a\\x3a1%eth0:\n");
	result_exit(&r, 2, "");
	ends("omni", &r);
	CHECK_STR(report.out.data, "\033[31mfail\033[0m::dt:ssh:fe80\\x3a\\x3a1%eth0:exit 2: \n");
	buf_clear(&report.out);
	CHECK(format_find("omni")->line(&report, "h", STREAM_ERR, "x\033", 2) == 0);
	CHECK_STR(report.out.data, "\033[36minfo\033[0m::dt:ssh:h:x\\x1b\n");
	result_release(&r);

	buf_clear(&report.out);
	CHECK(omni_line(&report.out, "type", "hidden", "d:t", "m", "h", "Password: \n", 11, false) == 0);
	CHECK_STR(report.out.data, "type:hidden:d\\x3at:m:h:Password: \n");
}

static void test_omni_raw(void)
{
	struct result r;

	fresh();
	run.raw = true;
	made(&r, 0, "", 0, "", "\033[1mb\\\xff\ttwo\nlines\n");
	ends("omni", &r);
	CHECK_STR(report.out.data, "okay::dt:ssh:web1:\033[1mb\\\xff\ttwo\nlines\n");
	result_release(&r);
}

static void test_omni_stream(void)
{
	struct result r;

	fresh();
	run.stream = true;
	made(&r, 0, "", 1, "", "seen\nalready\n");
	r.output.total += 100;
	ends("omni", &r);
	CHECK_STR(report.out.data, "fail::dt:ssh:web1:exit 1: \n");
	result_release(&r);
}

static void test_truncated(void)
{
	struct result r;

	fresh();
	result_init(&r, 4);
	r.host = "h";
	r.module = "ssh";
	CHECK(output_add(&r.output, STREAM_OUT, "abc\ndef\n", 8) == 0);
	result_exit(&r, 0, "");
	ends("omni", &r);	/* the newline is not the final one */
	CHECK_STR(report.out.data, "okay::dt:ssh:h:abc\\n [truncated: kept 4 of 8 bytes]\n");
	ends("pdsh", &r);
	CHECK_STR(report.out.data, "h: abc\n");
	CHECK_STR(report.diag.data, "dt: h: output truncated: kept 4 of 8 bytes\n");
	ends("jsonl", &r);
	CHECK_HAS(report.out.data, "\"stdout\":\"abc\\n\",\"stderr\":\"\",\"truncated\":true");
	result_release(&r);

	result_init(&r, 0);
	r.host = "h";
	CHECK(output_add(&r.output, STREAM_OUT, "abc", 3) == 0);
	result_exit(&r, 1, "");
	ends("omni", &r);
	CHECK_STR(report.out.data, "fail::dt:ssh:h:exit 1:  [truncated: kept 0 of 3 bytes]\n");
	result_release(&r);
}

/* What a command printed comes back from its status line, bit by bit. */
static void test_omni_exact(void)
{
	static const char head[] = "okay::dt:ssh:web1:";
	long rounds = random_rounds(20000), bad = 0;
	struct buf back;
	uint64_t seed;

	fresh();
	buf_init(&back, 10000);
	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		struct result r;
		char data[512];
		size_t len = i ? random_below(sizeof(data)) : 256;

		for (size_t k = 0; k < len; k++)
			data[k] = (char)(i ? random_next() : k);
		/* one final newline is dropped: of what is compared there is none */
		while (len && data[len - 1] == '\n')
			len--;
		init(&r, "web1");
		for (size_t at = 0; at < len;) {
			size_t n = 1 + random_below(len - at);

			bad += output_add(&r.output, random_below(2) ? STREAM_OUT : STREAM_ERR, data + at, n) != 0;
			at += n;
		}
		result_exit(&r, 0, "");
		ends("omni", &r);
		result_release(&r);
		buf_clear(&back);
		bad += strncmp(report.out.data, head, sizeof(head) - 1) != 0 ||
		       report.out.data[report.out.len - 1] != '\n';
		bad += unescape(&back, report.out.data + sizeof(head) - 1, report.out.len - sizeof(head)) != 0;
		bad += back.len != len || memcmp(back.data, data, len) != 0;
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
	buf_release(&back);
}

static void test_pdsh(void)
{
	struct result r;

	fresh();
	init(&r, "fe80::1");
	CHECK(output_add(&r.output, STREAM_OUT, "one\n\nth", 7) == 0);
	CHECK(output_add(&r.output, STREAM_ERR, "warn\033\n", 6) == 0);
	CHECK(output_add(&r.output, STREAM_OUT, "ree", 3) == 0);
	result_exit(&r, 0, "");
	ends("pdsh", &r);
	CHECK_STR(report.out.data, "fe80::1: one\nfe80::1: \nfe80::1: three\n");
	CHECK_STR(report.diag.data, "fe80::1: warn\\x1b\n");
	run.raw = true;
	ends("pdsh", &r);
	CHECK_STR(report.diag.data, "fe80::1: warn\033\n");
	run.stream = true;
	ends("pdsh", &r);
	CHECK_STR(report.out.data, "");
	CHECK_STR(report.diag.data, "");
	result_exit(&r, 1, "");
	ends("pdsh", &r);
	CHECK_STR(report.out.data, "");
	CHECK_STR(report.diag.data, "dt: fe80::1: exit 1\n");
	result_release(&r);

	fresh();
	made(&r, ERR_CONNECT, "connection refused", 0, "", "");
	ends("pdsh", &r);
	CHECK_STR(report.diag.data, "dt: web1: connect: connection refused\n");
	result_release(&r);
	made(&r, 0, "", -1, "TERM", "x");
	ends("pdsh", &r);
	CHECK_STR(report.out.data, "web1: x\n");
	CHECK_STR(report.diag.data, "dt: web1: killed: signal TERM\n");
	result_release(&r);

	buf_clear(&report.out);
	buf_clear(&report.diag);
	CHECK(format_find("pdsh")->line(&report, "h", STREAM_OUT, "o", 1) == 0);
	CHECK(format_find("pdsh")->line(&report, "h", STREAM_ERR, "e", 1) == 0);
	CHECK_STR(report.out.data, "h: o\n");
	CHECK_STR(report.diag.data, "h: e\n");
}

static const char *json(const char *data, size_t len)
{
	buf_clear(&report.out);
	CHECK(json_bytes(&report.out, data, len) == 0);
	return report.out.data;
}
#define JSON(literal) json(literal, sizeof(literal) - 1)

static void test_json(void)
{
	CHECK_STR(JSON(""), "\"\"");
	CHECK_STR(JSON("a\"b\\c/\n\r\t"), "\"a\\\"b\\\\c/\\n\\r\\t\"");
	CHECK_STR(JSON("\0\x1b\x7f"), "\"\\u0000\\u001b\\u007f\"");
	CHECK_STR(JSON("\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xd8\x9c"), "\"\\u009b\\u2028\\u202e\\u061c\"");
	CHECK_STR(JSON("\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\xa7"), "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\xa7\"");
	CHECK_STR(JSON("\xff"), "{\"base64\":\"/w==\"}");
	CHECK_STR(JSON("\xfb\xff"), "{\"base64\":\"+/8=\"}");
	CHECK_STR(JSON("f\xff\x00"), "{\"base64\":\"Zv8A\"}");
	CHECK_STR(JSON("\xed\xa0\x80"), "{\"base64\":\"7aCA\"}");
	buf_clear(&report.out);
	CHECK(json_text(&report.out, NULL) == 0);
	CHECK(json_text(&report.out, "x") == 0);
	CHECK(json_seconds(&report.out, 1250) == 0);
	CHECK(json_seconds(&report.out, -5) == 0);
	CHECK_STR(report.out.data, "null\"x\"1.2500.000");
}

/* out is this line, written with ' for " to be read more easily. */
static void check_json(const char *expected)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s\n", expected);
	for (char *p = text; (p = strchr(p, '\'')) != NULL;)
		*p = '"';
	CHECK_STR(report.out.data, text);
}

static void test_jsonl(void)
{
	const struct format *f = format_find("jsonl");
	struct tally t = { 0 };
	struct result r;

	fresh();
	CHECK(f->start(&report) == 0);
	check_json("{'event':'start','program':'dt','version':'" DT_VERSION "','selection':'tag:linux','module':'ssh',"
		   "'verb':null,'args':['echo','say \\\"so\\\"',{'base64':'/w=='}],'hosts':3}");

	buf_clear(&report.out);
	CHECK(f->line(&report, "web1", STREAM_ERR, "a\xff", 2) == 0);
	check_json("{'event':'line','host':'web1','stream':'stderr','text':{'base64':'Yf8='}}");

	made(&r, 0, "", 3, "", "out");
	CHECK(output_add(&r.output, STREAM_ERR, "err\n", 4) == 0);
	(void)snprintf(r.address, sizeof(r.address), "10.0.0.7");
	r.user = "deploy";
	r.transport = "libssh2";
	r.began_ms = 1000;
	r.ended_ms = 3042;
	tally_add(&t, &r);
	ends("jsonl", &r);
	check_json("{'event':'end','host':'web1','address':'10.0.0.7','user':'deploy','module':'ssh','status':'failed',"
		   "'rc':3,'signal':null,'began':1.000,'seconds':2.042,'stdout':'out','stderr':'err\\n','truncated':false,"
		   "'reason':'exit 3','transport':'libssh2'}");
	result_release(&r);

	made(&r, ERR_CONNECT, "connection refused", 0, "", "");
	tally_add(&t, &r);
	ends("jsonl", &r);
	check_json("{'event':'end','host':'web1','address':null,'user':null,'module':'ssh','status':'unreachable',"
		   "'rc':null,'signal':null,'began':0.000,'seconds':0.000,'stdout':'','stderr':'','truncated':false,"
		   "'reason':'connect: connection refused','transport':null}");
	result_release(&r);

	made(&r, 0, "", -1, "KILL", "");
	ends("jsonl", &r);
	check_json("{'event':'end','host':'web1','address':null,'user':null,'module':'ssh','status':'killed',"
		   "'rc':null,'signal':'KILL','began':0.000,'seconds':0.000,'stdout':'','stderr':'','truncated':false,"
		   "'reason':'killed: signal KILL','transport':null}");
	result_release(&r);

	made(&r, ERR_LOCAL, "fork", 0, "", "");
	tally_add(&t, &r);
	result_release(&r);
	run.began_ms = now_ms() + 60000;	/* no time has passed, whatever the clock says */
	buf_clear(&report.out);
	CHECK(f->summary_line(&report, &t) == 0);
	check_json("{'event':'summary','hosts':3,'counts':{'ok':0,'failed':2,'unreachable':1,'auth':0,'hostkey':0,"
		   "'timeout':0,'lost':0,'killed':0,'skipped':0,'unknown':0},'seconds':0.000}");
	CHECK_STR(report.diag.data, "");
}

/* Random bytes, most of them from the corners of UTF-8 and JSON. */
static size_t bytes(char *to, size_t max)
{
	static const char *const pieces[] = {
		"\"", "\\", "\n", "\x1b", "\x7f", "\xc2\x9b", "\xe2\x80\xa8", "\xf0\x9f\x90\xa7", "\xc3\xbc",
		"text", "/", "\\u0041",
	};
	size_t len = 0, want = random_below(max - 8);
	bool any = random_below(4) == 0;

	while (len < want) {
		const char *p = pieces[random_below(ARRAY_LEN(pieces))];

		if (any || random_below(5) == 0) {
			to[len++] = (char)(any ? random_next() : random_below(128));
		} else {
			memcpy(to + len, p, strlen(p));
			len += strlen(p);
		}
	}
	return len;
}

static int base64_value(int c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static size_t base64_decode(const char *text, char *to)
{
	unsigned v = 0, bits = 0;
	size_t n = 0;

	for (; base64_value(*text) >= 0; text++) {
		v = v << 6 | (unsigned)base64_value(*text);
		bits += 6;
		if (bits >= 8)
			to[n++] = (char)(v >> (bits -= 8));
	}
	return n;
}

/* A real parser reads every line, and both streams come back from it as they were. */
static void test_jsonl_parsed(void)
{
	enum { LINES = 2000, MAX = 200 };
	static char kept[LINES][2][MAX];
	static size_t lens[LINES][2];
	char path[] = "/tmp/dt-format-XXXXXX", command[256], *line = NULL;
	int fd = mkstemp(path), bad = 0, seen = 0;
	long rounds = random_rounds(LINES);
	size_t size = 0;
	uint64_t seed;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	CHECK(f != NULL);
	if (!f)
		return;
	fresh();
	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		struct result r;

		init(&r, "web1");
		for (int k = 0; k < 2; k++) {
			lens[i][k] = bytes(kept[i][k], MAX);
			bad += output_add(&r.output, k ? STREAM_ERR : STREAM_OUT, kept[i][k], lens[i][k]) != 0;
		}
		result_exit(&r, (int)random_below(3), "");
		ends("jsonl", &r);
		result_release(&r);
		bad += fwrite(report.out.data, 1, report.out.len, f) != report.out.len;
	}
	bad += fclose(f) != 0;
	(void)snprintf(command, sizeof(command),
		       "jq -r '.stdout,.stderr | if type == \"object\" then .base64 else @base64 end' %s", path);
	f = popen(command, "r");
	for (; f && seen < 2 * rounds && getline(&line, &size, f) > 0; seen++) {
		char back[2 * MAX];
		size_t n = base64_decode(line, back), len = lens[seen / 2][seen % 2];

		bad += n != len || memcmp(back, kept[seen / 2][seen % 2], n) != 0;
	}
	CHECK(f && pclose(f) == 0);
	CHECK_INT(seen, 2 * rounds);
	CHECK_INT(bad, 0);
	if (bad || seen != 2 * rounds)
		random_again(seed);
	free(line);
	(void)unlink(path);
}

/* A formatter that has no room says so, wherever it is. */
static void test_no_room(void)
{
	for (const struct format *f = formats; f->name; f++) {
		struct result r;
		size_t need;

		fresh();
		made(&r, ERR_TIMEOUT, "no end", 0, "", "some\nlines\n\xff");
		ends(f->name, &r);
		need = report.out.len > report.diag.len ? report.out.len : report.diag.len;
		for (size_t max = 0; max < need; max++) {
			struct report small;

			report_init(&small, &run);
			CHECK(!f->open || f->open(&small) == 0);
			small.out.max = small.diag.max = max;
			CHECK(f->end(&small, &r) == -1);
			if (f->close)
				f->close(&small);
			report_release(&small);
		}
		result_release(&r);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_table), TEST(test_omni), TEST(test_omni_head), TEST(test_omni_raw), TEST(test_omni_stream),
		TEST(test_truncated), TEST(test_omni_exact), TEST(test_pdsh), TEST(test_json), TEST(test_jsonl),
		TEST(test_jsonl_parsed), TEST(test_no_room), { NULL, NULL },
	};
	int r;

	(void)unsetenv("DT_COLORS");
	(void)unsetenv("DTOOLS_COLORS");
	report_init(&report, &run);
	report.out.max = report.diag.max = 1 << 20;
	r = test_main(tests, argc, argv);
	report_release(&report);
	return r;
}
