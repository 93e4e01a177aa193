/*
 * lib_run - one command on a channel of a libssh2 session.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/lib.h"
#include "dt/ssh/feed.h"

#define PACKET 32768
#define READ_SIZE 32768
#define FREED_MS 3000	/* what a host may take to count an ended session no more (sshd_config(5) MaxSessions) */
#define REFUSED_MS 3000	/* what sudo(8) may take to end when its password was wrong */

struct run_call {
	struct session *s;
	const char *command;
	const struct session_exec *req;
	int64_t deadline;
	struct raw_end *end;
	struct dt_err *err;
	LIBSSH2_CHANNEL *channel;
	struct feed feed;
	int64_t refused_until;
	bool eof_sent;
	int result;
};

/* Opens a channel.  Nothing has begun where that fails. */
static int open_channel(struct run_call *c)
{
	struct session *s = c->s;
	struct lib *l = s->state;
	int64_t deadline = deadline_min(c->deadline, s->login_deadline), freed = now_ms() + FREED_MS, pause = 5;

	while (!(c->channel = lib_channel(l))) {
		int rc = libssh2_session_last_errno(l->session);

		if (rc == LIBSSH2_ERROR_EAGAIN) {
			if (lib_again(s, deadline, ERR_CONNECT, "channel", c->err) != 0)
				return -1;
		} else if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE && l->ran && now_ms() + pause < deadline_min(deadline, freed)) {
			/* the end of the last command has not been taken note of there */
			if (ssh_wait(s->env, -1, 0, now_ms() + pause) < 0)
				return session_waited(-1, "channel", c->err);
			pause *= 2;
		} else {
			return lib_error(s, ERR_CONNECT, "channel", c->err);
		}
	}
	return 0;
}

/* What is typed there is not echoed; else as ssh -tt has it. */
static int request_terminal(struct run_call *c, int64_t deadline)
{
	static const char modes[] = { 53 /* ECHO, RFC 4254 */, 0, 0, 0, 0, 0 };
	const char *term = getenv("TERM");
	int rc;

	if (!term || !*term)
		term = "dumb";
	while ((rc = libssh2_channel_request_pty_ex(c->channel, term, (unsigned)strlen(term), modes, sizeof(modes), 80, 24, 0, 0)) ==
	       LIBSSH2_ERROR_EAGAIN)
		if (lib_again(c->s, deadline, ERR_CONNECT, "terminal", c->err) != 0)
			return -1;
	return rc == 0 ? 0 : lib_error(c->s, ERR_CONNECT, "the host gives no terminal", c->err);
}

static int begin(struct run_call *c)
{
	struct session *s = c->s;
	struct lib *l = s->state;
	int64_t deadline = c->deadline;
	int rc;

	c->channel = lib_take_spare(l);
	/* nothing has been heard of the host since it rested */
	if (c->channel)
		deadline = deadline_min(deadline, s->login_deadline);
	else if (open_channel(c) != 0)
		return -1;
	s->login_deadline = 0;
	session_give_turn(s);
	if (c->req->tty && request_terminal(c, deadline) != 0)
		return -1;
	/* before the call: it may send, and then end in an assertion about what it reads */
	c->end->begun = true;
	lib_status_expect(l, c->channel);
	while ((rc = libssh2_channel_process_startup(c->channel, "exec", 4, c->command,
						     (unsigned)strlen(c->command))) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, deadline, ERR_LOST, "start of the command", c->err) != 0)
			return -1;
	if (rc == LIBSSH2_ERROR_INVAL) {
		c->end->begun = false;
		return err_set(c->err, ERR_UNSUPPORTED, "the command is too long: libssh2 sends at most 34 KB");
	}
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED || rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
		return lib_error(s, ERR_CONNECT, "the host refused to run a command", c->err);
	return rc == 0 ? 0 : lib_error(s, ERR_LOST, "start of the command", c->err);
}

/* Sends stdin as far as it goes.  1: something went, 0: nothing, -1: error. */
static int write_some(struct run_call *c)
{
	struct lib *l = c->s->state;
	int moved = 0;

	/* an input that comes slowly must not hide a deadline */
	while (!c->eof_sent && !wire_full(&l->wire) && !(c->deadline && now_ms() >= c->deadline)) {
		size_t len;
		const char *data = feed_next(&c->feed, &len);
		ssize_t n;

		if (!len) {
			if (!feed_is_done(&c->feed) || libssh2_channel_send_eof(c->channel) == LIBSSH2_ERROR_EAGAIN)
				break;
			/* a host that has closed already does not mind */
			c->eof_sent = true;
			return 1;
		}
		n = libssh2_channel_write(c->channel, data, len > PACKET ? PACKET : len);
		if (n == LIBSSH2_ERROR_EAGAIN)
			break;
		if (n < 0) {
			if (libssh2_channel_eof(c->channel)) {
				c->eof_sent = true; /* the command ended without reading it all */
				return 1;
			}
			return lib_error(c->s, ERR_LOST, "write", c->err);
		}
		moved = 1;
		feed_wrote(&c->feed, (size_t)n);
	}
	return moved;
}

static int read_some(struct run_call *c, int stream)
{
	char data[READ_SIZE];
	ssize_t n = libssh2_channel_read_ex(c->channel, stream == SESSION_STDERR ? SSH_EXTENDED_DATA_STDERR : 0, data,
					    sizeof(data));

	if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
		return 0;
	if (n < 0)
		return lib_error(c->s, ERR_LOST, "read", c->err);
	feed_output(&c->feed, stream, data, (size_t)n);
	if (c->feed.refused.code)
		c->deadline = deadline_min(c->deadline, c->refused_until ? c->refused_until
									 : (c->refused_until = now_ms() + REFUSED_MS));
	return 1;
}

static int pump(struct run_call *c)
{
	struct lib *l = c->s->state;

	for (;;) {
		uint64_t received = l->wire.received;
		int w = write_some(c), o = w < 0 ? -1 : read_some(c, SESSION_STDOUT),
		    e = o < 0 ? -1 : read_some(c, SESSION_STDERR), r;

		if (e < 0)
			return -1;
		if (c->req->enough && *c->req->enough)
			return err_set(c->err, ERR_KILLED, "not wanted any more");
		if (!o && !e && libssh2_channel_eof(c->channel))
			return 0;
		if ((w || o || e || l->wire.received != received) && !(c->deadline && now_ms() >= c->deadline)) {
			/* endless output must not hide a cancel: look, do not wait */
			if (!(o || e || l->wire.received != received) || ssh_wait(c->s->env, -1, 0, 1) == 0)
				continue;
			return err_set(c->err, ERR_KILLED, "interrupted");
		}
		r = wire_wait(&l->wire, c->s->env, feed_fd(&c->feed), c->deadline);
		if (r == 0)
			return err_set(c->err, ERR_TIMEOUT, "the command did not end in time");
		if (r == -1)
			return err_set(c->err, ERR_KILLED, "interrupted");
		if (r == -2) {
			char why[128];

			return err_set(c->err, ERR_LOST, "%s", wire_reason(&l->wire, why, sizeof(why)));
		}
	}
}

/* Both streams are drained: close, wait for the host's close, read the status. */
static int finish(struct run_call *c)
{
	struct lib *l = c->s->state;
	char *signal = NULL;
	size_t len = 0;
	bool twice;
	int rc;

	while ((rc = libssh2_channel_close(c->channel)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(c->s, c->deadline, ERR_LOST, "close", c->err) != 0)
			return -1;
	if (rc == 0)
		while ((rc = libssh2_channel_wait_closed(c->channel)) == LIBSSH2_ERROR_EAGAIN)
			if (lib_again(c->s, c->deadline, ERR_LOST, "close", c->err) != 0)
				return -1;
	if (rc != 0)
		return lib_error(c->s, ERR_LOST, "close", c->err);
	c->end->status = lib_status_take(l, c->channel, &twice);
	if (libssh2_channel_get_exit_signal(c->channel, &signal, &len, NULL, NULL, NULL, NULL) == 0 && signal) {
		if (len >= sizeof(c->end->signal))
			len = sizeof(c->end->signal) - 1;
		memcpy(c->end->signal, signal, len);
		c->end->signal[len] = '\0';
		libssh2_free(l->session, signal);
	}
	l->ran = true;
	(void)libssh2_channel_free(c->channel);
	c->channel = NULL;
	return twice ? err_set(c->err, ERR_LOST, "the host sent two exit statuses") : 0;
}

static void run_guarded(void *arg)
{
	struct run_call *c = arg;

	c->result = begin(c);
	if (c->result == 0)
		c->result = pump(c);
	if (c->result == 0) {
		feed_end(&c->feed);
		c->result = finish(c);
	}
}

int lib_run(struct session *s, const char *command, const struct session_exec *req, struct raw_end *end,
	    struct dt_err *err)
{
	struct run_call c = {
		.s = s, .command = command, .req = req, .end = end, .err = err, .result = -1, .deadline = req->deadline,
	};
	struct lib *l = s->state;
	int r;

	if (!l->session)
		return err_set(err, ERR_LOST, "the session has ended");
	feed_init(&c.feed, s, req);
	if (req->timeout_ms)
		c.deadline = deadline_min(c.deadline, now_ms() + req->timeout_ms);
	end->status = -1;
	r = lib_guarded(s, ERR_LOST, run_guarded, &c, &c.result, err);
	wire_watch(&l->wire, NULL);
	if (r != 0 && s->woken && !end->begun && err->code != ERR_SKIPPED && err->code != ERR_LOCAL) {
		err->code = ERR_CONNECT;
		err->sys = ESTALE;
	}
	s->woken = false;
	if (r != 0 && end->begun && err->code == ERR_SKIPPED)
		(void)err_set(err, ERR_KILLED, "interrupted");
	r = feed_verdict(&c.feed, r, end, err);
	feed_release(&c.feed);
	return r;
}
