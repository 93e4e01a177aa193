#include "dt/cli/complete_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/cli/complete_script.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static void pick(const char *const *from, size_t n, const char *prefix, struct strs *out)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(from[i], prefix))
			CHECK_INT(strs_add(out, from[i]), 0);
}

static void tags(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "linux", "lab", "web" };

	(void)arg;
	(void)about;
	pick(all, ARRAY_LEN(all), prefix, names);
}

static void hosts(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "web1", "web2", "db1" };

	(void)arg;
	(void)about;
	pick(all, ARRAY_LEN(all), prefix, names);
}

static void modules(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "ssh", "script", "paint" };

	(void)arg;
	(void)about;
	pick(all, ARRAY_LEN(all), prefix, names);
}

static void selectors(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "ec2", "$(x)", "tab\tbed", "\x1b[2J", "\xff", "a b", "it's", "say\"so!" };

	(void)arg;
	(void)about;
	pick(all, ARRAY_LEN(all), prefix, names);
}

/* Newest first, as they are to be shown. */
static void jobs(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "100", "99", "9" };

	(void)arg;
	pick(all, ARRAY_LEN(all), prefix, names);
	for (size_t i = 0; i < names->n; i++)
		CHECK_INT(strs_add(about, "today\x1b[2J ssh 'a\\nb'"), 0);
}

static void running(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	static const char *const all[] = { "99" };

	(void)arg;
	(void)about;
	pick(all, ARRAY_LEN(all), prefix, names);
}

static void job_hosts(void *arg, const char *job, const char *prefix, struct strs *names)
{
	static const char *const all[] = { "web1", "old1" };

	(void)arg;
	if (strcmp(job, "99") == 0)
		pick(all, ARRAY_LEN(all), prefix, names);
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

static const struct complete_source source = {
	.tags = tags, .hosts = hosts, .modules = modules, .selectors = selectors, .jobs = jobs, .running = running,
	.job_hosts = job_hosts, .module = module,
};

static const char *joined(struct buf *b)
{
	for (size_t i = 0; i + 1 < b->len; i++)
		if (b->data[i] == '\n')
			b->data[i] = '|';
	if (b->len)
		b->data[b->len - 1] = '\0';
	return b->data;
}

/* typed: for bash, or NULL. */
static void look(const char *line, const struct complete_source *src, const char *typed, bool with, const char *expected)
{
	struct strs words = { 0 }, about = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	CHECK_INT(complete_line(line, NULL, src, &words, &about, &err), 0);
	CHECK_INT(words.n, about.n);
	CHECK_INT(typed ? complete_print_bash(&words, line, typed, &out) : complete_print(&words, with ? &about : NULL, &out), 0);
	if (strcmp(joined(&out), expected) != 0)
		(void)fprintf(stderr, "for \"%s\":\n", line);
	CHECK_STR(out.data, expected);
	strs_release(&words);
	strs_release(&about);
	buf_release(&out);
}

static void check(const char *line, const char *expected)
{
	look(line, &source, NULL, false, expected);
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
	check("dt var:p", "var:port=");
	check("dt var:port=2", "");
	check("dt exp:w", "");
	check("dt 'tag:linux ", "tag:linux and|tag:linux or");
	check("dt 'tag:linux and n", "tag:linux and nil|tag:linux and not|tag:linux and not:");
	check("dt 'tag:linux and (tag:w", "tag:linux and (tag:web");
	check("dt \"not tag:li", "not tag:linux");
	check("dt not\\ tag:li", "not tag:linux");
}

static void test_jobs(void)
{
	check("dt show ", "last|100|99|9");
	check("dt show 9", "99|9");
	check("dt show 99 ", "old1|web1");
	check("dt show 99 o", "old1");
	check("dt show 98 ", "");
	check("dt show 99 web1 ", "");
	check("dt diff last 1", "100");
	check("dt stop ", "99");
	check("dt follow ", "99");
	check("dt job:", "job:last|job:100|job:99|job:9");
	check("dt 'tag:web and job:1", "tag:web and job:100");
	check("dt job:99:r", "job:99:rc=");
	check("dt job:99:fa", "job:99:fail|job:99:failed");
	check("dt job:last:fail:tag:w", "job:last:fail:tag:web");
	check("dt job:99:tag:w", "job:99:tag:web");
	check("dt xjob:99:fa", "");
	check("dt jobs ", "anchor|verify");
	check("dt jobs verify --a", "--accept-new|--anchor|--ask-password|--ask-sudo");
	check("dt jobs --mod", "--module");
	check("dt jobs --module s", "script|ssh");
	check("dt jobs --host we", "web1|web2");
	check("dt jobs --status u", "unknown|unreachable");
	check("dt jobs --by root --limit 5 v", "verify");
	check("dt rerun 9 --u", "--unknown|--user");
	check("dt rerun --failed 9", "99|9");
}

/* What stands in names of others is text, whatever a shell or a terminal would read in it. */
static void test_foreign(void)
{
	check("dt a", "a b:|all");
	check("dt \\$", "$(x):");
	check("dt t", "tag:|trust");
	look("dt show 9", &source, NULL, true, "99\ttoday\\x1b[2J ssh 'a\\\\nb'|9\ttoday\\x1b[2J ssh 'a\\\\nb'");
	look("dt all paint ", &source, NULL, true, "door\ta door|wall\ta wall");
	look("dt --acc", &source, NULL, true, "--accept-new\ttrust a host key seen for the first time");
	look("dt tag:li", &source, NULL, true, "tag:linux\t");
}

/* The part that bash replaces, as it must stand there. */
static void test_bash(void)
{
	look("dt tag:li", &source, "li", false, "linux");
	look("dt tag:li", &source, "tag:li", false, "tag:linux");
	look("dt tag:", &source, "", false, "lab|linux|web");
	look("dt 'tag:web and tag:li", &source, "tag:web and tag:li", false, "tag:web and tag:linux");
	look("dt 'tag:web and 'tag:li", &source, "'tag:web and 'tag:li", false, "tag:web\\ and\\ tag:linux");
	look("dt tag:web\\ and\\ tag:li", &source, "li", false, "linux");
	look("dt tag:'li", &source, "li", false, "linux");
	look("dt a", &source, "a", false, "a\\ b:|all");
	look("dt \"a", &source, "a", false, "a b:|all");
	look("dt \\$", &source, "\\$", false, "\\$\\(x\\):");
	look("dt '$", &source, "$", false, "$(x):");
	look("dt \"\\$", &source, "\\$", false, "\\$(x):");
	look("dt 'it", &source, "it", false, "it'\\''s:");
	look("dt \"sa", &source, "sa", false, "say\\\"so\"'!'\":");
	look("dt sa", &source, "sa", false, "say\\\"so\\!:");
	look("dt --output=js", &source, "js", false, "jsonl");
	look("dt --output=js", &source, "not in the line", false, "--output=jsonl");
}

static void test_start(void)
{
	char quote;

	CHECK_INT(complete_word_start("dt tag:li", &quote), 3);
	CHECK_INT(quote, 0);
	CHECK_INT(complete_word_start("dt 'tag:web and t", &quote), 3);
	CHECK_INT(quote, '\'');
	CHECK_INT(complete_word_start("dt 'a b' ", &quote), 9);
	CHECK_INT(quote, 0);
	CHECK_INT(complete_word_start("dt a\\ b", NULL), 3);
	CHECK_INT(complete_word_start("", NULL), 0);
}

/* What a line says is for src alone; without a place for it nothing is kept. */
static void test_options_set(void)
{
	struct strs words = { 0 }, about = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct options o;

	CHECK_INT(options_init(&o, &err), 0);
	CHECK_INT(complete_line("dt -D hosts.ini -p tag:w", &o, &source, &words, &about, &err), 0);
	CHECK_INT(o.db.n, 1);
	CHECK_STR(o.db.n ? o.db.v[0] : NULL, "hosts.ini");
	CHECK_INT(words.n, 1);
	options_release(&o);
	strs_release(&words);
	strs_release(&about);
}

static void test_paths(void)
{
	char folder[] = "/tmp/dt-complete-XXXXXX", line[200], expected[400];
	static const char *const files[] = { "hosts.ini", "hosts two", ".hidden", "new\nline", "sub" };
	char path[200];

	CHECK(mkdtemp(folder) != NULL);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		CHECK_INT(i + 1 < ARRAY_LEN(files) ? creat(path, 0600) >= 0 : mkdir(path, 0700) == 0, 1);
	}
	(void)snprintf(line, sizeof(line), "dt file:%s/", folder);
	(void)snprintf(expected, sizeof(expected), "file:%s/hosts two|file:%s/hosts.ini|file:%s/sub/", folder, folder, folder);
	check(line, expected);
	(void)snprintf(line, sizeof(line), "dt -D %s/h", folder);
	(void)snprintf(expected, sizeof(expected), "%s/hosts two|%s/hosts.ini", folder, folder);
	check(line, expected);
	(void)snprintf(line, sizeof(line), "dt jobs anchor %s/.", folder);
	(void)snprintf(expected, sizeof(expected), "%s/.hidden", folder);
	check(line, expected);
	(void)snprintf(line, sizeof(line), "dt file:%s/none/", folder);
	check(line, "");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		CHECK_INT(remove(path), 0);
	}
	CHECK_INT(rmdir(folder), 0);
}

/* Where a quote that is open was opened. */
static size_t behind_quote(const char *line)
{
	size_t at = strlen(line);
	char quote = 0, *part;

	do {
		part = strndup(line, --at);
		(void)complete_word_start(part, &quote);
		free(part);
	} while (quote);
	return at + 1;
}

/* What a bash line becomes is read as the candidate, in the quotes that were open. */
static void read_again(const char *line, const char *typed, const struct strs *words)
{
	struct buf out, text, made;
	char quote, now;
	size_t start, i = 0;

	(void)complete_word_start(line, &quote);
	buf_init(&out, 1 << 20);
	buf_init(&text, 1 << 20);
	buf_init(&made, 1 << 20);
	CHECK_INT(complete_print_bash(words, line, typed, &out), 0);
	for (char *p = out.data, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1, i++) {
		buf_clear(&text);
		buf_clear(&made);
		CHECK_INT(buf_addf(&made, "%.*s%.*s", (int)(strlen(line) - strlen(typed)), line, (int)(nl - p), p), 0);
		CHECK_INT(complete_last_word(made.data, &text, &start, &now), 0);
		if (strcmp(text.data, words->v[i]) != 0 || now != quote)
			(void)fprintf(stderr, "for \"%s\": \"%s\"\n", line, made.data);
		CHECK_STR(text.data, words->v[i]);
		CHECK_INT(now, quote);
	}
	CHECK_INT(i, words->n);
	buf_release(&out);
	buf_release(&text);
	buf_release(&made);
}

static void test_random_lines(void)
{
	static const char *const pieces[] = {
		"tag:", "li", "'", "\"", "\\", " ", "and ", "or", "not ", "web", ",", "-", "+", "$", "(", ")", ":", "=", "--output=", "a", "job:",
		"9", "last", "show ", "paint ", "wall ", "it", "sa", "~", "!", "\xff", "\n", "file:", "/", "sys:", "all ", "--", "-o ", "jobs ", "\t",
	};
	const long rounds = random_rounds(30000);

	random_start();
	for (long n = 0; n < rounds && !test_faults; n++) {
		uint64_t seed = random_state;
		struct strs words = { 0 }, about = { 0 };
		struct dt_err err = DT_ERR_INIT;
		char line[200] = "dt ", quote;
		size_t count = random_below(8), start;

		for (size_t i = 0; i < count; i++)
			(void)strcat(line, pieces[random_below(ARRAY_LEN(pieces))]);
		CHECK_INT(complete_line(line, NULL, &source, &words, &about, &err), 0);
		CHECK_INT(words.n, about.n);
		start = complete_word_start(line, &quote);
		read_again(line, line + (quote ? behind_quote(line) : start), &words);
		if (test_faults)
			random_again(seed);
		strs_release(&words);
		strs_release(&about);
	}
}

/* Nobody to ask. */
static void test_no_source(void)
{
	static const struct complete_source nobody = { .tags = NULL };

	look("dt tag:", &nobody, NULL, false, "");
	look("dt all s", &nobody, NULL, false, "");
	look("dt all ssh x", &nobody, NULL, false, "");
	look("dt show ", &nobody, NULL, false, "last");
	look("dt show last ", &nobody, NULL, false, "");
}

static void test_options(void)
{
	check("dt --acc", "--accept-new");
	check("dt --co", "--command-timeout|--confirm|--confirm-over|--coproc");
	check("dt -p --output js", "jsonl");
	check("dt -po ", "compact|diff|fold|gather|host|jsonl|omni|pdsh|status|table");
	check("dt --transport=l", "--transport=libssh2");
	check("dt -C 5 tag:we", "tag:web");
	check("dt -T ", "");
	check("dt --zzz tag:we", "tag:web");
}

static void test_modules(void)
{
	check("dt tag:web s", "script|ssh");
	check("dt -D x -C5 tag:web s", "script|ssh");
	check("dt all paint ", "door|wall");
	check("dt all paint wall --c", "--colour");
	check("dt all paint wall --colour ", "blue|red");
	check("dt all paint wall --colour=r", "--colour=red");
	check("dt all -o js", "jsonl");
	check("dt all -p s", "script|ssh");
	check("dt all paint door --acc", "--accept-new");
	check("dt all paint door --output js", "jsonl");
	check("dt all paint wall -- --c", "");
	check("dt all nothing x", "");
}

static void test_words(void)
{
	check("dt inv", "inventory");
	check("dt inventory e", "export");
	check("dt inventory import --r", "--replace");
	check("dt inventory import --acc", "");
	check("dt help s", "script|selection|show|ssh|stop");
	check("dt completion ", "bash|fish|zsh");
	check("dt trust tag:we", "tag:web");
	check("dt why db", "db1");
	check("dt why db1 tag:we", "tag:web");
	check("dt jo", "job:|jobs");
	check("dt", "");
	check("", "");
}

static void test_script(void)
{
	static const char *const scripts[][2] = {
		{ "bash", "complete -o nosort -F _dt dt" }, { "zsh", "#compdef dt\n" }, { "fish", "complete -c dt " },
	};
	struct dt_err err = DT_ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		buf_clear(&out);
		CHECK_INT(complete_script(scripts[i][0], &out, &err), 0);
		CHECK_HAS(out.data, scripts[i][1]);
	}
	CHECK_INT(complete_script("csh", &out, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	buf_release(&out);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_selection), TEST(test_options), TEST(test_modules), TEST(test_words), TEST(test_jobs),
		TEST(test_foreign), TEST(test_bash), TEST(test_start), TEST(test_options_set), TEST(test_paths),
		TEST(test_random_lines), TEST(test_no_source),
		TEST(test_script),
		{ NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
