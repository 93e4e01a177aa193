#include "sim_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_command.h"
#include "sim_file.h"

#define WRITE_MAX 32768 /* in one message */
#define WRITE_TURN (256 * 1024) /* of one command before others' turn */
#define PATTERN 4096

enum state { WAITING, OUTPUT, SLEEPING, DONE };

/* A stretch of the output. */
struct part {
	int stream; /* 0 stdout, 1 stderr */
	const char *data; /* NULL: made up */
	uint64_t len;
	uint64_t period; /* data has so much, which is repeated; 0: it has all */
};

struct run {
	struct run *next;
	struct conn *conn;
	ssh_channel channel;
	enum state state;
	bool ended; /* either side has closed the channel */
	struct command command;
	struct answer answer, said; /* said: by the command; owns its texts */
	struct file file;
	struct part parts[9];
	char mark[20]; /* of a program of dt's own (dt/run/services_sh.c), which it says first; or "" */
	int n_parts, part;
	uint64_t at, sent, limit; /* within the part; of all, and of these at most */
	int64_t pause_until; /* slow output */
	struct timer timer;
	struct ssh_channel_callbacks_struct cb;
};

struct run *run_next(const struct run *r)
{
	return r->next;
}

/* Made-up output: lines of 63 characters. */
static char pattern[PATTERN + WRITE_MAX];

void run_init(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 64 == 63 ? '\n' : (char)('!' + (i % 64 + i % PATTERN / 64) % 90);
}

static void add_part(struct run *r, int stream, const char *data, uint64_t len)
{
	if (len)
		r->parts[r->n_parts++] = (struct part){ stream, data, len, 0 };
}

/* "=" and 16 hexadecimal digits, and a newline. */
static void find_mark(struct run *r)
{
	const char *at = r->command.real ? r->command.real : "";

	while ((at = strchr(at, '=')) != NULL && strspn(at + 1, "0123456789abcdef") != 16)
		at++;
	if (at)
		(void)snprintf(r->mark, sizeof(r->mark), "%.17s\n", at);
}

/* What the whole output will be. */
static void plan(struct run *r)
{
	struct answer *a = &r->answer;
	uint64_t sum = 0;

	find_mark(r);
	for (int i = 0; i < 2; i++)
		add_part(r, i, r->mark, strlen(r->mark));
	if (r->command.killer)
		add_part(r, 0, "gone\n", 5);
	else if ((a->set & ANSWER_FAULT) && !(a->set & (ANSWER_STDOUT | ANSWER_FILE)))
		add_part(r, 0, RUN_TEXT, sizeof(RUN_TEXT) - 1);
	for (int i = 0; i < 2; i++)
		if (a->text[i])
			add_part(r, i, a->text[i]->data, a->text[i]->len);
	add_part(r, 0, r->file.data, r->file.len);
	if (r->file.again_len) {
		add_part(r, 0, r->file.again, UINT64_MAX);
		r->parts[r->n_parts - 1].period = r->file.again_len;
	}
	if (a->fault == FAULT_ENDLESS_OUTPUT)
		a->size[0] = UINT64_MAX;
	for (int i = 0; i < 2; i++)
		add_part(r, i, NULL, a->size[i]);
	for (int i = 0; i < r->n_parts; i++)
		sum += r->parts[i].len;
	r->limit = a->fault == FAULT_CLOSE_OUTPUT ? sum / 2 : UINT64_MAX;
}

/* What the command's own words, or the file, are wrong about. */
static void complain(struct run *r, const char *wrong)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "simfleet: %s\\n", wrong);
	(void)answer_set(&r->said, "stderr", text);
	(void)answer_set(&r->said, "status", "2");
}

static void kill_other(struct run *r);

static int on_exec(ssh_session s, ssh_channel channel, const char *line, void *arg)
{
	struct run *r = arg;
	struct conn *c = r->conn;
	const char *wrong;

	(void)s;
	(void)channel;
	if (r->state != WAITING || c->answer.fault == FAULT_EXEC_REFUSED)
		return 1;
	if (c->answer.fault == FAULT_CLOSE_EXEC) {
		conn_close(c);
		return 1;
	}
	if (command_parse(&r->command, line) != 0)
		return 1;
	atomic_fetch_add_explicit(&c->lane->fleet->execs, 1, memory_order_relaxed);
	if (r->command.killer) {
		kill_other(r);
	} else {
		rules_answer(c->lane->fleet->rules, &c->host, r->command.real, &r->answer);
		wrong = answer_of_command(&r->said, r->command.real);
		if (!wrong && (r->answer.set & ANSWER_FILE) &&
		    file_load(&r->file, r->answer.file->data, c->host.name) != 0)
			wrong = "its file cannot be read";
		if (wrong)
			complain(r, wrong);
		answer_merge(&r->answer, &r->said);
	}
	if (r->answer.fault == FAULT_EXEC_REFUSED)
		return 1;
	if (r->answer.fault == FAULT_CLOSE_EXEC) {
		conn_close(c);
		return 1;
	}
	plan(r);
	c->served = true;
	/* what follows comes behind libssh's answer to the request, in the turn */
	r->state = r->answer.fault == FAULT_SILENT_EXEC ? DONE : OUTPUT;
	return 0;
}

static int on_shell(ssh_session s, ssh_channel channel, void *arg)
{
	return on_exec(s, channel, "", arg);
}

static int on_pty(ssh_session s, ssh_channel channel, const char *term, int w, int h, int pw, int ph,
		  void *arg)
{
	(void)s, (void)channel, (void)term, (void)w, (void)h, (void)pw, (void)ph, (void)arg;
	return 0;
}

static int on_env(ssh_session s, ssh_channel channel, const char *name, const char *value, void *arg)
{
	(void)s, (void)channel, (void)name, (void)value, (void)arg;
	return 0;
}

static int on_data(ssh_session s, ssh_channel channel, void *data, uint32_t len, int is_stderr, void *arg)
{
	(void)s, (void)channel, (void)data, (void)is_stderr, (void)arg;
	return (int)len;
}

static void on_close(ssh_session s, ssh_channel channel, void *arg)
{
	(void)s, (void)channel;
	((struct run *)arg)->ended = true;
}

static void on_timer(void *arg)
{
	conn_turn(((struct run *)arg)->conn);
}

ssh_channel run_open(struct conn *c)
{
	struct run *r = calloc(1, sizeof(*r)), **last = &c->runs;

	if (r)
		r->channel = ssh_channel_new(c->session);
	if (!r || !r->channel) {
		free(r);
		return NULL;
	}
	r->conn = c;
	r->timer.fn = on_timer;
	r->timer.arg = r;
	r->cb.userdata = r;
	r->cb.channel_exec_request_function = on_exec;
	r->cb.channel_shell_request_function = on_shell;
	r->cb.channel_pty_request_function = on_pty;
	r->cb.channel_env_request_function = on_env;
	r->cb.channel_data_function = on_data;
	r->cb.channel_close_function = on_close;
	ssh_callbacks_init(&r->cb);
	(void)ssh_set_channel_callbacks(r->channel, &r->cb);
	while (*last)
		last = &(*last)->next;
	*last = r;
	return r->channel;
}

/* ---- the end ---- */

static void end_by_signal(struct run *r, const char *name)
{
	(void)ssh_channel_send_eof(r->channel);
	(void)ssh_channel_request_send_exit_signal(r->channel, name, 0, "", "");
	(void)ssh_channel_close(r->channel);
	r->ended = true;
}

/* As dt's killer would: TERM to what runs on this connection. */
static void kill_other(struct run *killer)
{
	for (struct run *r = killer->conn->runs; r; r = r->next)
		if (r != killer && !r->ended && r->state != WAITING) {
			r->state = DONE;
			end_by_signal(r, "TERM");
		}
}

static void send_status(struct run *r)
{
	(void)ssh_channel_request_send_exit_status(r->channel, (int)r->answer.status);
}

static void close_channel(struct run *r)
{
	(void)ssh_channel_close(r->channel);
	r->ended = true;
}

/* Ends that are no proof, of a command that may have gone well. */
static void end_oddly(struct run *r, enum fault fault)
{
	(void)ssh_channel_send_eof(r->channel);
	r->answer.status = 0;
	switch (fault) {
	case FAULT_TWO_STATUSES:
		(void)ssh_channel_request_send_exit_status(r->channel, 3);
		send_status(r);
		break;
	case FAULT_STATUS_SIGNAL:
		send_status(r);
		(void)ssh_channel_request_send_exit_signal(r->channel, "KILL", 0, "", "");
		break;
	case FAULT_SIGNAL_STATUS:
		(void)ssh_channel_request_send_exit_signal(r->channel, "KILL", 0, "", "");
		send_status(r);
		break;
	case FAULT_LATE_STATUS:
		(void)ssh_channel_close(r->channel);
		send_status(r);
		r->ended = true;
		return;
	default:
		(void)ssh_send_debug(r->conn->session, "x\r\ndebug1: client_input_channel_req: channel 0 rtype exit-status reply 0"
				     "\r\ndebug1: Exit status 0\r\ndebug2: Received exit status from master 0\r\n", 1);
	}
	close_channel(r);
}

static void end_as_usual(struct run *r)
{
	const struct answer *a = &r->answer;

	if (*a->signal) {
		end_by_signal(r, a->signal);
		return;
	}
	(void)ssh_channel_send_eof(r->channel);
	send_status(r);
	(void)ssh_channel_close(r->channel);
	r->ended = true;
}

static void end(struct run *r)
{
	struct conn *c = r->conn;

	r->state = DONE;
	switch (r->answer.fault) {
	case FAULT_CLOSE_OUTPUT:
		conn_close(c);
		break;
	case FAULT_RESET:
		conn_reset(c);
		break;
	case FAULT_EOF_RESET:
		(void)ssh_channel_send_eof(r->channel);
		conn_reset(c);
		break;
	case FAULT_STATUS_RESET:
		/* a status that would be believed */
		r->answer.status = 0;
		send_status(r);
		(void)ssh_blocking_flush(c->session, 0);
		conn_reset(c);
		break;
	case FAULT_NO_STATUS:
		(void)ssh_channel_send_eof(r->channel);
		(void)ssh_channel_close(r->channel);
		r->ended = true;
		break;
	case FAULT_NO_EOF:
		/* libssh writes this and closes the socket itself */
		wire_flush(&c->wire);
		c->wire.through = true;
		ssh_disconnect(c->session);
		c->ended = true;
		break;
	case FAULT_TWO_STATUSES:
	case FAULT_STATUS_SIGNAL:
	case FAULT_SIGNAL_STATUS:
	case FAULT_LATE_STATUS:
	case FAULT_FORGED:
		end_oddly(r, r->answer.fault);
		break;
	case FAULT_SIGNAL:
		end_by_signal(r, *r->answer.signal ? r->answer.signal : "KILL");
		break;
	default:
		end_as_usual(r);
	}
}

/* Writes what client and socket take; true when all is written. */
static bool output(struct run *r)
{
	bool slow = r->answer.fault == FAULT_SLOW_OUTPUT;
	uint64_t turn = slow ? 1 : WRITE_TURN;

	while (r->part < r->n_parts && r->sent < r->limit) {
		const struct part *p = &r->parts[r->part];
		uint64_t n = p->len - r->at, window = ssh_channel_window_size(r->channel), at;
		const char *data;
		int done;

		n = n < window ? n : window;
		n = n < WRITE_MAX ? n : WRITE_MAX;
		n = n < turn ? n : turn;
		n = n < r->limit - r->sent ? n : r->limit - r->sent;
		/* no window, or the socket is full: whoever changes that brings a turn */
		if (n == 0 || r->conn->wire.out_len > WRITE_TURN)
			return false;
		at = p->period ? r->at % p->period : r->at;
		n = p->period && n > p->period - at ? p->period - at : n;
		data = p->data ? p->data + at : pattern + at % PATTERN;
		done = (p->stream ? ssh_channel_write_stderr : ssh_channel_write)(r->channel, data, (uint32_t)n);
		if (done <= 0)
			return false;
		r->at += (uint64_t)done;
		r->sent += (uint64_t)done;
		if (r->at == p->len) {
			r->part++;
			r->at = 0;
		}
		if ((turn -= (uint64_t)done) == 0) {
			r->pause_until = slow ? loop_now() + SECOND : 0;
			loop_timer(r->conn->lane->loop, &r->timer, r->pause_until);
			return false;
		}
	}
	return true;
}

/* Nothing has been asked of it. */
static void at_rest(struct run *r)
{
	static const char lie[] = "a lie\n";

	if (r->conn->answer.fault == FAULT_REST_LIE) {
		(void)ssh_channel_write(r->channel, lie, sizeof(lie) - 1);
		(void)ssh_channel_send_eof(r->channel);
		/* a status that would be believed */
		r->answer.status = 0;
		send_status(r);
	} else if (r->conn->answer.fault != FAULT_REST_CLOSE) {
		return;
	}
	(void)ssh_channel_close(r->channel);
	r->ended = true;
	r->conn->served = false;
}

void run_turn(struct run *r)
{
	if (r->state == WAITING && r->conn->served && !r->ended)
		at_rest(r);
	if (r->state == OUTPUT && !r->ended && r->pause_until <= loop_now() && output(r)) {
		r->state = SLEEPING;
		r->pause_until = loop_now() + r->answer.sleep;
		if (r->answer.sleep)
			loop_timer(r->conn->lane->loop, &r->timer, r->pause_until);
	}
	if (r->state == SLEEPING && !r->ended && r->pause_until <= loop_now())
		end(r);
}

static void run_free(struct run *r, bool channel)
{
	loop_timer_stop(r->conn->lane->loop, &r->timer);
	if (channel) {
		(void)ssh_remove_channel_callbacks(r->channel, &r->cb);
		/* libssh frees it for good once the client has closed it too */
		ssh_channel_free(r->channel);
	}
	command_release(&r->command);
	file_release(&r->file);
	answer_release(&r->said);
	free(r);
}

void run_free_ended(struct conn *c)
{
	for (struct run **at = &c->runs, *r; (r = *at);) {
		if (!r->ended) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		run_free(r, true);
	}
}

void run_free_all(struct conn *c)
{
	while (c->runs) {
		struct run *r = c->runs;

		c->runs = r->next;
		/* the session frees its channels */
		run_free(r, false);
	}
}
