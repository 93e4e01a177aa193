#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dt/report/journal_impl.h"

/* The start of a file's text, without its newline; "" where there is none. */
static void first_line(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;

	if (fd >= 0)
		(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* When a process began, in ticks since the boot: the 22nd field of /proc/PID/stat; -1: there is none. */
static int64_t start_of(int64_t pid)
{
	char path[64], stat[1024], *p;
	long long start;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	first_line(path, stat, sizeof(stat));
	/* the name before it may hold blanks and brackets */
	p = strrchr(stat, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, " %lld", &start) == 1 ? start : -1;
}

void process_self(struct process *p)
{
	ssize_t n = readlink("/proc/self/ns/pid", p->space, sizeof(p->space) - 1);

	p->space[n > 0 ? n : 0] = '\0';
	p->pid = getpid();
	p->start = start_of(p->pid);
	first_line("/proc/sys/kernel/random/boot_id", p->boot, sizeof(p->boot));
	if (gethostname(p->machine, sizeof(p->machine)) != 0)
		p->machine[0] = '\0';
	p->machine[sizeof(p->machine) - 1] = '\0';
}

enum job_state process_state(const struct process *p)
{
	struct process here;

	process_self(&here);
	if (!*here.boot || here.start < 0)
		return JOB_ELSEWHERE;	/* without /proc nothing can be said */
	if (strcmp(p->boot, here.boot) != 0)	/* the same machine, before it was booted; or another one */
		return strcmp(p->machine, here.machine) == 0 ? JOB_DIED : JOB_ELSEWHERE;
	if (strcmp(p->space, here.space) != 0)
		return JOB_ELSEWHERE;
	return start_of(p->pid) == p->start ? JOB_RUNNING : JOB_DIED;
}
