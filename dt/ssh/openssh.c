/*
 * openssh - the transport that runs ssh(1), for what libssh2 cannot speak.
 *
 * One process runs one command.  The first is a control master on a socket
 * of ours (ssh_config(5), ControlMaster), so that a second one, to end what
 * the first runs, needs no login.  ssh's own messages come apart from the
 * command's stderr, over a FIFO (-E).  That the command began is proved by
 * the marker that its wrapper writes to stderr; until then all is ssh's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/ssh/hostkey.h"
#include "dt/ssh/prompt.h"
#include "dt/ssh/transport.h"

#define LOG_KEPT 4096
#define NEVER "\001never\001"	/* a marker that does not come */

struct process {
	struct child child;
	int log;		/* the FIFO for ssh's own messages */
	struct process *next;
};

struct openssh {
	char dir[64];
	struct process *processes;
};

/* ---- the argument vector ---- */

static int add_option(struct strs *argv, const char *name, const char *value)
{
	struct buf b;
	int r;

	buf_init(&b, 65536);
	r = buf_addf(&b, "%s=%s", name, value) != 0 || strs_add(argv, "-o") != 0 || strs_add(argv, b.data) != 0 ? -1 : 0;
	buf_release(&b);
	return r;
}

/* As ssh(1) expands tokens in some values: a percent sign is doubled. */
static int add_percent(struct buf *to, const char *text)
{
	int r = 0;

	for (; *text; text++)
		r |= *text == '%' ? buf_adds(to, "%%") : buf_addc(to, *text);
	return r;
}

/* The same as an option "NAME=VALUE" (name NULL: the value alone). */
static int add_expanded(struct strs *argv, const char *name, const char *value)
{
	struct buf b;
	int r;

	buf_init(&b, 131072);
	r = add_percent(&b, value);
	if (r == 0)
		r = name ? add_option(argv, name, b.data) : strs_add(argv, b.data);
	buf_release(&b);
	return r;
}

/* The files of dt's command line or inventory, and no other source of keys. */
static int add_known_hosts(struct strs *argv, const char *files)
{
	return add_expanded(argv, "UserKnownHostsFile", files) | add_option(argv, "GlobalKnownHostsFile", "none") |
	       add_option(argv, "KnownHostsCommand", "none") | add_option(argv, "VerifyHostKeyDNS", "no") |
	       add_option(argv, "NoHostAuthenticationForLocalhost", "no");
}

/* What ssh(1) is told about one host of the chain. */
static int add_common(struct strs *argv, const struct session *s, const struct target *t)
{
	char number[24];
	int r = 0;

	r |= strs_add(argv, s->env->ssh_program ? s->env->ssh_program : "ssh");
	if (s->env->config_file)
		r |= strs_add(argv, "-F") | strs_add(argv, s->env->config_file);
	r |= add_option(argv, "StrictHostKeyChecking", s->env->accept_new ? "accept-new" : "yes");
	/* the post-quantum default costs 270 ms; its own later places stay */
	if (!t->openssh_because || !strstr(t->openssh_because, "KexAlgorithms"))
		r |= add_option(argv, "KexAlgorithms", "^curve25519-sha256,ecdh-sha2-nistp256");
	if (t->connect_timeout_ms) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)(t->connect_timeout_ms + 999) / 1000);
		r |= add_option(argv, "ConnectTimeout", number);
	}
	if (t->told.hostname)
		r |= add_expanded(argv, "HostName", t->told.hostname);
	if (t->told.hostkey_alias)
		r |= add_option(argv, "HostKeyAlias", t->told.hostkey_alias);
	if (t->told.known_hosts)
		r |= add_known_hosts(argv, t->told.known_hosts);
	if (t->told.user)
		r |= add_option(argv, "User", t->told.user);
	if (t->told.port) {
		(void)snprintf(number, sizeof(number), "%d", t->told.port);
		r |= add_option(argv, "Port", number);
	}
	for (size_t i = 0; t->told.id_files && t->told.id_files[i]; i++)
		r |= strs_add(argv, "-i") | add_expanded(argv, NULL, t->told.id_files[i]);
	return r;
}

/* No question; and how much ssh(1) tells: "ERROR", or "VERBOSE", which tells that the login is done too. */
static int add_quiet(struct strs *argv, const char *level)
{
	return add_option(argv, "BatchMode", "yes") | add_option(argv, "LogLevel", level);
}

/*
 * Jump hosts: a ProxyCommand, for neither -J nor ProxyJump would pass on these
 * options, and the jump host's key would be checked by other rules.
 */
static int add_via(struct strs *argv, const struct session *s, const struct target *t)
{
	const struct target *via = t->via;
	struct strs inner = { 0 };
	struct buf line;
	char dest[24];
	int r = 0;

	if (!via)
		return t->told.direct ? add_option(argv, "ProxyJump", "none") : 0;
	buf_init(&line, 65536);
	(void)snprintf(dest, sizeof(dest), "%d", t->port);
	r |= add_common(&inner, s, via);
	r |= add_quiet(&inner, "ERROR");
	r |= add_via(&inner, s, via);
	r |= strs_add(&inner, "-W");
	r |= buf_addf(&line, "[%s]:%s", t->hostname, dest);
	r |= strs_add(&inner, line.data);
	r |= strs_add(&inner, "--") | strs_add(&inner, via->name);
	buf_clear(&line);
	/* ssh(1) puts "exec" before it */
	if (!r)
		r |= quote_argv(&line, (const char *const *)inner.v, inner.n);
	r |= add_expanded(argv, "ProxyCommand", line.data);
	strs_release(&inner);
	buf_release(&line);
	return r;
}

static int make_argv(struct strs *argv, const struct session *s, const char *command, bool marked, const char *fifo)
{
	const struct openssh *o = s->state;
	char path[96];
	int r = 0;

	r |= add_common(argv, s, s->t);
	/* a verbose one shows the host's banner on stderr: only where what comes before the marker is not the command's */
	r |= add_quiet(argv, marked ? "VERBOSE" : "ERROR");
	r |= add_via(argv, s, s->t);
	(void)snprintf(path, sizeof(path), "%s/m", o->dir);
	r |= add_option(argv, "ControlPath", path);
	r |= add_option(argv, "ControlMaster", o->processes ? "no" : "yes");
	r |= add_option(argv, "ControlPersist", "no");
	r |= add_option(argv, "ClearAllForwardings", "yes");
	r |= add_option(argv, "RemoteCommand", "none");
	r |= strs_add(argv, "-T") | strs_add(argv, "-x") | strs_add(argv, "-a");
	r |= strs_add(argv, "-E") | strs_add(argv, fifo);
	r |= strs_add(argv, "--") | strs_add(argv, s->t->name) | strs_add(argv, command);
	return r;
}

/* ---- the process ---- */

static void process_free(struct process *p)
{
	child_end(&p->child);
	child_close(&p->log);
	free(p);
}

static int start_process(struct session *s, const char *command, bool marked, struct process **out, struct dt_err *err)
{
	struct openssh *o = s->state;
	struct process *p = calloc(1, sizeof(*p));
	struct strs argv = { 0 };
	char fifo[96];
	int r = -1;

	*out = NULL;
	if (!p)
		return err_nomem(err);
	(void)snprintf(fifo, sizeof(fifo), "%s/log", o->dir);
	(void)unlink(fifo);
	p->child.in = p->child.out = p->child.err = -1;
	p->log = -1;
	if (mkfifo(fifo, 0600) != 0 || (p->log = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		(void)err_sys(err, ERR_LOCAL, errno, "%s", fifo);
	else if (make_argv(&argv, s, command, marked, fifo) != 0)
		(void)err_nomem(err);
	else
		r = child_start(&p->child, argv.v, NULL, err);
	strs_release(&argv);
	if (r != 0) {
		process_free(p);
		return -1;
	}
	p->next = o->processes;
	o->processes = p;
	*out = p;
	return 0;
}

/* ---- one command ---- */

struct call {
	struct session *s;
	const struct session_exec *req;
	struct dt_err *err;
	struct process *p;
	struct prompt start, tail, prompt;
	bool begun;		/* the marker came (or there is none) */
	bool odd;		/* it came again: the 255 to come is the wrapper's own */
	int64_t deadline;	/* once begun */
	struct buf in;
	struct buf log, early;	/* ssh's words; what stderr said before the marker (a ProxyCommand, a banner) */
	size_t in_done;
	bool in_open, failed;
	int asked;
};

static void pass_command(void *arg, const char *data, size_t len)
{
	struct call *c = arg;

	if (len && c->req->output)
		c->req->output(c->req->arg, SESSION_STDERR, data, len);
}

static int feed_prompt(struct call *c, const char *data, size_t len)
{
	enum prompt_event e = prompt_feed(&c->prompt, data, len, pass_command, c);

	for (; e != PROMPT_NONE; e = prompt_feed(&c->prompt, "", 0, pass_command, c)) {
		if (e == PROMPT_READY) {
			c->in_open = true;
			continue;
		}
		if (!c->req->answer)
			return err_set(c->err, ERR_AUTH, "sudo asks for a password (-K)");
		if (++c->asked > 1)
			return err_set(c->err, ERR_AUTH, "sudo refused the password");
		if (buf_add(&c->in, secret_bytes(c->req->answer), secret_len(c->req->answer)) != 0 ||
		    buf_addc(&c->in, '\n') != 0)
			return err_nomem(c->err);
	}
	return 0;
}

static void begin(struct call *c)
{
	c->begun = true;
	c->deadline = c->req->deadline;
	if (c->req->timeout_ms)
		c->deadline = deadline_min(c->deadline, now_ms() + c->req->timeout_ms);
}

static void pass_tail(void *arg, const char *data, size_t len)
{
	struct call *c = arg;

	if (len && feed_prompt(c, data, len) != 0)
		c->failed = true;
}

static void feed_tail(struct call *c, const char *data, size_t len)
{
	if (prompt_feed(&c->tail, data, len, pass_tail, c) == PROMPT_READY) {
		c->odd = true;
		(void)prompt_feed(&c->tail, "", 0, pass_tail, c);
	}
}

/* stderr before the marker is ssh's own or a banner; behind it, the command's. */
static void pass_start(void *arg, const char *data, size_t len)
{
	struct call *c = arg;

	if (!c->begun)
		(void)buf_add(&c->early, data, len < LOG_KEPT - c->early.len ? len : LOG_KEPT - c->early.len);
	else if (len)
		feed_tail(c, data, len);
}

static void feed_stderr(struct call *c, const char *data, size_t len)
{
	enum prompt_event e;

	if (c->begun) {
		pass_start(c, data, len);
		return;
	}
	e = prompt_feed(&c->start, data, len, pass_start, c);
	if (e == PROMPT_READY) {
		begin(c);
		session_give_turn(c->s);
		(void)prompt_feed(&c->start, "", 0, pass_start, c);
	}
}

static void read_log(struct call *c)
{
	char data[1024];
	ssize_t n;

	while ((n = read(c->p->log, data, sizeof(data))) > 0) {
		if (c->log.len + (size_t)n > LOG_KEPT)
			buf_consume(&c->log, c->log.len + (size_t)n - LOG_KEPT);
		(void)buf_add(&c->log, data, (size_t)n);
	}
}

/* Reads what is there; closes *fd at its end. */
static void read_fd_some(struct call *c, int *fd, int stream)
{
	char data[32768];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0) {
		if (stream == SESSION_STDERR)
			feed_stderr(c, data, (size_t)n);
		else if (c->req->output)
			c->req->output(c->req->arg, stream, data, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		child_close(fd);
	}
}

static void write_some(struct call *c)
{
	const char *data = c->in.len ? c->in.data : c->req->in + c->in_done;
	size_t len = c->in.len ? c->in.len : c->in_open ? c->req->in_len - c->in_done : 0;
	ssize_t n = len ? write(c->p->child.in, data, len) : 0;

	if (n > 0 && c->in.len) {
		explicit_bzero(c->in.data, (size_t)n);
		buf_consume(&c->in, (size_t)n);
	} else if (n > 0) {
		c->in_done += (size_t)n;
	}
	if ((n < 0 && errno != EAGAIN && errno != EINTR) ||
	    (!c->in.len && c->in_open && c->in_done == c->req->in_len)) {
		child_close(&c->p->child.in);
	}
}

static int waited(struct call *c, int r)
{
	if (r == 0)
		return err_set(c->err, ERR_TIMEOUT, c->begun ? "the command did not end in time" : "no login in time");
	if (!c->begun)
		return err_set(c->err, ERR_SKIPPED, "interrupted before it began");
	return err_set(c->err, ERR_KILLED, "interrupted");
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

	/* what a ProxyCommand left may hold the pipes open: the end of ssh is what counts */
	while (p->out >= 0 || p->err >= 0) {
		bool wants = p->in >= 0 && (c->in.len || c->in_open), ended = child_ended(p);
		struct pollfd fds[] = {
			{ c->s->env->cancel_fd, POLLIN, 0 }, { p->out, POLLIN, 0 }, { p->err, POLLIN, 0 },
			{ c->p->log, POLLIN, 0 }, { wants ? p->in : -1, POLLOUT, 0 },
		};
		int64_t deadline = deadline_now(c, connect);
		int64_t wake = now_ms() + (ended ? 20 : 200);
		int n = poll(fds, ARRAY_LEN(fds), deadline_poll_ms(deadline_min(wake, deadline)));

		if (n < 0 && errno != EINTR)
			return err_sys(c->err, ERR_LOCAL, errno, "poll");
		if (n > 0 && fds[0].revents)
			return waited(c, -1);
		if (deadline && now_ms() >= deadline)
			return waited(c, 0);
		if (n == 0 && ended)
			break;
		if (n <= 0)
			continue;
		if (fds[3].revents)
			read_log(c);
		if (fds[2].revents)
			read_fd_some(c, &p->err, SESSION_STDERR);
		if (fds[1].revents)
			read_fd_some(c, &p->out, SESSION_STDOUT);
		if (fds[4].revents)
			write_some(c);
		if (c->failed)
			return -1;
	}
	/* it has closed its streams: it is about to end */
	for (int64_t step = 1; !child_ended(p); step = step < 20 ? step * 2 : 20) {
		int64_t deadline = deadline_now(c, connect);
		int r = ssh_wait(c->s->env, -1, 0, deadline_min(now_ms() + step, deadline));

		if (r < 0 || (deadline && now_ms() >= deadline))
			return waited(c, r);
	}
	read_log(c);
	return 0;
}

/* ssh's messages (OpenSSH 9.2 sshconnect.c, sshconnect2.c, readconf.c) and what they mean. */
static const struct { const char *text; enum err_code code; } meanings[] = {
	{ "IDENTIFICATION HAS CHANGED", ERR_HOSTKEY },
	{ "host key is known for", ERR_HOSTKEY },
	{ "HOST KEY REVOKED", ERR_HOSTKEY },
	{ "Host key verification failed", ERR_HOSTKEY },
	{ "Permission denied (", ERR_AUTH },
	{ "Too many authentication failures", ERR_AUTH },
	{ "Could not resolve hostname", ERR_RESOLVE },
};

/* Lines that a verbose ssh(1) writes of sessions that are well. */
static bool harmless(const char *line, size_t len)
{
	static const char *const heads[] = { "Authenticated ", "Transferred: ", "Bytes per second: ", "Warning: Permanently added " };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		if (len > strlen(heads[i]) && strncmp(line, heads[i], strlen(heads[i])) == 0)
			return true;
	/* of a session with a terminal */
	return len > 22 && strncmp(line, "Connection to ", 14) == 0 && strncmp(line + len - 8, " closed.", 8) == 0;
}

/* The last line that is not harmless: ssh's reason, or "". */
static void last_line(const struct buf *log, char *out, size_t size)
{
	const char *end = log->data + log->len, *start;

	*out = '\0';
	while (end > log->data) {
		while (end > log->data && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
			end--;
		for (start = end; start > log->data && start[-1] != '\n'; start--)
			;
		if (end > start && *start != '@' && !harmless(start, (size_t)(end - start))) {
			(void)snprintf(out, size, "%.*s", (int)(end - start), start);
			return;
		}
		end = start;
	}
}

/* What ssh(1) says on it; a ProxyCommand that failed says more than "Connection closed by UNKNOWN port 65535". */
static void reason_line(const struct call *c, char *out, size_t size)
{
	last_line(&c->log, out, size);
	if (c->early.len && (!*out || strstr(out, " UNKNOWN port ")))
		last_line(&c->early, out, size);
}

/* ssh's words on a host key name no fingerprint: so the key is looked at here. */
static int refuse_key(struct call *c, const char *line)
{
	const struct target *t = c->s->t;
	struct dt_err err = DT_ERR_INIT;
	const char *where = NULL;
	struct buf key;
	enum hostkey_verdict verdict = HOSTKEY_OK;

	buf_init(&key, 65536);
	if (session_fetch_key(c->s->env, t, c->req->deadline, &key, &err) == 0)
		verdict = known_hosts_check(t->known_hosts, t->known_as, key.data, key.len, &where);
	if (verdict == HOSTKEY_OK || verdict == HOSTKEY_CA)
		(void)err_set(c->err, ERR_HOSTKEY, "%s", line);
	else
		(void)hostkey_refuse(t, verdict, where, key.data, key.len, c->err);
	buf_release(&key);
	return -1;
}

/* ssh(1) ended before it had logged in, by one of the words that it knows. */
static int known_failure(struct call *c, const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		const char *text = meanings[i].text;

		if (!strstr(c->log.data, text) && !strstr(c->early.data, text))
			continue;
		if (meanings[i].code == ERR_HOSTKEY)
			return refuse_key(c, line);
		/* "user@host: " before it is ssh's */
		text = meanings[i].code == ERR_AUTH ? strstr(line, "Permission denied") : NULL;
		return err_set(c->err, meanings[i].code, "%s", text ? text : line);
	}
	return 0;
}

/* ssh exited with 255: its own failure. */
static int failure(struct call *c, bool marked)
{
	static const char *const drops[] = {
		"kex_exchange_identification: ", "Connection closed by ", "Connection reset by ", "ssh_dispatch_run_fatal: ",
	};
	char line[300];

	reason_line(c, line, sizeof(line));
	if (marked && !c->begun && !strstr(c->log.data, "Authenticated to ")) {
		if (known_failure(c, line) != 0)
			return -1;
		(void)err_set(c->err, ERR_CONNECT, "%s", *line ? line : "ssh ended before the login");
		for (size_t i = 0; i < ARRAY_LEN(drops); i++)
			if (strstr(c->log.data, drops[i]))
				c->err->sys = ECONNRESET;
		return -1;
	}
	/* the host said that it does not run it */
	if (marked && !c->begun && (strstr(c->log.data, "exec request failed on channel") || strstr(c->log.data, ": open failed: ")))
		return err_set(c->err, ERR_CONNECT, "%s", line);
	return err_set(c->err, ERR_LOST, "%s", *line ? line : "ssh ended with 255 and no exit status of the command");
}

static int openssh_run(struct session *s, const char *command, const char *marker, const struct session_exec *req,
		       struct raw_end *end, struct dt_err *err)
{
	struct call c = { .s = s, .req = req, .err = err, .in_open = !req->prompt };
	int status, r;

	end->status = -1;
	if (start_process(s, command, marker != NULL, &c.p, err) != 0) {
		session_give_turn(s);
		return -1;
	}
	if (!marker)
		begin(&c);
	prompt_init(&c.start, NEVER, marker);
	prompt_init(&c.tail, marker ? NEVER : NULL, marker);
	prompt_init(&c.prompt, req->prompt, req->ready);
	buf_init(&c.in, 65536);
	buf_init(&c.log, 2 * LOG_KEPT);
	buf_init(&c.early, 2 * LOG_KEPT);
	r = pump(&c);
	end->begun = c.begun;
	session_give_turn(s);
	status = c.p->child.status;
	if (r == 0) {
		prompt_end(&c.tail, pass_tail, &c);
		prompt_end(&c.prompt, pass_command, &c);
		if (WIFEXITED(status) && (WEXITSTATUS(status) != 255 || c.odd)) {
			end->status = WEXITSTATUS(status);
			if (marker && !c.begun) /* ssh itself never exits so */
				r = err_set(err, ERR_LOST, "the wrapper did not begin (exit %d)", end->status);
		} else if (WIFSIGNALED(status)) {
			r = err_set(err, ERR_LOST, "ssh was ended by signal %d", WTERMSIG(status));
		} else {
			r = failure(&c, marker != NULL);
		}
	}
	prompt_release(&c.start);
	prompt_release(&c.tail);
	prompt_release(&c.prompt);
	if (c.in.len)
		explicit_bzero(c.in.data, c.in.len);
	buf_release(&c.in);
	buf_release(&c.log);
	buf_release(&c.early);
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
		process_free(p);
	}
	session_give_turn(s);
	(void)snprintf(path, sizeof(path), "%s/log", o->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/m", o->dir);
	(void)unlink(path);
	(void)rmdir(o->dir);
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
	if (session_take_turn(s, s->t->hostname, deadline, err) != 0) {
		openssh_close(s);
		return -1;
	}
	return 0;
}

const struct transport_ops transport_openssh = {
	.name = "openssh",
	.announce = true,
	.open = openssh_open,
	.run = openssh_run,
	.close = openssh_close,
};

/* ---- with the caller's terminal ---- */

/*
 * The terminal's Ctrl-C is the command's: the shell around it lives on to tell
 * its status, which ssh(1) would not after a signal.
 */
static const char around[] = "trap : INT QUIT; (exec \"${SHELL:-/bin/sh}\" -c \"$1\"); exit $?";

static int attached_argv(struct strs *argv, const struct session *s, const char *command, const char *log)
{
	const char *words[] = { "/bin/sh", "-c", around, "dt", command };
	struct buf line;
	int r = 0;

	buf_init(&line, 4 << 20);
	if (s->t->shell)
		r |= buf_adds(&line, "exec ") | quote_argv(&line, words, ARRAY_LEN(words));
	else
		r |= buf_adds(&line, command);
	r |= add_common(argv, s, s->t) | add_via(argv, s, s->t) | add_option(argv, "LogLevel", "VERBOSE");
	r |= strs_add(argv, "-t") | strs_add(argv, "-E") | strs_add(argv, log);
	r |= strs_add(argv, "--") | strs_add(argv, s->t->name) | strs_add(argv, line.data);
	buf_release(&line);
	return r;
}

/* ssh exited with 255: its own failure, or the command's own status (0). */
static int attached_failure(struct session *s, struct buf *log, struct dt_err *err)
{
	static const struct session_exec nothing;
	struct call c = { .s = s, .req = &nothing, .err = err, .log = *log };
	char line[300];
	int r;

	last_line(log, line, sizeof(line));
	if (!*line && strstr(log->data, "Authenticated to "))
		return 0;
	buf_init(&c.early, 1);
	r = failure(&c, true);
	buf_release(&c.early);
	return r;
}

int session_interactive(const struct ssh_env *env, const struct target *t, const char *command,
			struct session_exit *end, struct dt_err *err)
{
	struct session s = { .ops = &transport_openssh, .env = env, .t = t };
	struct strs argv = { 0 };
	struct buf log;
	char path[96] = "";
	int r = -1, status = 0;
	pid_t pid = 0;

	memset(end, 0, sizeof(*end));
	if (openssh_open(&s, 0, err) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/log", ((struct openssh *)s.state)->dir);
	buf_init(&log, 1 << 20);
	if (attached_argv(&argv, &s, command, path) != 0)
		(void)err_nomem(err);
	else
		r = child_attached(argv.v, &pid, err);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			r = err_sys(err, ERR_LOCAL, errno, "ssh");
	if (r == 0 && access(path, F_OK) == 0)
		r = read_file(path, &log, err);
	if (r == 0 && !WIFEXITED(status))
		r = err_set(err, ERR_LOST, "ssh was ended by signal %d", WTERMSIG(status));
	else if (r == 0 && WEXITSTATUS(status) == 255)
		r = attached_failure(&s, &log, err);
	end->status = WEXITSTATUS(status);
	strs_release(&argv);
	buf_release(&log);
	openssh_close(&s);
	return r;
}
