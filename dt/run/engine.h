/*
 * engine - many hosts at once: the pool, the deadlines, the end.
 *
 * All callbacks run on the calling (main) thread.
 */
#ifndef DT_RUN_ENGINE_H
#define DT_RUN_ENGINE_H

#include <stdbool.h>

#include "dt/base/err.h"
#include "dt/run/pace.h"
#include "dt/run/services.h"

struct engine {
	struct dt_call *call;
	struct task_env env;		/* emit, note, arg, logins, ways are the engine's to set */
	size_t hosts;
	size_t coproc;			/* hosts at a time */
	struct pace *pace;		/* which of them begins when */
	const bool *ended;		/* hosts that have their outcome already, and do not begin; or NULL */
	int cancel_fd;			/* the eventfd behind env.ssh->cancel_fd; written once on cancel */
	int signal_fd;			/* an eventfd(2): the number of a signal that came, and cancels; or -1 */
	void (*on_begin)(void *arg, size_t index);
	/*
	 * Before hosts begin, and before on_end of hosts that have ended: both
	 * are to be on disk on return.  Several at a time; NULL: nothing is to
	 * be done.  -1 cancels the run (*err is kept), and it is not called again.
	 */
	int (*on_round)(void *arg, const size_t *begins, size_t begin_count, const struct result *ends, size_t end_count,
			struct dt_err *err);
	/* Output as it arrives, with env.stream.  -1 cancels the run (*err is kept). */
	int (*on_output)(void *arg, size_t index, int stream, const char *data, size_t len, struct dt_err *err);
	/* The end of a host, exactly once each; the result is released after it. */
	int (*on_end)(void *arg, const struct result *r, struct dt_err *err);
	void (*on_note)(void *arg, size_t index, int level, const char *text);
	/* Every tick_ms at the latest (0: never), and at once after info_fd (an eventfd, or -1) became readable. */
	void (*on_tick)(void *arg, bool asked);
	int64_t tick_ms;
	int info_fd;
	/*
	 * So long results may wait for each other while many hosts are left and
	 * threads have work queued; 0: each is delivered at once.
	 */
	int linger_ms;
	void *arg;
};

struct engine_end {
	int signal;	/* that cancelled the run, or 0 */
	bool stopped;	/* by a canary or --max-fail, before all hosts had begun */
};

/*
 * Runs the call on all hosts.  0: each host had its on_end;
 * -1: it could not start, or a callback failed (the others were cancelled
 * and have no on_end, but are told to on_round).
 */
int engine_run(struct engine *e, struct engine_end *end, struct dt_err *err);

#endif
