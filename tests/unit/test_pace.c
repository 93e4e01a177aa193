/* Which host begins when: a run on a clock of our own, in which every host takes some time. */
#include "dt/run/pace.h"

#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "tests/unit/test.h"

#define HOSTS_MAX 1000

static struct {
	int64_t began[HOSTS_MAX], ended[HOSTS_MAX];
	size_t order[HOSTS_MAX], begun, peak;
	bool fails[HOSTS_MAX];
	int64_t takes[HOSTS_MAX];
} run;

static void clear(size_t hosts, int64_t takes)
{
	memset(&run, 0, sizeof(run));
	for (size_t i = 0; i < hosts; i++) {
		run.began[i] = run.ended[i] = -1;
		run.takes[i] = takes;
	}
}

/* Plays the engine; the clock jumps from event to event.  The time at the end. */
static int64_t play(struct pace *p, size_t hosts)
{
	int64_t now = 1000, wake = 0;
	size_t running = 0, host = 0;

	for (;;) {
		enum pace_answer a;
		int64_t next = 0;

		while ((a = pace_next(p, now, &host, &wake)) == PACE_GO) {
			CHECK(host < hosts && run.began[host] < 0);
			run.began[host] = now;
			run.order[run.begun++] = host;
			running++;
			run.peak = running > run.peak ? running : run.peak;
		}
		if (a == PACE_END && !running)
			return now;
		for (size_t i = 0; i < hosts; i++)
			if (run.began[i] >= 0 && run.ended[i] < 0)
				next = deadline_min(next, run.began[i] + run.takes[i]);
		if (a == PACE_WAIT)
			next = deadline_min(next, wake);
		CHECK(next > now); /* else it would spin, or wait for ever */
		if (next <= now)
			return -1;
		now = next;
		for (size_t i = 0; i < hosts; i++) {
			if (run.began[i] >= 0 && run.ended[i] < 0 && run.began[i] + run.takes[i] <= now) {
				run.ended[i] = now;
				running--;
				pace_ended(p, i, !run.fails[i]);
			}
		}
	}
}

static size_t left(struct pace *p)
{
	size_t n = 0, host;

	while (pace_take_back(p, &host)) {
		CHECK(run.began[host] < 0);
		n++;
	}
	return n;
}

static void test_all(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 10 }, 100);

	clear(100, 50);
	CHECK_INT(play(p, 100), 1000 + 10 * 50);
	CHECK_INT(run.begun, 100);
	CHECK_INT(run.peak, 10);
	for (size_t i = 0; i < 100; i++)
		CHECK_INT(run.order[i], i);
	CHECK_INT(left(p), 0);
	CHECK(pace_stopped(p) == NULL);
	pace_free(p);
}

static void test_batches(void)
{
	struct pace_options opt = { .coproc = 100, .batch = 30, .pause_ms = 500, .canary = 5 };
	struct pace *p = pace_new(&opt, 100);
	size_t stages;

	clear(100, 50);
	run.takes[10] = 80;
	/* 5, 30 (one of them slow), 30, 30, 5 */
	CHECK_INT(play(p, 100), 1000 + 50 + 500 + 80 + 500 + 50 + 500 + 50 + 500 + 50);
	CHECK_INT(run.begun, 100);
	CHECK_INT(run.peak, 30);
	for (size_t i = 0; i < 100; i++)
		for (size_t k = 0; k < 100; k++)
			if (pace_stage(&opt, 100, i, &stages) < pace_stage(&opt, 100, k, NULL))
				CHECK(run.ended[i] + 500 <= run.began[k]);
	CHECK_INT(stages, 5);
	pace_free(p);
}

static void test_canary_fails(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 100, .canary = 3 }, 100);

	clear(100, 50);
	run.fails[1] = true;
	run.takes[2] = 200;
	CHECK_INT(play(p, 100), 1200); /* the other canaries come to their end */
	CHECK_INT(run.begun, 3);
	CHECK_STR(pace_stopped(p), "a canary failed");
	CHECK_INT(left(p), 97);
	pace_free(p);

	/* all are canaries: nothing was stopped */
	p = pace_new(&(struct pace_options){ .coproc = 100, .canary = 200 }, 100);
	clear(100, 50);
	run.fails[1] = true;
	(void)play(p, 100);
	CHECK_INT(run.begun, 100);
	CHECK(pace_stopped(p) == NULL);
	pace_free(p);
}

static void test_max_fail(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 1, .has_max_fail = true, .max_fail = 2 }, 100);

	clear(100, 50);
	run.fails[3] = run.fails[5] = run.fails[9] = true;
	(void)play(p, 100);
	CHECK_INT(run.begun, 10);
	CHECK_STR(pace_stopped(p), "3 hosts failed, and --max-fail is 2");
	CHECK_INT(left(p), 90);
	pace_free(p);

	p = pace_new(&(struct pace_options){ .coproc = 4, .has_max_fail = true }, 100);
	clear(100, 50);
	run.fails[0] = true;
	(void)play(p, 100);
	CHECK(run.begun <= 4);
	CHECK_STR(pace_stopped(p), "1 host failed, and --max-fail is 0");
	pace_free(p);
}

static void test_rate(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 1000, .rate = 20 }, 100);

	clear(100, 10);
	CHECK(play(p, 100) >= 1000 + 99 * 50);
	for (size_t i = 0; i + 20 < 100; i++)
		CHECK(run.began[run.order[i + 20]] - run.began[run.order[i]] >= 990);
	pace_free(p);

	/* more than the clock has ticks */
	p = pace_new(&(struct pace_options){ .coproc = 1000, .rate = 4000 }, 1000);
	clear(1000, 10);
	(void)play(p, 1000);
	CHECK(run.began[999] >= 1000 + 240 && run.began[999] <= 1000 + 300);
	pace_free(p);
}

static void test_groups(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 1000 }, 100);
	int racks[5], all;

	all = pace_group(p, 7);
	for (int g = 0; g < 5; g++)
		racks[g] = pace_group(p, 2);
	for (size_t i = 0; i < 100; i++) {
		CHECK_INT(pace_join(p, i, racks[i % 5]), 0);
		if (i % 2)
			CHECK_INT(pace_join(p, i, all), 0);
	}
	clear(100, 50);
	for (size_t i = 0; i < 100; i++)
		run.takes[i] = 30 + (int64_t)(i * 7 % 40);
	(void)play(p, 100);
	CHECK_INT(run.begun, 100);
	CHECK(run.peak <= 10);
	for (size_t i = 0; i < 100; i++) {
		size_t same = 0, odd = 0;

		for (size_t k = 0; k < 100; k++)
			if (run.began[k] <= run.began[i] && run.ended[k] > run.began[i]) {
				same += k % 5 == i % 5;
				odd += k % 2;
			}
		CHECK(same <= 2);
		CHECK(odd <= 7);
	}
	pace_free(p);
}

static void test_random_delay(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 1000, .batch = 50, .random_delay_ms = 1000 }, 100);
	int64_t early = 0;

	clear(100, 1);
	CHECK(play(p, 100) <= 1000 + 2 * 1001);
	for (size_t i = 0; i < 50; i++) {
		CHECK(run.began[i] >= 1000 && run.began[i] <= 2000);
		early += run.began[i] < 1500;
	}
	CHECK(early > 5 && early < 45);
	for (size_t i = 50; i < 100; i++)
		CHECK(run.began[i] >= run.ended[49]);
	pace_free(p);
}

static void test_take_back_midway(void)
{
	struct pace *p = pace_new(&(struct pace_options){ .coproc = 3 }, 10);
	size_t host;
	int64_t wake;

	clear(10, 1);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(pace_next(p, 5, &host, &wake), PACE_GO);
		run.began[host] = 5;
	}
	CHECK_INT(pace_next(p, 5, &host, &wake), PACE_WAIT);
	CHECK_INT(wake, 0);
	CHECK_INT(left(p), 7);
	pace_ended(p, 0, true);
	CHECK_INT(pace_next(p, 6, &host, &wake), PACE_END);
	pace_free(p);
	pace_free(NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_all), TEST(test_batches), TEST(test_canary_fails), TEST(test_max_fail), TEST(test_rate),
		TEST(test_groups), TEST(test_random_delay), TEST(test_take_back_midway), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
