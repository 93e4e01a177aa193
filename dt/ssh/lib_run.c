/*
 * lib_run - one command on a channel of a libssh2 session.
 */
#include <errno.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/lib.h"
#include "dt/ssh/feed.h"

#define PACKET 32768
#define READ_SIZE 32768

struct run_call {
	struct session *s;
	const char *command;
	const struct session_exec *req;
	int64_t deadline;
	struct raw_end *end;
	struct dt_err *err;
	LIBSSH2_CHANNEL *channel;
	struct feed feed;
	bool eof_sent;
	int result;
};

static int open_channel(struct run_call *c)
{
	struct session *s = c->s;
	struct lib *l = s->state;
	int64_t deadline = c->deadline;
	int rc;

	c->channel = lib_take_spare(l);
	/* nothing has been heard of the host since it rested */
	if (c->channel)
		deadline = deadline_min(deadline, s->login_deadline);
	while (!c->channel && !(c->channel = lib_channel(l))) {
		if (libssh2_session_last_errno(l->session) != LIBSSH2_ERROR_EAGAIN)
			return lib_error(s, ERR_CONNECT, "channel", c->err);
		if (lib_again(s, deadline_min(c->deadline, s->login_deadline), ERR_CONNECT, "channel", c->err) != 0)
			return -1;
	}
	s->login_deadline = 0;
	session_give_turn(s);
	/* before the call: it may send, and then end in an assertion about what it reads */
	c->end->begun = true;
	while ((rc = libssh2_channel_process_startup(c->channel, "exec", 4, c->command,
						     (unsigned)strlen(c->command))) == LIBSSH2_ERROR_EAGAIN)
		if (lib_again(s, deadline, ERR_LOST, "start of the command", c->err) != 0)
			return -1;
	if (rc == LIBSSH2_ERROR_INVAL) {
		c->end->begun = false;
		return err_set(c->err, ERR_LOCAL, "the command is too long: libssh2 sends at most 34 KB, --transport openssh more");
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

	while (!c->eof_sent && !wire_full(&l->wire)) {
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
	if (stream == SESSION_STDERR)
		return feed_stderr(&c->feed, data, (size_t)n, c->err) == 0 ? 1 : -1;
	if (c->req->output)
		c->req->output(c->req->arg, stream, data, (size_t)n);
	return 1;
}

static int pump(struct run_call *c)
{
	struct lib *l = c->s->state;
	int64_t deadline = c->deadline;

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
		if ((w || o || e || l->wire.received != received) && !(deadline && now_ms() >= deadline)) {
			/* endless output must not hide a cancel: look, do not wait */
			if (!(o || e || l->wire.received != received) || ssh_wait(c->s->env, -1, 0, 1) == 0)
				continue;
			return err_set(c->err, ERR_KILLED, "interrupted");
		}
		r = wire_wait(&l->wire, c->s->env, feed_fd(&c->feed), deadline);
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
	if (libssh2_channel_get_exit_signal(c->channel, &signal, &len, NULL, NULL, NULL, NULL) == 0 && signal) {
		if (len >= sizeof(c->end->signal))
			len = sizeof(c->end->signal) - 1;
		memcpy(c->end->signal, signal, len);
		c->end->signal[len] = '\0';
		libssh2_free(l->session, signal);
	} else {
		/* 0 also where none came; a wrapped command never sends it */
		c->end->status = libssh2_channel_get_exit_status(c->channel) & 255;
		if (c->end->status == 0)
			c->end->status = -1;
	}
	(void)libssh2_channel_free(c->channel);
	c->channel = NULL;
	return 0;
}

static void run_guarded(void *arg)
{
	struct run_call *c = arg;

	c->result = open_channel(c);
	if (c->result == 0)
		c->result = pump(c);
	if (c->result == 0) {
		feed_stderr_end(&c->feed);
		c->result = finish(c);
	}
}

int lib_run(struct session *s, const char *command, const char *marker, const struct session_exec *req,
	    struct raw_end *end, struct dt_err *err)
{
	struct run_call c = {
		.s = s, .command = command, .req = req, .end = end, .err = err, .result = -1, .deadline = req->deadline,
	};
	struct lib *l = s->state;
	int r;

	(void)marker;
	if (!l->session)
		return err_set(err, ERR_LOST, "the session has ended");
	feed_init(&c.feed, req);
	if (req->timeout_ms)
		c.deadline = deadline_min(c.deadline, now_ms() + req->timeout_ms);
	end->status = -1;
	r = lib_guarded(s, ERR_LOST, run_guarded, &c, &c.result, err);
	if (r != 0 && s->woken && !end->begun && err->code != ERR_SKIPPED && err->code != ERR_LOCAL) {
		err->code = ERR_CONNECT;
		err->sys = ESTALE;
	}
	s->woken = false;
	if (r != 0 && end->begun && err->code == ERR_SKIPPED)
		(void)err_set(err, ERR_KILLED, "interrupted");
	feed_release(&c.feed);
	return r;
}
