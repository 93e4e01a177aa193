#include "sim_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim_run.h"

#define ACCEPT_AT_ONCE 32
#define TURNS 1000 /* messages of one connection before the others' */
#define BANNER_PAUSE (10 * MS)
#define TALK_AHEAD (64 * 1024)

static void conn_free(struct conn *c)
{
	if (c->session) {
		wire_current(&c->wire);
		run_free_all(c);
		if (c->event) {
			(void)ssh_event_remove_session(c->event, c->session);
			ssh_event_free(c->event);
		}
		/* closes the socket, where it is open */
		ssh_free(c->session);
	} else {
		(void)close(c->wire.fd);
	}
	wire_release(&c->wire);
	loop_timer_stop(c->lane->loop, &c->timer);
	if (c->starting)
		(void)host_startups(c->host.address, -1);
	atomic_fetch_sub_explicit(&c->lane->fleet->live, 1, memory_order_relaxed);
	*c->here = c->next;
	if (c->next)
		c->next->here = c->here;
	free(c);
}

static bool is_open(const struct conn *c)
{
	return !c->session || ssh_get_fd(c->session) == c->wire.fd;
}

void conn_close(struct conn *c)
{
	if (!c->ended && is_open(c)) {
		wire_flush(&c->wire);
		(void)shutdown(c->wire.fd, SHUT_RDWR);
	}
	/* what libssh still writes goes nowhere */
	c->wire.broken = true;
	c->ended = true;
}

void conn_reset(struct conn *c)
{
	struct linger now = { 1, 0 };

	if (!c->ended && is_open(c)) {
		wire_flush(&c->wire);
		(void)setsockopt(c->wire.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	c->wire.broken = true;
	c->ended = true;
}

void conn_free_all(struct lane *lane)
{
	while (lane->conns)
		conn_free(lane->conns);
}

/* ---- what libssh asks ---- */

static void at_status(void *arg, float status)
{
	struct conn *c = arg;

	/* libssh's steps: 0.6 the client's KEXINIT, 1.0 its NEWKEYS */
	if ((c->answer.fault == FAULT_CLOSE_KEX && status > 0.55f) ||
	    (c->answer.fault == FAULT_CLOSE_NEWKEYS && status > 0.95f))
		conn_close(c);
}

static int login(struct conn *c, const char *user)
{
	if (c->answer.fault == FAULT_LOGIN_REFUSED)
		return SSH_AUTH_DENIED;
	if (c->answer.fault == FAULT_CLOSE_AUTH) {
		conn_close(c);
		return SSH_AUTH_DENIED;
	}
	c->no_channels = strcmp(user, "nochannel") == 0;
	if (c->starting)
		(void)host_startups(c->host.address, -1);
	c->starting = false;
	atomic_fetch_add_explicit(&c->lane->fleet->logins, 1, memory_order_relaxed);
	return SSH_AUTH_SUCCESS;
}

static int auth_pubkey(ssh_session s, const char *user, struct ssh_key_struct *key, char state, void *arg)
{
	struct conn *c = arg;

	(void)s;
	(void)key;
	if (state == SSH_PUBLICKEY_STATE_NONE)
		return c->answer.fault == FAULT_LOGIN_REFUSED ? SSH_AUTH_DENIED : SSH_AUTH_SUCCESS;
	return state == SSH_PUBLICKEY_STATE_VALID ? login(c, user) : SSH_AUTH_DENIED;
}

static int auth_password(ssh_session s, const char *user, const char *password, void *arg)
{
	(void)s;
	return strcmp(password, "sim") == 0 ? login(arg, user) : SSH_AUTH_DENIED;
}

static ssh_channel open_channel(ssh_session s, void *arg)
{
	struct conn *c = arg;

	(void)s;
	if (c->answer.fault == FAULT_CLOSE_OPEN)
		conn_close(c);
	if (c->ended || c->no_channels || c->answer.fault == FAULT_CHANNEL_REFUSED)
		return NULL;
	if (c->served) {
		c->served = c->answer.fault == FAULT_REST_CLOSE || c->answer.fault == FAULT_REST_LIE;
		c->mute = c->answer.fault == FAULT_REST_SILENT;
		c->talks = c->answer.fault == FAULT_REST_REFUSED || c->answer.fault == FAULT_REST_FLOOD;
		if (c->mute || c->answer.fault == FAULT_REST_REFUSED)
			return NULL;
	}
	return run_open(c);
}

/* Behind the answer to what was asked. */
static void talk(struct conn *c)
{
	static const char words[] = "nobody wants to know this, and it comes again and again";
	bool flood = c->answer.fault == FAULT_REST_FLOOD;

	while (c->talks && c->wire.out_len < TALK_AHEAD && ssh_send_ignore(c->session, words) == SSH_OK)
		c->talks = flood;
	if (c->talks)
		loop_timer(c->lane->loop, &c->timer, loop_now() + MS);
}

/* ---- turns ---- */

static void start_ssh(struct conn *c)
{
	struct lane *lane = c->lane;

	c->session = ssh_new();
	if (!c->session ||
	    ssh_bind_accept_fd(c->answer.fault == FAULT_WRONG_HOSTKEY ? lane->stranger : lane->bind,
			       c->session, c->wire.fd) != SSH_OK) {
		if (c->session && ssh_get_fd(c->session) != c->wire.fd)
			(void)close(c->wire.fd);
		c->ended = true;
		return;
	}
	ssh_set_blocking(c->session, 0);
	c->session_cb.userdata = c;
	c->session_cb.connect_status_function = at_status;
	ssh_callbacks_init(&c->session_cb);
	(void)ssh_set_callbacks(c->session, &c->session_cb);
	c->server_cb.userdata = c;
	c->server_cb.auth_pubkey_function = auth_pubkey;
	c->server_cb.auth_password_function = auth_password;
	c->server_cb.channel_open_request_session_function = open_channel;
	ssh_callbacks_init(&c->server_cb);
	(void)ssh_set_server_callbacks(c->session, &c->server_cb);
	ssh_set_auth_methods(c->session, SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_PASSWORD);
	/* only begins it; the event's polls carry it on */
	c->event = ssh_event_new();
	if (!c->event || ssh_handle_key_exchange(c->session) == SSH_ERROR ||
	    ssh_event_add_session(c->event, c->session) != SSH_OK)
		c->ended = true;
}

/* Connections that do not get as far as SSH.  False: this one does. */
static bool start_raw(struct conn *c)
{
	static const char garbage[] =
		"220 no SSH here\r\n\x00\x01\xff\xfe\x80 \x1b]0;title\x07\r\n550 5.1.1 unknown\r\n";
	static const char banner[] = "SSH-2.0-sim\r\n";
	static const char line[] = "this is not the banner that you are waiting for, which never comes\r\n";

	switch (c->answer.fault) {
	case FAULT_SILENT:
		return true;
	case FAULT_GARBAGE_BANNER:
		(void)wire_add(&c->wire, garbage, sizeof(garbage) - 1);
		return true;
	case FAULT_CLOSE_BANNER:
		(void)wire_add(&c->wire, banner, sizeof(banner) - 1);
		conn_close(c);
		return true;
	case FAULT_ENDLESS_BANNER:
		for (int i = 0; i < 100 && c->wire.out_len == 0; i++)
			(void)wire_add(&c->wire, line, sizeof(line) - 1);
		loop_timer(c->lane->loop, &c->timer, loop_now() + BANNER_PAUSE);
		return true;
	default:
		return false;
	}
}

static void ssh_turn(struct conn *c)
{
	for (int i = 0; !c->ended; i++) {
		int rc = i < TURNS ? ssh_event_dopoll(c->event, 0) : SSH_AGAIN;

		if (rc == SSH_AGAIN)
			break;
		if (rc == SSH_ERROR)
			c->ended = true;
	}
	for (struct run *r = c->runs; r && !c->ended; r = run_next(r))
		run_turn(r);
	run_free_ended(c);
	if (!c->ended)
		talk(c);
	if (c->mute)
		c->wire.out_len = 0;
	if (!is_open(c))
		c->ended = true;
}

void conn_turn(struct conn *c)
{
	int64_t due;

	wire_current(&c->wire);
	if (c->session && !c->mute)
		ssh_turn(c);
	else if (wire_drain(&c->wire))
		c->ended = true;
	if (!c->ended) {
		wire_flush(&c->wire);
		c->ended = c->wire.broken;
	}
	if (c->ended) {
		conn_free(c);
		return;
	}
	due = c->session ? wire_due(&c->wire) : 0;
	if (due)
		loop_timer(c->lane->loop, &c->timer, due);
}

static void on_events(void *arg, uint32_t events)
{
	struct conn *c = arg;

	wire_events(&c->wire, events);
	/* before its banner is due, what has come can wait */
	if (c->timer.at == 0 || c->session)
		conn_turn(c);
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	wire_current(&c->wire);
	if (!c->session && !start_raw(c))
		start_ssh(c);
	conn_turn(c);
}

/* ---- accepting ---- */

/* Is it let in?  Else it is closed, at once. */
static bool admitted(struct conn *c)
{
	struct fleet *f = c->lane->fleet;
	const struct answer *a = &c->answer;
	uint32_t waiting = host_startups(c->host.address, 1);

	c->starting = true;
	if (a->max_startups && waiting > a->max_startups)
		return false;
	if (a->drop &&
	    host_share(host_hash(c->host.dotted, f->seed + host_attempt(c->host.address)), a->drop))
		return false;
	return a->fault != FAULT_REFUSE;
}

static void begin(struct lane *lane, int fd)
{
	struct fleet *f = lane->fleet;
	struct conn *c = calloc(1, sizeof(*c));
	struct sockaddr_in here = { 0 };
	socklen_t len = sizeof(here);
	unsigned long live, peak;
	int one = 1;

	if (!c) {
		(void)close(fd);
		return;
	}
	(void)getsockname(fd, (struct sockaddr *)&here, &len);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->lane = lane;
	host_of_address(&c->host, ntohl(here.sin_addr.s_addr));
	rules_answer(f->rules, &c->host, NULL, &c->answer);
	wire_init(&c->wire, fd, c->answer.rtt);
	c->watch.fn = on_events;
	c->timer.fn = on_timer;
	c->watch.arg = c->timer.arg = c;
	c->next = lane->conns;
	c->here = &lane->conns;
	if (c->next)
		c->next->here = &c->next;
	lane->conns = c;

	atomic_fetch_add_explicit(&f->accepted, 1, memory_order_relaxed);
	live = atomic_fetch_add_explicit(&f->live, 1, memory_order_relaxed) + 1;
	peak = atomic_load_explicit(&f->peak, memory_order_relaxed);
	while (live > peak && !atomic_compare_exchange_weak(&f->peak, &peak, live))
		;
	if (!admitted(c)) {
		atomic_fetch_add_explicit(&f->dropped, 1, memory_order_relaxed);
		if (c->answer.fault == FAULT_REFUSE)
			conn_reset(c);
		conn_free(c);
		return;
	}
	if (loop_watch(lane->loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &c->watch) != 0) {
		conn_free(c);
		return;
	}
	if (c->answer.rtt)
		loop_timer(lane->loop, &c->timer, loop_now() + c->answer.rtt);
	else
		on_timer(c);
}

static void on_accept(void *arg, uint32_t events)
{
	struct lane *lane = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(lane->fleet->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			begin(lane, fd);
		} else if (errno == EMFILE || errno == ENFILE) {
			/* the next one that ends makes room */
			(void)usleep(1000);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

int conn_listen(struct lane *lane)
{
	lane->accepting.fn = on_accept;
	lane->accepting.arg = lane;
	return loop_watch(lane->loop, lane->fleet->listener, EPOLLIN | EPOLLEXCLUSIVE, &lane->accepting);
}
