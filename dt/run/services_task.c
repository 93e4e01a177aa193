/*
 * services_task - one host of a call: its session, its commands, its outcome.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/run/local.h"
#include "dt/run/services_impl.h"
#include "dt/run/services_kept.h"

extern char **environ;

/* Tries more where nobody was let in, and where others are; what a host without a connect timeout is given; waits between tries. */
#define TRIES 3
#define TRIES_IN_CROWD 60
#define PATIENCE_MS 10000
#define BACKOFF_MS 100
#define BACKOFF_TIMES 4
#define BULK_MAX 16
/* sshd(8) with PerSourcePenalties refuses an address for 15 s or longer: waits between tries, and connect timeouts in all. */
#define PENALTY_MS 1000
#define PENALTY_TIMES 3
#define PENALTY_TIMEOUTS 3

int task_error(struct dt_task *t, const struct dt_err *err)
{
	result_error(t->result, err);
	t->bad = true;
	return DT_FAIL;
}

/* ---- the session ---- */

static void leave_way(struct dt_task *t)
{
	if (*t->way)
		gate_leave(t->env->ways, t->way);
	t->way[0] = '\0';
}

static int on_connect(void *arg, const char *address, int64_t deadline, struct dt_err *err)
{
	struct dt_task *t = arg;

	(void)snprintf(t->turn, sizeof(t->turn), "%s port %d", address, t->target->port);
	(void)snprintf(t->key, sizeof(t->key), "%s", t->turn);
	if (t->target->via)
		(void)snprintf(t->way, sizeof(t->way), "%s port %d", t->target->via->hostname, t->target->via->port);
	if (*t->way && gate_enter(t->env->ways, t->way, deadline, err) != 0) {
		t->way[0] = t->turn[0] = '\0';
		return -1;
	}
	if (gate_enter(t->env->logins, t->turn, deadline, err) == 0)
		return 0;
	t->turn[0] = '\0';
	leave_way(t);
	return -1;
}

static void on_login(void *arg)
{
	struct dt_task *t = arg;

	if (*t->turn)
		gate_leave(t->env->logins, t->turn);
	t->turn[0] = '\0';
	leave_way(t);
}

static void on_note(void *arg, int level, const char *text)
{
	struct dt_task *t = arg;

	t->env->note(t->env->arg, t->index, level, text);
}

void task_note(struct dt_task *t, int level, const char *what, const char *text)
{
	const char *both = services.format(t, "%s%s", what, text);

	if (both)
		on_note(t, level, both);
}

/*
 * A host that penalises this address: other tries, as rare as it needs, until it
 * lets in or the run's deadline; without one, for some connect timeouts.
 */
static bool try_after_penalty(struct dt_task *t, int tries)
{
	int64_t timeout = t->target->connect_timeout_ms ? t->target->connect_timeout_ms : PATIENCE_MS;
	int64_t pause = (int64_t)PENALTY_MS << (tries < PENALTY_TIMES ? tries : PENALTY_TIMES), now = now_ms(), end, since;
	unsigned random;
	char text[200];

	if (!t->penalised)
		t->penalised = now;
	end = t->env->deadline ? t->env->deadline : t->penalised + PENALTY_TIMEOUTS * timeout;
	if (now >= end)
		return false;
	(void)gate_dropped(t->env->logins, t->key, &since);
	random_bytes(&random, sizeof(random));
	pause = pause / 2 + random % (unsigned)pause;
	if (pause > end - now)
		pause = end - now;
	(void)snprintf(text, sizeof(text), "%s lets nobody in from here for a while: another try in %d ms", t->key, (int)pause);
	on_note(t, 1, text);
	return ssh_wait(t->env->ssh, -1, 0, now + pause) == 0 && !(t->env->deadline && now_ms() >= t->env->deadline);
}

/*
 * A host that drops logins has too many of them: fewer at a time there, and
 * another try, as long as others are let in; nothing has begun.
 */
static bool try_again(struct dt_task *t, const struct dt_err *err, int tries)
{
	int64_t timeout = t->target->connect_timeout_ms ? t->target->connect_timeout_ms : PATIENCE_MS, since, pause;
	unsigned left, random;
	char text[200];

	if (err->code == ERR_CONNECT && err->sys == EBUSY && *t->key)
		return try_after_penalty(t, tries);
	if (err->code != ERR_CONNECT || (err->sys != ECONNRESET && err->sys != ECONNREFUSED) || !*t->key)
		return false;
	left = gate_dropped(t->env->logins, t->key, &since);
	if (since < 0 ? err->sys == ECONNREFUSED || tries >= TRIES : since > timeout || tries >= TRIES_IN_CROWD)
		return false;
	random_bytes(&random, sizeof(random));
	pause = (int64_t)BACKOFF_MS << (tries < BACKOFF_TIMES ? tries : BACKOFF_TIMES);
	pause = pause / 2 + random % (unsigned)pause;
	(void)snprintf(text, sizeof(text), "%s dropped the login: at most %u at a time there now; another try in %d ms",
		       t->key, left, (int)pause);
	on_note(t, 1, text);
	/* where it is cancelled meanwhile, the next try says so */
	(void)ssh_wait(t->env->ssh, -1, 0, deadline_min(now_ms() + pause, t->env->deadline));
	return true;
}

static int connect_task(struct dt_task *t, const struct target *target, struct session **out, struct dt_err *err)
{
	const struct session_hooks hooks = {
		.before_connect = on_connect, .after_login = on_login, .note = on_note, .arg = t,
	};

	/* the hooks live as long as the session: the openssh transport logs in later */
	if (!t->hooks)
		t->hooks = malloc(sizeof(*t->hooks));
	if (!t->hooks)
		return err_nomem(err);
	*t->hooks = hooks;
	if (t->env->kept && target == t->target)
		*out = kept_take(t->env->kept, t->index, t->env->ssh, t->hooks);
	if (!*out && session_open(t->env->ssh, target, t->hooks, t->env->deadline, out, err) != 0)
		return -1;
	if (*session_address(*out))
		(void)snprintf(t->result->address, sizeof(t->result->address), "%s", session_address(*out));
	t->result->transport = session_transport(*out);
	if (session_logged_in(*out) && *t->key)
		gate_let_in(t->env->logins, t->key);
	return 0;
}

/* Runs a command, on a session that is made where there is none.  0, or -1. */
static int run_on(struct dt_task *t, const struct target *target, struct session **s, const struct session_exec *req,
		  struct session_exit *got, struct dt_err *err)
{
	for (int tries = 0;; tries++) {
		int r = *s ? 0 : connect_task(t, target, s, err);

		if (r == 0 && t->input.inside)
			r = input_rewind(t->call->stream, &t->input, err);
		if (r == 0)
			r = session_run(*s, req, got, err);
		/* what libssh2 cannot send goes another way */
		if (*s)
			t->result->transport = session_transport(*s);
		if (r != 0 && err->code == ERR_CONNECT && err->sys == ESTALE) {
			on_note(t, 1, err->msg);
			tries = -1; /* of a login there was none yet */
		} else if (r == 0 || !try_again(t, err, tries)) {
			if (r == 0 && *t->key)
				gate_let_in(t->env->logins, t->key);
			t->key[0] = '\0'; /* from here on something may have begun */
			return r;
		}
		session_close(*s);
		*s = NULL;
		err->sys = 0;
	}
}

/*
 * ssh(1) ciphers faster than libssh2: many bytes are worth a login of their own.
 * But it is a process, of a megabyte or more: not for many hosts at a time.
 */
static bool wants_bulk(struct dt_task *t, const struct dt_exec *e)
{
	struct transfer_bytes *b = t->env->bytes;

	if (!(e->flags & DT_EXEC_BULK) || t->no_bulk || t->target->transport != TRANSPORT_AUTO || t->env->ssh->password ||
	    !t->session || !session_logged_in(t->session))
		return false;
	if (t->bulk || !b)
		return true;
	if (atomic_fetch_add(&b->bulk, 1) < BULK_MAX) {
		t->bulk_counted = true;
		return true;
	}
	atomic_fetch_sub(&b->bulk, 1);
	return false;
}

static int run_command(struct dt_task *t, const struct dt_exec *e, const struct session_exec *req,
		       struct session_exit *got, struct dt_err *err)
{
	const char *transport = t->result->transport;

	if (!wants_bulk(t, e))
		return run_on(t, t->target, &t->session, req, got, err);
	t->bulk_target = *t->target;
	t->bulk_target.transport = TRANSPORT_OPENSSH;
	if (run_on(t, &t->bulk_target, &t->bulk, req, got, err) == 0)
		return 0;
	if (err->code != ERR_CONNECT && err->code != ERR_HOSTKEY && err->code != ERR_RESOLVE &&
	    (err->code != ERR_AUTH || (e->flags & DT_EXEC_SUDO)))
		return -1;
	/* nothing has begun there: the session that we have does it */
	on_note(t, 1, err->msg);
	t->no_bulk = true;
	t->result->transport = transport;
	*err = (struct dt_err)DT_ERR_INIT;
	return run_on(t, t->target, &t->session, req, got, err);
}

/* ---- commands ---- */

static void tell_output(struct dt_task *t, int stream, const char *data, size_t len)
{
	if (t->exec->output) {
		t->exec->output(t->exec->arg, stream, data, len);
		return;
	}
	(void)output_add(&t->result->output, stream, data, len);
	if (t->env->stream)
		t->env->emit(t->env->arg, t->index, stream, data, len);
}

/* A terminal ends its lines with CR LF; other CRs are the command's. */
static void tell_lines(struct dt_task *t, int stream, const char *data, size_t len)
{
	while (len) {
		const char *cr = memchr(data, '\r', len);
		size_t n = cr ? (size_t)(cr - data) : len;

		if (t->cr && *data != '\n')
			tell_output(t, stream, "\r", 1);
		t->cr = cr != NULL;
		if (n)
			tell_output(t, stream, data, n);
		data += n + (cr != NULL);
		len -= n + (cr != NULL);
	}
}

static void on_output(void *arg, int stream, const char *data, size_t len)
{
	struct dt_task *t = arg;

	if (t->exec->flags & DT_EXEC_TTY)
		tell_lines(t, stream, data, len);
	else
		tell_output(t, stream, data, len);
}

static size_t on_input(void *arg, char *room, size_t size)
{
	struct dt_task *t = arg;

	return t->exec->input(t->exec->arg, room, size);
}

static size_t on_stdin(void *arg, char *room, size_t size)
{
	struct dt_task *t = arg;
	size_t n = input_take(t->call->stream, &t->input, room, size);

	return n == INPUT_LATER ? SESSION_LATER : n;
}

/* The words before a command that sudo(8) runs, and the markers it speaks with. */
struct sudo {
	char prompt[40], ready[40];
	char become[96];
	struct buf command;
};

static int sudo_command(struct sudo *s, const char *command, bool password)
{
	static const char script[] = "printf %s \"$0\"; printf %s \"$0\" >&2; export SSH_CONNECTION=\"$1\"; exec /bin/sh -c \"$2\"";
	const char *argv[] = { "/bin/sh", "-c", script, s->ready };
	char hex[33];

	random_hex(hex, 16);
	(void)snprintf(s->prompt, sizeof(s->prompt), "dt-%s:", hex);
	random_hex(hex, 16);
	(void)snprintf(s->ready, sizeof(s->ready), "dt-%s.", hex);
	if (password)
		(void)snprintf(s->become, sizeof(s->become), "sudo -S -p %s --", s->prompt);
	else
		(void)snprintf(s->become, sizeof(s->become), "sudo -n --");
	buf_init(&s->command, 4UL << 20);
	/* sudo drops from where someone came */
	if (buf_addf(&s->command, "%s ", s->become) != 0 || quote_argv(&s->command, argv, ARRAY_LEN(argv)) != 0 ||
	    buf_adds(&s->command, " \"$SSH_CONNECTION\" ") != 0)
		return -1;
	return quote_arg(&s->command, command);
}

static int ended(struct dt_task *t, const struct session_exit *got, struct dt_exit *end)
{
	t->last.status = got->status;
	memcpy(t->last.signal, got->signal, sizeof(t->last.signal));
	if (end)
		*end = t->last;
	return DT_OK;
}

/* -i: ssh(1) with our terminal; sudo(8) then asks for itself. */
static int exec_interactive(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	const char *argv[] = { "sudo", "--", "/bin/sh", "-c", e->command }, *command = e->command;
	struct session_exit got;
	struct dt_err err = DT_ERR_INIT;

	if (e->in_len || e->input || (e->flags & DT_EXEC_STDIN)) {
		(void)err_set(&err, ERR_LOCAL, "-i leaves standard input to the terminal, and this needs it");
		return task_error(t, &err);
	}
	if (e->flags & DT_EXEC_SUDO)
		command = services.quote(t, argv, ARRAY_LEN(argv));
	if (!command)
		return DT_FAIL;
	on_note(t, 0, "its turn, on this terminal");
	if (session_interactive(t->env->ssh, t->target, command, &got, &err) != 0)
		return task_error(t, &err);
	t->result->transport = "openssh";
	return ended(t, &got, end);
}

/* A command whose end means that of the task, and that needs nothing from here once it has begun. */
static int keep_name(struct dt_task *t, const struct dt_exec *e, struct session_exec *req, char *name, size_t size,
		     struct dt_err *err)
{
	if (e->in_len || e->input || (e->flags & (DT_EXEC_SUDO | DT_EXEC_STDIN)))
		return err_set(err, ERR_LOCAL, "--keep is for commands that get no input");
	if (req->no_shell)
		return err_set(err, ERR_LOCAL, "--keep needs a POSIX shell on the host");
	(void)snprintf(name, size, "%s-%zu", t->env->keep, t->index);
	req->keep = name;
	req->keep_max = t->env->max_output + 1;	/* one more, so that it shows */
	return 0;
}

/* A closed channel is no end of file there: who reads would wait for ever. */
static int begin_terminal(struct dt_task *t, const struct dt_exec *e, struct session_exec *req, struct dt_err *err)
{
	if (e->in_len || e->input || (e->flags & DT_EXEC_STDIN))
		return err_set(err, ERR_LOCAL, "a command with a terminal there gets no input");
	if (t->target->transport == TRANSPORT_LOCAL)
		return err_set(err, ERR_LOCAL, "there is no terminal for a command of this machine (transport = local)");
	t->cr = false;
	req->tty = true;
	req->in = "\004";
	req->in_len = 1;
	return 0;
}

static int begin_stdin(struct dt_task *t, struct session_exec *req, struct dt_err *err)
{
	if (!t->call->stream)
		return err_set(err, ERR_LOCAL, "the module has not asked for standard input");
	if (input_enter(t->call->stream, &t->input, err) != 0)
		return -1;
	req->input = on_stdin;
	req->input_fd = t->input.fd;
	req->enough = &t->input.failed;
	return 0;
}

/* A command whose input failed was ended, and not told that it were whole. */
static void end_stdin(struct dt_task *t, int r, struct dt_err *err)
{
	char there[sizeof(err->msg)];

	input_leave(t->call->stream, &t->input);
	if (r == 0 || err->code != ERR_KILLED || !t->input.failed)
		return;
	(void)snprintf(there, sizeof(there), "%s", strchr(err->msg, ';') ? strchr(err->msg, ';') : "");
	input_error(t->call->stream, err);
	(void)snprintf(err->msg + strlen(err->msg), sizeof(err->msg) - strlen(err->msg), "%s", there);
}

int service_exec(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	struct session_exec req = {
		.command = e->command, .in = e->in, .in_len = e->in_len, .output = on_output, .arg = t,
		.no_shell = (e->flags & DT_EXEC_RAW) || !t->target->shell, .deadline = t->env->deadline,
		.timeout_ms = t->env->command_timeout_ms, .input = e->input ? on_input : NULL,
		.enough = e->enough,
	};
	struct session_exit got;
	struct dt_err err = DT_ERR_INIT;
	struct sudo sudo = { .become = "" };
	char kept[80];
	int r;

	if (t->bad)
		return DT_FAIL;
	if (t->env->interactive)
		return exec_interactive(t, e, end);
	if (t->env->keep && keep_name(t, e, &req, kept, sizeof(kept), &err) != 0)
		return task_error(t, &err);
	if ((e->flags & DT_EXEC_TTY) && begin_terminal(t, e, &req, &err) != 0)
		return task_error(t, &err);
	if ((e->flags & DT_EXEC_STDIN) && begin_stdin(t, &req, &err) != 0)
		return task_error(t, &err);
	buf_init(&sudo.command, 0);
	if (e->flags & DT_EXEC_SUDO) {
		if (sudo_command(&sudo, e->command, t->env->sudo != NULL) != 0) {
			(void)err_set(&err, ERR_LOCAL, "the command is too long");
			buf_release(&sudo.command);
			return task_error(t, &err);
		}
		req.command = sudo.command.data;
		req.prompt = sudo.prompt;
		req.ready = sudo.ready;
		req.answer = t->env->sudo;
		req.become = sudo.become;
	}
	t->exec = e;
	r = run_command(t, e, &req, &got, &err);
	if (t->cr)
		tell_output(t, SESSION_STDOUT, "\r", 1);
	t->cr = false;
	t->exec = NULL;
	buf_release(&sudo.command);
	if (e->flags & DT_EXEC_STDIN)
		end_stdin(t, r, &err);
	if (r != 0 && err.code == ERR_KILLED && e->enough && *e->enough)
		return DT_FAIL;
	if (r != 0)
		return task_error(t, &err);
	return ended(t, &got, end);
}

int task_environment(struct dt_task *t, struct strs *env)
{
	const struct dt_host *h = &t->call->hosts->v[t->index]->pub;
	struct buf b;
	int r = 0;

	buf_init(&b, 1UL << 20);
	r |= buf_addf(&b, "DT_HOST=%s", h->name) || strs_add(env, b.data);
	buf_clear(&b);
	/* what ssh(1) alone knows is not there */
	if (!t->target->unknown.hostname)
		r |= buf_addf(&b, "DT_ADDRESS=%s", t->target->hostname) || strs_add(env, b.data);
	buf_clear(&b);
	if (!t->target->unknown.user)
		r |= buf_addf(&b, "DT_USER=%s", t->target->user) || strs_add(env, b.data);
	buf_clear(&b);
	if (!t->target->unknown.port)
		r |= buf_addf(&b, "DT_PORT=%d", t->target->port) || strs_add(env, b.data);
	buf_clear(&b);
	r |= buf_adds(&b, "DT_TAGS=");
	for (size_t i = 0; h->tags && h->tags[i]; i++)
		r |= buf_addf(&b, "%s%s", i ? " " : "", h->tags[i]);
	r |= strs_add(env, b.data);
	buf_release(&b);
	return r ? -1 : 0;
}

/* Our own environment, without what a caller may have put there in dt's name. */
static int inherit(struct strs *env)
{
	static const char *const own[] = { "DT_HOST=", "DT_ADDRESS=", "DT_USER=", "DT_PORT=", "DT_TAGS=", "DT_PARAM_" };
	int r = 0;

	for (char **e = environ; *e; e++) {
		bool ours = false;

		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			ours |= str_starts(*e, own[i]);
		if (!ours)
			r |= strs_add(env, *e);
	}
	return r;
}

/* The name of a signal as RFC 4254 has it. */
static void signal_name(int number, char out[16])
{
	const char *name = sigabbrev_np(number);

	(void)snprintf(out, 16, "%s", name ? name : "unknown");
}

int task_local(struct dt_task *t, char *const *argv, const char *const *more, const char *in, size_t in_len,
	       struct dt_exit *end)
{
	struct local_command c = {
		.argv = argv, .in = in, .in_len = in_len, .cancel_fd = t->env->ssh->cancel_fd,
		.deadline = t->env->deadline, .output = on_output, .arg = t,
	};
	struct dt_err err = DT_ERR_INIT;
	struct strs env = { 0 };
	int status = 0, r;

	r = task_environment(t, &env);
	for (size_t i = 0; more && more[i]; i++)
		r |= strs_add(&env, more[i]);
	r |= inherit(&env);
	if (r) {
		strs_release(&env);
		(void)err_nomem(&err);
		return task_error(t, &err);
	}
	c.env = env.v;
	if (t->env->command_timeout_ms)
		c.deadline = deadline_min(c.deadline, now_ms() + t->env->command_timeout_ms);
	r = local_run(&c, &status, &err);
	strs_release(&env);
	if (r != 0)
		return task_error(t, &err);
	memset(&t->last, 0, sizeof(t->last));
	if (WIFSIGNALED(status)) {
		t->last.status = -1;
		signal_name(WTERMSIG(status), t->last.signal);
	} else {
		t->last.status = WEXITSTATUS(status);
	}
	if (end)
		*end = t->last;
	return DT_OK;
}

int service_local(struct dt_task *t, const struct dt_exec *e, struct dt_exit *end)
{
	char *command, *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, NULL, NULL };
	struct dt_err err = DT_ERR_INIT;
	int r;

	if (t->bad)
		return DT_FAIL;
	command = strdup(e->command);
	if (!command) {
		(void)err_nomem(&err);
		return task_error(t, &err);
	}
	argv[2] = command;
	t->exec = e;
	r = task_local(t, argv, e->env, e->in, e->in_len, end);
	t->exec = NULL;
	free(command);
	return r;
}

/* ---- the task ---- */

static void decide(struct dt_task *t, int r)
{
	if (t->bad)
		return;
	if (r == DT_OK)
		result_exit(t->result, 0, NULL);
	else if (*t->last.signal)
		result_exit(t->result, -1, t->last.signal);
	else
		result_exit(t->result, t->last.status > 0 ? t->last.status : 1, NULL);
}

void task_run(const struct dt_call *c, const struct task_env *env, size_t index, struct result *r)
{
	struct dt_task t = {
		.call = c, .env = env, .index = index, .target = plan_target(env->plan, index), .result = r,
	};
	const struct dt_verb *v = c->args->verb;

	result_init(r, env->max_output);
	call_describe(c, index, r);
	r->user = t.target->unknown.user ? NULL : t.target->user;
	r->began_ms = now_ms();
	random_hex(t.run, 8);
	if (c->stream && !env->survey)
		input_expect(c->stream);
	decide(&t, c->module->script ? script_run(&t) : (env->survey ? v->survey : v->run)(&t, c, &services));
	if (c->stream && !env->survey)
		input_leave(c->stream, &t.input);
	session_close(t.bulk);
	if (t.bulk_counted)
		atomic_fetch_sub(&env->bytes->bulk, 1);
	if (env->kept && t.session && !t.bad)
		kept_put(env->kept, index, t.session);
	else
		session_close(t.session);
	on_login(&t);
	free(t.hooks);
	strs_release(&t.scratch);
	r->ended_ms = now_ms();
}
