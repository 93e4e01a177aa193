#include "dt/run/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/fiber.h"
#include "dt/run/pool_wait.h"

/* Deep enough for libssh2, OpenSSL and getaddrinfo, also under sanitizers. */
#define STACK_SIZE (512 * 1024)

struct item {
	struct pool *pool;
	void *item;
	struct item *next;
};

/* A thread, and what it carries. */
struct carrier {
	struct pool *pool;
	pthread_t thread;
	struct fiber_loop *loop;	/* NULL: one item at a time, without a fiber */
	size_t live;			/* items */
	size_t most;			/* what it may have of them */
	bool asleep;			/* it must be woken for an item */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;		/* an item was queued, or stop */
	struct wait_queue room;		/* for a message to be taken */
	pool_fn *fn;
	void *ctx;
	struct item *first, **last;
	struct message *out_first, **out_last;
	size_t out_bytes, out_max;
	size_t workers;			/* items at a time */
	size_t running;			/* live of all carriers */
	size_t max, started, idle, queued;
	struct carrier *carriers;
	bool carry, stop;
	int common_fd, fd;
};

/* The next item, which is queued.  Locked. */
static struct item *take(struct pool *p)
{
	struct item *i = p->first;

	p->first = i->next;
	if (!p->first)
		p->last = &p->first;
	p->queued--;
	return i;
}

static void *work(void *arg)
{
	struct carrier *c = arg;
	struct pool *p = c->pool;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		struct item *i;
		void *item;

		while (!p->first && !p->stop) {
			p->idle++;
			(void)pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
		}
		if (p->stop)
			break;
		i = take(p);
		(void)pthread_mutex_unlock(&p->lock);
		item = i->item;
		free(i);
		p->fn(p, p->ctx, item);
		(void)pthread_mutex_lock(&p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void run_item(void *arg)
{
	struct item *i = arg;
	struct pool *p = i->pool;
	void *item = i->item;

	free(i);
	p->fn(p, p->ctx, item);
}

/* There is no memory for one more: the item waits for another to end, or has the thread for itself. */
static void without_stack(struct carrier *c, struct item *i)
{
	struct pool *p = c->pool;

	if (!fiber_live(c->loop)) {
		run_item(i);
		return;
	}
	(void)pthread_mutex_lock(&p->lock);
	c->most = fiber_live(c->loop);
	i->next = p->first;
	if (!p->first)
		p->last = &i->next;
	p->first = i;
	p->queued++;
	(void)pthread_mutex_unlock(&p->lock);
}

static void *carry(void *arg)
{
	struct carrier *c = arg;
	struct pool *p = c->pool;

	for (;;) {
		struct item *i = NULL;
		bool over;

		(void)pthread_mutex_lock(&p->lock);
		p->running += fiber_live(c->loop) - c->live;
		c->live = fiber_live(c->loop);
		if (p->first && !p->stop && c->live < c->most && p->running < p->workers) {
			i = take(p);
			c->live++;
			p->running++;
		}
		c->asleep = !i;
		over = p->stop && !c->live;
		(void)pthread_mutex_unlock(&p->lock);
		if (over)
			return NULL;
		if (!i)
			fiber_turn(c->loop);
		else if (fiber_start(c->loop, run_item, i) != 0)
			without_stack(c, i);
	}
}

static int start(pthread_t *thread, void *(*fn)(void *), void *arg, bool detached)
{
	pthread_attr_t attr;
	sigset_t all, was;
	int r = pthread_attr_init(&attr);

	if (r)
		return r;
	/* signals are for the thread that waits for them */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &was);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (detached)
		(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(thread, &attr, fn, arg);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
	return r;
}

struct pool *pool_new(size_t workers, size_t queue_bytes, pool_fn *fn, void *ctx, struct dt_err *err)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p)
		p->carriers = calloc(workers, sizeof(*p->carriers));
	if (!p || !p->carriers) {
		free(p);
		(void)err_nomem(err);
		return NULL;
	}
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0) {
		(void)err_sys(err, ERR_FAIL, errno, "eventfd");
		free(p->carriers);
		free(p);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	p->fn = fn;
	p->ctx = ctx;
	p->max = p->workers = workers;
	p->out_max = queue_bytes;
	p->last = &p->first;
	p->out_last = &p->out_first;
	return p;
}

void pool_carry(struct pool *p, int common_fd)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	p->carry = true;
	p->common_fd = common_fd;
	/* two at least: what holds one up does not hold up all */
	p->max = processors > 2 ? (size_t)processors : 2;
	if (p->max > p->workers)
		p->max = p->workers;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	p->out_max = SIZE_MAX; /* nobody receives any more: nobody may wait */
	(void)pthread_cond_broadcast(&p->work);
	wait_wake_all(&p->room);
	(void)pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->started; i++) {
		if (p->carriers[i].loop)
			fiber_wake(p->carriers[i].loop);
		(void)pthread_join(p->carriers[i].thread, NULL);
		fiber_loop_free(p->carriers[i].loop);
	}
	while (pool_take_back(p))
		;
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	(void)close(p->fd);
	free(p->carriers);
	free(p);
}

/* One thread more.  0, or -1.  Locked. */
static int start_carrier(struct pool *p, struct dt_err *err)
{
	struct carrier *c = &p->carriers[p->started];
	int r;

	c->pool = p;
	if (p->carry) {
		/* its share and a little more: one that is late or held up leaves some to the others */
		c->most = p->workers / p->max + p->workers / p->max / 8 + 2;
		c->loop = fiber_loop_new(STACK_SIZE, p->common_fd, err);
		if (!c->loop)
			return -1;
	}
	r = start(&c->thread, p->carry ? carry : work, c, false);
	if (r == 0) {
		p->started++;
		return 0;
	}
	fiber_loop_free(c->loop);
	return err_sys(err, ERR_FAIL, r, "no thread");
}

/* Who sleeps and should take what is queued; the caller wakes it.  Locked. */
static struct carrier *sleeper(struct pool *p)
{
	struct carrier *best = NULL;

	for (struct carrier *c = p->carriers; c < p->carriers + p->started; c++)
		if (c->asleep && c->live < c->most && (!best || c->live < best->live))
			best = c;
	if (best)
		best->asleep = false;
	return best;
}

/* Would what is queued, and one item more, find threads that have nothing to do?  Locked. */
static bool has_idle(const struct pool *p)
{
	if (!p->carry)
		return p->idle > p->queued;
	for (size_t i = 0; i < p->started; i++)
		if (p->carriers[i].asleep && !p->carriers[i].live)
			return true;
	return false;
}

int pool_put(struct pool *p, void *item, struct dt_err *err)
{
	struct item *i = malloc(sizeof(*i));
	struct carrier *wake = NULL;
	int r = 0;

	if (!i)
		return err_nomem(err);
	i->pool = p;
	i->item = item;
	i->next = NULL;
	(void)pthread_mutex_lock(&p->lock);
	if (p->started < p->max && !has_idle(p)) {
		r = start_carrier(p, err);
		if (p->started)
			r = 0; /* fewer threads do it too */
	}
	if (r == 0) {
		*p->last = i;
		p->last = &i->next;
		p->queued++;
		if (p->carry)
			wake = sleeper(p);
		else
			(void)pthread_cond_signal(&p->work);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (wake)
		fiber_wake(wake->loop);
	if (r != 0)
		free(i);
	return r;
}

void *pool_take_back(struct pool *p)
{
	struct item *i;
	void *item = NULL;

	(void)pthread_mutex_lock(&p->lock);
	i = p->first ? take(p) : NULL;
	if (i)
		item = i->item;
	(void)pthread_mutex_unlock(&p->lock);
	free(i);
	return item;
}

/* One message always fits, so that none waits for ever.  Locked. */
static bool has_room(const struct pool *p, const struct message *m)
{
	return !p->out_first || p->out_bytes + m->bytes <= p->out_max;
}

void pool_send(struct pool *p, struct message *m)
{
	static const uint64_t one = 1;
	struct waiter w;
	bool wake;

	m->next = NULL;
	(void)pthread_mutex_lock(&p->lock);
	if (!has_room(p, m)) {
		wait_begin(&p->room, &w);
		while (!has_room(p, m))
			(void)wait_sleep(&w, &p->lock, 0);
		wait_end(&p->room, &w);
		wait_wake(&p->room); /* there may be room for another one */
	}
	wake = !p->out_first; /* else the main thread is awake, or about to be */
	*p->out_last = m;
	p->out_last = &m->next;
	p->out_bytes += m->bytes;
	(void)pthread_mutex_unlock(&p->lock);
	if (wake)
		(void)!write(p->fd, &one, sizeof(one));
}

struct message *pool_receive(struct pool *p)
{
	struct message *m;
	uint64_t n;

	(void)pthread_mutex_lock(&p->lock);
	m = p->out_first;
	if (m) {
		p->out_first = m->next;
		if (!p->out_first)
			p->out_last = &p->out_first;
		p->out_bytes -= m->bytes;
		wait_wake(&p->room);
	} else {
		(void)!read(p->fd, &n, sizeof(n));
	}
	(void)pthread_mutex_unlock(&p->lock);
	return m;
}

int pool_fd(const struct pool *p)
{
	return p->fd;
}

struct entry {
	void (*fn)(void *);
	void *arg;
};

static void *enter(void *arg)
{
	struct entry e = *(struct entry *)arg;

	free(arg);
	e.fn(e.arg);
	return NULL;
}

int thread_spawn(void (*fn)(void *), void *arg)
{
	struct entry *e = malloc(sizeof(*e));
	pthread_t thread;
	int r;

	if (!e)
		return -1;
	e->fn = fn;
	e->arg = arg;
	r = start(&thread, enter, e, true);
	if (r == 0)
		return 0;
	free(e);
	errno = r;
	return -1;
}
