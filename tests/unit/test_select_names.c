#include "tests/unit/selecting.h"

#include "tests/unit/random.h"

static void test_files(void)
{
	char text[300];

	WRITE("names", "web[01-02] # two\n# none\n\n \tdb01 \r\nnew1,web01 #\nnew[2-3]", 0600);
	(void)snprintf(text, sizeof(text), "file:%s", in_folder("names"));
	CHECK_STR(hosts(text), "web01 web02 db01 new1 new2 new3");
	(void)snprintf(text, sizeof(text), "tag:linux:file:%s:not:tag:web", in_folder("names"));
	CHECK_STR(hosts(text), "db01");
	CHECK_INT(setenv("HOME", folder, 1), 0);
	CHECK_STR(hosts("file:~/names:tag:eu"), "web02");
	WRITE("two words", "db02", 0600);
	CHECK_STR(hosts("file:\"~/two words\""), "db02");
	CHECK_STR(hosts("file:~/two\" \"words"), "db02");
	fault_says("file:~/missing", "/missing: no such file");
	WRITE("bad", "web01\n\nweb[2-1] # x\n", 0600);
	fault_says("file:~/bad", "/bad:3: the range runs backwards");
	WRITE("nul", "web01\nweb02\0\n", 0600);
	fault_says("file:~/nul", "/nul:2: a NUL byte");
	WRITE("empty", "", 0600);
	CHECK_STR(hosts("file:~/empty"), "");
}

static const char *piped(const char *input, const char *text)
{
	int ends[2];
	const char *got;

	if (pipe(ends) != 0)
		return "no pipe";
	CHECK(write(ends[1], input, strlen(input)) == (ssize_t)strlen(input) && close(ends[1]) == 0);
	options.stdin_fd = ends[0];
	got = hosts(text);
	options.stdin_fd = -1;
	CHECK_INT(close(ends[0]), 0);
	return got;
}

static void test_input(void)
{
	CHECK_STR(piped("db01\nweb[01-02] # all\n#x\nnew", "out:"), "web01 web02 db01 new");
	CHECK_STR(piped("db01\nweb02\n", "out:tag:web"), "web02");
	CHECK_STR(piped("db01\nweb02\n", "tag:linux:out:not:tag:web"), "db01");
	/* it is read once */
	CHECK_STR(piped("db01\nweb02\n", "out: and tag:web or (out:)and(tag:db)"), "web02 db01");
	CHECK_STR(piped("", "out:"), "");
	CHECK_STR(piped("ok\n-x\n", "out:"), "fault");
	CHECK_HAS(error.msg, "standard input:2: the host name \"-x\" begins with '-'");
}

static void test_programs(void)
{
	struct buf log;

	CHECK_INT(mkdir(in_folder("one"), 0700), 0);
	CHECK_INT(mkdir(in_folder("one/sub"), 0700), 0);
	CHECK_INT(mkdir(in_folder("two"), 0700), 0);
	WRITE("one/pick", "#!/bin/sh\necho \"$#:$1\" >>\"${0%/*}/log\"\necho \"$1[01-02] # of one\"\n", 0700);
	WRITE("two/pick", "#!/bin/sh\necho two\n", 0700);
	WRITE("two/none", "#!/bin/sh\ncat\n", 0700);
	WRITE("two/fails", "#!/bin/sh\necho web01\nexit 3\n", 0700);
	WRITE("two/bad", "#!/bin/sh\necho web01\necho -- \"$1\"\n", 0700);
	WRITE("two/text", "web01\n", 0600);
	WRITE("two/tag", "#!/bin/sh\necho web01\n", 0700);
	CHECK(strs_add(&dirs, in_folder("missing")) == 0 && strs_add(&dirs, in_folder("one")) == 0 &&
	      strs_add(&dirs, in_folder("two")) == 0);
	CHECK_STR(hosts("pick:web"), "web01 web02");
	CHECK_STR(hosts("pick:db:not:tag:eu:exp:db"), "db01");
	CHECK_STR(hosts("tag:linux:pick:x"), "");
	CHECK_STR(hosts("(pick:web) and tag:eu or not pick:web and tag:v6:not:pick:web"),
		  "web02 2001:db8::7");
	CHECK_STR(hosts("pick:\"a b\""), "fault");
	CHECK_HAS(error.msg, "one/pick:1: \"a\" has a second word");
	CHECK_STR(hosts("none:"), "");
	CHECK_STR(hosts("none:x or tag:v6"), "2001:db8::7");
	CHECK_STR(hosts("tag:v6"), "2001:db8::7");
	fault_says("fails:x", "two/fails: exit 3");
	fault_says("bad:x", "two/bad:2: \"--\" has a second word");
	fault_says("text:x", "unknown selector \"text:\"; is it exp: ?");
	fault_says("sub:x", "unknown selector \"sub:\"; a host is sys:sub");
	/* one argument, and once for an expression */
	buf_init(&log, 1000);
	CHECK_INT(read_file(in_folder("one/log"), &log, &error), 0);
	CHECK_STR(log.data, "1:web\n1:db\n1:x\n1:web\n1:a b\n");
	buf_release(&log);
	strs_release(&dirs);
}

static void add_answer(void *arg, const char *link, bool matches)
{
	struct buf *b = arg;

	CHECK_INT(buf_addf(b, "%s%s%c", b->len ? " " : "", link, matches ? '+' : '-'), 0);
}

static const char *explained(const char *text, const char *name)
{
	struct host *h = NULL;
	struct buf b;
	int r;

	renew();
	buf_init(&b, sizeof(answer) - 1);
	CHECK(inventory_name(inv, name, &h, &error) == 0 && h);
	r = select_explain(inv, text, &options, h, add_answer, &b, &error);
	(void)snprintf(answer, sizeof(answer), "%s", r == 0 ? b.data : "fault");
	buf_release(&b);
	return answer;
}

static void test_explain(void)
{
	CHECK_STR(explained("tag:web", "web01"), "tag:web+");
	CHECK_STR(explained("tag:linux:not:tag:web or (exp:\"web0 ?1\" and tag:-eu) or all or nil:all",
			    "web01"),
		  "tag:linux+ tag:web+ exp:\"web0 ?1\"+ tag:-eu+ all+ nil- all+");
	CHECK_STR(explained("not(var:user=root or web[01-02])and not ::1", "db01"),
		  "var:user=root- web[01-02]- ::1-");
	CHECK_STR(explained("adhoc and not tag:x and all", "adhoc"), "adhoc+ tag:x- all-");
	CHECK_STR(explained("tag:x or (", "web01"), "fault");
}

/* ---- random expressions against their plain meaning, host by host ---- */

static void grow(struct buf *b, unsigned *truth, int depth)
{
	/* bits: the six hosts, then adhoc */
	static const struct {
		const char *text;
		unsigned truth;
	} leaves[] = {
		{ "tag:web", 0x03 }, { "tag:eu", 0x0a }, { "tag:linux,-eu", 0x05 }, { "tag:-bsd,+db", 0x04 },
		{ "all", 0x3f }, { "nil", 0 }, { "exp:.*b0[12]", 0x0f }, { "not:tag:linux", 0x78 },
		{ "tag:bsd:not:tag:db", 0x10 },
		{ "adhoc", 0x40 }, { "web01,adhoc", 0x41 }, { "2001:db8::7", 0x20 }, { "tag:-eu", 0x75 },
		{ "tag:-eu,db", 0x7d },
	};
	size_t what = depth ? random_below(4) : 3, leaf = random_below(ARRAY_LEN(leaves));
	unsigned right;

	if (what == 3) {
		*truth = leaves[leaf].truth;
		CHECK_INT(buf_adds(b, leaves[leaf].text), 0);
		return;
	}
	CHECK_INT(buf_adds(b, what == 2 ? "not (" : "("), 0);
	grow(b, truth, depth - 1);
	CHECK_INT(buf_adds(b, what == 2 ? ")" : what ? ") and (" : ") or ("), 0);
	if (what == 2) {
		*truth ^= 0x7f;
		return;
	}
	grow(b, &right, depth - 1);
	CHECK_INT(buf_addc(b, ')'), 0);
	*truth = what ? *truth & right : *truth | right;
}

static void test_random(void)
{
	static const char *const names[] = {
		"web01", "web02", "db01", "db02", "gw.example.org", "2001:db8::7", "adhoc",
	};
	long rounds = random_rounds(5000);

	random_start();
	for (long i = 0; i < rounds; i++) {
		char want[200] = " ", got[sizeof(answer)];
		uint64_t seed = random_state;
		unsigned truth;
		struct buf b;
		size_t at = 0;

		buf_init(&b, 1UL << 16);
		CHECK_INT(buf_adds(&b, "(all or adhoc) and ("), 0);
		grow(&b, &truth, 5);
		CHECK_INT(buf_addc(&b, ')'), 0);
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if (truth & 1U << k)
				at += (size_t)snprintf(want + at, sizeof(want) - at, "%s%s", at ? " " : "",
						       names[k]);
		want[at] = '\0';
		(void)snprintf(got, sizeof(got), "%s", hosts(b.data));
		CHECK_STR(got, want);
		if (strcmp(got, want) != 0) {
			(void)fprintf(stderr, "%s\n", b.data);
			random_again(seed);
			i = rounds;
		}
		buf_release(&b);
	}
}

int main(int argc, char **argv)
{
	static const char *const made[] = {
		"names", "two words", "bad", "nul", "empty", "one/pick", "one/log", "two/pick", "two/none",
		"two/fails", "two/bad", "two/text", "two/tag", "one/sub", "one", "two", NULL,
	};
	static const struct test tests[] = {
		TEST(test_files), TEST(test_input), TEST(test_programs), TEST(test_explain),
		TEST(test_random), { NULL, NULL },
	};

	return selecting_main(tests, made, argc, argv);
}
