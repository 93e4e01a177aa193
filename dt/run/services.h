/*
 * services - what modules call: one invocation, its hosts, and their sessions.
 */
#ifndef DT_RUN_SERVICES_H
#define DT_RUN_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/secret.h"
#include "dt/report/result.h"
#include "dt/run/arguments.h"
#include "dt/run/modload.h"
#include "dt/run/plan.h"
#include "dt/run/pool.h"
#include "dt/ssh/env.h"
#include "inventory/inventory.h"

/*
 * One invocation of a verb.  All that is passed in is borrowed and must
 * outlive it.  stdin_fd: what read_stdin reads, -1 where it is taken
 * (by out:).  NULL: no memory.
 */
struct dt_call *call_new(const struct module *m, const struct arguments *args, struct inventory *inv,
			 const struct hostset *hosts, int stdin_fd);
void call_free(struct dt_call *c);

/* A verb about the inventory: call_finish does it all. */
bool call_is_inventory(const struct dt_call *c);
/* The verb's prepare.  0, or -1: ERR_MODULE "module ssh: reason". */
int call_prepare(struct dt_call *c, struct dt_err *err);
/* After call_prepare: does run wait in services alone? */
bool call_waits_in_services(const struct dt_call *c);
/* Is there a survey of all hosts, before the first one's run? */
bool call_surveys(const struct dt_call *c);
/* The verb's agree, after the survey.  0, or -1: ERR_SKIPPED with why no host begins. */
int call_agree(struct dt_call *c, struct dt_err *err);
/*
 * The verb's finish; what it changed in the store is committed, or rolled
 * back where it failed.  0, or -1: ERR_USAGE (the store), ERR_FAIL.
 */
int call_finish(struct dt_call *c, struct dt_err *err);
/* After call_finish of an inventory verb: moves the outcome of host i into r. */
void call_result(struct dt_call *c, size_t i, struct result *r);

/* Content of files on all hosts, counted by all workers. */
struct transfer_bytes {
	_Atomic uint64_t expected, moved;
	_Atomic unsigned bulk;		/* sessions through ssh(1) for many bytes */
};

/* What all tasks of a run share; constant, read by all workers. */
struct task_env {
	const struct ssh_env *ssh;
	const struct plan *plan;
	struct gate *logins;		/* unauthenticated connections by address */
	struct gate *ways;		/* the same by the jump host that they go through */
	size_t max_output;
	int64_t command_timeout_ms;	/* 0: none */
	int64_t deadline;		/* of the run; 0: none */
	const struct secret *sudo;	/* -K, or NULL */
	bool stream;			/* emit output as it comes */
	bool survey;			/* the verb's survey, not its run */
	bool interactive;		/* -i: each command with our terminal; one host at a time */
	void (*emit)(void *arg, size_t index, int stream, const char *data, size_t len);
	void (*note)(void *arg, size_t index, int level, const char *text);
	struct transfer_bytes *bytes;	/* of files; or NULL */
	const char *keep;		/* commands outlive us on the hosts, as KEEP-INDEX; or NULL */
	struct kept *kept;		/* sessions of an earlier run, and for a later one; or NULL */
	void *arg;
};

/* Sets index, host, module of a result for host index. */
void call_describe(const struct dt_call *c, size_t index, struct result *r);
/* The result of a host that did not begin; r is initialised here. */
void call_skip(const struct dt_call *c, size_t index, const struct dt_err *why, struct result *r);
/* Runs the verb on host index, on this thread, to its end.  r is initialised here; never fails. */
void task_run(const struct dt_call *c, const struct task_env *env, size_t index, struct result *r);

#endif
