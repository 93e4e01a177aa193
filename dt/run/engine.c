#include "dt/run/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"

/* sshd's MaxStartups lets ten in at once before it drops some */
#define LOGINS_PER_ADDRESS 10
/* More at a time share the way to them, and take longer than their timeouts where it is slow. */
#define LOGINS_PER_JUMP_HOST 32
/* What may wait for the main thread before workers wait for it. */
#define QUEUE_BYTES (16UL << 20)
/* Events between two looks at signals. */
#define LOOK_EVERY 64
/* What waits for one round at the most: hosts, the memory of their results, time. */
#define ROUND_HOSTS 512
#define ROUND_BYTES (8UL << 20)
#define ROUND_MS 50

enum event_kind { EVENT_END, EVENT_OUTPUT, EVENT_NOTE };

struct event {
	struct message message;
	enum event_kind kind;
	size_t index;
	struct result result;	/* EVENT_END */
	int number;		/* stream, or level */
	size_t len;
	char data[];
};

struct run {
	struct engine *e;
	struct pool *pool;
	size_t done;
	size_t *begins;		/* hosts to begin when they are recorded */
	struct result *ends;	/* of hosts, to be told when they are recorded */
	size_t begin_count, end_count, end_bytes;
	bool cancelled, late, failed, unrecorded;
	int64_t wake, ticked;
	const char *why_skipped;
	struct engine_end *end;
	struct dt_err *err;
};

/* ---- on worker threads ---- */

static void send_bytes(struct run *r, enum event_kind kind, size_t index, int number, const char *data, size_t len)
{
	struct event *v = malloc(sizeof(*v) + len + 1);

	if (!v)
		return; /* output is counted in the result all the same */
	v->kind = kind;
	v->index = index;
	v->number = number;
	v->len = len;
	memcpy(v->data, data, len);
	v->data[len] = '\0';
	v->message.bytes = sizeof(*v) + len;
	pool_send(r->pool, &v->message);
}

static void emit(void *arg, size_t index, int stream, const char *data, size_t len)
{
	send_bytes(arg, EVENT_OUTPUT, index, stream, data, len);
}

static void note(void *arg, size_t index, int level, const char *text)
{
	send_bytes(arg, EVENT_NOTE, index, level, text, strlen(text));
}

/* Items are indices plus one, so that none is NULL. */
static void *to_item(size_t index)
{
	return (void *)(uintptr_t)(index + 1);
}

static size_t to_index(void *item)
{
	return (size_t)(uintptr_t)item - 1;
}

static void work(struct pool *p, void *ctx, void *item)
{
	struct run *r = ctx;
	struct event *v = malloc(sizeof(*v));

	/* without it the host could not be reported: wait for other hosts to give memory back */
	while (!v) {
		(void)fiber_poll(NULL, 0, 100);
		v = malloc(sizeof(*v));
	}
	v->kind = EVENT_END;
	v->index = to_index(item);
	task_run(r->e->call, &r->e->env, v->index, &v->result);
	v->message.bytes = sizeof(*v) + v->result.output.bytes.cap + v->result.rows.bytes;
	pool_send(p, &v->message);
}

/* ---- on the main thread ---- */

static void cancel(struct run *r, const char *why);

static int record(struct run *r)
{
	if (!r->e->on_round || r->unrecorded || (!r->begin_count && !r->end_count))
		return 0;
	if (r->e->on_round(r->e->arg, r->begins, r->begin_count, r->ends, r->end_count, r->err) == 0)
		return 0;
	r->unrecorded = true;
	return -1;
}

/* What has come together is recorded, then told; then hosts begin. */
static void round_off(struct run *r)
{
	size_t i;

	if (record(r) != 0)
		r->failed = true;
	for (i = 0; i < r->end_count; i++) {
		if (!r->failed && r->e->on_end(r->e->arg, &r->ends[i], r->err) != 0)
			r->failed = true;
		result_release(&r->ends[i]);
	}
	r->end_count = r->end_bytes = 0;
	for (i = 0; i < r->begin_count && !r->failed; i++) {
		r->e->on_begin(r->e->arg, r->begins[i]);
		if (pool_put(r->pool, to_item(r->begins[i]), r->err) != 0) {
			r->failed = true;
			break;
		}
	}
	r->begin_count -= i;
	memmove(r->begins, r->begins + i, r->begin_count * sizeof(*r->begins));
	if (r->failed)
		cancel(r, "dt failed");
}

/* A host's outcome; the result moves here. */
static void hold(struct run *r, struct result *result)
{
	r->done++;
	r->ends[r->end_count++] = *result;
	r->end_bytes += result->output.bytes.cap + result->rows.bytes;
	if (r->end_count == ROUND_HOSTS || r->end_bytes >= ROUND_BYTES)
		round_off(r);
}

static bool is_ended(const struct run *r, size_t index)
{
	return r->e->ended && r->e->ended[index];
}

static void skip(struct run *r, size_t index, const struct dt_err *err)
{
	struct result result;

	if (is_ended(r, index)) {
		r->done++;
		return;
	}
	call_skip(r->e->call, index, err, &result);
	hold(r, &result);
}

/* What no worker has begun ends as skipped. */
static void skip_waiting(struct run *r)
{
	size_t index, n = r->begin_count;
	struct dt_err err;
	void *item;

	(void)err_set(&err, ERR_SKIPPED, "%s", r->why_skipped);
	r->begin_count = 0;
	for (size_t i = 0; i < n; i++)
		skip(r, r->begins[i], &err);
	while ((item = pool_take_back(r->pool)) != NULL)
		skip(r, to_index(item), &err);
	while (pace_take_back(r->e->pace, &index))
		skip(r, index, &err);
}

static void cancel(struct run *r, const char *why)
{
	static const uint64_t one = 1;

	if (r->cancelled)
		return;
	r->cancelled = true;
	r->why_skipped = why;
	(void)!write(r->e->cancel_fd, &one, sizeof(one));
	gate_cancel(r->e->env.logins);
	gate_cancel(r->e->env.ways);
	skip_waiting(r);
}

static void deliver(struct run *r, struct event *v)
{
	switch (v->kind) {
	case EVENT_END:
		pace_ended(r->e->pace, v->index, v->result.outcome == OUTCOME_OK);
		hold(r, &v->result);
		break;
	case EVENT_OUTPUT:
		if (!r->failed && r->e->on_output(r->e->arg, v->index, v->number, v->data, v->len, r->err) != 0)
			r->failed = true;
		break;
	case EVENT_NOTE:
		r->e->on_note(r->e->arg, v->index, v->number, v->data);
		break;
	}
	free(v);
	if (r->failed)
		cancel(r, "dt failed");
}

static void on_signal(struct run *r)
{
	uint64_t number;

	if (read(r->e->signal_fd, &number, sizeof(number)) != (ssize_t)sizeof(number) || r->end->signal)
		return;
	r->end->signal = (int)number;
	cancel(r, "interrupted before it began");
}

/* Lets begin what may. */
static void launch(struct run *r)
{
	enum pace_answer answer = PACE_END;
	size_t index;

	while (!r->cancelled && !r->late && (answer = pace_next(r->e->pace, now_ms(), &index, &r->wake)) == PACE_GO) {
		if (is_ended(r, index)) {
			r->done++;
			pace_ended(r->e->pace, index, false);
			continue;
		}
		r->begins[r->begin_count++] = index;
		if (r->begin_count == ROUND_HOSTS)
			round_off(r);
	}
	if (answer == PACE_END && pace_stopped(r->e->pace) && !r->end->stopped && !r->cancelled && !r->late) {
		r->end->stopped = true;
		r->why_skipped = pace_stopped(r->e->pace);
		skip_waiting(r);
	}
	round_off(r);
}

static void tick(struct run *r, bool asked)
{
	uint64_t number;

	if (asked)
		(void)!read(r->e->info_fd, &number, sizeof(number));
	if (!asked && (!r->e->tick_ms || now_ms() < r->ticked + r->e->tick_ms))
		return;
	r->ticked = now_ms();
	r->e->on_tick(r->e->arg, asked);
}

static int wait_ms(const struct run *r)
{
	int64_t wake = r->wake;

	if (!r->cancelled && !r->late)
		wake = deadline_min(wake, r->e->env.deadline);
	if (r->e->tick_ms)
		wake = deadline_min(wake, r->ticked + r->e->tick_ms);
	return deadline_poll_ms(wake);
}

static void loop(struct run *r)
{
	int64_t deadline = r->e->env.deadline, began;
	unsigned events = 0;

	for (launch(r); r->done < r->e->hosts; launch(r)) {
		struct pollfd fds[] = {
			{ pool_fd(r->pool), POLLIN, 0 }, { r->e->signal_fd, POLLIN, 0 }, { r->e->info_fd, POLLIN, 0 },
		};
		struct event *v;
		int n;

		/* one wake-up for several ends */
		if (r->e->linger_ms && r->e->hosts - r->done > 2 * r->e->coproc)
			(void)poll(&fds[1], 2, r->e->linger_ms);
		n = poll(fds, ARRAY_LEN(fds), wait_ms(r));

		r->wake = 0;
		began = now_ms();
		if (n > 0 && fds[1].revents)
			on_signal(r);
		while ((v = (struct event *)pool_receive(r->pool)) != NULL) {
			bool end = v->kind == EVENT_END;

			deliver(r, v);
			/* a flood of events must not hide a signal, nor keep a thread idle */
			if (++events % LOOK_EVERY == 0 && r->e->signal_fd >= 0 && poll(&fds[1], 1, 0) > 0)
				on_signal(r);
			/* where a round costs something, all that is there goes into one; other events hold up no end */
			if ((end || r->end_count) && (!r->e->on_round || now_ms() >= began + ROUND_MS)) {
				launch(r);
				began = now_ms();
			}
		}
		tick(r, n > 0 && fds[2].revents);
		/* what has begun has this deadline too, and ends by itself */
		if (!r->cancelled && !r->late && deadline && now_ms() >= deadline) {
			r->late = true;
			r->why_skipped = "the deadline of the run passed before it began";
			skip_waiting(r);
		}
	}
	round_off(r);
}

int engine_run(struct engine *e, struct engine_end *end, struct dt_err *err)
{
	size_t threads = e->coproc < e->hosts ? e->coproc : e->hosts;
	struct run r = { .e = e, .end = end, .err = err };
	int ret = -1;

	memset(end, 0, sizeof(*end));
	if (!e->hosts)
		return 0;
	e->env.emit = emit;
	e->env.note = note;
	e->env.arg = &r;
	e->env.logins = gate_new(LOGINS_PER_ADDRESS);
	e->env.ways = gate_new(LOGINS_PER_JUMP_HOST);
	r.begins = calloc(ROUND_HOSTS, sizeof(*r.begins));
	r.ends = calloc(ROUND_HOSTS, sizeof(*r.ends));
	if (!e->env.logins || !e->env.ways || !r.begins || !r.ends) {
		(void)err_nomem(err);
		goto out;
	}
	r.pool = pool_new(threads, QUEUE_BYTES, work, &r, err);
	if (!r.pool)
		goto out;
	/* ssh(1) with our terminal is waited for as such */
	if (call_waits_in_services(e->call) && !e->env.interactive)
		pool_carry(r.pool, e->cancel_fd);
	loop(&r);
	ret = r.failed ? -1 : 0;
out:
	pool_free(r.pool);
	gate_free(e->env.logins);
	gate_free(e->env.ways);
	e->env.logins = e->env.ways = NULL;
	free(r.begins);
	free(r.ends);
	return ret;
}
