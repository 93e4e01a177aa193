/* dt's own modules against services of this file's making: a host that answers as told, a store in memory. */
#include "dt/run/modload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/quote.h"
#include "dt/run/arguments.h"
#include "tests/unit/test.h"

#define HOSTS 2

struct dt_call {
	struct arguments args;
	size_t host_count;
	void *state;
	char refusal[256];
	struct buf file;
	const char *input;		/* dt's stdin; NULL: reading it fails */
	int outcome[HOSTS];		/* 1: not reported */
	char text[HOSTS][256];
	bool shared;			/* its hosts share threads */
	struct strs store;		/* "host", "host +tag", "host key=value" */
};

struct dt_task {
	struct dt_call *call;
	/* how the next command ends */
	int answer;
	struct dt_exit end;
	/* what was asked */
	int execs, locals;
	char command[1024];
	const char *in;
	size_t in_len;
	unsigned flags;
	struct buf quoted;
};

static const char *const tags[] = { "linux", "web", NULL };
static const struct dt_attr attrs[] = { { "port", "2222" }, { "user", "deploy" }, { NULL, NULL } };
static const struct dt_host hosts[HOSTS] = { { "a", tags, attrs }, { "b", NULL, NULL } };

static struct modload *loader;
static struct dt_call call;
static struct dt_task task;
static const struct dt_verb *verb;

/* --- services --- */

static const char *s_arg(const struct dt_call *c, const char *name)
{
	return arguments_get(&c->args, name)->text;
}
static long long s_arg_number(const struct dt_call *c, const char *name)
{
	return arguments_get(&c->args, name)->number;
}
static const char *const *s_arg_list(const struct dt_call *c, const char *name, size_t *n)
{
	const struct argument *g = arguments_get(&c->args, name);

	*n = g->list.n;
	return (const char *const *)g->list.v;
}
static size_t s_host_count(const struct dt_call *c)
{
	return c->host_count;
}
static const struct dt_host *s_host(const struct dt_call *c, size_t i)
{
	return i < c->host_count ? &hosts[i] : NULL;
}
static void s_set_state(struct dt_call *c, void *state)
{
	c->state = state;
}
static void *s_state(const struct dt_call *c)
{
	return c->state;
}
__attribute__((format(printf, 2, 3))) static void s_refuse(struct dt_call *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->refusal, sizeof(c->refusal), fmt, ap);
	va_end(ap);
}
static const char *s_read_file(struct dt_call *c, const char *path, size_t *len)
{
	struct dt_err err = DT_ERR_INIT;

	if (read_file(path, &c->file, &err) != 0) {
		s_refuse(c, "%s", err.msg);
		return NULL;
	}
	*len = c->file.len;
	return c->file.data;
}
static const char *s_read_stdin(struct dt_call *c, size_t *len)
{
	if (!c->input) {
		s_refuse(c, "stdin: closed");
		return NULL;
	}
	*len = strlen(c->input);
	return c->input;
}
static int s_stdin_for_hosts(struct dt_call *c, long long apart)
{
	if (c->input && apart == 1LL << 30)
		return DT_OK;
	s_refuse(c, "stdin: closed");
	return DT_FAIL;
}
__attribute__((format(printf, 4, 5))) static void s_report(struct dt_call *c, size_t i, int outcome,
							   const char *fmt, ...)
{
	va_list ap;

	CHECK(i < c->host_count && c->outcome[i] == 1);
	c->outcome[i] = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(c->text[i], sizeof(c->text[i]), fmt, ap);
	va_end(ap);
}
static const char *s_store_fault(const struct dt_call *c, const char *name, const char *value)
{
	(void)c;
	if (!value && *name == '-')
		return "begins with '-'";
	return strpbrk(name, "! ") ? "has a strange letter" : value && strcmp(value, "bad") == 0 ? "is bad" : NULL;
}

/* The line is in the store, or not, afterwards. */
static int put_line(struct dt_call *c, bool on, bool *changed, const char *line)
{
	size_t i = 0;

	while (i < c->store.n && strcmp(c->store.v[i], line) != 0)
		i++;
	*changed = (i < c->store.n) != on;
	if (!*changed)
		return DT_OK;
	if (on)
		return strs_add(&c->store, line) == 0 ? DT_OK : DT_FAIL;
	free(c->store.v[i]);
	c->store.v[i] = c->store.v[--c->store.n];
	c->store.v[c->store.n] = NULL;
	return DT_OK;
}
static int s_store_add(struct dt_call *c, const char *host, bool *changed)
{
	return put_line(c, true, changed, host);
}
static int s_store_del(struct dt_call *c, const char *host, bool *changed)
{
	return put_line(c, false, changed, host);
}
static int s_store_tag(struct dt_call *c, const char *host, const char *tag, bool on, bool *changed)
{
	char line[256];

	if (!strs_has(&c->store, host)) {
		s_refuse(c, "%s: not in the store", host);
		return DT_FAIL;
	}
	(void)snprintf(line, sizeof(line), "%s +%s", host, tag);
	return put_line(c, on, changed, line);
}
static int s_store_set(struct dt_call *c, const char *host, const char *key, const char *value, bool *changed)
{
	char line[256];
	size_t n;

	if (!strs_has(&c->store, host)) {
		s_refuse(c, "%s: not in the store", host);
		return DT_FAIL;
	}
	(void)snprintf(line, sizeof(line), "%s %s=%s", host, key, value);
	n = strlen(line) - strlen(value);
	for (size_t i = 0; i < c->store.n; i++) {
		bool gone;

		if (strncmp(c->store.v[i], line, n) == 0 && strcmp(c->store.v[i], line) != 0) {
			char old[256];

			(void)snprintf(old, sizeof(old), "%s", c->store.v[i]);
			(void)put_line(c, false, &gone, old);
			*changed = true;
			if (!*value)
				return DT_OK;
			i--;
		}
	}
	if (!*value) {
		*changed = false;
		return DT_OK;
	}
	return put_line(c, true, changed, line);
}
static const struct dt_host *s_task_host(const struct dt_task *t)
{
	(void)t;
	return &hosts[0];
}
static int record(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	(void)snprintf(t->command, sizeof(t->command), "%s", e->command);
	t->in = e->in;
	t->in_len = e->in_len;
	t->flags = e->flags;
	if (end)
		*end = t->end;
	return t->answer;
}
static int s_exec(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	t->execs++;
	return record(t, e, end);
}
static int s_local(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	t->locals++;
	return record(t, e, end);
}
static const char *s_quote(struct dt_task *t, const char *const *argv, size_t n)
{
	buf_clear(&t->quoted);
	return quote_argv(&t->quoted, argv, n) == 0 ? t->quoted.data : NULL;
}

static void s_waits_in_services(struct dt_call *c)
{
	c->shared = true;
}

static const struct dt_services services = {
	.abi = DT_MODULE_ABI,
	.size = sizeof(services),
	.arg = s_arg,
	.arg_number = s_arg_number,
	.arg_list = s_arg_list,
	.host_count = s_host_count,
	.host = s_host,
	.set_state = s_set_state,
	.state = s_state,
	.refuse = s_refuse,
	.read_file = s_read_file,
	.read_stdin = s_read_stdin,
	.stdin_for_hosts = s_stdin_for_hosts,
	.report = s_report,
	.store_fault = s_store_fault,
	.store_add = s_store_add,
	.store_del = s_store_del,
	.store_tag = s_store_tag,
	.store_set = s_store_set,
	.task_host = s_task_host,
	.exec = s_exec,
	.local = s_local,
	.quote = s_quote,
	.waits_in_services = s_waits_in_services,
};

/* --- one call --- */

/* Begins a call; the words are split at spaces, "_" stands for a space.  What prepare says. */
static int prepare(const char *line)
{
	static char text[512];
	char *words[16], *rest = text;
	struct dt_err err = DT_ERR_INIT;
	const struct module *m;
	size_t n = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (char *w; (w = strsep(&rest, " "));) {
		words[n++] = w;
		for (char *p = w; *p; p++)
			if (*p == '_')
				*p = ' ';
	}
	call.host_count = HOSTS;
	call.state = NULL;
	call.shared = false;
	call.refusal[0] = '\0';
	buf_init(&call.file, 1 << 20);
	for (size_t i = 0; i < HOSTS; i++) {
		call.outcome[i] = 1;
		call.text[i][0] = '\0';
	}
	memset(&task, 0, sizeof(task));
	task.call = &call;
	buf_init(&task.quoted, 1 << 20);
	m = modload_get(loader, words[0], &err);
	if (!m || arguments_parse(m->mod, words + 1, n - 1, NULL, NULL, &call.args, &err) != 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	verb = call.args.verb;
	return verb->prepare ? verb->prepare(&call, &services) : DT_OK;
}

static int run(int answer, int status)
{
	task.answer = answer;
	task.end = (struct dt_exit){ .status = status };
	CHECK(call.shared);
	return verb->run(&task, &call, &services);
}

/* Ends it, as dt does also where prepare refused.  What finish says. */
static int finish(void)
{
	int r = verb->finish ? verb->finish(&call, &services) : DT_OK;

	arguments_release(&call.args);
	buf_release(&call.file);
	buf_release(&task.quoted);
	return r;
}

/* A verb about the store, from begin to end. */
static int store(const char *line)
{
	int r = prepare(line);

	return finish() == DT_OK ? r : DT_FAIL;
}

static void refused(const char *line, const char *reason)
{
	struct strs before = { 0 };

	for (size_t i = 0; i < call.store.n; i++)
		CHECK_INT(strs_add(&before, call.store.v[i]), 0);
	CHECK_INT(prepare(line), DT_FAIL);
	CHECK_HAS(call.refusal, reason);
	(void)finish();
	CHECK_INT(call.store.n, before.n);
	for (size_t i = 0; i < before.n; i++)
		CHECK(strs_has(&call.store, before.v[i]));
	CHECK_INT(call.outcome[0], 1);
	strs_release(&before);
}

/* --- the modules --- */

static void test_ssh(void)
{
	CHECK_INT(prepare("ssh echo a_b 'c'"), DT_OK);
	CHECK_INT(run(DT_OK, 0), DT_OK);
	CHECK_STR(task.command, "echo a b 'c'");
	CHECK(task.execs == 1 && !task.locals && !task.in && !task.flags);
	CHECK_INT(run(DT_OK, 3), DT_FAIL);
	CHECK_INT(run(DT_OK, 255), DT_FAIL);
	CHECK_INT(run(DT_OK, -1), DT_FAIL);
	/* Lost: whatever the rest of the answer says. */
	CHECK_INT(run(DT_FAIL, 0), DT_FAIL);
	CHECK_INT(run(-7, 0), -7);
	CHECK_INT(finish(), DT_OK);

	call.input = "bytes";
	CHECK_INT(prepare("ssh --stdin cat"), DT_OK);
	CHECK_INT(run(DT_OK, 0), DT_OK);
	CHECK_INT(task.flags, DT_EXEC_STDIN);
	CHECK_INT(finish(), DT_OK);
	CHECK_INT(prepare("ssh cat"), DT_OK);
	CHECK_INT(run(DT_OK, 0), DT_OK);
	CHECK_INT(task.flags, 0);
	CHECK_INT(finish(), DT_OK);
	call.input = NULL;
	refused("ssh --stdin cat", "stdin: closed");
}

static void test_sudo_local(void)
{
	CHECK_INT(prepare("sudo id -u"), DT_OK);
	CHECK_INT(run(DT_OK, 0), DT_OK);
	CHECK_STR(task.command, "id -u");
	CHECK_INT(task.flags, DT_EXEC_SUDO);
	CHECK_INT(run(DT_OK, 1), DT_FAIL);
	CHECK_INT(run(DT_FAIL, 0), DT_FAIL);
	CHECK_INT(finish(), DT_OK);

	CHECK_INT(prepare("local echo $HOME"), DT_OK);
	CHECK_INT(run(DT_OK, 0), DT_OK);
	CHECK_STR(task.command, "echo $HOME");
	CHECK(task.locals == 1 && !task.execs);
	CHECK_INT(run(DT_OK, 1), DT_FAIL);
	CHECK_INT(run(DT_FAIL, 0), DT_FAIL);
	CHECK_INT(finish(), DT_OK);
}

static void check_script(const char *text, size_t len, const char *options, const char *command)
{
	char path[] = "/tmp/dt-modules-XXXXXX", line[128];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, len), len);
	CHECK_INT(close(fd), 0);
	(void)snprintf(line, sizeof(line), "script %s%s one -two it's_so", options, path);
	if (!command) {
		refused(line, "a binary");
	} else {
		CHECK_INT(prepare(line), DT_OK);
		CHECK_INT(run(DT_OK, 0), DT_OK);
		CHECK_STR(task.command, command);
		CHECK_INT(task.in_len, len);
		CHECK(memcmp(task.in, text, len) == 0);
		CHECK_INT(task.flags, *options ? DT_EXEC_SUDO : 0);
		CHECK_INT(run(DT_OK, 2), DT_FAIL);
		CHECK_INT(run(DT_FAIL, 0), DT_FAIL);
		CHECK_INT(finish(), DT_OK);
	}
	CHECK_INT(unlink(path), 0);
}

static void test_script(void)
{
	static const struct { const char *text, *interpreter; } rows[] = {
		{ "#!/bin/sh\necho\n", "/bin/sh -s --" },
		{ "#! /bin/bash -eu \necho\n", "/bin/bash -eu -s --" },
		{ "#!/usr/bin/env zsh", "/usr/bin/env zsh -s --" },
		{ "#!/usr/bin/env -S LANG=C ksh -f\n", "/usr/bin/env -S 'LANG=C' ksh -f -s --" },
		{ "#!/usr/bin/env -Sdash\n", "/usr/bin/env -Sdash -s --" },
		{ "#!/usr/bin/python3\r\n", "/usr/bin/python3 -" },
		{ "#!/usr/bin/env perl\n", "/usr/bin/env perl -" },
		{ "#!/usr/bin/awk -f\n", "/usr/bin/awk -f -" },
		{ "#!a b c d e f g h", "a b c d e f g h -" },
		{ "#!\necho\n", "/bin/sh -s --" },
		{ "#!  ", "/bin/sh -s --" },
		{ "echo\n", "/bin/sh -s --" },
		{ "", "/bin/sh -s --" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf want;
		const char *const args[] = { "one", "-two", "it's so" };

		buf_init(&want, 1024);
		CHECK_INT(buf_adds(&want, rows[i].interpreter), 0);
		for (size_t k = 0; k < 3; k++) {
			CHECK_INT(buf_addc(&want, ' '), 0);
			CHECK_INT(quote_arg(&want, args[k]), 0);
		}
		check_script(rows[i].text, strlen(rows[i].text), i % 2 ? "" : "--sudo ", want.data);
		buf_release(&want);
	}
	check_script("#!/bin/sh\n\0\n", 12, "", NULL);
	check_script("\177ELF\0", 5, "", NULL);
}

static void test_list(void)
{
	CHECK_INT(store("list"), DT_OK);
	CHECK_INT(call.outcome[0], DT_OK);
	CHECK_STR(call.text[0], "linux web port=2222 user=deploy");
	CHECK_INT(call.outcome[1], DT_OK);
	CHECK_STR(call.text[1], "");
}

static void both(const char *line, const char *text)
{
	CHECK_INT(store(line), DT_OK);
	CHECK_STR(call.refusal, "");
	for (size_t i = 0; i < HOSTS; i++) {
		CHECK_INT(call.outcome[i], DT_OK);
		CHECK_STR(call.text[i], text);
	}
}

static void test_add(void)
{
	both("add", "added");
	both("add", "unchanged");
	both("add linux,web db port=2222 motd=a,_b=c", "changed");
	CHECK_INT(call.store.n, 2 * 6);
	CHECK(strs_has(&call.store, "a +linux") && strs_has(&call.store, "a +web") && strs_has(&call.store, "b +db"));
	CHECK(strs_has(&call.store, "b port=2222") && strs_has(&call.store, "a motd=a, b=c"));
	both("add web port=2222", "unchanged");
	both("add port=22", "changed");
	CHECK(strs_has(&call.store, "a port=22") && !strs_has(&call.store, "a port=2222"));

	refused("add linux !x", "\"!x\": has a strange letter");
	refused("add linux,", "\"\": an empty tag");
	refused("add new,!x", "\"!x\": has");
	refused("add =x", "\"=x\": has no key");
	refused("add key=", "\"key=\": has no value");
	refused("add port=bad", "\"port=bad\": is bad");
	refused("add -- -old", "\"-old\": begins with '-'");
	strs_release(&call.store);
}

static void test_tag(void)
{
	both("add linux", "added");
	both("tag web +db", "tagged web db");
	both("tag web", "unchanged");
	both("tag -linux", "untagged linux");
	both("tag x,-web,linux,db", "tagged x linux, untagged web");
	both("tag -web", "unchanged");
	CHECK(strs_has(&call.store, "a +x") && !strs_has(&call.store, "b +web"));

	refused("tag new !y", "\"!y\": has a strange letter");
	refused("tag new +", "\"+\": an empty tag");
	refused("tag new,,other", "\"\": an empty tag");
	refused("tag --old", "begins with '-'");
	refused("tag x -x", "x: both added and removed");

	/* A host that the store does not have: refused in finish, which changes nothing. */
	CHECK_INT(store("del"), DT_OK);
	CHECK_INT(store("tag web"), DT_FAIL);
	CHECK_STR(call.refusal, "a: not in the store");
	strs_release(&call.store);
}

static void test_set(void)
{
	both("add", "added");
	both("set port=22 note=a=b_c", "set port=22 note=a=b c");
	CHECK(strs_has(&call.store, "b note=a=b c"));
	both("set port=22", "unchanged");
	both("set port=", "set port=");
	CHECK(!strs_has(&call.store, "a port=22"));
	both("set port=", "unchanged");

	refused("set port=22 user", "\"user\" is not KEY=VALUE");
	refused("set port=22 port=23", "port is set twice");
	refused("set port=22 user=bad", "user=bad: is bad");
	strs_release(&call.store);
}

static void test_del(void)
{
	both("add", "added");
	both("del", "deleted");
	CHECK_INT(call.store.n, 0);

	/* All or nothing: finish says DT_FAIL, and dt rolls the transaction back. */
	CHECK_INT(strs_add(&call.store, "b"), 0);
	CHECK_INT(store("del"), DT_FAIL);
	CHECK_STR(call.refusal, "");
	CHECK_INT(call.outcome[0], DT_FAIL);
	CHECK_STR(call.text[0], "not in the store");
	CHECK_INT(call.outcome[1], DT_FAIL);
	CHECK_STR(call.text[1], "kept: others are not in the store");
	strs_release(&call.store);
}

static void test_ping(void)
{
	struct dt_err err = DT_ERR_INIT;
	const struct module *m = modload_get(loader, "ping", &err);

	CHECK(m && m->script);
	if (!m || !m->script)
		return;
	CHECK_INT(m->script->where, SCRIPT_LOCAL);
	CHECK_INT(m->mod->verbs[0].kind, DT_INFO);
	CHECK_STR(m->mod->verbs[0].params[0].name, "timeout");
}

/*
 * Runs the ping module with a ping(8) of ours, so that nothing depends on what
 * this machine may send.  What it prints, and its status.
 */
static int ping(const char *program, char *out, size_t size)
{
	char dir[] = "/tmp/dt-ping-XXXXXX", path[64], command[512];
	struct dt_err err = DT_ERR_INIT;
	const struct module *m = modload_get(loader, "ping", &err);
	size_t n;
	FILE *f;

	*out = '\0';
	CHECK(m && mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ping", dir);
	f = fopen(path, "w");
	CHECK(f && fprintf(f, "#!/bin/sh\n%s\n", program) > 0 && fclose(f) == 0 && chmod(path, 0755) == 0);
	(void)snprintf(command, sizeof(command),
		       "PATH=%s:$PATH DT_ADDRESS=192.0.2.1 DT_PARAM_TIMEOUT=1500 '%s' 2>&1", dir, m ? m->path : "");
	f = popen(command, "r");
	n = f ? fread(out, 1, size - 1, f) : 0;
	out[n] = '\0';
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(dir), 0);
	return f ? WEXITSTATUS(pclose(f)) : -1;
}

static void test_ping_runs(void)
{
	char out[512];

	CHECK_INT(ping("test \"$*\" = '-n -c 1 -W 2 -- 192.0.2.1' || exit 9\n"
		       "echo '64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.27 ms'", out, sizeof(out)), 0);
	CHECK_STR(out, "0.27 ms\n");
	CHECK_INT(ping("echo '1 packets transmitted, 0 received, 100% packet loss, time 0ms'; exit 1", out,
		       sizeof(out)), 1);
	CHECK_STR(out, "no answer within 2s from 192.0.2.1\n");
	CHECK_INT(ping("echo 'ping: x: Name or service not known' >&2; exit 2", out, sizeof(out)), 1);
	CHECK_STR(out, "ping: x: Name or service not known\n");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_ssh),	 TEST(test_sudo_local), TEST(test_script), TEST(test_list), TEST(test_add),
		TEST(test_tag),	 TEST(test_set),	TEST(test_del),	   TEST(test_ping), TEST(test_ping_runs),
		{ NULL, NULL },
	};
	struct dt_err err = DT_ERR_INIT;
	int r;

	loader = modload_new(&err);
	if (!loader)
		return 1;
	r = test_main(tests, argc, argv);
	modload_free(loader);
	return r;
}
