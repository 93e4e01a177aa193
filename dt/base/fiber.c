#include "dt/base/fiber.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/stack.h"
#include "dt/base/util.h"

#define EVENTS 64
/* So often is looked at what epoll(7) does not take: a file, or what another fiber waits for. */
#define LOOK_MS 10

/* What epoll(7) gives back: which fiber, and which of its descriptors. */
struct watch {
	struct fiber *fiber;
};

struct fiber {
	struct fiber_loop *loop;
	struct stack *stack;
	void (*fn)(void *);
	void *arg;
	void *slot;
	struct fiber *next, *prev;	/* of those that wait; or of the free ones */
	struct fiber *next_ready;
	bool ready, over;
	bool for_common;		/* it waits for the common descriptor */
	bool for_held;			/* it waits for the held one */
	int64_t deadline;
	int held;			/* -1: none */
	uint32_t armed;			/* what epoll knows of it; 0: it does not know it */
	uint32_t seen;			/* what came of it */
	struct watch on_held, on_other;
};

struct fiber_loop {
	struct stack *stack;		/* the thread's */
	struct fiber *waiting, *free;
	struct fiber *ready, **last_ready;
	size_t live, stack_size;
	int64_t first_deadline;		/* of those that wait, or earlier */
	int epoll, wake, common;
	bool common_fired;
	struct watch on_wake, on_common;
};

static _Thread_local struct fiber *self;

/* ---- the loop ---- */

static int watch_fd(const struct fiber_loop *l, int op, int fd, uint32_t events, struct watch *w)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(l->epoll, op, fd, &e);
}

struct fiber_loop *fiber_loop_new(size_t stack_size, int common_fd, struct dt_err *err)
{
	struct fiber_loop *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)err_nomem(err);
		return NULL;
	}
	l->stack_size = stack_size;
	l->last_ready = &l->ready;
	l->common = common_fd;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->stack = stack_new(0, NULL);
	if (l->epoll >= 0 && l->wake >= 0 && l->stack && watch_fd(l, EPOLL_CTL_ADD, l->wake, EPOLLIN, &l->on_wake) == 0 &&
	    (common_fd < 0 || watch_fd(l, EPOLL_CTL_ADD, common_fd, EPOLLIN, &l->on_common) == 0))
		return l;
	(void)err_sys(err, ERR_FAIL, errno, "epoll");
	fiber_loop_free(l);
	return NULL;
}

void fiber_loop_free(struct fiber_loop *l)
{
	struct fiber *next;

	if (!l)
		return;
	for (struct fiber *f = l->free; f; f = next) {
		next = f->next;
		stack_free(f->stack);
		free(f);
	}
	stack_free(l->stack);
	if (l->epoll >= 0)
		(void)close(l->epoll);
	if (l->wake >= 0)
		(void)close(l->wake);
	free(l);
}

size_t fiber_live(const struct fiber_loop *l)
{
	return l->live;
}

void fiber_wake(struct fiber_loop *l)
{
	static const uint64_t one = 1;

	(void)!write(l->wake, &one, sizeof(one));
}

/* One call after another. */
static void enter(void)
{
	struct fiber *f = self;

	for (;;) {
		f->fn(f->arg);
		f->over = true;
		stack_switch(f->stack, f->loop->stack);
	}
}

static void go_on(struct fiber *f)
{
	struct fiber_loop *l = f->loop;

	self = f;
	stack_switch(l->stack, f->stack);
	self = NULL;
	if (!f->over)
		return;
	l->live--;
	f->next = l->free;
	l->free = f;
}

int fiber_start(struct fiber_loop *l, void (*fn)(void *), void *arg)
{
	struct fiber *f = l->free;

	if (f) {
		l->free = f->next;
	} else {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -1;
		f->stack = stack_new(l->stack_size, enter);
		if (!f->stack) {
			free(f);
			return -1;
		}
		f->loop = l;
		f->on_held.fiber = f->on_other.fiber = f;
	}
	f->fn = fn;
	f->arg = arg;
	f->slot = NULL;
	f->over = false;
	f->held = -1;
	f->armed = 0;
	l->live++;
	go_on(f);
	return 0;
}

static void make_ready(struct fiber *f)
{
	struct fiber_loop *l = f->loop;

	if (f->ready)
		return;
	f->ready = true;
	f->next_ready = NULL;
	*l->last_ready = f;
	l->last_ready = &f->next_ready;
}

static void on_common(struct fiber_loop *l)
{
	l->common_fired = true;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->common, NULL);
	for (struct fiber *f = l->waiting; f; f = f->next)
		if (f->for_common)
			make_ready(f);
}

static void on_event(struct fiber_loop *l, struct watch *w, uint32_t events)
{
	struct fiber *f = w->fiber;
	uint64_t n;

	if (w == &l->on_wake) {
		(void)!read(l->wake, &n, sizeof(n));
	} else if (w == &l->on_common) {
		on_common(l);
	} else if (w == &f->on_other) {
		make_ready(f);
	} else if (f->for_held) {
		f->seen = events;
		make_ready(f);
	} else {
		/* it waits for something else now; else this would come again and again */
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->held, NULL);
		f->armed = 0;
	}
}

static void on_time(struct fiber_loop *l)
{
	int64_t now = now_ms();

	if (!l->first_deadline || now < l->first_deadline)
		return;
	l->first_deadline = 0;
	for (struct fiber *f = l->waiting; f; f = f->next)
		if (f->deadline && f->deadline <= now)
			make_ready(f);
		else
			l->first_deadline = deadline_min(l->first_deadline, f->deadline);
}

void fiber_turn(struct fiber_loop *l)
{
	struct epoll_event events[EVENTS];
	struct fiber *f;
	int n = epoll_wait(l->epoll, events, EVENTS, l->ready ? 0 : deadline_poll_ms(l->first_deadline));

	/* no fiber runs before all events are noted: so none of them is of a fiber that has ended */
	for (int i = 0; i < n; i++)
		on_event(l, events[i].data.ptr, events[i].events);
	on_time(l);
	f = l->ready;
	l->ready = NULL;
	l->last_ready = &l->ready;
	for (struct fiber *next; f; f = next) {
		next = f->next_ready;
		f->ready = false;
		go_on(f);
	}
}

/* ---- in a fiber ---- */

/* Until an event of what it watches, the deadline (0: none), or what makes it ready otherwise. */
static void wait_until(struct fiber *f, int64_t deadline)
{
	struct fiber_loop *l = f->loop;

	f->deadline = deadline;
	l->first_deadline = deadline_min(l->first_deadline, deadline);
	f->prev = NULL;
	f->next = l->waiting;
	if (f->next)
		f->next->prev = f;
	l->waiting = f;
	stack_switch(f->stack, l->stack);
	if (f->prev)
		f->prev->next = f->next;
	else
		l->waiting = f->next;
	if (f->next)
		f->next->prev = f->prev;
}

/* 0, or -1: epoll(7) does not take it. */
static int arm_held(struct fiber *f, uint32_t events)
{
	f->for_held = true;
	if (f->armed == events)
		return 0;
	if (watch_fd(f->loop, f->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, f->held, events, &f->on_held) != 0)
		return -1;
	f->armed = events;
	return 0;
}

/* Waits once.  What came of the held descriptor, where it is the only one. */
static short wait_for(struct fiber *f, const struct pollfd *fds, nfds_t n, int64_t deadline)
{
	const struct fiber_loop *l = f->loop;
	uint32_t added = 0;
	bool alone = true, untold = false;

	f->for_common = f->for_held = false;
	f->seen = 0;
	for (nfds_t i = 0; i < n; i++) {
		uint32_t events = (uint32_t)(unsigned short)fds[i].events;

		if (fds[i].fd < 0)
			continue;
		if (fds[i].fd == l->common) {
			f->for_common = true;
		} else if (fds[i].fd == f->held && events) {
			untold |= arm_held(f, events) != 0;
		} else {
			alone = false;
			if (i < 32 && watch_fd(l, EPOLL_CTL_ADD, fds[i].fd, events, &f->on_other) == 0)
				added |= 1U << i;
			else
				untold = true;
		}
	}
	if (f->for_common && l->common_fired)
		make_ready(f);
	wait_until(f, untold ? deadline_min(deadline, now_ms() + LOOK_MS) : deadline);
	for (nfds_t i = 0; added >> i; i++)
		if (added >> i & 1)
			(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fds[i].fd, NULL);
	f->for_held = false;
	return alone && !(f->for_common && l->common_fired) ? (short)f->seen : 0;
}

int fiber_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct fiber *f = self;
	int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
	int r;

	if (!f)
		return poll(fds, n, timeout_ms);
	if (timeout_ms == 0) {
		make_ready(f);
		stack_switch(f->stack, f->loop->stack);
		return poll(fds, n, 0);
	}
	do {
		short seen = wait_for(f, fds, n, deadline);

		if (seen) {
			for (nfds_t i = 0; i < n; i++)
				fds[i].revents = fds[i].fd == f->held ? seen : 0;
			return 1;
		}
		r = poll(fds, n, 0);
	} while (r == 0 && (!deadline || now_ms() < deadline));
	return r;
}

void fiber_hold(int fd)
{
	if (!self)
		return;
	fiber_release(self->held);
	self->held = fd;
}

void fiber_release(int fd)
{
	struct fiber *f = self;

	if (!f || fd < 0 || f->held != fd)
		return;
	if (f->armed)
		(void)epoll_ctl(f->loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	f->held = -1;
	f->armed = 0;
}

void **fiber_slot(void)
{
	static _Thread_local void *outside;

	return self ? &self->slot : &outside;
}
