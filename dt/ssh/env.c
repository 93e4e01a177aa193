#include "dt/ssh/env.h"

#include <errno.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"

int ssh_wait(const struct ssh_env *env, int fd, short events, int64_t deadline)
{
	return ssh_wait_also(env, fd, events, -1, deadline);
}

int ssh_wait_also(const struct ssh_env *env, int fd, short events, int also, int64_t deadline)
{
	struct pollfd p[3] = { { env->cancel_fd, POLLIN, 0 }, { fd, events, 0 }, { also, POLLIN, 0 } };

	for (;;) {
		/* asked before poll: a descriptor that is always ready must not outrun its deadline */
		bool late = deadline && now_ms() >= deadline;
		int n = fiber_poll(p, also < 0 ? 2 : 3, late ? 0 : deadline_poll_ms(deadline));

		if (n < 0 && errno != EINTR && !late) {
			/* the kernel is out of memory: try again, not too fast */
			(void)fiber_poll(NULL, 0, 10);
			continue;
		}
		if (n > 0 && p[0].revents)
			return -1;
		if (late)
			return 0;
		if (n > 0 && (p[1].revents || p[2].revents))
			return p[1].revents | (p[2].revents ? SSH_WAIT_ALSO : 0);
	}
}
