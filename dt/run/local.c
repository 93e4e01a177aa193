#include "dt/run/local.h"

#include <errno.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/fiber.h"
#include "dt/base/util.h"

static void read_some(const struct local_command *c, int *fd, int stream)
{
	char data[32768];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0)
		c->output(c->arg, stream, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		child_close(fd);
}

static void write_some(const struct local_command *c, int *fd, size_t *done)
{
	ssize_t n = *done < c->in_len ? write(*fd, c->in + *done, c->in_len - *done) : 0;

	if (n > 0)
		*done += (size_t)n;
	if (*done == c->in_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		child_close(fd);
}

static int pump(const struct local_command *c, struct child *p, struct dt_err *err)
{
	size_t done = 0;
	int64_t step = 1;

	/* a background process may hold the pipes open: the end of the command is what counts */
	while (p->out >= 0 || p->err >= 0 || !child_ended(p)) {
		struct pollfd fds[] = {
			{ c->cancel_fd, POLLIN, 0 }, { p->out, POLLIN, 0 }, { p->err, POLLIN, 0 }, { p->in, POLLOUT, 0 },
		};
		bool open = p->out >= 0 || p->err >= 0;
		int64_t wake = open && !child_ended(p) ? now_ms() + 100 : open ? now_ms() + 20 : now_ms() + step;
		int n = fiber_poll(fds, ARRAY_LEN(fds), deadline_poll_ms(deadline_min(wake, c->deadline)));

		if (n > 0 && fds[0].revents)
			return err_set(err, ERR_KILLED, "interrupted; ended here");
		if (c->deadline && now_ms() >= c->deadline)
			return err_set(err, ERR_TIMEOUT, "the command did not end in time; ended here");
		if (n <= 0) {
			if (open && child_ended(p))
				break;
			step = step < 20 ? step * 2 : 20;
			continue;
		}
		if (fds[1].revents)
			read_some(c, &p->out, 1);
		if (fds[2].revents)
			read_some(c, &p->err, 2);
		if (fds[3].revents)
			write_some(c, &p->in, &done);
	}
	return 0;
}

int local_run(const struct local_command *c, int *status, struct dt_err *err)
{
	struct child p;
	int r;

	if (child_start(&p, c->argv, c->env, err) != 0)
		return -1;
	r = pump(c, &p, err);
	child_end(&p);
	*status = p.status;
	return r;
}
