#include <stdlib.h>

#include "dt/cli/options.h"
#include "tests/unit/test.h"

/* Parses args (ending with NULL) after defaults; returns what options_parse does. */
static int parse(struct options *o, const char *const *args, int *rest, struct dt_err *err)
{
	static const struct dt_err none = DT_ERR_INIT;
	int i = 0, r;

	*err = none;
	unsetenv("NO_COLOR");
	CHECK_INT(options_init(o, err), 0);
	r = options_parse(o, (char *const *)args, &i, err);
	if (rest)
		*rest = i;
	return r;
}

#define ARGS(...) ((const char *[]){ __VA_ARGS__, NULL })

static void refuse(const char *const *args, const char *text)
{
	struct options o;
	struct dt_err err;

	CHECK_INT(parse(&o, args, NULL, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_STR(err.msg, text);
	options_release(&o);
}

static void test_defaults(void)
{
	struct options o;
	struct dt_err err;
	int rest;

	CHECK_INT(parse(&o, ARGS("tag:linux", "-p"), &rest, &err), 0);
	CHECK_INT(rest, 0);
	CHECK_INT(o.coproc, 100);
	CHECK_INT(o.max_output, 1 << 20);
	CHECK_STR(o.output, "omni");
	CHECK_STR(o.transport, "auto");
	CHECK_INT(o.timeout_ms, 0);
	CHECK_STR(o.user, NULL);
	CHECK(!o.pretend && !o.no_color && !o.db.n && !o.verbose);
	options_release(&o);
}

static void test_forms(void)
{
	struct options o;
	struct dt_err err;
	int rest;

	CHECK_INT(parse(&o, ARGS("-pvC5", "-T", "250ms", "-vS", "--coproc=7", "--output", "jsonl", "-ubob",
				 "--max-output=64k", "--", "-x"), &rest, &err), 0);
	CHECK_INT(rest, 10);
	CHECK(o.pretend && o.max_status);
	CHECK_INT(o.verbose, 2);
	CHECK_INT(o.coproc, 7);
	CHECK_INT(o.timeout_ms, 250);
	CHECK_INT(o.max_output, 65536);
	CHECK_STR(o.output, "jsonl");
	CHECK_STR(o.user, "bob");
	options_release(&o);

	CHECK_INT(parse(&o, ARGS("-pC", "9", "-", "x"), &rest, &err), 0);
	CHECK_INT(rest, 2);	/* "-" is a word */
	CHECK_INT(o.coproc, 9);
	options_release(&o);

	CHECK_INT(parse(&o, ARGS("-D", "a", "--db=b", "-Dc", "--stream", "--stream=no"), &rest, &err), 0);
	CHECK_INT(o.db.n, 3);
	CHECK_STR(o.db.v[0], "a");
	CHECK_STR(o.db.v[2], "c");
	CHECK(!o.stream);
	options_release(&o);
}

static void test_unknown(void)
{
	refuse(ARGS("--cproc", "5"), "unknown option --cproc; did you mean --coproc?");
	refuse(ARGS("--tiemout=5"), "unknown option --tiemout=5; did you mean --timeout?");
	refuse(ARGS("--qqqqqq"), "unknown option --qqqqqq; dt --help lists them");
	refuse(ARGS("-x"), "unknown option -x; dt --help lists them");
	refuse(ARGS("-px"), "unknown option -x in -px; dt --help lists them");
	refuse(ARGS("-p\xc3\xa9"), "unknown option -\xc3\xa9 in -p\xc3\xa9; dt --help lists them");
}

static void test_bad_values(void)
{
	static const char *const numbers[] = { "0", "-5", "100001", "x", "", "5x", "1e3", " 5", "99999999999999999999" };
	static const char *const times[] = { "0", "-1s", "10 s", "x", "", "0ms", "5w" };
	static const char *const sizes[] = { "0", "-1", "2G", "1T", "", "k" };
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		(void)snprintf(text, sizeof(text), "-C, --coproc: \"%s\" is not a number from 1 to 100000", numbers[i]);
		refuse(ARGS("-C", numbers[i]), text);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		(void)snprintf(text, sizeof(text), "--deadline: \"%s\" is not a time above 0 such as 500ms, 10s, 2m or 1h",
			       times[i]);
		refuse(ARGS("--deadline", times[i]), text);
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		(void)snprintf(text, sizeof(text), "--max-output: \"%s\" is not a size from 1 to 1G such as 4096, 64k or 1M",
			       sizes[i]);
		refuse(ARGS("--max-output", sizes[i]), text);
	}
	refuse(ARGS("-o", "jsonnl"), "-o, --output: \"jsonnl\" is none of omni, jsonl, pdsh, gather, diff, host, status, compact, table, fold; did you mean jsonl?");
	refuse(ARGS("-o", "xml"), "-o, --output: \"xml\" is none of omni, jsonl, pdsh, gather, diff, host, status, compact, table, fold");
	refuse(ARGS("-I", ""), "-I, --identity: \"\" is empty");
	refuse(ARGS("--jump="), "-J, --jump: \"\" is empty");
	refuse(ARGS("--stream=maybe"), "--stream: \"maybe\" is neither yes nor no");
	refuse(ARGS("-T"), "-T needs a value (TIME)");
	refuse(ARGS("-pT"), "-T needs a value (TIME)");
	refuse(ARGS("--db"), "--db needs a value (SOURCE)");
}

static void test_user(void)
{
	struct options o;
	struct dt_err err;

	CHECK_INT(parse(&o, ARGS("-u", "-oProxyCommand=x"), NULL, &err), -1);
	CHECK_HAS(err.msg, "-u, --user: \"-oProxyCommand=x\" ");
	options_release(&o);
	CHECK_INT(parse(&o, ARGS("-u", "a\nb"), NULL, &err), -1);
	options_release(&o);
}

/* A list of a later source replaces an earlier one; a scalar too; counts begin anew. */
static void test_sources(void)
{
	const struct option_spec *db = option_by_name("db"), *coproc = option_by_letter('C');
	struct dt_err err = DT_ERR_INIT;
	struct options o;
	int i = 0;

	CHECK_INT(options_init(&o, &err), 0);
	o.source = SOURCE_SYSTEM_CONF;
	CHECK_INT(options_set(&o, db, "s1", &err), 0);
	CHECK_INT(options_set(&o, db, "s2", &err), 0);
	CHECK_INT(options_set(&o, coproc, "5", &err), 0);
	CHECK_INT(options_set(&o, option_by_name("verbose"), "2", &err), 0);
	CHECK_INT(o.db.n, 2);
	o.source = SOURCE_USER_CONF;
	CHECK_INT(options_set(&o, db, "u1", &err), 0);
	CHECK_INT(o.db.n, 1);
	CHECK_INT(options_set(&o, coproc, "many", &err), -1);
	CHECK_STR(err.msg, "coproc: \"many\" is not a number from 1 to 100000");
	o.source = SOURCE_COMMAND;
	CHECK_INT(options_parse(&o, (char *const *)ARGS("-Dc1", "-Dc2", "-v"), &i, &err), 0);
	CHECK_INT(o.db.n, 2);
	CHECK_STR(o.db.v[0], "c1");
	CHECK_INT(o.verbose, 1);
	CHECK_INT(o.coproc, 5);
	options_release(&o);
}

/* One word at a time, for a module's hook: what is not dt's is left alone. */
static void test_take(void)
{
	const char *const words[] = { "--sort", "-x", "word", "-C", "3" };
	struct dt_err err = DT_ERR_INIT;
	struct options o;
	size_t i;

	CHECK_INT(options_init(&o, &err), 0);
	for (i = 0; i < 3; i++) {
		size_t at = i;

		CHECK_INT(options_take(&o, (char *const *)words, ARRAY_LEN(words), &at, &err), 0);
		CHECK_INT(at, i);
	}
	CHECK_INT(options_take(&o, (char *const *)words, ARRAY_LEN(words), &i, &err), 1);
	CHECK_INT(i, 4);
	CHECK_INT(o.coproc, 3);
	CHECK_INT(err.code, ERR_NONE);
	options_release(&o);
}

static void test_no_color(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct options o;

	setenv("NO_COLOR", "1", 1);
	CHECK_INT(options_init(&o, &err), 0);
	CHECK(o.no_color);
	options_release(&o);
	setenv("NO_COLOR", "", 1);
	CHECK_INT(options_init(&o, &err), 0);
	CHECK(!o.no_color);
	options_release(&o);
	unsetenv("NO_COLOR");
}

/* The table itself: one name and one letter each, texts for help. */
static void test_table(void)
{
	for (const struct option_spec *s = option_table; s->name; s++) {
		CHECK(option_by_name(s->name) == s);
		CHECK(!s->letter || option_by_letter(s->letter) == s);
		CHECK(s->help && *s->help);
		CHECK(option_has_value(s) == (s->arg != NULL));
		CHECK((s->type == OPT_CHOICE) == (s->choices != NULL));
	}
	CHECK(!option_by_name("nothing") && !option_by_letter(0));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_defaults), TEST(test_forms), TEST(test_unknown), TEST(test_bad_values), TEST(test_user),
		TEST(test_sources), TEST(test_take), TEST(test_no_color), TEST(test_table), { NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
