#include "dt/ssh/env.h"

#include <errno.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"

int ssh_wait(const struct ssh_env *env, int fd, short events, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = env->cancel_fd, .events = POLLIN }, { .fd = fd, .events = events } };

	for (;;) {
		/* asked before poll: a descriptor that is always ready must not outrun its deadline */
		bool late = deadline && now_ms() >= deadline;
		int n = fiber_poll(p, 2, late ? 0 : deadline_poll_ms(deadline));

		if (n < 0 && errno != EINTR && !late) {
			/* the kernel is out of memory: try again, not too fast */
			(void)fiber_poll(NULL, 0, 10);
			continue;
		}
		if (n > 0 && p[0].revents)
			return -1;
		if (late)
			return 0;
		if (n > 0 && p[1].revents)
			return p[1].revents;
	}
}
