#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/run/pool.h"
#include "dt/run/pool_wait.h"

#define BUCKETS 1024	/* a power of two */

/* So long after a drop another one is of the same moment. */
#define MOMENT_MS 250

struct turn {
	char *key;
	unsigned held;
	unsigned limit, credit;
	int64_t let_in, dropped;	/* when last; 0: never */
	struct wait_queue waiting;
	struct turn *next;
};

struct gate {
	pthread_mutex_t lock;
	unsigned limit;
	bool cancelled;
	struct turn *turns[BUCKETS];
};

struct gate *gate_new(unsigned limit)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	(void)pthread_mutex_init(&g->lock, NULL);
	g->limit = limit;
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (g->turns[i]) {
			struct turn *t = g->turns[i];

			g->turns[i] = t->next;
			free(t->key);
			free(t);
		}
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

/* FNV-1a */
static struct turn **bucket(struct gate *g, const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return &g->turns[h & (BUCKETS - 1)];
}

static struct turn *find(struct gate *g, const char *key, bool make)
{
	struct turn **b = bucket(g, key), *t;

	for (t = *b; t; t = t->next)
		if (strcmp(t->key, key) == 0)
			return t;
	if (!make)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->key = strdup(key);
	if (!t->key) {
		free(t);
		return NULL;
	}
	t->limit = g->limit;
	t->next = *b;
	*b = t;
	return t;
}

static void drop_unused(struct gate *g, struct turn *t)
{
	struct turn **at = bucket(g, t->key);

	if (t->held || t->waiting.first || t->dropped)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t->key);
	free(t);
}

/* Wakes one for whom there is a turn. */
static void pass_on(struct turn *t)
{
	if (t->held < t->limit)
		wait_wake(&t->waiting);
}

int gate_enter(struct gate *g, const char *key, int64_t deadline, struct dt_err *err)
{
	struct waiter w;
	struct turn *t;
	int r = 0;

	(void)pthread_mutex_lock(&g->lock);
	t = find(g, key, true);
	if (!t) {
		(void)pthread_mutex_unlock(&g->lock);
		return err_nomem(err);
	}
	if (t->held >= t->limit) {
		wait_begin(&t->waiting, &w);
		while (!g->cancelled && t->held >= t->limit && wait_sleep(&w, &g->lock, deadline))
			;
		wait_end(&t->waiting, &w);
	}
	if (g->cancelled)
		r = err_set(err, ERR_SKIPPED, "interrupted before it began");
	else if (t->held >= t->limit)
		r = err_set(err, ERR_TIMEOUT, "no turn to log in at %s", key);
	else
		t->held++;
	pass_on(t);
	drop_unused(g, t);
	(void)pthread_mutex_unlock(&g->lock);
	return r;
}

void gate_leave(struct gate *g, const char *key)
{
	struct turn *t;

	(void)pthread_mutex_lock(&g->lock);
	t = find(g, key, false);
	if (t && t->held) {
		t->held--;
		pass_on(t);
		drop_unused(g, t);
	}
	(void)pthread_mutex_unlock(&g->lock);
}

unsigned gate_dropped(struct gate *g, const char *key, int64_t *since_ms)
{
	struct turn *t;
	int64_t now = now_ms();
	unsigned left = 1;

	*since_ms = -1;
	(void)pthread_mutex_lock(&g->lock);
	t = find(g, key, true);
	if (t) {
		if (t->let_in)
			*since_ms = now - t->let_in;
		if (!t->dropped || now - t->dropped >= MOMENT_MS) {
			t->limit = t->limit > 1 ? t->limit / 2 : 1;
			t->dropped = now;
			t->credit = 0;
		}
		left = t->limit;
	}
	(void)pthread_mutex_unlock(&g->lock);
	return left;
}

void gate_let_in(struct gate *g, const char *key)
{
	struct turn *t;

	(void)pthread_mutex_lock(&g->lock);
	t = find(g, key, false);
	if (t) {
		t->let_in = now_ms();
		if (t->limit < g->limit && ++t->credit > t->limit) {
			t->limit++;
			t->credit = 0;
			pass_on(t);
		}
	}
	(void)pthread_mutex_unlock(&g->lock);
}

void gate_cancel(struct gate *g)
{
	(void)pthread_mutex_lock(&g->lock);
	g->cancelled = true;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct turn *t = g->turns[i]; t; t = t->next)
			wait_wake_all(&t->waiting);
	(void)pthread_mutex_unlock(&g->lock);
}
