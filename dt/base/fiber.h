/*
 * fiber - plain synchronous code that waits without holding its thread.
 *
 * A fiber is a call of a function on a stack of its own.  A loop, used by one
 * thread, carries many: a fiber gives the thread to others in fiber_poll and
 * nowhere else, and never changes its thread.
 */
#ifndef DT_BASE_FIBER_H
#define DT_BASE_FIBER_H

#include <poll.h>
#include <stddef.h>

#include "dt/base/err.h"

/* ---- whoever carries fibers ---- */

struct fiber_loop;

/*
 * common_fd (-1: none) is one that many fibers wait for at a time, and that
 * stays readable once it is, as a cancel descriptor does.  NULL: ERR_FAIL.
 */
struct fiber_loop *fiber_loop_new(size_t stack_size, int common_fd, struct dt_err *err);
/* All of its fibers must have ended. */
void fiber_loop_free(struct fiber_loop *l);
/* Calls fn(arg) in a fiber; returns when it first waits, or ends.  0, or -1: no memory. */
int fiber_start(struct fiber_loop *l, void (*fn)(void *), void *arg);
/* How many have not ended. */
size_t fiber_live(const struct fiber_loop *l);
/* Waits for what any of them waits for, or fiber_wake; then lets them go on, each once. */
void fiber_turn(struct fiber_loop *l);
/* From any thread: fiber_turn returns, the next one where there is none now. */
void fiber_wake(struct fiber_loop *l);

/* ---- whoever waits; outside of a fiber it is poll(2) that waits ---- */

/* poll(2) for this fiber alone; others go on meanwhile, also with a timeout of 0. */
int fiber_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
/*
 * The fiber will wait for this descriptor often: the kernel is told of it once.
 * It must be released before it is closed.  One at a time; a later one takes its place.
 */
void fiber_hold(int fd);
void fiber_release(int fd);
/* A pointer of the fiber's own (of the thread's, outside), NULL at first; dt/ssh/guard's. */
void **fiber_slot(void);

#endif
