#include "dt/run/pool_wait.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"

#define LOOK_MS 20

void wait_begin(struct wait_queue *q, struct waiter *w)
{
	struct waiter **last = &q->first;

	while (*last)
		last = &(*last)->next;
	*last = w;
	w->next = NULL;
	w->woken = false;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

bool wait_sleep(struct waiter *w, pthread_mutex_t *lock, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = w->fd, .events = POLLIN };
		uint64_t n;

		if (w->woken) {
			w->woken = false;
			(void)!read(w->fd, &n, sizeof(n));
			return true;
		}
		if (deadline && now_ms() >= deadline)
			return false;
		(void)pthread_mutex_unlock(lock);
		(void)fiber_poll(&p, 1, deadline_poll_ms(w->fd < 0 ? deadline_min(deadline, now_ms() + LOOK_MS) : deadline));
		(void)pthread_mutex_lock(lock);
	}
}

void wait_end(struct wait_queue *q, struct waiter *w)
{
	struct waiter **at = &q->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->fd >= 0)
		(void)close(w->fd);
}

static bool wake(struct waiter *w)
{
	static const uint64_t one = 1;

	if (w->woken)
		return false;
	w->woken = true;
	if (w->fd >= 0)
		(void)!write(w->fd, &one, sizeof(one));
	return true;
}

void wait_wake(struct wait_queue *q)
{
	for (struct waiter *w = q->first; w; w = w->next)
		if (wake(w))
			return;
}

void wait_wake_all(struct wait_queue *q)
{
	for (struct waiter *w = q->first; w; w = w->next)
		(void)wake(w);
}
