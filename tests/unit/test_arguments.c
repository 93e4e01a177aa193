#include "dt/run/arguments.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/test.h"

static const char *even(const char *value)
{
	return (value[strlen(value) - 1] - '0') % 2 ? "is odd" : NULL;
}

static const char *const colours[] = { "red", "green", NULL };

/* Every type, no rest. */
static const struct dt_param typed_params[] = {
	{ .name = "number", .type = DT_INT, .flags = DT_REQUIRED, .help = "a number" },
	{ .name = "wait", .type = DT_TIME, .flags = DT_OPTION, .def = "2s", .help = "a time" },
	{ .name = "room", .type = DT_SIZE, .flags = DT_OPTION, .help = "a size" },
	{ .name = "all", .type = DT_BOOL, .flags = DT_OPTION, .help = "all of them" },
	{ .name = "not-now", .type = DT_BOOL, .flags = DT_OPTION, .help = "later" },
	{ .name = "colour", .type = DT_CHOICE, .choices = colours, .flags = DT_OPTION, .def = "red", .help = "a colour" },
	{ .name = "even", .type = DT_INT, .check = even, .flags = DT_OPTION, .help = "an even number" },
	{ .name = "file", .type = DT_FILE, .help = "a file" },
	{ 0 }
};
/* Options, then a command. */
static const struct dt_param command_params[] = {
	{ .name = "stdin", .type = DT_BOOL, .flags = DT_OPTION, .help = "standard input" },
	{ .name = "count", .type = DT_INT, .flags = DT_OPTION, .help = "how often" },
	{ .name = "command", .flags = DT_REQUIRED | DT_REST, .help = "the command" },
	{ 0 }
};
/* A rest without options. */
static const struct dt_param rest_params[] = {
	{ .name = "first", .help = "the first" },
	{ .name = "middle", .type = DT_TIME, .help = "the middle" },
	{ .name = "words", .flags = DT_REST, .def = "what else", .help = "the others" },
	{ 0 }
};
static const struct dt_verb verbs[] = {
	{ .name = "typed", .params = typed_params },
	{ .name = "command", .params = command_params },
	{ .name = "rest", .params = rest_params },
	{ .name = "none" },
	{ 0 }
};
static const struct dt_module mod = { .name = "mod", .verbs = verbs };

static const struct dt_verb only[] = { { .name = "", .params = command_params }, { 0 } };
static const struct dt_module single = { .name = "single", .verbs = only };

static struct arguments a;
static struct dt_err err;
static int (*other_fn)(void *, char *const *, size_t, size_t *, struct dt_err *);
static int other_arg;

/* Words are split at spaces; "_" inside a word stands for a space in it. */
static int parse(const struct dt_module *m, const char *line)
{
	static char text[512];
	char *words[32], *rest = text;
	size_t n = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (char *w; *text && (w = strsep(&rest, " "));) {
		words[n++] = w;
		for (char *p = w; *p; p++)
			if (*p == '_')
				*p = ' ';
	}
	arguments_release(&a);
	err = (struct dt_err)DT_ERR_INIT;
	return arguments_parse(m, words, n, other_fn, &other_arg, &a, &err);
}

static const char *text(const char *name)
{
	const struct argument *g = arguments_get(&a, name);

	return g ? g->text : "(no such parameter)";
}

static long long number(const char *name)
{
	const struct argument *g = arguments_get(&a, name);

	return g ? g->number : -1;
}

static void refused(const struct dt_module *m, const char *line, const char *message)
{
	CHECK_INT(parse(m, line), -1);
	CHECK_INT(err.code, ERR_MODULE);
	CHECK_HAS(err.msg, message);
	CHECK(!a.v && !a.n);
}

static void test_types(void)
{
	CHECK_INT(parse(&mod, "typed 12 --wait 1.5s --room=64k --all --colour green /dev/null"), 0);
	CHECK_STR(a.verb->name, "typed");
	CHECK_INT(number("number"), 12);
	CHECK_INT(number("wait"), 1500);
	CHECK_INT(number("room"), 65536);
	CHECK_INT(number("all"), 1);
	CHECK_STR(text("all"), "yes");
	CHECK_INT(number("not-now"), 0);
	CHECK_STR(text("not-now"), "no");
	CHECK_STR(text("colour"), "green");
	CHECK_STR(text("file"), "/dev/null");
	CHECK(arguments_get(&a, "all")->given && !arguments_get(&a, "not-now")->given);
	CHECK(arguments_get(&a, "nothing") == NULL);

	CHECK_INT(parse(&mod, "typed 1"), 0);
	CHECK_INT(number("wait"), 2000);
	CHECK_STR(text("wait"), "2s");
	CHECK_STR(text("colour"), "red");
	CHECK_STR(text("room"), NULL);
	CHECK_STR(text("file"), NULL);
	CHECK_STR(text("even"), NULL);

	/* Options anywhere; the last counts; a negative number is no option. */
	CHECK_INT(parse(&mod, "typed --all --wait 1s -5 --wait=3s --all=no"), 0);
	CHECK_INT(number("number"), -5);
	CHECK_INT(number("wait"), 3000);
	CHECK_INT(number("all"), 0);
	CHECK_INT(parse(&mod, "typed -- -7"), 0);
	CHECK_INT(number("number"), -7);
}

static void test_bad_values(void)
{
	refused(&mod, "typed", "mod typed: needs a number: a number");
	refused(&mod, "typed x", "mod typed: number: \"x\" is not a whole number");
	refused(&mod, "typed 99999999999999999999", "is not a whole number");
	refused(&mod, "typed 1 --wait soon", "mod typed: --wait: \"soon\" is not a time (500ms, 10s, 2m, 1h)");
	refused(&mod, "typed 1 --room big", "mod typed: --room: \"big\" is not a size");
	refused(&mod, "typed 1 --all=maybe", "mod typed: --all: \"maybe\" is neither yes nor no");
	refused(&mod, "typed 1 --colour blue", "mod typed: --colour: \"blue\" is none of red, green");
	refused(&mod, "typed 1 --even 3", "mod typed: --even: \"3\" is odd");
	refused(&mod, "typed 1 --wait", "mod typed: --wait needs a value (time)");
	refused(&mod, "typed 1 /nowhere/at/all", "mod typed: file: /nowhere/at/all: no such file");
	refused(&mod, "typed 1 /tmp", "mod typed: file: /tmp: is a directory");
	refused(&mod, "typed 1 /dev/null more", "mod typed: superfluous argument \"more\"");
	refused(&mod, "none x", "mod none: takes no argument: \"x\"");
	refused(&single, "", "single: needs a command: the command");
}

static void test_unreadable_file(void)
{
	char path[] = "/tmp/dt-arguments-XXXXXX", line[64];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	(void)close(fd);
	(void)snprintf(line, sizeof(line), "typed 1 %s", path);
	CHECK_INT(parse(&mod, line), 0);
	CHECK_INT(unlink(path), 0);
	refused(&mod, line, "file: /tmp/dt-arguments-");
}

static void test_options_and_rest(void)
{
	CHECK_INT(parse(&single, "--stdin uptime -p --stdin"), 0);
	CHECK_INT(number("stdin"), 1);
	CHECK_STR(text("command"), "uptime -p --stdin");
	CHECK_INT(arguments_get(&a, "command")->list.n, 3);
	CHECK_STR(arguments_get(&a, "command")->list.v[2], "--stdin");

	CHECK_INT(parse(&single, "-- --stdin -- x"), 0);
	CHECK_INT(number("stdin"), 0);
	CHECK_STR(text("command"), "--stdin -- x");

	CHECK_INT(parse(&single, "--count -3 true"), 0);
	CHECK_INT(number("count"), -3);
	CHECK_STR(text("command"), "true");

	/* A word stays one word, and an empty one stays. */
	CHECK_INT(parse(&single, "echo a_b  c"), 0);
	CHECK_INT(arguments_get(&a, "command")->list.n, 4);
	CHECK_STR(text("command"), "echo a b  c");
	CHECK_INT(parse(&single, "-"), 0);
	CHECK_STR(text("command"), "-");

	refused(&single, "--sdtin true", "single: no option --sdtin; did you mean --stdin?");
	refused(&single, "--cuont=3 true", "single: no option --cuont; did you mean --count?");
	refused(&single, "--elsewhere true", "single: no option --elsewhere; put --");
	refused(&single, "-l true", "single: no option -l");
	refused(&single, "-l true", "put -- before a command that begins with -");
	refused(&single, "--stdin", "single: needs a command");
	refused(&single, "--count=x true", "single: --count: \"x\" is not a whole number");
	refused(&single, "--=x true", "single: no option --");
}

/* Without options, every word is positional. */
static void test_rest_alone(void)
{
	CHECK_INT(parse(&mod, "rest -old 5s --not-an-option -x"), 0);
	CHECK_STR(text("first"), "-old");
	CHECK_INT(number("middle"), 5000);
	CHECK_STR(text("words"), "--not-an-option -x");
	CHECK_INT(parse(&mod, "rest -- -old"), 0);
	CHECK_STR(text("first"), "-old");
	CHECK_STR(text("words"), "what else");
	CHECK(!arguments_get(&a, "words")->given);
	CHECK_INT(parse(&mod, "rest"), 0);
	CHECK_STR(text("first"), NULL);
}

static void test_verbs(void)
{
	refused(&mod, "", "mod: needs a verb: typed, command, rest, none");
	refused(&mod, "zzzzzzzz", "mod: no verb \"zzzzzzzz\"; there are typed, command, rest, none");
	refused(&mod, "comand ls", "mod: no verb \"comand\"; did you mean command?");
	CHECK_INT(parse(&mod, "none"), 0);
	CHECK_STR(a.verb->name, "none");
	CHECK_INT(a.n, 0);
	CHECK_INT(parse(&single, "typed"), 0);
	CHECK_STR(text("command"), "typed");
}

/* Takes -v, and -o with a value. */
static int other(void *arg, char *const *words, size_t n, size_t *i, struct dt_err *e)
{
	int *count = arg;

	if (strcmp(words[*i], "-v") == 0) {
		++*count;
		return 1;
	}
	if (strcmp(words[*i], "-o") != 0)
		return 0;
	if (*i + 1 == n)
		return err_set(e, ERR_USAGE, "-o needs a value");
	++*i;
	*count += 10;
	return 1;
}

static void test_other(void)
{
	other_fn = other;
	other_arg = 0;
	CHECK_INT(parse(&mod, "typed -v 1 -o jsonl --all"), 0);
	CHECK_INT(other_arg, 11);
	CHECK_INT(number("all"), 1);
	CHECK_STR(text("file"), NULL);
	refused(&mod, "typed 1 -x", "mod typed: no option -x");
	CHECK_INT(parse(&mod, "none -o"), -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_STR(err.msg, "-o needs a value");
	/* A verb that takes the rest keeps what is its own. */
	other_arg = 0;
	refused(&single, "-v true", "single: no option -v");
	CHECK_INT(parse(&single, "true -v"), 0);
	CHECK_INT(other_arg, 0);
	other_fn = NULL;
}

static void test_script(void)
{
	struct strs env = { 0 }, words = { 0 };

	CHECK_INT(parse(&mod, "typed 007 --not-now --room 1k"), 0);
	CHECK_INT(arguments_script(&a, &env, &words), 0);
	CHECK_INT(env.n, 6);
	CHECK(strs_has(&env, "DT_PARAM_NUMBER=007"));
	CHECK(strs_has(&env, "DT_PARAM_WAIT=2000"));
	CHECK(strs_has(&env, "DT_PARAM_ROOM=1024"));
	CHECK(strs_has(&env, "DT_PARAM_ALL=no"));
	CHECK(strs_has(&env, "DT_PARAM_NOT_NOW=yes"));
	CHECK(strs_has(&env, "DT_PARAM_COLOUR=red"));
	CHECK_INT(words.n, 1);
	CHECK_STR(words.v[0], "007");
	strs_release(&env);
	strs_release(&words);

	CHECK_INT(parse(&mod, "rest"), 0);
	CHECK_INT(arguments_script(&a, &env, &words), 0);
	CHECK_INT(env.n, 1);
	CHECK_STR(env.v[0], "DT_PARAM_WORDS=what else");
	CHECK_INT(words.n, 3);
	CHECK_STR(words.v[0], "");
	CHECK_STR(words.v[2], "what else");
	strs_release(&env);
	strs_release(&words);

	CHECK_INT(parse(&mod, "rest a 2s b_c d"), 0);
	CHECK_INT(arguments_script(&a, &env, &words), 0);
	CHECK_INT(words.n, 4);
	CHECK_STR(words.v[1], "2000");
	CHECK_STR(words.v[2], "b c");
	CHECK(strs_has(&env, "DT_PARAM_WORDS=b c d"));
	strs_release(&env);
	strs_release(&words);
	arguments_release(&a);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_types),	     TEST(test_bad_values), TEST(test_unreadable_file),
		TEST(test_options_and_rest), TEST(test_rest_alone), TEST(test_verbs),
		TEST(test_other),	     TEST(test_script),	    { NULL, NULL },
	};
	int r = test_main(tests, argc, argv);

	arguments_release(&a);
	return r;
}
