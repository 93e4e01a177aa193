#include "dt/ssh/env.h"

#include <errno.h>
#include <poll.h>

#include "dt/base/util.h"

int ssh_wait(const struct ssh_env *env, int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd fds[2] = { { env->cancel_fd, POLLIN, 0 }, { fd, events, 0 } };
		int n = poll(fds, 2, deadline_poll_ms(deadline));

		if (n < 0 && errno != EINTR)
			return POLLERR;
		if (n > 0 && fds[0].revents)
			return -1;
		if (n > 0)
			return fds[1].revents;
		if (deadline && now_ms() >= deadline)
			return 0;
	}
}
