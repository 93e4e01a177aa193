/*
 * The engine's rounds: what is on disk before what, and how many a slow disk
 * has to take.  The hosts are functions of this file, which stand in for
 * dt/run/services; also run under the thread sanitizer.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/run/engine.h"
#include "tests/unit/test.h"

#define HOSTS 32
#define SLOW_MS 100	/* what a slow disk takes for a round: longer than the engine collects for one */
#define GIVE_UP_MS 20000

/* What the hosts of a test do, and what the engine tells of them. */
static struct {
	void (*host)(const struct task_env *env, size_t index);
	int (*round)(size_t ends);
	void (*note)(void);
	_Atomic size_t ended;		/* hosts whose end is on its way, or there */
	_Atomic bool told[HOSTS];
	bool begin_kept[HOSTS], end_kept[HOSTS], begun[HOSTS];
	size_t rounds, told_count;	/* rounds with an end in them */
} now;

struct dt_call {
	char unused;
};

bool call_waits_in_services(const struct dt_call *c)
{
	(void)c;
	return false;
}

void call_skip(const struct dt_call *c, size_t index, const struct dt_err *why, struct result *r)
{
	(void)c;
	result_init(r, 0);
	r->index = index;
	result_error(r, why);
}

void task_run(const struct dt_call *c, const struct task_env *env, size_t index, struct result *r)
{
	(void)c;
	result_init(r, 0);
	r->index = index;
	if (now.host)
		now.host(env, index);
	result_exit(r, 0, NULL);
	atomic_fetch_add(&now.ended, 1);
}

/* ---- what the engine calls ---- */

static void on_begin(void *arg, size_t index)
{
	(void)arg;
	CHECK(now.begin_kept[index] && !now.begun[index]);
	now.begun[index] = true;
}

static int on_round(void *arg, const size_t *begins, size_t begin_count, const struct result *ends, size_t end_count,
		    struct dt_err *err)
{
	(void)arg;
	for (size_t i = 0; i < begin_count; i++) {
		CHECK(!now.begin_kept[begins[i]]);
		now.begin_kept[begins[i]] = true;
	}
	for (size_t i = 0; i < end_count; i++) {
		CHECK(!now.end_kept[ends[i].index]);
		now.end_kept[ends[i].index] = true;
	}
	if (!end_count)
		return 0;
	now.rounds++;
	return now.round && now.round(end_count) != 0 ? err_set(err, ERR_FAIL, "disk full") : 0;
}

static int on_output(void *arg, size_t index, int stream, const char *data, size_t len, struct dt_err *err)
{
	(void)arg;
	(void)index;
	(void)stream;
	(void)data;
	(void)len;
	(void)err;
	return 0;
}

static int on_end(void *arg, const struct result *r, struct dt_err *err)
{
	(void)arg;
	(void)err;
	CHECK(now.end_kept[r->index] && !atomic_load(&now.told[r->index]));
	atomic_store(&now.told[r->index], true);
	now.told_count++;
	return 0;
}

static void on_note(void *arg, size_t index, int level, const char *text)
{
	(void)arg;
	(void)index;
	(void)level;
	(void)text;
	now.note();
}

/* A run of so many hosts, all at a time. */
static int run(size_t hosts, struct dt_err *err)
{
	struct dt_call call = { 0 };
	struct engine e = {
		.call = &call, .hosts = hosts, .coproc = hosts, .cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.signal_fd = -1, .info_fd = -1, .on_begin = on_begin, .on_round = on_round, .on_output = on_output,
		.on_end = on_end, .on_note = on_note,
	};
	struct engine_end end;
	int r;

	e.pace = pace_new(&(struct pace_options){ .coproc = hosts }, hosts);
	r = engine_run(&e, &end, err);
	pace_free(e.pace);
	(void)close(e.cancel_fd);
	return r;
}

static void clear(void)
{
	memset(&now, 0, sizeof(now));
}

static void all_told(void)
{
	CHECK_INT(now.told_count, HOSTS);
	for (size_t i = 0; i < HOSTS; i++)
		CHECK(now.begun[i] && atomic_load(&now.told[i]));
}

/* Waits for all hosts, and as long as a slow disk takes. */
static void slowly(void)
{
	int64_t began = now_ms();

	while (now_ms() < began + SLOW_MS || (atomic_load(&now.ended) < HOSTS && now_ms() < began + GIVE_UP_MS))
		(void)poll(NULL, 0, 1);
}

/* ---- tests ---- */

static int slow_round(size_t ends)
{
	(void)ends;
	slowly();
	return 0;
}

/* Results that come while a round is under way share the next one, so that a slow disk is no queue of single hosts. */
static void test_slow_rounds(void)
{
	struct dt_err err = DT_ERR_INIT;

	clear();
	now.round = slow_round;
	CHECK_INT(run(HOSTS, &err), 0);
	all_told();
	/* the first end or two, and all others; a worker may be slow to send */
	CHECK(now.rounds <= HOSTS / 4);
}

static _Atomic bool noting;

static void note_first(const struct task_env *env, size_t index)
{
	if (index == 0)
		env->note(env->arg, index, 1, "busy");
	while (!atomic_load(&noting))
		(void)poll(NULL, 0, 1);
}

static void slow_note(void)
{
	atomic_store(&noting, true);
	slowly();
}

/* The same where something else took the time, and the ends are met on one way through the queue. */
static void test_slow_rounds_when_late(void)
{
	struct dt_err err = DT_ERR_INIT;

	clear();
	atomic_store(&noting, false);
	now.host = note_first;
	now.note = slow_note;
	now.round = slow_round;
	CHECK_INT(run(HOSTS, &err), 0);
	all_told();
	CHECK(now.rounds <= HOSTS / 4);
}

static _Atomic size_t sent, heard;
static _Atomic bool flooding, gave_up;

/* The first host speaks until the other one's end was told, or for long. */
static void flood(const struct task_env *env, size_t index)
{
	int64_t until = now_ms() + GIVE_UP_MS;

	if (index != 0)
		return;
	while (!atomic_load(&now.told[1]) && !atomic_load(&gave_up)) {
		env->note(env->arg, index, 1, "again");
		atomic_fetch_add(&sent, 1);
		atomic_store(&gave_up, now_ms() >= until);
	}
	atomic_store(&flooding, false);
}

/* No note is done with before the next one is there. */
static void wait_for_next(void)
{
	size_t n = atomic_fetch_add(&heard, 1) + 1;

	while (atomic_load(&sent) < n + 1 && atomic_load(&flooding))
		(void)poll(NULL, 0, 0);
}

/* Output without a pause holds up no result. */
static void test_flood(void)
{
	struct dt_err err = DT_ERR_INIT;

	clear();
	atomic_store(&sent, 0);
	atomic_store(&heard, 0);
	atomic_store(&gave_up, false);
	atomic_store(&flooding, true);
	now.host = flood;
	now.note = wait_for_next;
	CHECK_INT(run(2, &err), 0);
	CHECK_INT(now.told_count, 2);
	CHECK(!atomic_load(&gave_up));
}

static _Atomic bool full;

static int full_disk(size_t ends)
{
	(void)ends;
	atomic_store(&full, true);
	return -1;
}

static void end_when_full(const struct task_env *env, size_t index)
{
	(void)env;
	while (index != 0 && !atomic_load(&full))
		(void)poll(NULL, 0, 1);
}

/* What cannot be recorded is not told either, and nothing is recorded behind it. */
static void test_failed_round(void)
{
	struct dt_err err = DT_ERR_INIT;

	clear();
	atomic_store(&full, false);
	now.host = end_when_full;
	now.round = full_disk;
	CHECK_INT(run(HOSTS, &err), -1);
	CHECK_STR(err.msg, "disk full");
	CHECK_INT(now.rounds, 1);
	CHECK_INT(now.told_count, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_slow_rounds), TEST(test_slow_rounds_when_late), TEST(test_flood), TEST(test_failed_round),
		{ NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
