/*
 * session - chooses the transport, proves the end of commands, ends what runs too long.
 */
#include "dt/ssh/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/log.h"
#include "dt/base/util.h"
#include "dt/ssh/detached.h"
#include "dt/ssh/kill.h"
#include "dt/ssh/lib.h"
#include "dt/ssh/transport.h"

/* How long ending a remote process group may take. */
#define KILL_MS 8000

void session_note(struct session *s, int level, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (level > log_level() || !s->hooks || !s->hooks->note)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->hooks->note(s->hooks->arg, level, text);
}

int64_t session_connect_deadline(const struct session *s, int64_t deadline)
{
	return s->t->connect_timeout_ms ? deadline_min(deadline, now_ms() + s->t->connect_timeout_ms) : deadline;
}

int session_take_turn(struct session *s, const char *address, int64_t deadline, struct dt_err *err)
{
	if (!s->hooks || !s->hooks->before_connect)
		return 0;
	s->has_turn = true;
	return s->hooks->before_connect(s->hooks->arg, address, deadline, err);
}

void session_give_turn(struct session *s)
{
	if (s->has_turn && s->hooks->after_login)
		s->hooks->after_login(s->hooks->arg);
	s->has_turn = false;
}

int session_waited(int r, const char *what, struct dt_err *err)
{
	if (r == 0)
		return err_set(err, ERR_TIMEOUT, "%s: no answer in time", what);
	return err_set(err, ERR_SKIPPED, "interrupted before it began");
}

/* Why the openssh transport must be taken from the start, or NULL. */
static const char *needs_openssh(const struct session *s)
{
	const struct target *t = s->t;

	if (target_has_master(t))
		return "a ControlMaster of ssh_config is connected";
	if (t->openssh_because)
		return t->openssh_because;
	if (!lib_status_found())
		return "this libssh2 does not tell whether an exit status came";
	for (const struct target *hop = t->via; hop; hop = hop->via)
		if (hop->openssh_because || target_has_master(hop))
			return "a jump host needs ssh(1)";
	if (t->id_count && !libssh2_can_use(t, t->ids[0]) && !s->env->password)
		return "libssh2 cannot use the first key";
	return NULL;
}

static void set_env(struct session *s, const struct ssh_env *env)
{
	s->env = env;
	s->uncancelled = *env;
	s->uncancelled.cancel_fd = -1;
}

int session_open(const struct ssh_env *env, const struct target *t, const struct session_hooks *hooks,
		 int64_t deadline, struct session **out, struct dt_err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	const char *why = NULL;
	int r;

	*out = NULL;
	if (!s)
		return err_nomem(err);
	if (t->refused) {
		free(s);
		return err_set(err, ERR_LOCAL, "%s", t->refused);
	}
	if (t->fault) {
		free(s);
		return err_set(err, ERR_AUTH, "%s", t->fault);
	}
	set_env(s, env);
	s->t = t;
	s->hooks = hooks;
	s->ops = &transport_libssh2;
	if (t->transport == TRANSPORT_LOCAL)
		s->ops = &transport_local;
	else if (t->transport == TRANSPORT_OPENSSH)
		why = "transport = openssh";
	else if (t->transport == TRANSPORT_AUTO)
		why = needs_openssh(s);
	if (why) {
		s->ops = &transport_openssh;
		(void)snprintf(s->because, sizeof(s->because), "%s", why);
	}
	r = s->ops->open(s, deadline, err);
	if (r != 0 && err->code == ERR_UNSUPPORTED && s->ops == &transport_libssh2) {
		if (t->transport == TRANSPORT_AUTO) {
			(void)snprintf(s->because, sizeof(s->because), "%s", err->msg);
			session_note(s, 1, "libssh2 cannot: %s; trying ssh(1)", err->msg);
			s->ops = &transport_openssh;
			*err = (struct dt_err)DT_ERR_INIT;
			r = s->ops->open(s, deadline, err);
		} else {
			err->code = ERR_CONNECT;
		}
	}
	if (r != 0) {
		free(s);
		return -1;
	}
	session_note(s, 1, "connected%s%s by %s%s%s", *s->address ? " to " : "", s->address, s->ops->name,
		     *s->because ? ": " : "", s->because);
	*out = s;
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	session_give_turn(s);
	s->ops->close(s);
	free(s);
}

bool session_rest(struct session *s)
{
	if (!s->ops->rest || !s->ops->rest(s))
		return false;
	s->hooks = NULL;
	return true;
}

bool session_serve(struct session *s)
{
	return s->ops->serve(s);
}

int session_fd(const struct session *s)
{
	return s->ops->fd(s);
}

bool session_wake(struct session *s, const struct ssh_env *env, const struct session_hooks *hooks)
{
	set_env(s, env);
	s->hooks = hooks;
	s->woken = true;
	if (!s->ops->wake(s))
		return false;
	session_note(s, 1, "still connected%s%s", *s->address ? " to " : "", s->address);
	return true;
}

const char *session_address(const struct session *s)
{
	return s->address;
}

bool session_logged_in(const struct session *s)
{
	return s->ops == &transport_libssh2;
}

const char *session_transport(const struct session *s)
{
	return s->ops->name;
}

const char *session_because(const struct session *s)
{
	return *s->because ? s->because : NULL;
}

static void collect(void *arg, int stream, const char *data, size_t len)
{
	if (stream == SESSION_STDOUT)
		(void)buf_add(arg, data, len);
}

/* Ends what the command has left running, sent at the time since.  Is it known to be gone? */
static bool end_command(struct session *s, const struct session_exec *req, bool first, int64_t since)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf command, answer;
	struct raw_end end = { .status = -1 };
	struct session_exec kill = {
		.output = collect, .arg = &answer, .deadline = now_ms() + KILL_MS, .become = req->become,
	};
	struct kill_what what = {
		.become = req->become, .age_ms = first ? -1 : now_ms() - since, .entry = *s->entry ? s->entry : NULL, .pid = s->pid,
	};
	const struct ssh_env *env = s->env;
	bool gone = false;

	if (req->become) {
		kill.prompt = req->prompt;
		kill.ready = req->ready;
		kill.answer = req->answer;
	}
	buf_init(&command, 65536);
	buf_init(&answer, 4096);
	s->env = &s->uncancelled;
	/* twice: another Ctrl-C of an impatient user may reach an ssh(1) that has only just been forked */
	if (kill_command(&command, &what) == 0 && (s->ops->run(s, command.data, &kill, &end, &err) == 0 ||
						   s->ops->run(s, command.data, &kill, &end, &err) == 0))
		gone = !end.elsewhere && str_ends(answer.data, KILL_GONE);
	s->env = env;
	session_note(s, 1, gone ? "the command has ended on the host" : "cannot confirm that the command ended: %s",
		     *answer.data ? answer.data : err.msg);
	buf_release(&command);
	buf_release(&answer);
	return gone;
}

/* Its end is known here, so nobody will ask there. */
static void forget_detached(struct session *s, const char *name)
{
	struct buf command, answer;
	const struct session_exec req = { .output = collect, .arg = &answer, .deadline = now_ms() + KILL_MS };
	const struct ssh_env *env = s->env;
	struct raw_end end = { .status = -1 };
	struct dt_err err = DT_ERR_INIT;

	buf_init(&command, 65536);
	buf_init(&answer, 0);
	s->env = &s->uncancelled;
	if (detached_forget(&command, name) != 0 || s->ops->run(s, command.data, &req, &end, &err) != 0)
		session_note(s, 1, "what --keep left on the host stays there: %s", err.msg);
	s->env = env;
	buf_release(&command);
}

/* What the transport received, as what the command did. */
static int decode(const struct raw_end *raw, struct session_exit *end, struct dt_err *err)
{
	if (*raw->signal) {
		memcpy(end->signal, raw->signal, sizeof(end->signal));
		end->status = -1;
		return 0;
	}
	if (raw->status < 0)
		return err_set(err, ERR_LOST, "the channel closed without an exit status");
	end->status = raw->status;
	return 0;
}

/* libssh2 cannot send it: by the other transport, where that may be taken. */
static int run_otherwise(struct session *s, const char *command, const struct session_exec *req, struct raw_end *raw,
			 struct dt_err *err)
{
	if (s->t->transport != TRANSPORT_AUTO || s->ops != &transport_libssh2 || s->env->password) {
		err->code = ERR_LOCAL;
		return -1;
	}
	(void)snprintf(s->because, sizeof(s->because), "%s", err->msg);
	session_note(s, 1, "libssh2 cannot: %s; trying ssh(1)", err->msg);
	s->ops->close(s);
	s->ops = &transport_openssh;
	*err = (struct dt_err)DT_ERR_INIT;
	if (s->ops->open(s, req->deadline, err) != 0)
		return -1;
	return s->ops->run(s, command, req, raw, err);
}

/* *gone: the command ran, and nothing of it runs any more. */
static int run(struct session *s, const char *command, const struct session_exec *req, struct raw_end *raw,
	       bool *gone, struct dt_err *err)
{
	bool first = !s->ran;
	int64_t since = now_ms();
	int r;

	s->ran = true;
	r = s->ops->run(s, command, req, raw, err);
	if (r != 0 && !raw->begun && err->code == ERR_UNSUPPORTED)
		r = run_otherwise(s, command, req, raw, err);
	*gone = r == 0;
	if (r == 0 || !raw->begun || (err->code != ERR_TIMEOUT && err->code != ERR_KILLED && err->code != ERR_AUTH))
		return r;
	*gone = !req->no_shell && end_command(s, req, first, since);
	if (!*gone || err->code != ERR_AUTH)
		(void)snprintf(err->msg + strlen(err->msg), sizeof(err->msg) - strlen(err->msg), "%s",
			       *gone ? "; ended on the host" : "; could not confirm that it ended on the host");
	return -1;
}

int session_run(struct session *s, const struct session_exec *req, struct session_exit *end,
		struct dt_err *err)
{
	struct buf command;
	struct raw_end raw = { .status = -1 };
	bool gone = false;
	int r = -1;

	memset(end, 0, sizeof(*end));
	end->status = -1;
	buf_init(&command, 4 << 20);
	if (req->keep && detached_command(&command, req->keep, req->keep_max, req->command) != 0)
		(void)err_set(err, ERR_LOCAL, "the command is too long");
	else
		r = run(s, req->keep ? command.data : req->command, req, &raw, &gone, err);
	if (r == 0 && (r = decode(&raw, end, err)) != 0)
		gone = false;
	if (req->keep && gone)
		forget_detached(s, req->keep);
	buf_release(&command);
	return r;
}
