/*
 * pool_wait - waiting, in a fiber or a thread, for what another one does.  For dt/run/pool alone.
 *
 * A queue is part of something that a lock guards; all calls are made with it held.
 */
#ifndef DT_RUN_POOL_WAIT_H
#define DT_RUN_POOL_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives on the stack of the one that waits. */
struct waiter {
	struct waiter *next;
	int fd;		/* an eventfd(2); -1: there was none to have, and it looks now and then */
	bool woken;
};

/* First come, first woken. */
struct wait_queue {
	struct waiter *first;
};

void wait_begin(struct wait_queue *q, struct waiter *w);
/* Lets go of the lock until it is woken (true) or, 0 being never, the deadline has passed (false). */
bool wait_sleep(struct waiter *w, pthread_mutex_t *lock, int64_t deadline);
void wait_end(struct wait_queue *q, struct waiter *w);
/* Wakes the first that has not been. */
void wait_wake(struct wait_queue *q);
void wait_wake_all(struct wait_queue *q);

#endif
