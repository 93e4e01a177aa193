/*
 * program - the output of an executable inventory or selector.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/log.h"
#include "inventory/internal.h"

/* One read; closes the descriptor at its end.  -1: the buffer is full. */
static int take(int *fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		child_close(fd);
		return 0;
	}
	return buf_add(b, chunk, (size_t)n);
}

/* Each line that it said. */
static void warn(const char *program, const struct buf *said)
{
	for (const char *s = said->data; *s;) {
		int n = (int)strcspn(s, "\n");

		if (n)
			log_warn("%s: %.*s", program, n, s);
		s += n + (s[n] == '\n');
	}
}

static int outcome(const char *program, int status, struct dt_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_USAGE, "%s: ended by signal %d", program, WTERMSIG(status));
	return err_set(err, ERR_USAGE, "%s: exit %d", program, WEXITSTATUS(status));
}

int program_output(char *const *argv, struct buf *out, struct dt_err *err)
{
	struct child c;
	struct buf said;
	int r = 0;

	if (child_start(&c, argv, NULL, err) != 0) {
		err->code = ERR_USAGE;
		return -1;
	}
	child_close(&c.in);
	buf_init(&said, 65536);
	while (r == 0 && (c.out >= 0 || c.err >= 0)) {
		struct pollfd p[2] = { { .fd = c.out, .events = POLLIN }, { .fd = c.err, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			r = err_sys(err, ERR_FAIL, errno, "poll");
		else if (p[0].revents && take(&c.out, out) != 0)
			r = err_set(err, ERR_USAGE, "%s: prints more than %zu bytes", argv[0], out->max);
		else if (p[1].revents && take(&c.err, &said) != 0)
			said.len = 0;
	}
	if (r == 0) {
		child_wait(&c);
		warn(argv[0], &said);
		r = outcome(argv[0], c.status, err);
	}
	child_end(&c);
	buf_release(&said);
	return r;
}
