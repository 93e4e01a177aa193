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
/* What may wait for the main thread before workers wait for it. */
#define QUEUE_BYTES (16UL << 20)
/* Events between two looks at signals. */
#define LOOK_EVERY 64

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
	bool cancelled, late, failed;
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

static void deliver_end(struct run *r, struct result *result)
{
	r->done++;
	if (!r->failed && r->e->on_end(r->e->arg, result, r->err) != 0)
		r->failed = true;
	result_release(result);
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
	deliver_end(r, &result);
}

/* What no worker has begun ends as skipped. */
static void skip_waiting(struct run *r)
{
	struct dt_err err;
	size_t index;
	void *item;

	(void)err_set(&err, ERR_SKIPPED, "%s", r->why_skipped);
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
	skip_waiting(r);
}

static void deliver(struct run *r, struct event *v)
{
	switch (v->kind) {
	case EVENT_END:
		pace_ended(r->e->pace, v->index, v->result.outcome == OUTCOME_OK);
		deliver_end(r, &v->result);
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
		r->e->on_begin(r->e->arg, index);
		if (pool_put(r->pool, to_item(index), r->err) == 0)
			continue;
		r->failed = true;
		r->done++;
		cancel(r, "dt failed");
	}
	if (answer == PACE_END && pace_stopped(r->e->pace) && !r->end->stopped && !r->cancelled && !r->late) {
		r->end->stopped = true;
		r->why_skipped = pace_stopped(r->e->pace);
		skip_waiting(r);
	}
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
	int64_t deadline = r->e->env.deadline;
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
		if (n > 0 && fds[1].revents)
			on_signal(r);
		while ((v = (struct event *)pool_receive(r->pool)) != NULL) {
			bool end = v->kind == EVENT_END;

			deliver(r, v);
			/* a flood of events must not hide a signal, nor keep a thread idle */
			if (++events % LOOK_EVERY == 0 && r->e->signal_fd >= 0 && poll(&fds[1], 1, 0) > 0)
				on_signal(r);
			if (end)
				launch(r);
		}
		tick(r, n > 0 && fds[2].revents);
		/* what has begun has this deadline too, and ends by itself */
		if (!r->cancelled && !r->late && deadline && now_ms() >= deadline) {
			r->late = true;
			r->why_skipped = "the deadline of the run passed before it began";
			skip_waiting(r);
		}
	}
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
	if (!e->env.logins)
		return err_nomem(err);
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
	e->env.logins = NULL;
	return ret;
}
