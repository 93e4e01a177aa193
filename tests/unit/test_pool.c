/* The pool, its queues, and turns; also run under the thread sanitizer. */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"
#include "dt/run/pool.h"
#include "tests/unit/test.h"

#define ITEMS 2000

struct answer {
	struct message message;
	int number;
};

static _Atomic int running, most;

static void enter_leave(void)
{
	int now = atomic_fetch_add(&running, 1) + 1, was = atomic_load(&most);

	while (now > was && !atomic_compare_exchange_weak(&most, &was, now))
		;
}

static void work(struct pool *p, void *ctx, void *item)
{
	struct answer *a = item;

	(void)ctx;
	enter_leave();
	a->number *= 2;
	a->message.bytes = 1000;
	atomic_fetch_sub(&running, 1);
	pool_send(p, &a->message);
}

static struct message *receive(struct pool *p)
{
	struct pollfd fd = { pool_fd(p), POLLIN, 0 };
	struct message *m;

	while (!(m = pool_receive(p)))
		if (poll(&fd, 1, 20000) <= 0)
			return NULL;
	return m;
}

/* Each item goes to a worker, and comes back doubled; 1000 bytes an answer. */
static void each_once(struct pool *p)
{
	struct dt_err err = DT_ERR_INIT;
	long long sum = 0;
	int got = 0;

	for (int i = 0; i < ITEMS; i++) {
		struct answer *a = calloc(1, sizeof(*a));

		a->number = i;
		CHECK(pool_put(p, a, &err) == 0);
	}
	while (got < ITEMS) {
		struct answer *a = (struct answer *)receive(p);

		if (!a)
			break;
		sum += a->number;
		got++;
		free(a);
	}
	CHECK_INT(got, ITEMS);
	CHECK_INT(sum, (long long)ITEMS * (ITEMS - 1));
}

static void test_all_items_once(void)
{
	struct dt_err err = DT_ERR_INIT;
	/* ten messages fill the queue: workers must wait for room and go on */
	struct pool *p = pool_new(8, 10000, work, NULL, &err);

	CHECK(p != NULL);
	each_once(p);
	CHECK(atomic_load(&most) <= 8);
	CHECK(atomic_load(&most) >= 1);
	pool_free(p);
}

struct gate_test {
	struct gate *gate;
	_Atomic int in;
	_Atomic bool over;
	int release;	/* eventfd: the worker that is in may go on */
};

static void hold(struct pool *p, void *ctx, void *item)
{
	struct gate_test *t = ctx;
	struct answer *a = item;
	struct dt_err err = DT_ERR_INIT;
	uint64_t one;

	if (gate_enter(t->gate, "address", 0, &err) == 0) {
		if (atomic_fetch_add(&t->in, 1) >= 3)
			atomic_store(&t->over, true);
		(void)!read(t->release, &one, sizeof(one));
		atomic_fetch_sub(&t->in, 1);
		gate_leave(t->gate, "address");
		a->number = 1;
	} else {
		a->number = err.code == ERR_SKIPPED ? 2 : 3;
	}
	pool_send(p, &a->message);
}

static void test_gate(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct gate_test t = { .gate = gate_new(3), .release = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC) };
	struct pool *p = pool_new(12, 100000, hold, &t, &err);
	struct answer a[12] = { 0 };
	uint64_t n = 5;
	int count[4] = { 0 };

	for (int i = 0; i < 12; i++)
		CHECK(pool_put(p, &a[i], &err) == 0);
	CHECK(write(t.release, &n, sizeof(n)) == sizeof(n));
	for (int i = 0; i < 5; i++) {
		struct answer *x = (struct answer *)receive(p);

		count[x ? x->number : 3]++;
	}
	CHECK_INT(count[1], 5);
	/* three hold their turn; the other four give up when cancelled */
	gate_cancel(t.gate);
	for (int i = 0; i < 4; i++) {
		struct answer *x = (struct answer *)receive(p);

		count[x ? x->number : 3]++;
	}
	CHECK_INT(count[2], 4);
	n = 3;
	CHECK(write(t.release, &n, sizeof(n)) == sizeof(n));
	for (int i = 0; i < 3; i++)
		CHECK(receive(p) != NULL);
	CHECK(!atomic_load(&t.over));
	pool_free(p);
	gate_free(t.gate);
	(void)close(t.release);
}

static void test_gate_times_out(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct gate *g = gate_new(1);
	int64_t before = now_ms();

	CHECK(gate_enter(g, "a", 0, &err) == 0);
	CHECK(gate_enter(g, "b", 0, &err) == 0);
	CHECK(gate_enter(g, "a", now_ms() + 30, &err) == -1);
	CHECK_INT(err.code, ERR_TIMEOUT);
	CHECK(now_ms() - before >= 29);
	gate_leave(g, "a");
	CHECK(gate_enter(g, "a", now_ms() + 30, &err) == 0);
	gate_free(g);
}

static void test_take_back(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct gate_test t = { .gate = gate_new(1), .release = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC) };
	struct pool *p = pool_new(1, 100000, hold, &t, &err);
	struct answer a[5] = { 0 };
	uint64_t n = 1;
	int back = 0;

	for (int i = 0; i < 5; i++)
		CHECK(pool_put(p, &a[i], &err) == 0);
	while (atomic_load(&t.in) != 1)
		(void)poll(NULL, 0, 1);
	while (pool_take_back(p))
		back++;
	CHECK_INT(back, 4);
	CHECK(write(t.release, &n, sizeof(n)) == sizeof(n));
	CHECK(receive(p) != NULL);
	pool_free(p);
	gate_free(t.gate);
	(void)close(t.release);
}

/* ---- carried: few threads, many workers ---- */

static void wait_and_answer(struct pool *p, void *ctx, void *item)
{
	struct gate *g = ctx;
	struct answer *a = item;
	struct dt_err err = DT_ERR_INIT;

	enter_leave();
	CHECK(gate_enter(g, "address", 0, &err) == 0);
	(void)fiber_poll(NULL, 0, a->number % 3);
	gate_leave(g, "address");
	a->number *= 2;
	a->message.bytes = 1000;
	atomic_fetch_sub(&running, 1);
	pool_send(p, &a->message);
}

static void test_carried(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct gate *g = gate_new(40);
	struct pool *p = pool_new(101, 10000, wait_and_answer, g, &err);

	atomic_store(&most, 0);
	pool_carry(p, -1);
	each_once(p);
	CHECK(atomic_load(&most) <= 101);
	CHECK(atomic_load(&most) > 50); /* and so more than threads */
	pool_free(p);
	gate_free(g);
}

static void enter_and_answer(struct pool *p, void *ctx, void *item)
{
	struct gate_test *t = ctx;
	struct answer *a = item;
	struct dt_err err = DT_ERR_INIT;
	struct pollfd stop = { .fd = t->release, .events = POLLIN };

	if (gate_enter(t->gate, "address", a->number ? now_ms() + a->number : 0, &err) == 0) {
		(void)atomic_fetch_add(&t->in, 1);
		(void)fiber_poll(&stop, 1, -1);
		gate_leave(t->gate, "address");
	}
	a->number = err.code;
	pool_send(p, &a->message);
}

/* In a fiber as in a thread: a deadline, a cancel; and the common descriptor reaches all. */
static void test_carried_gate(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct gate_test t = { .gate = gate_new(3), .release = eventfd(0, EFD_CLOEXEC) };
	struct pool *p = pool_new(12, 100000, enter_and_answer, &t, &err);
	struct answer a[12] = { 0 };
	uint64_t one = 1;

	pool_carry(p, t.release);
	for (int i = 0; i < 12; i++) {
		a[i].number = i < 6 ? 0 : 30;
		CHECK(pool_put(p, &a[i], &err) == 0);
		while (i < 3 && atomic_load(&t.in) != i + 1)
			(void)poll(NULL, 0, 1);
	}
	for (int i = 0; i < 6; i++) {
		struct answer *x = (struct answer *)receive(p);

		CHECK_INT(x ? x->number : -1, ERR_TIMEOUT);
	}
	CHECK_INT(atomic_load(&t.in), 3);
	gate_cancel(t.gate);
	for (int i = 0; i < 3; i++) {
		struct answer *x = (struct answer *)receive(p);

		CHECK_INT(x ? x->number : -1, ERR_SKIPPED);
	}
	CHECK(write(t.release, &one, sizeof(one)) == sizeof(one));
	for (int i = 0; i < 3; i++)
		CHECK(receive(p) != NULL);
	pool_free(p);
	gate_free(t.gate);
	(void)close(t.release);
}

static void ring(void *arg)
{
	uint64_t one = 1;

	(void)!write(*(int *)arg, &one, sizeof(one));
}

static void test_thread_spawn(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t n = 0;

	CHECK(thread_spawn(ring, &fd) == 0);
	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
	CHECK_INT(n, 1);
	(void)close(fd);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_all_items_once), TEST(test_gate),	    TEST(test_gate_times_out),
		TEST(test_take_back),	   TEST(test_carried),	    TEST(test_carried_gate),
		TEST(test_thread_spawn), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
