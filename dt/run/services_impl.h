/*
 * services_impl - what the files behind services.h share.
 */
#ifndef DT_RUN_SERVICES_IMPL_H
#define DT_RUN_SERVICES_IMPL_H

#include "dt/run/input.h"
#include "dt/run/services.h"
#include "dt/ssh/session.h"

struct report {
	bool given;
	int outcome;
	char *text;
};

struct dt_call {
	const struct module *module;
	const struct arguments *args;
	struct inventory *inv;
	const struct hostset *hosts;
	int stdin_fd;
	void *state;
	char *refusal;
	struct strs scratch;		/* files read, freed at the end */
	struct secret **asked;		/* typed answers */
	size_t asked_count;
	struct buf *input;		/* dt's stdin, once read */
	struct input *stream;		/* dt's stdin for commands on hosts, or NULL */
	struct report *reports;		/* of an inventory verb, one a host */
	bool editing;			/* a transaction on the store is open */
	bool prepared;			/* prepare has run, and finish has not */
	struct dt_fileset *filesets;	/* of push_files and pull_files */
	bool waits_in_services;		/* run does, and nowhere else */
};

struct dt_task {
	const struct dt_call *call;
	const struct task_env *env;
	size_t index;
	const struct target *target;
	struct result *result;
	struct session *session;
	struct session *bulk;		/* through ssh(1), for many bytes; or NULL */
	struct target bulk_target;
	bool bulk_counted;		/* one of env->bytes->bulk */
	bool no_bulk;			/* it cannot be had */
	struct session_hooks *hooks;	/* of the session */
	struct dt_exit last;		/* of the last command */
	struct strs scratch;
	char turn[96];			/* the key held in env->logins, or "" */
	char way[96];			/* the key held in env->ways, or "" */
	int64_t penalised;		/* when the host first refused this address for a while, or 0 */
	char key[96];			/* the key of the login under way; "" once a command has ended */
	char run[17];			/* what its pushes are kept by, for an undo */
	bool bad;			/* an outcome that cannot become okay is recorded */
	const struct dt_exec *exec;	/* the one under way */
	struct input_reader input;	/* of call->stream */
	bool cr;			/* of a terminal's output: a CR that is not told yet */
};

extern const struct dt_services services;

/* services_task.c */
int service_exec(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end);
int service_local(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end);
/* For -v: what happens on the way, in two parts. */
void task_note(struct dt_task *t, int level, const char *what, const char *text);
/* services_sh.c */
int service_sh(struct dt_task *t, const struct dt_exec *e, const char *text, const char *const *words, size_t n,
	       struct dt_exit *end);
/* Records an error as the host's outcome; DT_FAIL. */
int task_error(struct dt_task *t, const struct dt_err *err);
/* services_files.c */
struct dt_fileset *service_push_files(struct dt_call *c, const struct dt_files *what);
int service_push(struct dt_task *t, const struct dt_fileset *f, struct dt_files_done *done);
struct dt_fileset *service_pull_files(struct dt_call *c, const struct dt_files *what);
int service_pull(struct dt_task *t, const struct dt_fileset *f, struct dt_files_done *done);
int service_undo(struct dt_task *t, const char *keep, const char *run, bool sudo);
void filesets_free(struct dt_fileset *f);	/* and those behind it */
/* services_script.c: the run of a script module. */
int script_run(struct dt_task *t);
/* DT_HOST, DT_ADDRESS, ... as NAME=VALUE.  0, or -1: no memory. */
int task_environment(struct dt_task *t, struct strs *env);
/* Runs argv here (local_run) with the task's environment and more (may be NULL). */
int task_local(struct dt_task *t, char *const *argv, const char *const *more, const char *in, size_t in_len,
	       struct dt_exit *end);

#endif
