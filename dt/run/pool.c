#include "dt/run/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Deep enough for libssh2, OpenSSL and getaddrinfo, also under sanitizers. */
#define STACK_SIZE (512 * 1024)

struct item {
	void *item;
	struct item *next;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* an item was queued, or stop */
	pthread_cond_t room;	/* a message was taken */
	pool_fn *fn;
	void *ctx;
	struct item *first, **last;
	struct message *out_first, **out_last;
	size_t out_bytes, out_max;
	size_t max, started, idle, queued;
	pthread_t *threads;
	bool stop;
	int fd;
};

static void *work(void *arg)
{
	struct pool *p = arg;

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
		i = p->first;
		p->first = i->next;
		if (!p->first)
			p->last = &p->first;
		p->queued--;
		(void)pthread_mutex_unlock(&p->lock);
		item = i->item;
		free(i);
		p->fn(p, p->ctx, item);
		(void)pthread_mutex_lock(&p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
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

struct pool *pool_new(size_t threads, size_t queue_bytes, pool_fn *fn, void *ctx, struct dt_err *err)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p)
		p->threads = calloc(threads, sizeof(*p->threads));
	if (!p || !p->threads) {
		free(p);
		(void)err_nomem(err);
		return NULL;
	}
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0) {
		(void)err_sys(err, ERR_FAIL, errno, "eventfd");
		free(p->threads);
		free(p);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	(void)pthread_cond_init(&p->room, NULL);
	p->fn = fn;
	p->ctx = ctx;
	p->max = threads;
	p->out_max = queue_bytes;
	p->last = &p->first;
	p->out_last = &p->out_first;
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	p->out_max = SIZE_MAX; /* nobody receives any more: nobody may wait */
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_cond_broadcast(&p->room);
	(void)pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->started; i++)
		(void)pthread_join(p->threads[i], NULL);
	while (pool_take_back(p))
		;
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_cond_destroy(&p->room);
	(void)pthread_mutex_destroy(&p->lock);
	(void)close(p->fd);
	free(p->threads);
	free(p);
}

int pool_put(struct pool *p, void *item, struct dt_err *err)
{
	struct item *i = malloc(sizeof(*i));
	int r = 0;

	if (!i)
		return err_nomem(err);
	i->item = item;
	i->next = NULL;
	(void)pthread_mutex_lock(&p->lock);
	if (p->idle <= p->queued && p->started < p->max) {
		r = start(&p->threads[p->started], work, p, false);
		if (r == 0)
			p->started++;
		else if (p->started)
			r = 0; /* fewer threads do it too */
	}
	if (r == 0) {
		*p->last = i;
		p->last = &i->next;
		p->queued++;
		(void)pthread_cond_signal(&p->work);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (r == 0)
		return 0;
	free(i);
	return err_sys(err, ERR_FAIL, r, "no thread");
}

void *pool_take_back(struct pool *p)
{
	struct item *i;
	void *item = NULL;

	(void)pthread_mutex_lock(&p->lock);
	i = p->first;
	if (i) {
		p->first = i->next;
		if (!p->first)
			p->last = &p->first;
		p->queued--;
		item = i->item;
	}
	(void)pthread_mutex_unlock(&p->lock);
	free(i);
	return item;
}

void pool_send(struct pool *p, struct message *m)
{
	static const uint64_t one = 1;
	bool wake;

	m->next = NULL;
	(void)pthread_mutex_lock(&p->lock);
	/* one message always fits, so that none waits for ever */
	while (p->out_first && p->out_bytes + m->bytes > p->out_max)
		(void)pthread_cond_wait(&p->room, &p->lock);
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
		(void)pthread_cond_broadcast(&p->room);
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
