#include "dt/run/modload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/path.h"
#include "dt/run/param.h"
#include "tests/unit/test.h"

/* A folder of its own for each test, and a loader that looks there first. */
static char dir[64];
static struct modload *loader;
static struct dt_err err;

static void begin(void)
{
	strcpy(dir, "/tmp/dt-modload-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	err = (struct dt_err)DT_ERR_INIT;
	loader = modload_new(&err);
	CHECK(loader && modload_add_dir(loader, dir, &err) == 0);
}

static void end(void)
{
	char command[128];

	modload_free(loader);
	loader = NULL;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	CHECK_INT(system(command), 0);
}

static char *path(const char *name)
{
	static char text[2][256];
	static int turn;

	turn = !turn;
	(void)snprintf(text[turn], sizeof(text[turn]), "%s/%s", dir, name);
	return text[turn];
}

static void put(const char *name, const char *data, size_t len, mode_t mode)
{
	FILE *f = fopen(path(name), "w");

	CHECK(f != NULL);
	if (!f)
		return;
	CHECK_INT(fwrite(data, 1, len, f), len);
	CHECK_INT(fclose(f), 0);
	CHECK_INT(chmod(path(name), mode), 0);
}

static void put_script(const char *name, const char *text)
{
	put(name, text, strlen(text), 0755);
}

/* A dummy that rules.mk built beside this program. */
static void put_object(const char *dummy, const char *name)
{
	char *prefix = install_prefix();
	char from[512];
	struct buf data;

	CHECK(prefix != NULL);
	(void)snprintf(from, sizeof(from), "%s/tests/modules/%s.so", prefix, dummy);
	buf_init(&data, 8u << 20);
	CHECK_INT(read_file(from, &data, &err), 0);
	put(name, data.data, data.len, 0644);
	buf_release(&data);
	free(prefix);
}

static const struct module *get(const char *name)
{
	err = (struct dt_err)DT_ERR_INIT;
	return modload_get(loader, name, &err);
}

/* It does not load, and the reason has this in it. */
static void refused(const char *name, const char *reason)
{
	CHECK(get(name) == NULL);
	CHECK_INT(err.code, ERR_MODULE);
	CHECK_HAS(err.msg, "module ");
	CHECK_HAS(err.msg, name);
	CHECK_HAS(err.msg, reason);
}

static void test_good(void)
{
	const struct module *m;

	begin();
	put_object("good", "good.so");
	m = get("good");
	CHECK(m != NULL);
	if (m) {
		CHECK_STR(m->mod->name, "good");
		CHECK_STR(m->path, path("good.so"));
		CHECK(!m->script);
		CHECK(get("good") == m);
	}
	end();
}

static void test_skeleton(void)
{
	const struct module *m;

	begin();
	put_object("hello", "hello.so");
	m = get("hello");
	CHECK(m && m->mod->verbs[0].prepare && m->mod->verbs[0].run && m->mod->verbs[0].finish);
	end();
}

static void test_bad_objects(void)
{
	begin();
	put_object("wrong-abi", "wrong-abi.so");
	refused("wrong-abi", "ABI 999, and this dt has 3");
	put_object("no-symbol", "no-symbol.so");
	refused("no-symbol", "no symbol dt_module");
	put_object("unresolved", "unresolved.so");
	refused("unresolved", "dt_has_no_such_function");
	put_object("other-name", "other-name.so");
	refused("other-name", "calls itself \"ssh\"");
	put_object("bad-table", "bad-table.so");
	refused("bad-table", "verb go: parameter more: stands after the one that takes the rest");
	put("text.so", "no object\n", 10, 0644);
	refused("text", "text.so");
	put("empty.so", "", 0, 0644);
	refused("empty", "empty.so");
	end();
}

static void test_names(void)
{
	begin();
	refused("no-such-module", "there is none");
	put_object("good", "good.so");
	refused("goood", "there is none; did you mean good?");
	refused("../good", "a name is");
	refused("", "a name is");
	refused("-x", "a name is");
	refused("Good", "a name is");
	end();
}

static void test_two_of_one_name(void)
{
	const struct module *m;
	char front[128];

	begin();
	put_object("good", "good.so");
	put_script("good", "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n");
	refused("good", "two of one name");
	/* In two folders, the first wins. */
	(void)snprintf(front, sizeof(front), "%s", path("front"));
	CHECK_INT(mkdir(front, 0755), 0);
	put_script("front/good", "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n");
	CHECK_INT(modload_add_dir(loader, front, &err), 0);
	m = get("good");
	CHECK(m && m->script);
	end();
}

static void test_path_fault(void)
{
	struct strs culprit = { 0 };
	const char *deep;

	begin();
	put_object("good", "good.so");
	CHECK(path_fault(path("good.so"), &culprit) == NULL);
	CHECK(path_fault(path("nothing"), &culprit) != NULL);
	strs_release(&culprit);

	CHECK_INT(chmod(path("good.so"), 0664), 0);
	refused("good", "good.so: not safe: it may be written by others");
	CHECK_INT(chmod(path("good.so"), 0646), 0);
	refused("good", "may be written by others");
	CHECK_INT(chmod(path("good.so"), 0644), 0);

	/* The folder, with its own name in the message. */
	CHECK_INT(chmod(dir, 0777), 0);
	refused("good", dir);
	refused("good", "may be written by others");
	CHECK_INT(chmod(dir, 0755), 0);

	/* A folder above, too; and a sticky one does not help where it is not root's. */
	CHECK_INT(mkdir(path("a"), 0755), 0);
	CHECK_INT(mkdir(path("a/b"), 0755), 0);
	CHECK_INT(rename(path("good.so"), path("a/b/good.so")), 0);
	deep = path("a/b/good.so");
	CHECK(path_fault(deep, &culprit) == NULL);
	CHECK_INT(chmod(path("a"), 0775), 0);
	CHECK_STR(path_fault(path("a/b/good.so"), &culprit), "may be written by others");
	CHECK_STR(culprit.n ? culprit.v[0] : NULL, path("a"));
	strs_release(&culprit);
	CHECK_INT(chmod(path("a"), 01777), 0);
	if (geteuid() == 0)
		CHECK(path_fault(path("a/b/good.so"), &culprit) == NULL);
	else
		CHECK(path_fault(path("a/b/good.so"), &culprit) != NULL);
	strs_release(&culprit);

	if (geteuid() == 0) {
		CHECK_INT(chmod(path("a"), 0755), 0);
		CHECK_INT(chown(path("a"), 65534, 0), 0);
		CHECK_STR(path_fault(path("a/b/good.so"), &culprit), "belongs to another user");
		CHECK_STR(culprit.n ? culprit.v[0] : NULL, path("a"));
		strs_release(&culprit);
		CHECK_INT(chmod(path("a"), 01777), 0);
		CHECK(path_fault(path("a/b/good.so"), &culprit) != NULL);
		strs_release(&culprit);
		CHECK_INT(chown(path("a"), 0, 0), 0);
		CHECK_INT(chown(path("a/b/good.so"), 65534, 0), 0);
		CHECK_STR(path_fault(path("a/b/good.so"), &culprit), "belongs to another user");
		strs_release(&culprit);
	}
	end();
}

/* What counts is where a link leads, and who could put another one in its place. */
static void test_links(void)
{
	begin();
	CHECK_INT(mkdir(path("open"), 0755), 0);
	CHECK_INT(chmod(path("open"), 0777), 0);
	put_object("good", "open/good.so");
	CHECK_INT(symlink(path("open/good.so"), path("good.so")), 0);
	refused("good", "open may be written by others");
	CHECK_INT(chmod(path("open"), 0755), 0);
	CHECK(get("good") != NULL);
	CHECK_INT(mkdir(path("safe"), 0755), 0);
	put_object("good", "safe/third.so");
	CHECK_INT(symlink("../safe/third.so", path("open/third.so")), 0);
	CHECK_INT(symlink("open/third.so", path("third.so")), 0);
	CHECK_INT(chmod(path("open"), 0777), 0);
	refused("third", "open may be written by others");
	CHECK_INT(chmod(path("open"), 0755), 0);
	refused("third", "calls itself \"good\"");
	CHECK_INT(symlink("/nowhere/at/all", path("lost.so")), 0);
	refused("lost", "there is none");
	CHECK_INT(symlink("loop.so", path("loop.so")), 0);
	refused("loop", "loop.so");
	CHECK_INT(mkfifo(path("pipe.so"), 0600), 0);
	refused("pipe", "is no regular file");
	end();
}

static void test_script(void)
{
	const struct module *m;
	const struct dt_param *p;
	struct strs argv = { 0 };

	begin();
	put_script("probe", "#!/usr/bin/env -S python3 -u \n"
			    "# dt: summary = look at = things\n"
			    "  #dt:where=remote\n"
			    "# dt: kind = info\n"
			    "# dt:\tparam what-for\tchoice  required choices=load|disk what to look at\n"
			    "# dt: param wait time option default=1.5s\thow long  to wait\r\n"
			    "# dt: param files file rest more of them\n"
			    "# dtx: not ours\n"
			    "print(1)\n");
	m = get("probe");
	CHECK(m && m->script);
	if (!m || !m->script) {
		(void)fprintf(stderr, "%s\n", err.msg);
		end();
		return;
	}
	CHECK_STR(m->mod->summary, "look at = things");
	CHECK_STR(m->mod->name, "probe");
	CHECK_INT(m->mod->abi, DT_MODULE_ABI);
	CHECK_INT(m->script->where, SCRIPT_REMOTE);
	CHECK_STR(m->script->interpreter, "/usr/bin/env -S python3 -u");
	CHECK_INT(m->script->len, strlen(m->script->text));
	CHECK_STR(m->mod->verbs[0].name, "");
	CHECK_STR(m->mod->verbs[0].summary, "look at = things");
	CHECK_INT(m->mod->verbs[0].kind, DT_INFO);
	CHECK(!m->mod->verbs[0].run && !m->mod->verbs[1].name);
	p = m->mod->verbs[0].params;
	CHECK_STR(p[0].name, "what-for");
	CHECK_INT(p[0].type, DT_CHOICE);
	CHECK_INT(p[0].flags, DT_REQUIRED);
	CHECK_STR(p[0].choices[0], "load");
	CHECK_STR(p[0].choices[1], "disk");
	CHECK(p[0].choices[2] == NULL);
	CHECK_STR(p[0].help, "what to look at");
	CHECK_STR(p[1].name, "wait");
	CHECK_INT(p[1].type, DT_TIME);
	CHECK_INT(p[1].flags, DT_OPTION);
	CHECK_STR(p[1].def, "1.5s");
	CHECK_STR(p[1].help, "how long  to wait");
	CHECK_INT(p[2].flags, DT_REST);
	CHECK(p[3].name == NULL);
	CHECK_INT(script_argv(m->script, &argv), 0);
	CHECK_INT(argv.n, 5);
	CHECK_STR(argv.n == 5 ? argv.v[4] : NULL, "-");
	strs_release(&argv);
	end();
}

static void check_argv(const char *interpreter, const char *last)
{
	char copy[64];
	struct script s = { .interpreter = copy };
	struct strs argv = { 0 };

	(void)snprintf(copy, sizeof(copy), "%s", interpreter);
	CHECK_INT(script_argv(&s, &argv), 0);
	CHECK_STR(argv.n ? argv.v[argv.n - 1] : NULL, last);
	CHECK(strcmp(last, "--") != 0 || (argv.n >= 3 && strcmp(argv.v[argv.n - 2], "-s") == 0));
	strs_release(&argv);
}

static void test_script_argv(void)
{
	check_argv("/bin/sh", "--");
	check_argv("/bin/bash -eu", "--");
	check_argv("/usr/bin/env bash", "--");
	check_argv("/usr/bin/env LANG=C  dash", "--");
	check_argv("/usr/bin/env -S zsh -f", "--");
	check_argv("/usr/bin/env -Sksh -u", "--");
	check_argv("/usr/bin/perl -w", "-");
	check_argv("/usr/bin/env perl", "-");
	check_argv("/usr/bin/fish", "-");
	check_argv("/usr/bin/env -i", "-");
	check_argv("/opt/sh/python3", "-");
}

/* Other comment signs, no #! line, no kind. */
static void test_script_plain(void)
{
	const struct module *m;

	begin();
	put_script("lua", "-- dt: summary = in lua\n-- dt: where = local\n");
	m = get("lua");
	CHECK(m && m->script && m->script->where == SCRIPT_LOCAL);
	CHECK(m && m->mod->verbs[0].kind == DT_ACTION);
	CHECK_STR(m && m->script ? m->script->interpreter : NULL, "/bin/sh");
	put_script("js", "#!/usr/bin/node\n// dt: summary = in js\n\t// dt: where = local");
	m = get("js");
	CHECK_STR(m ? m->mod->summary : err.msg, "in js");
	end();
}

static void bad_script(const char *lines, const char *reason)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n%s", lines);
	put_script("bad", text);
	refused("bad", reason);
}

static void test_bad_scripts(void)
{
	char many[4096] = "";

	begin();
	put_script("plain", "#!/bin/sh\necho\n");
	refused("plain", "no \"# dt: summary = ...\"");
	put_script("nowhere", "#!/bin/sh\n# dt: summary = x\n");
	refused("nowhere", "no \"# dt: where = local\"");
	put("binary", "#!/bin/sh\n\0\n", 12, 0755);
	refused("binary", "a binary");
	put("closed", "# dt: summary = x\n# dt: where = local\n", 37, 0644);
	refused("closed", "not executable");

	bad_script("# dt: colour = red\n", "bad:4: no such key \"colour\"");
	bad_script("\n\n# dt: nonsense\n", "bad:6: neither KEY = VALUE nor param");
	bad_script("# dt: where = remote\n", "bad:4: where given twice");
	bad_script("# dt: summary = x\n", "bad:4: summary given twice");
	bad_script("# dt: kind = maybe\n", "kind is info or action, not \"maybe\"");
	bad_script("# dt: param\n", "bad:4: param needs NAME TYPE HELP");
	bad_script("# dt: param one\n", "bad:4: param needs NAME TYPE HELP");
	bad_script("# dt: param one number x\n", "bad:4: parameter one: no type \"number\"");
	bad_script("# dt: param one int\n", "parameter one: no help text");
	bad_script("# dt: param One int x\n", "parameter One: a name is");
	bad_script("# dt: param one choice x\n", "a choice without choices");
	bad_script("# dt: param one choice choices=a| x\n", "an empty choice");
	bad_script("# dt: param one int choices=a|b x\n", "and yet it is no choice");
	bad_script("# dt: param one choice choices=a|b default=c x\n", "default: one: \"c\" is none of a, b");
	bad_script("# dt: param one int default=x x\n", "default: one: \"x\" is not a whole number");
	bad_script("# dt: param one int x\n# dt: param one int x\n", "two of one name");
	bad_script("# dt: param one int x\n# dt: param two int required x\n", "may be left out");
	bad_script("# dt: param one int required default=1 x\n", "yet it has a default");
	bad_script("# dt: param one bool x\n", "a bool must be an option");
	bad_script("# dt: param one int option rest x\n", "an option cannot take the rest");

	for (int i = 0; i < 33; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "# dt: param p%d int x\n", i);
	bad_script(many, "more than 32 parameters");
	end();
}

/* Only the first 50 lines are read. */
static void test_script_head(void)
{
	char text[512] = "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n";
	const struct module *m;

	begin();
	for (int i = 3; i < 50; i++)
		strcat(text, "\n");
	strcat(text, "# dt: nonsense\n");
	put_script("long", text);
	m = get("long");
	CHECK(m != NULL);
	end();
}

/* Does a new loader find the script by DT_MODULE_PATH alone? */
static bool found_by_path(void)
{
	struct dt_err e = DT_ERR_INIT;
	struct modload *l = modload_new(&e);
	bool found = l && modload_get(l, "by-path", &e);

	modload_free(l);
	return found;
}

static void test_module_path(void)
{
	char list[256];
	int status = -1;
	pid_t pid;

	begin();
	CHECK_INT(chmod(dir, 0755), 0);
	put_script("by-path", "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n");
	(void)snprintf(list, sizeof(list), "relative::%s", dir);
	CHECK_INT(setenv("DT_MODULE_PATH", list, 1), 0);
	CHECK_INT(found_by_path(), geteuid() != 0);
	if (geteuid() == 0) {
		pid = fork();
		if (pid == 0)
			_exit(setgid(65534) == 0 && setuid(65534) == 0 && found_by_path() ? 0 : 1);
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK_INT(status, 0);
	}
	CHECK_INT(unsetenv("DT_MODULE_PATH"), 0);
	end();
}

struct seen {
	char names[1024];
	char faults[1024];
};

static void see(void *arg, const char *name, const struct module *m, const struct dt_err *e)
{
	struct seen *s = arg;

	CHECK(!m == !!e);
	strcat(m ? s->names : s->faults, name);
	strcat(m ? s->names : s->faults, " ");
}

static void test_list(void)
{
	struct seen s = { "", "" };

	begin();
	put_object("good", "good.so");
	put_object("wrong-abi", "wrong-abi.so");
	put_script("zzz", "#!/bin/sh\n# dt: summary = x\n# dt: where = local\n");
	put("README", "not one\n", 8, 0644);
	put("notes", "not one either\n", 15, 0644);
	put("good.so.bak", "nor this\n", 9, 0755);
	CHECK_INT(mkdir(path("folder"), 0755), 0);
	CHECK_INT(modload_list(loader, see, &s, &err), 0);
	CHECK_HAS(s.names, "good ");
	CHECK_HAS(s.names, "zzz ");
	CHECK_STR(s.faults, "wrong-abi ");
	CHECK(!strstr(s.names, "notes") && !strstr(s.names, "folder"));
	CHECK(strstr(s.names, "good ") < strstr(s.names, "zzz "));
	end();
}

static void table_fault(const struct dt_param *params, const char *reason)
{
	const struct dt_verb verbs[] = {
		{ .name = "go", .kind = DT_INFO, .summary = "go", .params = params },
		{ 0 }
	};
	const struct dt_module m = { .abi = DT_MODULE_ABI, .name = "t", .summary = "t", .verbs = verbs };

	err = (struct dt_err)DT_ERR_INIT;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_INT(err.code, ERR_MODULE);
	CHECK_HAS(err.msg, reason);
}

static const char *never(const char *value)
{
	(void)value;
	return "is wrong";
}

static void test_tables(void)
{
	static const struct dt_verb none[] = { { 0 } };
	static const struct dt_verb twice[] = { { .name = "a" }, { .name = "a" }, { 0 } };
	static const struct dt_verb upper[] = { { .name = "A" }, { 0 } };
	struct dt_module m = { .abi = DT_MODULE_ABI, .name = "t", .summary = "t" };

	err = (struct dt_err)DT_ERR_INIT;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_HAS(err.msg, "no verbs");
	m.verbs = none;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_HAS(err.msg, "no verbs");
	m.verbs = twice;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_HAS(err.msg, "verb a: two of one name");
	m.verbs = upper;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_HAS(err.msg, "verb A: a name is");
	m.summary = NULL;
	CHECK_INT(param_check_module(&m, &err), -1);
	CHECK_HAS(err.msg, "no summary");

	table_fault((const struct dt_param[]){ { .name = "x", .type = (enum dt_type)99, .help = "x" }, { 0 } },
		    "verb go: parameter x: unknown type");
	table_fault((const struct dt_param[]){ { .name = "x", .flags = 64, .help = "x" }, { 0 } }, "unknown flag");
	table_fault((const struct dt_param[]){ { .name = "x", .def = "y", .check = never, .help = "x" }, { 0 } },
		    "verb go: default: x: \"y\" is wrong");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_good),	TEST(test_skeleton),	 TEST(test_bad_objects), TEST(test_names),
		TEST(test_two_of_one_name), TEST(test_path_fault), TEST(test_links),	 TEST(test_script),
		TEST(test_script_argv),	TEST(test_script_plain), TEST(test_bad_scripts), TEST(test_script_head),
		TEST(test_module_path),	TEST(test_list),	 TEST(test_tables),	 { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
