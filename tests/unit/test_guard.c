/* An assertion in a library comes back as "false". */
#include "dt/ssh/guard.h"

#include <assert.h>
#include <stdlib.h>

#include "dt/base/fiber.h"
#include "dt/run/pool.h"
#include "tests/unit/test.h"

static void breaks(void *arg)
{
	*(int *)arg = 1;
	assert(arg == NULL);
	*(int *)arg = 2;
}

static void holds(void *arg)
{
	*(int *)arg = 3;
}

static void test_guard(void)
{
	int reached = 0;

	for (int i = 0; i < 100; i++) {
		CHECK(!guard_call(breaks, &reached));
		CHECK_INT(reached, 1);
		CHECK_HAS(guard_reason(), "arg == NULL");
		CHECK(guard_call(holds, &reached));
		CHECK_INT(reached, 3);
	}
}

static void in_thread(struct pool *p, void *ctx, void *item)
{
	struct message *m = item;
	int reached = 0;

	(void)ctx;
	m->bytes = 1;
	for (int i = 0; i < 50; i++)
		if (guard_call(breaks, &reached) || reached != 1)
			m->bytes = 2;
	pool_send(p, m);
}

static void test_threads(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct pool *p = pool_new(8, 1000, in_thread, NULL, &err);
	struct message m[64], *got;
	int n = 0;

	for (int i = 0; i < 64; i++)
		CHECK(pool_put(p, &m[i], &err) == 0);
	while (n < 64)
		if ((got = pool_receive(p)) != NULL) {
			CHECK_INT(got->bytes, 1);
			n++;
		}
	pool_free(p);
}

/* Guarded calls that wait in turn, as sessions do: each assertion ends its own. */
static void waits_and_breaks(void *arg)
{
	(void)fiber_poll(NULL, 0, 1 + rand() % 5);
	breaks(arg);
}

static void in_fiber(void *arg)
{
	for (int i = 0; i < 10; i++) {
		int reached = 0;

		CHECK(!guard_call(waits_and_breaks, &reached));
		CHECK_INT(reached, 1);
		CHECK_HAS(guard_reason(), "test_guard.c");
	}
	++*(int *)arg;
}

static void test_fibers(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct fiber_loop *l = fiber_loop_new(256 * 1024, -1, &err);
	int ended = 0;

	for (int i = 0; i < 50; i++)
		CHECK(fiber_start(l, in_fiber, &ended) == 0);
	while (fiber_live(l))
		fiber_turn(l);
	CHECK_INT(ended, 50);
	fiber_loop_free(l);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_guard), TEST(test_threads), TEST(test_fibers), { NULL, NULL } };

	return test_main(tests, argc, argv);
}
