/*
 * sim_loop - a thread's epoll loop with timers.
 */
#ifndef SIM_LOOP_H
#define SIM_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* Nanoseconds that only go up. */
int64_t loop_now(void);

struct loop;

struct timer {
	int64_t due;
	size_t at; /* in the heap, from 1; 0: not set */
	void (*fn)(void *arg);
	void *arg;
};

/* What epoll's data points to. */
struct watch {
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

struct loop *loop_new(void);
void loop_free(struct loop *l);

/* fn comes for each event on fd until fd is closed; the watch must live as long.  0, or -1 */
int loop_watch(struct loop *l, int fd, uint32_t events, struct watch *w);
/* Sets, or sets anew.  fn is called from the loop, once.  A timer is of zeroed memory. */
void loop_timer(struct loop *l, struct timer *t, int64_t due);
void loop_timer_stop(struct loop *l, struct timer *t);

/* Until loop_stop(), which any thread may call. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
