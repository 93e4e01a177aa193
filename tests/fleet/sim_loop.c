#include "sim_loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64

struct loop {
	int ep, wake;
	bool stop, coarse; /* coarse: the kernel has no epoll_pwait2 */
	struct watch waker;
	struct timer **heap; /* from 1; the soonest first */
	size_t n, room;
};

int64_t loop_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void woken(void *arg, uint32_t events)
{
	struct loop *l = arg;

	(void)events;
	l->stop = true;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->waker.fn = woken;
	l->waker.arg = l;
	if (l->ep < 0 || l->wake < 0 || loop_watch(l, l->wake, EPOLLIN, &l->waker) != 0) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->ep >= 0)
		(void)close(l->ep);
	if (l->wake >= 0)
		(void)close(l->wake);
	free(l->heap);
	free(l);
}

int loop_watch(struct loop *l, int fd, uint32_t events, struct watch *w)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(l->ep, EPOLL_CTL_ADD, fd, &e);
}

static void put(struct loop *l, size_t at, struct timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

/* Moves t from the hole at up or down to its place. */
static void settle(struct loop *l, size_t at, struct timer *t)
{
	while (at > 1 && l->heap[at / 2]->due > t->due) {
		put(l, at, l->heap[at / 2]);
		at /= 2;
	}
	for (;;) {
		size_t child = 2 * at;

		if (child < l->n && l->heap[child + 1]->due < l->heap[child]->due)
			child++;
		if (child > l->n || l->heap[child]->due >= t->due)
			break;
		put(l, at, l->heap[child]);
		at = child;
	}
	put(l, at, t);
}

void loop_timer(struct loop *l, struct timer *t, int64_t due)
{
	t->due = due;
	if (t->at == 0) {
		if (l->n + 1 >= l->room) {
			size_t room = l->room ? 2 * l->room : 64;
			struct timer **heap = realloc(l->heap, room * sizeof(struct timer *));

			if (!heap)
				abort(); /* a test without its timers would wait for ever */
			l->heap = heap;
			l->room = room;
		}
		t->at = ++l->n;
	}
	settle(l, t->at, t);
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
	size_t at = t->at;
	struct timer *last;

	if (at == 0)
		return;
	t->at = 0;
	last = l->heap[l->n--];
	if (last != t)
		settle(l, at, last);
}

static int wait_events(struct loop *l, struct epoll_event *events)
{
	int64_t left = -1;
	int n;

	if (l->n) {
		left = l->heap[1]->due - loop_now();
		left = left < 0 ? 0 : left;
	}
	if (!l->coarse) {
		struct timespec t = { left / SECOND, left % SECOND };

		n = epoll_pwait2(l->ep, events, BATCH, left < 0 ? NULL : &t, NULL);
		if (n >= 0 || errno != ENOSYS)
			return n;
		l->coarse = true;
	}
	left = left < 0 ? -1 : (left + MS - 1) / MS;
	return epoll_wait(l->ep, events, BATCH, left > 60000 ? 60000 : (int)left);
}

void loop_run(struct loop *l)
{
	struct epoll_event events[BATCH];

	while (!l->stop) {
		int n = wait_events(l, events);
		int64_t now;

		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			w->fn(w->arg, events[i].events);
		}
		/* those that are due now, not those that they set */
		now = loop_now();
		while (l->n && l->heap[1]->due <= now) {
			struct timer *t = l->heap[1];

			loop_timer_stop(l, t);
			t->fn(t->arg);
		}
	}
}

void loop_stop(struct loop *l)
{
	uint64_t one = 1;

	(void)!write(l->wake, &one, sizeof(one));
}
