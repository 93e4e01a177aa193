/* What ends a command, run here by each shell that a host may have: this process is the server of the connection. */
#include "dt/ssh/kill.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "tests/unit/test.h"

extern char **environ;

static const char *const shells[][3] = {
	{ "sh", "-c", NULL }, { "bash", "-c", NULL }, { "dash", "-c", NULL }, { "busybox", "sh", "-c" },
};

static char connection[80];

static void start(struct child *c, size_t shell, const char *command, bool connected)
{
	struct dt_err err = DT_ERR_INIT;
	char *argv[5] = { NULL }, *env[256] = { NULL };
	size_t n = 0, e = 0;

	for (; n < 3 && shells[shell][n]; n++)
		argv[n] = (char *)(uintptr_t)shells[shell][n];
	argv[n] = (char *)(uintptr_t)command;
	for (; environ[e] && e < ARRAY_LEN(env) - 2; e++)
		env[e] = environ[e];
	if (connected)
		env[e] = connection;
	CHECK(child_start(c, argv, env, &err) == 0);
}

/* Its first byte of output: the command is under way. */
static void await(struct child *c)
{
	struct pollfd p = { c->out, POLLIN, 0 };
	char byte;

	CHECK(poll(&p, 1, 20000) == 1 && read(c->out, &byte, 1) == 1);
}

static void reap(struct child *c)
{
	while (!child_ended(c))
		(void)poll(NULL, 0, 1);
	child_end(c);
}

/* The killer's word. */
static void kill_all(size_t shell, const struct kill_what *what, bool connected, struct buf *said)
{
	struct child k;
	struct buf line;
	char data[256];
	ssize_t n;

	buf_init(&line, 65536);
	buf_clear(said);
	CHECK(kill_command(&line, what) == 0);
	start(&k, shell, line.data, connected);
	child_close(&k.in);
	while (!child_ended(&k)) {
		(void)poll(&(struct pollfd){ k.out, POLLIN, 0 }, 1, 5);
		while ((n = read(k.out, data, sizeof(data))) > 0)
			(void)buf_add(said, data, (size_t)n);
	}
	while ((n = read(k.out, data, sizeof(data))) > 0)
		(void)buf_add(said, data, (size_t)n);
	CHECK(read(k.err, data, sizeof(data)) <= 0);
	child_end(&k);
	buf_release(&line);
}

static bool sleeps(const char *word)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "pgrep -xf 'sleep %s' >/dev/null", word);
	return system(command) == 0;
}

static void test_ends(void)
{
	static const char *const commands[] = {
		"echo on; sleep 9000.1; echo no",
		"trap '' TERM; echo on; sleep 9000.1; sleep 9000.1",
		"echo on; (sleep 9000.1 & wait) | cat",
		"sleep 9000.1 & echo on; exit 0",
		"setsid sleep 9000.1 & echo on; wait",
		"env -i sleep 9000.1 & echo on; wait",
		"(trap '' TERM HUP; setsid sh -c 'sleep 9000.1; sleep 9000.1') </dev/null >/dev/null 2>&1 & echo on; exit 3",
	};
	const struct kill_what what = { .age_ms = -1 };
	struct buf said;

	buf_init(&said, 4096);
	for (size_t s = 0; s < ARRAY_LEN(shells); s++)
		for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
			struct child c;

			start(&c, s, commands[i], true);
			await(&c);
			kill_all(s, &what, true, &said);
			CHECK_STR(said.data, KILL_GONE);
			CHECK(!sleeps("9000.1"));
			reap(&c);
		}
	buf_release(&said);
}

/* An earlier command of the same connection, and another connection, live on. */
static void test_spares(void)
{
	const struct kill_what recent = { .age_ms = 0 }, all = { .age_ms = -1 };
	struct child before, other, c;
	struct buf said;

	buf_init(&said, 4096);
	start(&before, 0, "setsid sh -c 'echo on; sleep 6; sleep 9000.2'", true);
	start(&other, 0, "echo on; SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22' exec sleep 9000.3", false);
	await(&before);
	await(&other);
	/* what is allowed for clocks and start-up: 2 s */
	(void)poll(NULL, 0, 4000);
	start(&c, 0, "echo on; exec sleep 9000.4", true);
	await(&c);
	kill_all(0, &recent, true, &said);
	CHECK_STR(said.data, KILL_GONE);
	/* what it begins now is its own too */
	for (int i = 0; i < 1000 && !sleeps("9000.2"); i++)
		(void)poll(NULL, 0, 10);
	kill_all(0, &recent, true, &said);
	CHECK_STR(said.data, KILL_GONE);
	CHECK(sleeps("9000.2"));
	CHECK(sleeps("9000.3"));
	CHECK(!sleeps("9000.4"));
	kill_all(0, &all, true, &said);
	CHECK_STR(said.data, KILL_GONE);
	CHECK(!sleeps("9000.2") && sleeps("9000.3"));
	reap(&before);
	reap(&c);
	child_end(&other);
	buf_release(&said);
}

/* A command of this machine is known by its process and an entry of its own. */
static void test_here(void)
{
	const struct kill_what dead = { .age_ms = -1, .entry = "DT_RUN=0123", .pid = 0 };
	struct kill_what what = { .age_ms = -1, .entry = "DT_RUN=0123" };
	struct child c;
	struct buf said;

	buf_init(&said, 4096);
	start(&c, 0, "export DT_RUN=0123; setsid sleep 9000.5 & env -i sleep 9000.5 & echo on; wait", false);
	await(&c);
	what.pid = c.pid;
	kill_all(0, &what, false, &said);
	CHECK_STR(said.data, KILL_GONE);
	CHECK(!sleeps("9000.5"));
	reap(&c);
	start(&c, 0, "export DT_RUN=0123; sleep 9000.5 & echo on", false);
	await(&c);
	reap(&c);
	kill_all(0, &dead, false, &said);
	CHECK_STR(said.data, KILL_GONE);
	CHECK(!sleeps("9000.5"));
	buf_release(&said);
}

static void test_nothing(void)
{
	const struct kill_what what = { .age_ms = -1, .become = "env X=1" };
	struct buf said;

	buf_init(&said, 4096);
	for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
		kill_all(s, &what, true, &said);
		CHECK_STR(said.data, KILL_GONE);
		/* a server that says nothing of the connection */
		kill_all(s, &what, false, &said);
		CHECK_STR(said.data, "unknown\n");
	}
	buf_release(&said);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_ends), TEST(test_spares), TEST(test_here), TEST(test_nothing), { NULL, NULL },
	};

	(void)unsetenv("SSH_CONNECTION");
	(void)snprintf(connection, sizeof(connection), "SSH_CONNECTION=127.0.0.1 %d 127.0.0.1 22", (int)getpid());
	return test_main(tests, argc, argv);
}
