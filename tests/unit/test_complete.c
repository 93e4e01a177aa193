#include "dt/cli/complete.h"

#include "tests/unit/test.h"

static void pick(const char *const *from, size_t n, const char *prefix, struct strs *out)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(from[i], prefix))
			CHECK_INT(strs_add(out, from[i]), 0);
}

static void tags(void *arg, const char *prefix, struct strs *out)
{
	static const char *const all[] = { "linux", "lab", "web" };

	(void)arg;
	pick(all, ARRAY_LEN(all), prefix, out);
}

static void hosts(void *arg, const char *prefix, struct strs *out)
{
	static const char *const all[] = { "web1", "web2", "db1" };

	(void)arg;
	pick(all, ARRAY_LEN(all), prefix, out);
}

static void modules(void *arg, const char *prefix, struct strs *out)
{
	static const char *const all[] = { "ssh", "script", "paint" };

	(void)arg;
	pick(all, ARRAY_LEN(all), prefix, out);
}

static void selectors(void *arg, const char *prefix, struct strs *out)
{
	static const char *const all[] = { "ec2" };

	(void)arg;
	pick(all, ARRAY_LEN(all), prefix, out);
}

static const struct dt_module *module(void *arg, const char *name)
{
	static const char *const colours[] = { "red", "blue", NULL };
	static const struct dt_param params[] = {
		{ .name = "colour", .type = DT_CHOICE, .flags = DT_OPTION, .choices = colours, .help = "which" },
		{ .name = "what", .flags = DT_REST, .help = "things" },
		{ 0 }
	};
	static const struct dt_verb verbs[] = {
		{ .name = "wall", .summary = "a wall", .params = params },
		{ .name = "door", .summary = "a door" },
		{ 0 }
	};
	static const struct dt_module paint = { .abi = 1, .name = "paint", .summary = "paint", .verbs = verbs };

	(void)arg;
	return strcmp(name, "paint") == 0 ? &paint : NULL;
}

static void check(const char *line, const char *expected)
{
	static const struct complete_source src = {
		.tags = tags, .hosts = hosts, .modules = modules, .selectors = selectors, .module = module,
	};
	struct dt_err err = DT_ERR_INIT;
	struct options o;
	struct buf out;

	buf_init(&out, 1 << 20);
	CHECK_INT(options_init(&o, &err), 0);
	CHECK_INT(complete_words(line, &o, &src, &out, &err), 0);
	for (size_t i = 0; i + 1 < out.len; i++)
		if (out.data[i] == '\n')
			out.data[i] = '|';
	if (out.len)
		out.data[out.len - 1] = '\0';
	if (strcmp(out.data, expected) != 0)
		(void)fprintf(stderr, "for \"%s\":\n", line);
	CHECK_STR(out.data, expected);
	options_release(&o);
	buf_release(&out);
}

static void test_selection(void)
{
	check("dt ta", "tag:");
	check("dt tag:l", "tag:lab|tag:linux");
	check("dt tag:web,-li", "tag:web,-linux");
	check("dt we", "web1|web2");
	check("dt web1,d", "web1,db1");
	check("dt sys:web1,w", "sys:web1,web1|sys:web1,web2");
	check("dt tag:linux:no", "tag:linux:not:");
	check("dt tag:linux:not:tag:w", "tag:linux:not:tag:web");
	check("dt e", "ec2:|exp:");
	check("dt exp:w", "");
	check("dt 'tag:linux ", "tag:linux and|tag:linux or");
	check("dt 'tag:linux and n", "tag:linux and nil|tag:linux and not|tag:linux and not:");
	check("dt 'tag:linux and (tag:w", "tag:linux and (tag:web");
	check("dt \"not tag:li", "not tag:linux");
}

static void test_options(void)
{
	check("dt --acc", "--accept-new");
	check("dt --co", "--command-timeout|--confirm|--confirm-over|--coproc");
	check("dt -p --output js", "jsonl");
	check("dt -po ", "compact|diff|fold|gather|host|jsonl|omni|pdsh|status|table");
	check("dt --transport=l", "--transport=libssh2");
	check("dt -C 5 tag:we", "tag:web");
	check("dt -D ", "");
	check("dt --zzz tag:we", "tag:web");
}

static void test_modules(void)
{
	check("dt tag:web s", "script|ssh");
	check("dt -D x -C5 tag:web s", "script|ssh");
	check("dt all paint ", "door|wall");
	check("dt all paint wall --c", "--colour");
	check("dt all paint wall --colour ", "blue|red");
	check("dt all paint door --acc", "--accept-new");
	check("dt all nothing x", "");
}

static void test_words(void)
{
	check("dt inv", "inventory");
	check("dt inventory e", "export");
	check("dt help s", "script|selection|ssh");
	check("dt trust tag:we", "tag:web");
	check("dt why db", "db1");
	check("dt jo", "job:|jobs");
	check("dt", "");
	check("", "");
}

static void test_script(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	CHECK_INT(complete_script("bash", &out, &err), 0);
	CHECK_HAS(out.data, "complete -o default -F _dt dt");
	CHECK_INT(complete_script("csh", &out, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	buf_release(&out);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_selection), TEST(test_options), TEST(test_modules), TEST(test_words), TEST(test_script),
		{ NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
