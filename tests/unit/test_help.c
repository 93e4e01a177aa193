#include "dt/cli/help.h"

#include "dt/cli/options.h"
#include "dt/cli/wordlist.h"
#include "tests/unit/test.h"

static void test_usage(void)
{
	struct buf out;
	size_t lines = 0, width = 0, column = 0;

	buf_init(&out, 1 << 20);
	CHECK_INT(help_usage(&out), 0);
	for (const struct option_spec *s = option_table; s->name; s++) {
		char name[80];

		(void)snprintf(name, sizeof(name), "--%s%s", s->name, s->arg ? " " : "\0");
		CHECK_HAS(out.data, name);
		CHECK_HAS(out.data, s->help);
	}
	for (const struct word_spec *w = word_table; w->name; w++)
		CHECK_HAS(out.data, w->help);
	for (const char *p = out.data; *p; p++) {
		column = *p == '\n' ? 0 : column + 1;
		lines += *p == '\n';
		width = column > width ? column : width;
	}
	CHECK(width <= 84);
	CHECK(lines <= 80);
	buf_release(&out);
}

static void test_module(void)
{
	static const char *const colours[] = { "red", "blue", NULL };
	static const struct dt_param params[] = {
		{ .name = "wait", .type = DT_TIME, .flags = DT_OPTION, .def = "2s", .help = "how long" },
		{ .name = "colour", .type = DT_CHOICE, .flags = DT_OPTION, .choices = colours, .help = "which one" },
		{ .name = "stdin", .type = DT_BOOL, .flags = DT_OPTION, .help = "pass it" },
		{ .name = "file", .type = DT_FILE, .flags = DT_REQUIRED, .help = "script \033[31mhere" },
		{ .name = "arguments", .flags = DT_REST, .help = "of the script" },
		{ 0 }
	};
	static const struct dt_verb verbs[] = {
		{ .name = "show", .kind = DT_INFO, .summary = "show it" },
		{ .name = "", .kind = DT_ACTION, .summary = "do it", .params = params },
		{ 0 }
	};
	static const struct dt_module m = { .abi = 1, .name = "paint", .summary = "paint hosts", .verbs = verbs };
	struct buf out;

	buf_init(&out, 1 << 20);
	CHECK_INT(help_module(&m, &out), 0);
	CHECK_STR(out.data,
		  "paint - paint hosts\n\n"
		  "dt SELECTION paint show\n  show it; changes nothing\n\n"
		  "dt SELECTION paint [OPTIONS] FILE [ARGUMENTS...]\n  do it\n\n"
		  "  --wait TIME                 how long (2s)\n"
		  "  --colour CHOICE             which one: red|blue\n"
		  "  --stdin                     pass it\n"
		  "  FILE                        script \\x1b[31mhere\n"
		  "  [ARGUMENTS...]              of the script\n");
	buf_release(&out);
}

static void topic(const char *name, const char *has)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	CHECK_INT(help_topic(name, &out), 0);
	CHECK_HAS(out.data, has);
	buf_release(&out);
}

static void test_topics(void)
{
	struct buf out;

	topic("selection", "tag:a,+b");
	topic("output", "STATUS:ENCODING");
	topic("exit", "130  interrupted");
	topic("conf", "[dt]");
	topic("trust", "dt trust SELECTION");
	topic("-C", "-C, --coproc N\n  at most");
	topic("--coproc", "A number from 1 to 100000");
	topic("coproc", "In dt.conf(5): coproc = N");
	topic("--deadline", "--deadline TIME\n");
	topic("stream", "stream = yes");
	buf_init(&out, 100);
	CHECK_INT(help_topic("nothing", &out), -1);
	CHECK_INT(help_topic("job", &out), -1);
	CHECK_INT(help_topic("-", &out), -1);
	CHECK_INT(help_topic("", &out), -1);
	CHECK_INT(out.len, 0);
	buf_release(&out);
	CHECK_STR(help_nearest("selectoin"), "selection");
	CHECK_STR(help_nearest("--cproc"), "coproc");
	CHECK_STR(help_nearest("zzzz"), NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_usage), TEST(test_module), TEST(test_topics), { NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
