/*
 * pool - worker threads, the queues to and from them, and turns to wait for.
 *
 * It knows void * items and nothing of SSH.  A worker is a thread, or a fiber
 * of one (dt/base/fiber.h).  Items are processed unlocked;
 * processing cannot fail (an error lives in the item), and handing an item
 * over moves its ownership.  The only room that sees <pthread.h>.
 */
#ifndef DT_RUN_POOL_H
#define DT_RUN_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"

struct pool;

/* Processes one item on a worker; may call pool_send. */
typedef void pool_fn(struct pool *p, void *ctx, void *item);

/*
 * At most so many workers, each a thread, started as items come.  queue_bytes
 * bounds what waits for the main thread: pool_send waits above it.
 */
struct pool *pool_new(size_t workers, size_t queue_bytes, pool_fn *fn, void *ctx, struct dt_err *err);
/*
 * Before the first item: workers are fibers, carried by a thread for each
 * processor.  For items that wait in fiber_poll alone: another wait would
 * hold up those of its thread.  Many may wait for common_fd, as fiber_loop_new
 * has it.
 */
void pool_carry(struct pool *p, int common_fd);
/* Waits for the workers to end their items; what is still queued is not processed. */
void pool_free(struct pool *p);

/* Main thread: queues an item.  0, or -1 with ERR_FAIL (no memory, no thread at all). */
int pool_put(struct pool *p, void *item, struct dt_err *err);
/* Main thread: takes back an item that no worker has begun, in order; NULL: none. */
void *pool_take_back(struct pool *p);

/* Worker: sends a message of about bytes of memory to the main thread.  Never fails. */
struct message {
	struct message *next;	/* the pool's */
	size_t bytes;		/* the sender's to set */
};
void pool_send(struct pool *p, struct message *m);
/* Main thread: the next message, or NULL.  pool_fd is readable while there are some. */
struct message *pool_receive(struct pool *p);
int pool_fd(const struct pool *p);

/* A detached thread with a small stack.  0, or -1 (errno). */
int thread_spawn(void (*fn)(void *), void *arg);

/* Turns: at most limit holders of a key at a time, or fewer where some were dropped. */
struct gate;
struct gate *gate_new(unsigned limit);	/* NULL: no memory */
void gate_free(struct gate *g);
/*
 * Waits for a turn: 0 (give it back with gate_leave), or -1 with
 * ERR_TIMEOUT, ERR_SKIPPED (gate_cancel was called), ERR_LOCAL.
 */
int gate_enter(struct gate *g, const char *key, int64_t deadline, struct dt_err *err);
void gate_leave(struct gate *g, const char *key);
/*
 * What became of a holder.  Dropped: half as many turns at its key from now
 * on, one at least (once for all that were dropped in the same moment); the
 * number is returned, and in *since_ms when one was last let in, of which is
 * known only where there is a crowd or a drop (-1: not known).  Let in: a
 * turn more, after as many successes as there are turns.
 */
unsigned gate_dropped(struct gate *g, const char *key, int64_t *since_ms);
void gate_let_in(struct gate *g, const char *key);
/* Wakes all that wait, for good. */
void gate_cancel(struct gate *g);

#endif
