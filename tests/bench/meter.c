/*
 * meter - runs a program, and tells what it and all that it started took.
 *
 *	meter FILE SECONDS PROGRAM [ARGUMENTS...]
 *
 * FILE gets one line: the exit status (128 + a signal's number; -1 where it was ended after SECONDS), seconds,
 * seconds of CPU, KiB of the biggest process at its most.  What outlives the program (ssh's ControlPersist) is
 * waited for and counted, up to the same limit; its time is not in the seconds.  The program is forked from here
 * because a process keeps the peak memory of what it was before execve(2), and Python's is more than dt's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Those that lost their parent are ours (PR_SET_CHILD_SUBREAPER), so round after round gets them all. */
static void kill_children(void)
{
	char path[64];
	FILE *f;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	f = fopen(path, "re");
	if (!f)
		return;
	while (fscanf(f, "%ld", &pid) == 1)
		(void)kill((pid_t)pid, SIGKILL);
	(void)fclose(f);
}

static void on_signal(int n)
{
	(void)n;
}

int main(int argc, char **argv)
{
	struct sigaction alarmed = { .sa_handler = on_signal };
	double began, wall = 0, cpu = 0;
	long kib = 0, limit = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
	int status = 0, state, late = 0;
	struct rusage u;
	pid_t child, pid;
	FILE *f;

	if (limit <= 0) {
		(void)fprintf(stderr, "usage: meter FILE SECONDS PROGRAM [ARGUMENTS...]\n");
		return 2;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigaction(SIGALRM, &alarmed, NULL);
	(void)sigaction(SIGTERM, &alarmed, NULL); /* the bench has ended */
	began = now();
	child = fork();
	if (child == 0) {
		(void)execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	(void)alarm((unsigned)limit);
	while ((pid = wait4(-1, &state, 0, &u)) > 0 || errno == EINTR) {
		if (pid < 0 || late) {
			late = 1;
			kill_children();
			(void)alarm(1); /* again, for those that come to us now */
		}
		if (pid < 0)
			continue;
		cpu += seconds(u.ru_utime) + seconds(u.ru_stime);
		kib = u.ru_maxrss > kib ? u.ru_maxrss : kib;
		if (pid != child)
			continue;
		wall = now() - began;
		status = late ? -1 : WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
	}
	f = fopen(argv[1], "we");
	if (!f || fprintf(f, "%d %.6f %.6f %ld\n", status, wall, cpu, kib) < 0 || fclose(f) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
