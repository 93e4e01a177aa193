/* Fibers: what each waits for reaches it alone, and none holds the others up. */
#include "dt/base/fiber.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "tests/unit/test.h"

#define STACK (512 * 1024)
#define MANY 300

static struct fiber_loop *loop_new(int common)
{
	struct dt_err err = DT_ERR_INIT;
	struct fiber_loop *l = fiber_loop_new(STACK, common, &err);

	CHECK(l != NULL);
	return l;
}

/* Until all have ended; how many turns that took. */
static int finish(struct fiber_loop *l)
{
	int turns = 0;

	for (; fiber_live(l); turns++)
		fiber_turn(l);
	fiber_loop_free(l);
	return turns;
}

/* ---- one socket each, answered by a peer ---- */

struct talk {
	int fd, peer;
	bool hold;
	int said, heard;
};

static void talk(void *arg)
{
	struct talk *t = arg;

	if (t->hold)
		fiber_hold(t->fd);
	for (int i = 0; i < 5; i++) {
		struct pollfd p[2] = { { .fd = -1, .events = POLLIN }, { .fd = t->fd, .events = POLLIN } };
		char c = 0;

		CHECK_INT(fiber_poll(p, 2, 20000), 1);
		CHECK_INT(p[0].revents, 0);
		CHECK_INT(p[1].revents, POLLIN);
		CHECK_INT(read(t->fd, &c, 1), 1);
		t->heard += c;
	}
	fiber_release(t->fd);
	(void)close(t->fd);
}

static void answer(void *arg)
{
	struct talk *t = arg;

	for (int i = 0; i < 5; i++) {
		char c = (char)(i + 1);

		CHECK_INT(fiber_poll(NULL, 0, i % 3), 0);
		CHECK_INT(write(t->peer, &c, 1), 1);
		t->said += c;
	}
}

static void test_each_its_own(void)
{
	static struct talk t[MANY];
	struct fiber_loop *l = loop_new(-1);

	/* twice: descriptors and stacks are used again */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++) {
			int pair[2];

			CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
			t[i] = (struct talk){ .fd = pair[0], .peer = pair[1], .hold = i % 2 };
			CHECK(fiber_start(l, talk, &t[i]) == 0);
			CHECK(fiber_start(l, answer, &t[i]) == 0);
		}
		while (fiber_live(l))
			fiber_turn(l);
		for (int i = 0; i < MANY; i++) {
			CHECK_INT(t[i].said, 15);
			CHECK_INT(t[i].heard, 15);
			(void)close(t[i].peer);
		}
	}
	fiber_loop_free(l);
}

/* ---- the held descriptor says something while its fiber waits for another thing ---- */

static void hold_and_sleep(void *arg)
{
	struct talk *t = arg;
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	fiber_hold(t->fd);
	CHECK_INT(fiber_poll(&p, 1, 1), 0);
	(void)close(t->peer);
	CHECK_INT(fiber_poll(NULL, 0, 50), 0);
	CHECK_INT(fiber_poll(&p, 1, 20000), 1);
	CHECK(p.revents & POLLIN);
	fiber_release(t->fd);
	t->heard = 1;
}

static void test_held_is_not_heard(void)
{
	struct fiber_loop *l = loop_new(-1);
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	struct talk t = { .fd = pair[0], .peer = pair[1] };

	CHECK(fiber_start(l, hold_and_sleep, &t) == 0);
	CHECK(finish(l) < 20); /* its end of file does not spin */
	CHECK_INT(t.heard, 1);
	(void)close(pair[0]);
}

/* ---- what epoll(7) does not take ---- */

static void await(void *arg)
{
	struct talk *t = arg;
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	CHECK_INT(fiber_poll(&p, 1, 20000), 1);
	t->heard = p.revents;
}

static void test_shared_and_files(void)
{
	struct fiber_loop *l = loop_new(-1);
	uint64_t one = 1;
	struct talk t[3] = { { 0 } }, file = { .fd = fileno(tmpfile()) };

	t[0].fd = t[1].fd = t[2].fd = eventfd(0, EFD_CLOEXEC);
	for (int i = 0; i < 3; i++)
		CHECK(fiber_start(l, await, &t[i]) == 0);
	CHECK(fiber_start(l, await, &file) == 0);
	while (!file.heard)
		fiber_turn(l);
	CHECK_INT(fiber_live(l), 3);
	CHECK(write(t[0].fd, &one, sizeof(one)) == sizeof(one));
	(void)finish(l);
	for (int i = 0; i < 3; i++)
		CHECK_INT(t[i].heard, POLLIN);
	(void)close(t[0].fd);
}

/* ---- the common descriptor ---- */

struct common {
	int fd;
	int cancelled, slept;
};

static void until_cancel(void *arg)
{
	struct common *c = arg;
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = -1 } };

	CHECK_INT(fiber_poll(p, 2, -1), 1);
	CHECK_INT(p[0].revents, POLLIN);
	CHECK_INT(fiber_poll(p, 2, 20000), 1); /* again and again */
	c->cancelled++;
	/* what does not wait for it waits as ever */
	CHECK_INT(fiber_poll(NULL, 0, 20), 0);
	c->slept++;
}

static void test_common(void)
{
	struct common c = { .fd = eventfd(0, EFD_CLOEXEC) };
	struct fiber_loop *l = loop_new(c.fd);
	int64_t before = now_ms();
	uint64_t one = 1;

	for (int i = 0; i < MANY; i++)
		CHECK(fiber_start(l, until_cancel, &c) == 0);
	CHECK_INT(c.cancelled, 0);
	CHECK(write(c.fd, &one, sizeof(one)) == sizeof(one));
	(void)finish(l);
	CHECK_INT(c.cancelled, MANY);
	CHECK_INT(c.slept, MANY);
	CHECK(now_ms() - before >= 20);
	(void)close(c.fd);
}

/* ---- turns ---- */

static void spin(void *arg)
{
	bool *over = arg;

	while (!*over)
		CHECK_INT(fiber_poll(NULL, 0, 0), 0);
}

static void end_it(void *arg)
{
	CHECK_INT(fiber_poll(NULL, 0, 10), 0);
	*(bool *)arg = true;
}

static void test_spinning_lets_others_go_on(void)
{
	struct fiber_loop *l = loop_new(-1);
	bool over = false;

	CHECK(fiber_start(l, spin, &over) == 0);
	CHECK(fiber_start(l, spin, &over) == 0);
	CHECK(fiber_start(l, end_it, &over) == 0);
	(void)finish(l);
	CHECK(over);
}

static void sleep_until(void *arg)
{
	int ms = *(int *)arg;
	int64_t before = now_ms();

	CHECK_INT(fiber_poll(NULL, 0, ms), 0);
	CHECK(now_ms() - before >= ms);
}

static void test_deadlines(void)
{
	static int ms[MANY];
	struct fiber_loop *l = loop_new(-1);
	int64_t before = now_ms();

	for (int i = 0; i < MANY; i++) {
		ms[i] = 1 + i * 7 % 100;
		CHECK(fiber_start(l, sleep_until, &ms[i]) == 0);
	}
	(void)finish(l);
	CHECK(now_ms() - before < 5000); /* together, not one after another */
}

static void test_wake(void)
{
	struct fiber_loop *l = loop_new(-1);

	fiber_wake(l);
	fiber_turn(l); /* else for ever */
	CHECK_INT(fiber_live(l), 0);
	fiber_loop_free(l);
}

/* ---- its own stack and slot ---- */

static int deep(int n)
{
	volatile char room[1000];

	room[0] = (char)n;
	return n ? deep(n - 1) + 1 + 0 * room[0] : 0;
}

static void own(void *arg)
{
	void **slot = fiber_slot();

	CHECK(*slot == NULL);
	*slot = arg;
	CHECK_INT(deep(100), 100);
	CHECK_INT(fiber_poll(NULL, 0, 5), 0);
	CHECK(*fiber_slot() == arg);
	CHECK_INT(deep(100), 100);
}

static void test_own(void)
{
	struct fiber_loop *l = loop_new(-1);
	char args[MANY];

	*fiber_slot() = args;
	for (int i = 0; i < MANY; i++)
		CHECK(fiber_start(l, own, &args[i]) == 0);
	while (fiber_live(l))
		fiber_turn(l);
	for (int i = 0; i < MANY; i++)
		CHECK(fiber_start(l, own, &args[i]) == 0);
	(void)finish(l);
	CHECK(*fiber_slot() == args);
}

static void test_outside(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	fiber_hold(fd);
	CHECK_INT(fiber_poll(&p, 1, -1), 1);
	CHECK_INT(p.revents, POLLIN);
	CHECK_INT(fiber_poll(NULL, 0, 1), 0);
	fiber_release(fd);
	(void)close(fd);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_each_its_own), TEST(test_held_is_not_heard), TEST(test_shared_and_files), TEST(test_common),
		TEST(test_spinning_lets_others_go_on), TEST(test_deadlines), TEST(test_wake), TEST(test_own),
		TEST(test_outside), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
