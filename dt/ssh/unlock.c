#include "dt/ssh/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/ask.h"
#include "dt/base/child.h"
#include "dt/base/util.h"

#define START_MS 10000
#define END_MS 2000

extern char **environ;

struct unlock {
	struct child shell;
	char *dir, *socket;
};

/*
 * The agent says on its standard output that it listens; only it holds that
 * then, so that the end of file tells of its end.
 */
static const char script[] =
	"command -v ssh-agent >/dev/null || { echo 'ssh-agent: not found' >&2; exit 127; }\n"
	"ssh-agent -D -a \"$1/agent\" &\n"
	"exec >&-\n"
	"read -r _\n"
	"kill $!\n"
	"wait\n"
	"rm -f \"$1/agent\"\n"
	"rmdir \"$1\"\n";

/* A folder that only its owner may enter, with a path that is short enough for a socket. */
static char *make_folder(struct dt_err *err)
{
	const char *tops[] = { getenv("TMPDIR"), "/tmp" };
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int sys = ENOENT;

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		int n;

		if (!tops[i] || tops[i][0] != '/')
			continue;
		n = snprintf(dir, sizeof(dir) - strlen("/agent"), "%s/dt-XXXXXX", tops[i]);
		if (n >= (int)(sizeof(dir) - strlen("/agent"))) {
			sys = ENAMETOOLONG;
			continue;
		}
		if (mkdtemp(dir)) {
			char *copy = strdup(dir);

			if (!copy) {
				(void)rmdir(dir);
				(void)err_nomem(err);
			}
			return copy;
		}
		sys = errno;
	}
	(void)err_sys(err, ERR_LOCAL, sys, "a folder for ssh-agent");
	return NULL;
}

/* Reads until the descriptor has something (then its first bytes) or ends: 1, 0; -1: the time is over. */
static int read_some(int fd, char *out, size_t size, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	*out = '\0';
	for (;;) {
		int ready = poll(&p, 1, deadline_poll_ms(deadline));

		if (ready == 0)
			return -1;
		if (ready < 0)
			continue;
		n = read(fd, out, size - 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		out[n > 0 ? n : 0] = '\0';
		return n > 0;
	}
}

struct unlock *unlock_new(struct dt_err *err)
{
	struct unlock *u = calloc(1, sizeof(*u));
	char line[256];
	int64_t deadline = now_ms() + START_MS;

	if (!u) {
		(void)err_nomem(err);
		return NULL;
	}
	u->dir = make_folder(err);
	if (!u->dir)
		goto fail;
	if (asprintf(&u->socket, "%s/agent", u->dir) < 0) {
		u->socket = NULL;
		(void)err_nomem(err);
		goto fail;
	}
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char *)(uintptr_t)script, (char[]){ "dt" },
			 u->dir, NULL };

	if (child_start(&u->shell, argv, NULL, err) != 0)
		goto fail;
	if (read_some(u->shell.out, line, sizeof(line), deadline) == 1)
		return u;
	if (read_some(u->shell.err, line, sizeof(line), now_ms() + 100) == 1) {
		line[strcspn(line, "\n")] = '\0';
		(void)err_set(err, ERR_LOCAL, "ssh-agent did not start: %s", line);
	} else {
		(void)err_set(err, ERR_LOCAL, "ssh-agent did not start");
	}
fail:
	unlock_free(u);
	return NULL;
}

void unlock_free(struct unlock *u)
{
	char line[256];

	if (!u)
		return;
	if (u->shell.pid > 0) {
		int64_t deadline = now_ms() + END_MS;

		child_close(&u->shell.in);	/* the shell ends the agent, and then itself */
		while (read_some(u->shell.err, line, sizeof(line), deadline) == 1)
			;
		child_end(&u->shell);
	}
	if (u->socket)
		(void)unlink(u->socket);
	if (u->dir)
		(void)rmdir(u->dir);
	free(u->socket);
	free(u->dir);
	free(u);
}

const char *unlock_socket(const struct unlock *u)
{
	return u->socket;
}

bool unlock_can_ask(void)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty >= 0) {
		(void)close(tty);
		return true;
	}
	return str_eq(getenv("SSH_ASKPASS_REQUIRE"), "force");
}

/* The environment, with SSH_AUTH_SOCK changed.  The array alone is malloced. */
static char **environment(char *auth_sock)
{
	size_t n = 0, out = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!str_starts(environ[i], "SSH_AUTH_SOCK="))
			env[out++] = environ[i];
	env[out] = auth_sock;
	return env;
}

struct ssh_add {
	char *const *argv;
	char *const *env;
	int tty;
};

static int start_ssh_add(void *arg, pid_t *pid)
{
	const struct ssh_add *a = arg;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int sys;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawn_file_actions_adddup2(&files, a->tty, 0);
	(void)posix_spawn_file_actions_adddup2(&files, 2, 1);	/* standard output carries results only */
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	/* in dt's own process group: only that may read from the terminal */
	sys = posix_spawnp(pid, a->argv[0], &files, &attr, a->argv, a->env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return sys;
}

int unlock_add(struct unlock *u, const char *path, struct dt_err *err)
{
	char *file = strdup(path), *sock = NULL, **env = NULL;
	int tty = -1, status = 0, r = -1, sys;

	if (asprintf(&sock, "SSH_AUTH_SOCK=%s", u->socket) < 0)
		sock = NULL;
	env = sock ? environment(sock) : NULL;
	if (!file || !env) {
		(void)err_nomem(err);
		goto out;
	}
	/* ssh-add asks on the terminal where its standard input is one; dt's own may be something else */
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		tty = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (tty < 0) {
		(void)err_sys(err, ERR_LOCAL, errno, "/dev/null");
		goto out;
	}
	char *argv[] = { (char[]){ "ssh-add" }, (char[]){ "-q" }, (char[]){ "--" }, file, NULL };

	const struct ssh_add add = { .argv = argv, .env = env, .tty = tty };

	sys = ask_child(tty, start_ssh_add, (void *)(uintptr_t)&add, &status);
	if (sys != 0) {
		(void)err_sys(err, ERR_LOCAL, sys, "ssh-add");
		goto out;
	}
	r = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
out:
	if (tty >= 0)
		(void)close(tty);
	free(env);
	free(sock);
	free(file);
	return r;
}
