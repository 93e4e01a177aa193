/* A command that outlives its connection, run here by each shell that a host may have. */
#include "dt/ssh/detached.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "tests/unit/test.h"

static const char *const shells[][3] = {
	{ "sh", "-c", NULL }, { "bash", "-c", NULL }, { "dash", "-c", NULL }, { "busybox", "sh", "-c" },
};

static int start(struct child *c, size_t shell, const char *command)
{
	struct dt_err err = DT_ERR_INIT;
	char *argv[5] = { NULL };
	size_t n = 0;

	for (; n < 3 && shells[shell][n]; n++)
		argv[n] = (char *)(uintptr_t)shells[shell][n];
	argv[n] = (char *)(uintptr_t)command;
	return child_start(c, argv, NULL, &err);
}

/* Everything it prints on one descriptor. */
static void slurp(int fd, struct buf *out)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char data[1024];
	ssize_t n;

	while (poll(&p, 1, 20000) > 0 && (n = read(fd, data, sizeof(data))) > 0)
		(void)buf_add(out, data, (size_t)n);
}

static int finish(struct child *c, struct buf *out, struct buf *err)
{
	child_close(&c->in);
	slurp(c->out, out);
	slurp(c->err, err);
	while (!child_ended(c))
		(void)poll(NULL, 0, 1);
	child_end(c);
	return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 1000 + WTERMSIG(c->status);
}

static char home[64];

static const char *in_home(const char *name)
{
	static char path[4][200];
	static unsigned n;

	(void)snprintf(path[++n % 4], sizeof(path[0]), "%s/%s", home, name);
	return path[n % 4];
}

static int run_line(size_t shell, struct buf *line, struct buf *out, struct buf *err)
{
	struct child c;
	int status = -1;

	buf_clear(out);
	buf_clear(err);
	if (start(&c, shell, line->data) == 0)
		status = finish(&c, out, err);
	else
		CHECK(!"the shell is missing");
	buf_clear(line);
	return status;
}

static int keep_in(struct buf *line, const char *command, size_t max)
{
	return detached_command(line, "dt-1-0", max, command);
}

static void asks(size_t shell, const char *want)
{
	struct buf line, out, err;

	buf_init(&line, 65536);
	buf_init(&out, 65536);
	buf_init(&err, 65536);
	CHECK(detached_ask(&line, "dt-1-0") == 0);
	CHECK_INT(run_line(shell, &line, &out, &err), 0);
	if (str_ends(want, "*"))
		CHECK(strncmp(out.data, want, strlen(want) - 1) == 0);
	else
		CHECK_STR(out.data, want);
	CHECK_STR(err.data, "");
	buf_release(&line);
	buf_release(&out);
	buf_release(&err);
}

static void forgets(size_t shell)
{
	struct buf line, out, err;

	buf_init(&line, 65536);
	buf_init(&out, 65536);
	buf_init(&err, 65536);
	CHECK(detached_forget(&line, "dt-1-0") == 0);
	CHECK_INT(run_line(shell, &line, &out, &err), 0);
	asks(shell, "none\n");
	buf_release(&line);
	buf_release(&out);
	buf_release(&err);
}

static void test_kept(void)
{
	struct buf line, out, err;
	char command[120], want[120];

	buf_init(&line, 65536);
	buf_init(&out, 65536);
	buf_init(&err, 65536);
	for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
		for (int status = 0; status < 256; status += 85) {
			(void)snprintf(command, sizeof(command), "read x; umask; echo \"o$x\"; echo e >&2; printf z; exit %d", status);
			CHECK(keep_in(&line, command, 100) == 0);
			CHECK_INT(run_line(s, &line, &out, &err), status);
			CHECK(str_ends(out.data, "\no\nz"));
			CHECK(!strstr(out.data, "77\n"));	/* the umask is that of the login */
			CHECK_STR(err.data, "e\n");
			(void)snprintf(want, sizeof(want), "ended %d %zu 2\n%se\n", status, out.len, out.data);
			asks(s, want);
			forgets(s);
		}
		/* what is kept is cut, and the command does not notice */
		CHECK(keep_in(&line, "head -c 300000 /dev/zero >&2; echo $?; echo 123456789", 8) == 0);
		CHECK_INT(run_line(s, &line, &out, &err), 0);
		CHECK_STR(out.data, "0\n123456");
		CHECK_INT(err.len, 8);
		forgets(s);
	}
	buf_release(&line);
	buf_release(&out);
	buf_release(&err);
}

static void test_kept_and_killed(void)
{
	for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
		struct buf line;
		struct child c;

		buf_init(&line, 65536);
		CHECK(keep_in(&line, "echo on; sleep 1000", 100) == 0);
		CHECK(start(&c, s, line.data) == 0);
		while (access(in_home(".cache/dt/dt-1-0.out"), F_OK) != 0)
			(void)poll(NULL, 0, 1);
		asks(s, "running *");
		(void)kill(-c.pid, SIGKILL);
		while (!child_ended(&c))
			(void)poll(NULL, 0, 1);
		child_end(&c);
		while (waitpid(-1, NULL, 0) > 0)
			;
		asks(s, "gone\n");
		forgets(s);
		buf_release(&line);
	}
}

/* A folder that is a link, or open to others, is none; then nothing begins. */
static void test_planted(void)
{
	struct buf line, out, err;

	buf_init(&line, 65536);
	buf_init(&out, 65536);
	buf_init(&err, 65536);
	CHECK_INT(rename(in_home(".cache/dt"), in_home("elsewhere")), 0);
	for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
		for (int open = 0; open < 2; open++) {
			if (open)
				CHECK(mkdir(in_home(".cache/dt"), 0777) == 0 && chmod(in_home(".cache/dt"), 0770) == 0);
			else
				CHECK_INT(symlink(in_home("elsewhere"), in_home(".cache/dt")), 0);
			CHECK(keep_in(&line, "echo begun", 100) == 0);
			CHECK_INT(run_line(s, &line, &out, &err), 126);
			CHECK_STR(out.data, "");
			CHECK_STR(err.data, "--keep: no folder for it in the home or runtime folder\n");
			asks(s, "none\n");
			/* the runtime folder is the other place */
			(void)setenv("XDG_RUNTIME_DIR", home, 1);
			CHECK(keep_in(&line, "echo begun", 100) == 0);
			CHECK_INT(run_line(s, &line, &out, &err), 0);
			asks(s, "ended 0 6 0\nbegun\n");
			forgets(s);
			CHECK_INT(remove(in_home("dt")), 0);
			(void)setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
			CHECK_INT(remove(in_home(".cache/dt")), 0);
		}
	}
	CHECK_INT(remove(in_home("elsewhere")), 0);
	buf_release(&line);
	buf_release(&out);
	buf_release(&err);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_kept), TEST(test_kept_and_killed), TEST(test_planted), { NULL, NULL } };
	int failed;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)snprintf(home, sizeof(home), "/tmp/test_detached.XXXXXX");
	if (!mkdtemp(home))
		return 1;
	(void)setenv("HOME", home, 1);
	(void)setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	failed = test_main(tests, argc, argv);
	return failed | remove(in_home(".cache")) | remove(home) ? 1 : 0;
}
