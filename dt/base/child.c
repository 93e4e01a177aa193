#include "dt/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/fiber.h"

extern char **environ;

/* For child_kill_all: the groups that run; 0 is a free place. */
static _Atomic pid_t groups[4096];

static void remember(pid_t pid)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		pid_t none = 0;

		if (atomic_compare_exchange_strong(&groups[i], &none, pid))
			return;
	}
}

static void forget(pid_t pid)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		pid_t was = pid;

		if (atomic_compare_exchange_strong(&groups[i], &was, 0))
			return;
	}
}

void child_kill_all(void)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		pid_t pid = atomic_load(&groups[i]);

		if (pid > 0)
			(void)kill(-pid, SIGKILL);
	}
}

void child_terminate(pid_t pid)
{
	char path[64];
	FILE *f;
	int below;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	/* before their parent has ended: then they are another's */
	while (f && fscanf(f, "%d", &below) == 1)
		child_terminate(below);
	if (f)
		(void)fclose(f);
	(void)kill(pid, SIGTERM);
}

void child_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Signals as at the start of any program; flags: further POSIX_SPAWN_ ones. */
static void make_attr(posix_spawnattr_t *attr, short flags)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawnattr_init(attr);
	(void)posix_spawnattr_setpgroup(attr, 0);
	(void)posix_spawnattr_setsigmask(attr, &none);
	(void)posix_spawnattr_setsigdefault(attr, &all);
	(void)posix_spawnattr_setflags(attr, (short)(flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
}

int child_attached(char *const *argv, pid_t *pid, struct dt_err *err)
{
	posix_spawnattr_t attr;
	int r;

	make_attr(&attr, 0);
	r = posix_spawnp(pid, argv[0], NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	return r == 0 ? 0 : err_sys(err, ERR_LOCAL, r, "%s", argv[0]);
}

int child_start(struct child *c, char *const *argv, char *const *env, struct dt_err *err)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, *ours[3] = { &c->in, &c->out, &c->err }, r = 0;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;

	memset(c, 0, sizeof(*c));
	c->in = c->out = c->err = -1;
	for (int i = 0; i < 3; i++)
		if (pipe2(pipes[i], O_CLOEXEC) != 0) {
			r = errno;
			goto out;
		}
	(void)posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		(void)posix_spawn_file_actions_adddup2(&files, pipes[i][i ? 1 : 0], i);
	/* a group of its own: the terminal's Ctrl-C is dt's to handle */
	make_attr(&attr, POSIX_SPAWN_SETPGROUP);
	r = posix_spawnp(&c->pid, argv[0], &files, &attr, argv, env ? env : environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	if (r != 0) {
		c->pid = 0;
		goto out;
	}
	remember(c->pid);
	for (int i = 0; i < 3; i++) {
		*ours[i] = pipes[i][i ? 0 : 1];
		pipes[i][i ? 0 : 1] = -1;
		(void)fcntl(*ours[i], F_SETFL, O_NONBLOCK);
	}
out:
	for (int i = 0; i < 3; i++) {
		child_close(&pipes[i][0]);
		child_close(&pipes[i][1]);
	}
	return r == 0 ? 0 : err_sys(err, ERR_LOCAL, r, "%s", argv[0]);
}

bool child_ended(struct child *c)
{
	if (c->pid > 0 && !c->reaped && waitpid(c->pid, &c->status, WNOHANG) == c->pid) {
		c->reaped = true;
		forget(c->pid);
	}
	return c->pid <= 0 || c->reaped;
}

void child_wait(struct child *c)
{
	while (c->pid > 0 && !c->reaped && waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	if (c->pid > 0 && !c->reaped)
		forget(c->pid);
	c->reaped = true;
}

void child_end(struct child *c)
{
	child_close(&c->in);
	child_close(&c->out);
	child_close(&c->err);
	if (!child_ended(c)) {
		(void)kill(-c->pid, SIGKILL);
		/* not waitpid(2): it would hold other fibers up */
		for (int step = 1; !child_ended(c); step = step < 20 ? step * 2 : 20)
			(void)fiber_poll(NULL, 0, step);
	}
}
