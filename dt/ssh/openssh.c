/*
 * openssh - the transport that runs ssh(1), for what libssh2 cannot speak.
 *
 * One process runs one command.  The first is a control master on a socket
 * of ours (ssh_config(5), ControlMaster), so that a second one, to end what
 * the first runs, needs no login; of a session that is to last, the master
 * goes on as a process of its own.  ssh's own messages come apart from the
 * command's stderr, over a FIFO (-E).  That log tells when the command is
 * sent, before which all on stderr is ssh's or a banner, and how it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/fiber.h"
#include "dt/base/util.h"
#include "dt/ssh/feed.h"
#include "dt/ssh/openssh.h"
#include "dt/ssh/transport.h"

#define REFUSED_MS 3000	/* what sudo(8) may take to end when its password was wrong */
#define SHOWN_MAX 900	/* bytes of a command that ssh(1) logs */
#define PIPE_SIZE (1 << 20)	/* of stdin and stdout, where the system allows it: fewer turns between processes */

/* ---- the process ---- */

void openssh_process_free(struct process *p)
{
	child_end(&p->child);
	child_close(&p->log);
	free(p);
}

static int start_process(struct session *s, const char *command, bool tty, struct process **out, struct dt_err *err)
{
	struct openssh *o = s->state;
	struct process *p = calloc(1, sizeof(*p));
	struct strs argv = { 0 };
	char fifo[96];
	int r = -1;

	*out = NULL;
	if (!p)
		return err_nomem(err);
	p->child.in = p->child.out = p->child.err = -1;
	p->log = -1;
	(void)snprintf(fifo, sizeof(fifo), "%s/log", o->dir);
	if (*o->dir)
		(void)unlink(fifo);
	if (!*o->dir)
		r = local_argv(&argv, s->entry, command) != 0 ? err_nomem(err) : child_start(&p->child, argv.v, NULL, err);
	else if (mkfifo(fifo, 0600) != 0 || (p->log = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		(void)err_sys(err, ERR_LOCAL, errno, "%s", fifo);
	else if (openssh_argv(&argv, s, o->dir, !o->processes && !o->lasting, tty, fifo, command) != 0)
		(void)err_nomem(err);
	else
		r = child_start(&p->child, argv.v, NULL, err);
	strs_release(&argv);
	if (r != 0) {
		openssh_process_free(p);
		return -1;
	}
	(void)fcntl(p->child.in, F_SETPIPE_SZ, PIPE_SIZE);
	(void)fcntl(p->child.out, F_SETPIPE_SZ, PIPE_SIZE);
	p->next = o->processes;
	o->processes = p;
	o->lasting = *o->dir && s->env->lasting;
	*out = p;
	return 0;
}

/* ---- one command ---- */

struct call {
	struct session *s;
	const struct session_exec *req;
	struct dt_err *err;
	struct process *p;
	struct feed feed;
	struct buf held;	/* a last line of stderr that may be ssh's own */
	bool begun;		/* the command was sent */
	bool at_once;		/* there is a login already, and the command goes out at once */
	int64_t deadline;	/* once begun */
	int64_t refused_until;
	struct openssh_said said;
};

static void begin(struct call *c)
{
	c->begun = true;
	c->deadline = c->req->deadline;
	if (c->req->timeout_ms)
		c->deadline = deadline_min(c->deadline, now_ms() + c->req->timeout_ms);
	session_give_turn(c->s);
}

static void read_log(struct call *c)
{
	char data[4096];
	ssize_t n;

	while (c->p->log >= 0 && (n = read(c->p->log, data, sizeof(data))) > 0)
		openssh_log_add(&c->said.events, data, (size_t)n);
	if (c->said.events.begun && !c->begun)
		begin(c);
}

/*
 * ssh(1) writes this to stderr, and not to its log, when the connection ends
 * before the command.  So the beginning of such a line waits for what follows.
 */
static const char closing[] = "Connection to ";
#define CLOSING_MAX 400

/* How many of the last bytes may be such a line, or the beginning of one. */
static size_t closing_tail(const struct buf *b)
{
	for (size_t n = b->len < CLOSING_MAX ? b->len : CLOSING_MAX; n; n--)
		if (memcmp(b->data + b->len - n, closing, n < strlen(closing) ? n : strlen(closing)) == 0)
			return n;
	return 0;
}

static void take_stderr(struct call *c, const char *data, size_t len)
{
	struct buf *b = &c->held;
	size_t n;

	/* it was sent before it had an answer: so the log tells of that by now */
	if (!c->begun)
		read_log(c);
	/* at a terminal the command has none */
	if (!c->begun || c->req->tty) {
		(void)buf_add(&c->said.early, data, len < SAID_MAX - c->said.early.len ? len : SAID_MAX - c->said.early.len);
		return;
	}
	if (buf_add(b, data, len) != 0) {
		feed_output(&c->feed, SESSION_STDERR, b->data, b->len);
		buf_clear(b);
		feed_output(&c->feed, SESSION_STDERR, data, len);
		return;
	}
	n = closing_tail(b);
	feed_output(&c->feed, SESSION_STDERR, b->data, b->len - n);
	buf_consume(b, b->len - n);
}

/* The end of stderr; lost: of the connection too. */
static void end_stderr(struct call *c, bool lost)
{
	static const char tail[] = " closed by remote host.\r\n";
	struct buf *b = &c->held;

	if (!lost || !str_starts(b->data, closing) || !str_ends(b->data, tail))
		feed_output(&c->feed, SESSION_STDERR, b->data, b->len);
	buf_clear(b);
	feed_end(&c->feed);
}

/* Reads what is there; closes *fd at its end. */
static void read_fd_some(struct call *c, int *fd, int stream)
{
	char data[32768];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0) {
		if (stream == SESSION_STDERR)
			take_stderr(c, data, (size_t)n);
		else
			feed_output(&c->feed, stream, data, (size_t)n);
		if (c->feed.refused.code && !c->refused_until) {
			c->refused_until = now_ms() + REFUSED_MS;
			c->deadline = deadline_min(c->deadline, c->refused_until);
		}
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		child_close(fd);
	}
}

static void write_some(struct call *c)
{
	size_t len;
	const char *data = feed_next(&c->feed, &len);
	ssize_t n = len ? write(c->p->child.in, data, len) : 0;

	if (n > 0)
		feed_wrote(&c->feed, (size_t)n);
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || feed_is_done(&c->feed))
		child_close(&c->p->child.in);
}

/*
 * It is not waited for any longer: r as ssh_wait(), or 1: not wanted any more.
 * One that has not sent the command must not do so now, nor ask the master
 * behind the command that ends this one.
 */
static int give_up(struct call *c, int r)
{
	if (!c->begun)
		child_end(&c->p->child);
	read_log(c);
	if (r == 0)
		return err_set(c->err, ERR_TIMEOUT, c->begun ? "the command did not end in time"
						    : c->at_once ? "start of the command: no answer in time"
								 : "no login in time");
	if (!c->begun && !c->at_once)
		return err_set(c->err, ERR_SKIPPED, "interrupted before it began");
	return err_set(c->err, ERR_KILLED, r > 0 ? "not wanted any more" : "interrupted");
}

/* Until begun, the connect timeout holds too; ssh's own has whole seconds and covers TCP alone. */
static int64_t deadline_now(const struct call *c, int64_t connect_deadline)
{
	return c->begun ? c->deadline : deadline_min(c->req->deadline, connect_deadline);
}

static int pump(struct call *c)
{
	int64_t connect = c->s->t->connect_timeout_ms ? now_ms() + c->s->t->connect_timeout_ms : 0;
	struct child *p = &c->p->child;
	bool ended = false, idle = true;

	/* what a ProxyCommand left may hold the pipes open: the end of ssh is what counts */
	while (p->out >= 0 || p->err >= 0) {
		/* its end of file too must go */
		bool wants = p->in >= 0 && c->begun && (feed_wants(&c->feed) || feed_is_done(&c->feed));
		struct pollfd fds[] = {
			{ c->s->env->cancel_fd, POLLIN, 0 }, { p->out, POLLIN, 0 }, { p->err, POLLIN, 0 },
			{ c->p->log, POLLIN, 0 }, { wants ? p->in : -1, POLLOUT, 0 },
			{ p->in >= 0 ? feed_fd(&c->feed) : -1, POLLIN, 0 },
		};
		int64_t deadline = deadline_now(c, connect);
		int64_t wake = now_ms() + (ended ? 20 : 200);
		int n;

		if (idle)
			ended = child_ended(p);
		n = fiber_poll(fds, ARRAY_LEN(fds), deadline_poll_ms(deadline_min(wake, deadline)));
		idle = n == 0;
		if (n < 0 && errno != EINTR)
			return err_sys(c->err, ERR_LOCAL, errno, "poll");
		if (n > 0 && fds[0].revents)
			return give_up(c, -1);
		if (deadline && now_ms() >= deadline)
			return give_up(c, 0);
		if (n == 0 && ended)
			break;
		if (n <= 0)
			continue;
		/* what stderr says before the command is sent is ssh's own, or the host's banner */
		if (fds[3].revents)
			read_log(c);
		if (fds[2].revents)
			read_fd_some(c, &p->err, SESSION_STDERR);
		if (fds[1].revents)
			read_fd_some(c, &p->out, SESSION_STDOUT);
		if (fds[4].revents || fds[5].revents)
			write_some(c);
		if (c->req->enough && *c->req->enough)
			return give_up(c, 1);
	}
	/* it has closed its streams: it is about to end */
	for (int64_t step = 1; !child_ended(p); step = step < 20 ? step * 2 : 20) {
		int64_t deadline = deadline_now(c, connect);
		int r = ssh_wait(c->s->env, -1, 0, deadline_min(now_ms() + step, deadline));

		if (r < 0 || (deadline && now_ms() >= deadline))
			return give_up(c, r);
	}
	read_log(c);
	return 0;
}

/* What the process that exited with status (of waitpid(2)) proves: 0, or -1. */
static int judge(const struct session *s, const struct openssh_said *said, int status, bool may_have_begun,
		 int64_t deadline, struct raw_end *end, struct dt_err *err)
{
	const struct openssh *o = s->state;
	const char *name;

	if (!*o->dir) {
		name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "";
		(void)snprintf(end->signal, sizeof(end->signal), "%s", name ? name : "?");
		end->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		return 0;
	}
	if (!WIFEXITED(status))
		return err_set(err, ERR_LOST, "ssh was ended by signal %d", WTERMSIG(status));
	switch (openssh_log_end(&said->events, WEXITSTATUS(status), &end->status)) {
	case OPENSSH_STATUS:
		return 0;
	case OPENSSH_SIGNAL:
		memcpy(end->signal, "?", 2);
		return 0;
	default:
		if (said->events.statuses + said->events.signals > 1)
			return err_set(err, ERR_LOST, "the host sent two exit statuses");
		return openssh_failure(s, said, may_have_begun, deadline, err);
	}
}

static int openssh_run(struct session *s, const char *command, const struct session_exec *req, struct raw_end *end,
		       struct dt_err *err)
{
	const struct openssh *o = s->state;
	struct call c = { .s = s, .req = req, .err = err, .at_once = o->lasting || o->shared || o->processes };
	int r;

	end->status = -1;
	if (!*o->dir) {
		char hex[17];

		random_hex(hex, 8);
		(void)snprintf(s->entry, sizeof(s->entry), "DT_RUN=%s", hex);
	}
	if (start_process(s, command, req->tty, &c.p, err) != 0) {
		session_give_turn(s);
		return -1;
	}
	feed_init(&c.feed, s, req);
	buf_init(&c.held, 65536);
	openssh_said_init(&c.said);
	for (const char *p = command; *p && p < command + SHOWN_MAX; p++)
		c.said.events.more += *p == '\n';
	if (!*o->dir)
		begin(&c);
	r = pump(&c);
	if (r == 0)
		r = judge(s, &c.said, c.p->child.status, c.begun || c.at_once, req->deadline, end, err);
	end->begun = c.begun || (r != 0 && c.at_once);
	end->elsewhere = c.at_once && *o->dir && !c.said.events.from_master;
	s->pid = *o->dir || c.p->child.reaped ? 0 : c.p->child.pid;
	end_stderr(&c, r != 0);
	/* a master that lives on logs what nobody reads */
	child_close(&c.p->log);
	s->woken = false;
	session_give_turn(s);
	r = feed_verdict(&c.feed, r, end, err);
	feed_release(&c.feed);
	buf_release(&c.held);
	openssh_said_release(&c.said);
	return r;
}

/* ---- the session ---- */

static void openssh_close(struct session *s)
{
	struct openssh *o = s->state;
	char path[96];

	if (!o)
		return;
	while (o->processes) {
		struct process *p = o->processes;

		o->processes = p->next;
		openssh_process_free(p);
	}
	session_give_turn(s);
	if (o->lasting)
		openssh_end_master(o);
	if (*o->dir) {
		(void)snprintf(path, sizeof(path), "%s/log", o->dir);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/m", o->dir);
		(void)unlink(path);
		(void)rmdir(o->dir);
	}
	free(o);
	s->state = NULL;
}

/* ssh(1) connects when it has a command; here only the place for its socket is made. */
static int openssh_open(struct session *s, int64_t deadline, struct dt_err *err)
{
	const char *tmp = getenv("XDG_RUNTIME_DIR");
	struct openssh *o = calloc(1, sizeof(*o));

	if (!o)
		return err_nomem(err);
	if (!tmp || *tmp != '/' || strlen(tmp) > 40 || access(tmp, W_OK) != 0)
		tmp = "/tmp";
	(void)snprintf(o->dir, sizeof(o->dir), "%s/dt-XXXXXX", tmp);
	if (!mkdtemp(o->dir)) {
		free(o);
		return err_sys(err, ERR_LOCAL, errno, "%s", tmp);
	}
	s->state = o;
	o->shared = target_has_master(s->t);
	/* its user's other sessions are on the same connection */
	s->ran = o->shared;
	if (session_take_turn(s, s->t->hostname, deadline, err) != 0) {
		openssh_close(s);
		return -1;
	}
	return 0;
}

const struct transport_ops transport_openssh = {
	.name = "openssh",
	.open = openssh_open,
	.run = openssh_run,
	.close = openssh_close,
	.rest = openssh_rest,
	.serve = openssh_serve,
	.wake = openssh_wake,
	.fd = openssh_fd,
};

/* ---- this machine: the same processes, without ssh(1) ---- */

static int local_open(struct session *s, int64_t deadline, struct dt_err *err)
{
	(void)deadline;
	s->state = calloc(1, sizeof(struct openssh));
	return s->state ? 0 : err_nomem(err);
}

const struct transport_ops transport_local = {
	.name = "local",
	.open = local_open,
	.run = openssh_run,
	.close = openssh_close,
};

static int local_interactive(const char *command, struct session_exit *end, struct dt_err *err)
{
	struct strs argv = { 0 };
	int r = local_argv(&argv, "DT_RUN=terminal", command) != 0 ? err_nomem(err) : 0, status = 0;
	pid_t pid = 0;

	if (r == 0)
		r = child_attached(argv.v, &pid, err);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			r = err_sys(err, ERR_LOCAL, errno, "sh");
	if (r == 0 && !WIFEXITED(status))
		r = err_set(err, ERR_LOST, "the shell was ended by signal %d", WTERMSIG(status));
	end->status = WEXITSTATUS(status);
	strs_release(&argv);
	return r;
}

/* ---- with the caller's terminal ---- */

int session_interactive(const struct ssh_env *env, const struct target *t, const char *command,
			struct session_exit *end, struct dt_err *err)
{
	struct session s = { .ops = &transport_openssh, .env = env, .t = t };
	struct strs argv = { 0 };
	struct openssh_said said;
	struct raw_end raw = { .status = -1 };
	struct buf log;
	char path[96] = "";
	int r = -1, status = 0;
	pid_t pid = 0;

	memset(end, 0, sizeof(*end));
	if (t->transport == TRANSPORT_LOCAL)
		return local_interactive(command, end, err);
	if (openssh_open(&s, 0, err) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/log", ((struct openssh *)s.state)->dir);
	openssh_said_init(&said);
	if (openssh_attached_argv(&argv, &s, path, command) != 0)
		(void)err_nomem(err);
	else
		r = child_attached(argv.v, &pid, err);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			r = err_sys(err, ERR_LOCAL, errno, "ssh");
	buf_init(&log, 1 << 20);
	if (r == 0 && access(path, F_OK) == 0)
		r = read_file(path, &log, err);
	openssh_log_add(&said.events, log.data, log.len);
	buf_release(&log);
	if (r == 0)
		r = judge(&s, &said, status, said.events.begun, 0, &raw, err);
	end->status = raw.status;
	memcpy(end->signal, raw.signal, sizeof(end->signal));
	strs_release(&argv);
	openssh_said_release(&said);
	openssh_close(&s);
	return r;
}
