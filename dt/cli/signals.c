#include "dt/cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/ask.h"
#include "dt/base/child.h"
#include "dt/base/util.h"
#include "dt/run/pool.h"

/* nohup(1) and scripts that ignore a signal mean it. */
static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1 };

/* timeout(1), supervisors and terminals send two for one: to the process, and to its group. */
#define ONE_MS 500

/* The thread that watches lives as long as the process, and so does this. */
static struct {
	struct signals fds;
	bool made, watched, shell;
	sigset_t set;
	atomic_flag busy;	/* last, and what is told of it, change together */
	int last;		/* the signal that cancelled, or 0 */
	int64_t last_ms;	/* when it came */
	_Atomic pid_t second;
} all;

void signals_init(void)
{
	sigset_t asked;

	(void)signal(SIGPIPE, SIG_IGN);
	/* a limit of file size is to be an error of the write, as a full disk is (children get the default back) */
	(void)signal(SIGXFSZ, SIG_IGN);
	/* it asks how far a run is, and waits for its answer until one has begun */
	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &asked, NULL);
	/* a parent that ignores it would hide how our children end */
	(void)signal(SIGCHLD, SIG_DFL);
}

const struct signals *signals_get(struct dt_err *err)
{
	if (all.made)
		return &all.fds;
	all.fds.signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	all.fds.info_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	all.fds.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (all.fds.signal_fd < 0 || all.fds.info_fd < 0 || all.fds.cancel_fd < 0) {
		(void)err_sys(err, ERR_FAIL, errno, "eventfd");
		return NULL;
	}
	all.made = true;
	ask_cancelled_by(all.fds.cancel_fd);
	return &all.fds;
}

static void tell(int fd, uint64_t number)
{
	(void)!write(fd, &number, sizeof(number));
}

static void lock(void)
{
	while (atomic_flag_test_and_set(&all.busy))
		(void)sched_yield();
}

static void unlock(void)
{
	atomic_flag_clear(&all.busy);
}

enum news { FIRST, THE_SAME, ANOTHER };

/* Notes a signal that cancels, unless one has. */
static enum news note(int signo)
{
	enum news news = FIRST;

	lock();
	if (all.last) {
		news = now_ms() - all.last_ms < ONE_MS ? THE_SAME : ANOTHER;
	} else {
		all.last = signo;
		all.last_ms = now_ms();
		tell(all.fds.signal_fd, (uint64_t)signo);
		tell(all.fds.cancel_fd, 1);
	}
	unlock();
	return news;
}

/* Without stdio, whose locks others may hold, and not where a reader that hangs would hold it up. */
static void leave(int signo)
{
	static const char text[] = "\ndt: left at once, at the second signal: commands on the hosts may still run\n";
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t skip = isatty(STDERR_FILENO) ? 0 : 1; /* behind the line of progress, and ^C */

	child_kill_all();
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
		(void)!write(STDERR_FILENO, text + skip, sizeof(text) - 1 - skip);
	_exit(128 + signo);
}

/*
 * A thread of its own, so that also a dt that cannot write its output stops
 * what runs on the hosts at the first signal, and leaves at the second.
 */
static void watch(void *arg)
{
	enum news news;
	pid_t second;
	int signo;

	(void)arg;
	for (;;) {
		if (sigwait(&all.set, &signo) != 0)
			continue;
		if (signo == SIGUSR1) {
			tell(all.fds.info_fd, SIGUSR1);
			continue;
		}
		news = note(signo);
		if (news == ANOTHER && !(all.shell && signo == SIGINT))
			leave(signo);
		second = atomic_load(&all.second);
		if (news == ANOTHER && second > 0)
			child_terminate(second);
	}
}

int signals_watch(bool shell, struct dt_err *err)
{
	struct sigaction was;

	if (all.watched)
		return 0;
	if (!signals_get(err))
		return -1;
	all.shell = shell;
	sigemptyset(&all.set);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		if (sigaction(caught[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaddset(&all.set, caught[i]);
	if (sigprocmask(SIG_BLOCK, &all.set, NULL) != 0 || thread_spawn(watch, NULL) != 0)
		return err_sys(err, ERR_FAIL, errno, "signals");
	all.watched = true;
	return 0;
}

void signals_second(pid_t pid)
{
	atomic_store(&all.second, pid);
}

static void drain(int fd)
{
	uint64_t number;

	(void)!read(fd, &number, sizeof(number));
}

int signals_take(void)
{
	int last;

	if (!all.made)
		return 0;
	lock();
	last = all.last;
	all.last = 0;
	drain(all.fds.signal_fd);
	drain(all.fds.cancel_fd);
	drain(all.fds.info_fd);
	unlock();
	return last;
}
