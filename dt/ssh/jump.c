#include "dt/ssh/jump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/ssh/guard.h"
#include "dt/ssh/lib.h"

/* A request that waits this long for a lane starts another. */
#define PICK_MS 1000
#define LINK_QUEUE (256 * 1024)
/* Threads of one jump host, with those that wait for hosts which do not answer. */
#define LANES_MAX 64
#define STOP_MS 3000
/* Another try to log in to the jump host, so often and after so long, which doubles. */
#define TRIES 4
#define BACKOFF_MS 100
#define PENALTY_MS 1000	/* the same where the jump host refuses this address for a while */

/*
 * A worker's wish for a connection.  It travels over a pipe as a pointer;
 * both sides hold a reference.  The answer comes over the socket pair: 'O',
 * then the connection's bytes; or 'E', a byte of enum err_code, the text.
 */
struct request {
	_Atomic int refs;
	_Atomic int64_t taken;	/* when a lane began with it; 0: not yet */
	char *host;
	int port;
	int fd;			/* the lane's end of the pair */
};

struct link {
	struct request *req;
	LIBSSH2_CHANNEL *channel;	/* NULL while it is being opened */
	struct buf to_host, to_worker;
	bool worker_eof, host_eof, eof_sent;
	bool closing;			/* only the host's close is still to come */
	struct link *next;
};

struct jump {
	const struct ssh_env *env;
	const struct target *t;
	int requests[2];	/* the pipe of struct request * */
	int stop[2];		/* its read end becomes readable (end of file) at jump_free */
	int gone[2];		/* a byte for each lane that has ended */
	_Atomic int lanes;	/* threads */
	_Atomic int started;	/* lanes that can take requests, or will */
	_Atomic bool ever;	/* one has been logged in */
	_Atomic int64_t penalty;	/* until then one lane is enough to try; 0: none */
};

struct lane {
	struct jump *j;
	struct session *s;
	struct ssh_env env;	/* cancelled by j->stop */
	struct dt_err failed;	/* why there is no session */
	struct link *links;	/* the first may be opening */
	bool opening;
	bool stuck;		/* what is being opened has no worker any more: not counted in started */
	bool stopped;
};

static void request_drop(struct request *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	if (r->fd >= 0)
		(void)close(r->fd);
	free(r->host);
	free(r);
}

static void answer_error(struct request *r, const struct dt_err *e)
{
	char text[2 + sizeof(e->msg)];
	int n = snprintf(text, sizeof(text), "E%c%s", (char)e->code, e->msg);

	(void)send(r->fd, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(r->fd, SHUT_RDWR);
}

static void link_free(struct link *k)
{
	(void)shutdown(k->req->fd, SHUT_RDWR);
	request_drop(k->req);
	buf_release(&k->to_host);
	buf_release(&k->to_worker);
	free(k);
}

static void take_request(struct lane *l, struct request *r)
{
	struct link *k;

	/* nobody waits for it any more */
	if (atomic_load(&r->refs) == 1) {
		request_drop(r);
		return;
	}
	atomic_store(&r->taken, now_ms());
	if (!l->s || !(k = calloc(1, sizeof(*k)))) {
		answer_error(r, &l->failed);
		request_drop(r);
		return;
	}
	k->req = r;
	buf_init(&k->to_host, LINK_QUEUE);
	buf_init(&k->to_worker, LINK_QUEUE);
	k->next = l->links;
	l->links = k;
	l->opening = true;
}

/* libssh2 cannot give up an opening: so while its host is silent, another lane serves the rest. */
static void look_for_worker(struct lane *l, const struct link *k)
{
	char c;

	if (l->stuck || recv(k->req->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		return;
	l->stuck = true;
	atomic_fetch_sub(&l->j->started, 1);
}

static void opened(struct lane *l)
{
	l->opening = false;
	if (l->stuck)
		atomic_fetch_add(&l->j->started, 1);
	l->stuck = false;
}

/* Goes on opening the first link.  True when something changed. */
static bool open_step(struct lane *l)
{
	struct lib *lib = l->s->state;
	struct link *k = l->links;

	k->channel = libssh2_channel_direct_tcpip_ex(lib->session, k->req->host, k->req->port, "127.0.0.1", 0);
	if (k->channel) {
		(void)send(k->req->fd, "O", 1, MSG_NOSIGNAL);
		opened(l);
		return true;
	}
	if (libssh2_session_last_errno(lib->session) == LIBSSH2_ERROR_EAGAIN) {
		look_for_worker(l, k);
		return false;
	}
	struct dt_err e = DT_ERR_INIT;

	(void)lib_error(l->s, ERR_CONNECT, "jump host", &e);
	answer_error(k->req, &e);
	l->links = k->next;
	link_free(k);
	opened(l);
	return true;
}

/* Worker to channel.  1: moved, 0: not, -1: the channel is broken. */
static int to_host_step(struct lane *l, struct link *k)
{
	struct lib *lib = l->s->state;
	int moved = 0;

	if (!k->worker_eof && k->to_host.len < LINK_QUEUE / 2) {
		char data[32768];
		ssize_t n = recv(k->req->fd, data, sizeof(data), MSG_DONTWAIT);

		if (n > 0) {
			(void)buf_add(&k->to_host, data, (size_t)n);
			moved = 1;
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			k->worker_eof = true;
			moved = 1;
		}
	}
	while (k->to_host.len && !wire_full(&lib->wire)) {
		ssize_t n = libssh2_channel_write(k->channel, k->to_host.data, k->to_host.len);

		if (n == LIBSSH2_ERROR_EAGAIN)
			break;
		if (n < 0)
			return -1;
		buf_consume(&k->to_host, (size_t)n);
		moved = 1;
	}
	if (k->worker_eof && !k->to_host.len && !k->eof_sent) {
		if (libssh2_channel_send_eof(k->channel) != LIBSSH2_ERROR_EAGAIN)
			k->eof_sent = true;
	}
	return moved;
}

static int to_worker_step(struct link *k)
{
	int moved = 0;

	if (!k->host_eof && k->to_worker.len < LINK_QUEUE / 2) {
		char data[32768];
		ssize_t n = libssh2_channel_read(k->channel, data, sizeof(data));

		if (n > 0) {
			(void)buf_add(&k->to_worker, data, (size_t)n);
			moved = 1;
		} else if (n < 0 && n != LIBSSH2_ERROR_EAGAIN) {
			return -1;
		} else if (libssh2_channel_eof(k->channel)) {
			k->host_eof = true;
			moved = 1;
		}
	}
	while (k->to_worker.len) {
		ssize_t n = send(k->req->fd, k->to_worker.data, k->to_worker.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? moved : -1;
		buf_consume(&k->to_worker, (size_t)n);
		moved = 1;
	}
	return moved;
}

/* Moves what can move on all links; true when something did. */
static bool links_step(struct lane *l)
{
	struct link **at = &l->links;
	bool moved = false;

	while (*at) {
		struct link *k = *at;
		int a, b;

		if (!k->channel) {
			at = &k->next;
			continue;
		}
		a = k->closing ? 0 : to_host_step(l, k);
		b = k->closing || a < 0 ? -1 : to_worker_step(k);
		moved |= a > 0 || b > 0;
		if (b < 0 || (k->host_eof && !k->to_worker.len) || (k->worker_eof && !k->to_host.len && k->eof_sent)) {
			if (!k->closing)
				(void)shutdown(k->req->fd, SHUT_RDWR);
			k->closing = true;
			/* the host's close may take its time: the others go on */
			if (libssh2_channel_free(k->channel) == LIBSSH2_ERROR_EAGAIN) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			link_free(k);
			moved = true;
			continue;
		}
		at = &k->next;
	}
	return moved;
}

static size_t count_links(const struct lane *l)
{
	size_t n = 0;

	for (const struct link *k = l->links; k; k = k->next)
		n++;
	return n;
}

/* Waits for the jump host, a worker, a request or the end.  False: memory ran out. */
static bool lane_wait(struct lane *l, int timeout_ms)
{
	struct lib *lib = l->s ? l->s->state : NULL;
	size_t n = 3 + count_links(l), i = 3;
	struct pollfd *p = calloc(n, sizeof(*p));

	if (!p)
		return false;
	/* each channel has a window of libssh2's default, 2 MB */
	if (lib)
		lib->wire.memory_max = WIRE_MEMORY + n * (3UL << 20);
	p[0] = (struct pollfd){ l->j->stop[0], POLLIN, 0 };
	p[1] = (struct pollfd){ l->opening ? -1 : l->j->requests[0], POLLIN, 0 };
	p[2] = (struct pollfd){ lib ? lib->wire.fd : -1, POLLIN, 0 };
	if (lib && lib->wire.queue.len)
		p[2].events |= POLLOUT;
	for (struct link *k = l->links; k; k = k->next, i++) {
		p[i] = (struct pollfd){ k->req->fd, 0, 0 };
		if (!k->channel) {
			/* is its worker gone? */
			p[i].events = l->stuck || !l->opening ? 0 : POLLRDHUP;
		} else if (!k->closing) {
			if (!k->worker_eof && k->to_host.len < LINK_QUEUE / 2)
				p[i].events |= POLLIN;
			if (k->to_worker.len)
				p[i].events |= POLLOUT;
		}
		if (!p[i].events)
			p[i].fd = -1;
	}
	if (poll(p, n, timeout_ms) > 0) {
		struct request *r;

		if (p[0].revents)
			l->stopped = true;
		if ((p[1].revents & POLLIN) && read(l->j->requests[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
			take_request(l, r);
		if (lib && (p[2].revents & POLLOUT))
			wire_flush(&lib->wire);
	}
	free(p);
	return true;
}

static void pump_guarded(void *arg)
{
	struct lane *l = arg;

	while (!l->stopped) {
		struct lib *lib = l->s ? l->s->state : NULL;

		if (lib) {
			uint64_t received = lib->wire.received;
			bool moved = l->opening && open_step(l);

			/* nobody needs the lane, and others wait for one */
			if (l->stuck && l->links && !l->links->next)
				return;
			moved |= links_step(l);
			wire_flush(&lib->wire);
			moved |= lib->wire.received != received;
			if (!moved && (lib->wire.eof || lib->wire.error))
				return;
			/* the end, and new requests, are seen also while bytes come */
			if (!lane_wait(l, moved ? 0 : -1))
				return;
		} else if (!lane_wait(l, -1)) {
			return;
		}
	}
}

static void drop_links(struct lane *l)
{
	while (l->links) {
		struct link *k = l->links;

		l->links = k->next;
		if (!k->channel)
			answer_error(k->req, &l->failed);
		link_free(k);
	}
	l->opening = false;
}

static void answer_waiting(struct lane *l)
{
	struct request *r;

	while (read(l->j->requests[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
		take_request(l, r);
}

/*
 * A jump host that drops a login may let in the next one; who waits for the
 * lane waits no longer than its own connect timeout all the same.
 */
static int open_lane(struct lane *l)
{
	for (int tries = 0;; tries++) {
		int64_t pause;
		unsigned random;

		if (session_open(&l->env, l->j->t, NULL, 0, &l->s, &l->failed) == 0)
			return 0;
		if (l->failed.code != ERR_CONNECT || (l->failed.sys != ECONNRESET && l->failed.sys != EBUSY) || tries == TRIES)
			return -1;
		pause = (l->failed.sys == EBUSY ? PENALTY_MS : BACKOFF_MS) << tries;
		random_bytes(&random, sizeof(random));
		pause = pause / 2 + random % (unsigned)pause;
		if (l->failed.sys == EBUSY)
			atomic_store(&l->j->penalty, now_ms() + pause + PENALTY_MS);
		if (ssh_wait(&l->env, -1, 0, now_ms() + pause) < 0)
			return -1;
	}
}

static void lane_main(void *arg)
{
	struct lane *l = arg;
	struct jump *j = l->j;

	l->env = *j->env;
	l->env.cancel_fd = j->stop[0];
	if (open_lane(l) == 0 && l->s->ops != &transport_libssh2) {
		session_close(l->s);
		l->s = NULL;
		(void)err_set(&l->failed, ERR_UNSUPPORTED, "it needs ssh(1)");
	}
	if (!l->s)
		err_prefix(&l->failed, "jump host %s", j->t->name);
	else
		atomic_store(&j->ever, true);
	if (!l->s && (atomic_load(&j->ever) || atomic_load(&j->started) > 1)) {
		/* others carry on (sshd may have refused one login too many); without them, who waits now hears it */
		if (atomic_load(&j->started) == 1)
			answer_waiting(l);
	} else if (!l->stopped && !guard_call(pump_guarded, l)) {
		struct lib *lib = l->s->state;

		guard_abandon(lib->session);
		lib->session = NULL;
	}
	/* the next request starts another lane */
	if (l->s)
		(void)err_set(&l->failed, ERR_CONNECT, "jump host %s: the connection to it was lost", j->t->name);
	drop_links(l);
	session_close(l->s);
	if (!l->stuck)
		atomic_fetch_sub(&j->started, 1);
	free(l);
	(void)!write(j->gone[1], "x", 1);
}

static void start_lane(struct jump *j)
{
	struct lane *l;

	if (atomic_load(&j->started) && now_ms() < atomic_load(&j->penalty))
		return;
	if (atomic_fetch_add(&j->started, 1) >= JUMP_LANES || atomic_load(&j->lanes) >= LANES_MAX) {
		atomic_fetch_sub(&j->started, 1);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l) {
		l->j = j;
		atomic_fetch_add(&j->lanes, 1);
		if (j->env->spawn(lane_main, l) == 0)
			return;
		atomic_fetch_sub(&j->lanes, 1);
		free(l);
	}
	atomic_fetch_sub(&j->started, 1);
}

struct jump *jump_new(const struct ssh_env *env, const struct target *t, struct dt_err *err)
{
	struct jump *j = calloc(1, sizeof(*j));

	if (!j) {
		(void)err_nomem(err);
		return NULL;
	}
	for (int i = 0; i < 2; i++)
		j->requests[i] = j->stop[i] = j->gone[i] = -1;
	j->env = env;
	j->t = t;
	/* several lanes wait for the same requests: only one gets each */
	if (pipe2(j->requests, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(j->stop, O_CLOEXEC) != 0 || pipe2(j->gone, O_CLOEXEC) != 0) {
		(void)err_sys(err, ERR_FAIL, errno, "jump host %s", t->name);
		(void)jump_free(j);
		return NULL;
	}
	/* as many pointers as hosts can wait at a time */
	(void)fcntl(j->requests[1], F_SETPIPE_SZ, 1 << 20);
	return j;
}

bool jump_free(struct jump *j)
{
	struct request *r;

	if (!j)
		return true;
	if (j->stop[1] >= 0) {
		(void)close(j->stop[1]);
		j->stop[1] = -1;
	}
	for (int n = atomic_load(&j->lanes); n > 0; n--) {
		struct pollfd p = { j->gone[0], POLLIN, 0 };
		char c;

		if (poll(&p, 1, STOP_MS) <= 0 || read(j->gone[0], &c, 1) != 1)
			return false;
	}
	if (j->requests[0] >= 0)
		while (read(j->requests[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
			request_drop(r);
	for (int i = 0; i < 2; i++) {
		if (j->requests[i] >= 0)
			(void)close(j->requests[i]);
		if (j->stop[i] >= 0)
			(void)close(j->stop[i]);
		if (j->gone[i] >= 0)
			(void)close(j->gone[i]);
	}
	free(j);
	return true;
}

/* Reads the lane's answer.  0: connected. */
static int read_answer(struct jump *j, const struct ssh_env *env, int fd, struct request *r, int64_t timeout_ms,
		       int64_t *deadline, struct dt_err *err)
{
	bool counts = false;
	char text[sizeof(err->msg) + 2] = "";
	size_t len = 0;

	for (;;) {
		int64_t taken = atomic_load(&r->taken), pick = taken ? 0 : now_ms() + PICK_MS;
		ssize_t n;
		int w;

		if (taken && timeout_ms && !counts)
			*deadline = deadline_min(*deadline, taken + timeout_ms);
		counts = taken;
		w = ssh_wait(env, fd, POLLIN, deadline_min(*deadline, pick));
		if (w == 0 && pick && !(*deadline && now_ms() >= *deadline)) {
			if (!atomic_load(&r->taken))
				start_lane(j);
			continue;
		}
		if (w <= 0)
			return session_waited(w, "no connection through the jump host", err);
		/* it may have been taken while this slept */
		if (!counts && atomic_load(&r->taken))
			continue;
		n = recv(fd, text + len, len ? sizeof(text) - 1 - len : 1, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n > 0 && text[0] == 'O')
			return 0;
		if (n > 0)
			len += (size_t)n;
		if (n <= 0 || len == sizeof(text) - 1) {
			if (len < 2)
				return err_set(err, ERR_CONNECT, "jump host %s: no answer", j->t->name);
			text[len] = '\0';
			return err_set(err, (enum err_code)text[1], "%s", text + 2);
		}
	}
}

int jump_connect(struct jump *j, const struct ssh_env *env, const char *host, int port, int64_t timeout_ms,
		 int64_t *deadline, struct dt_err *err)
{
	struct request *r = calloc(1, sizeof(*r));
	int pair[2], fd = -1;

	if (!r)
		return err_nomem(err);
	r->fd = -1;
	atomic_init(&r->refs, 1);
	r->port = port;
	r->host = strdup(host);
	if (!r->host || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		(void)err_sys(err, ERR_LOCAL, errno, "jump host");
		request_drop(r);
		return -1;
	}
	r->fd = pair[1];
	atomic_fetch_add(&r->refs, 1);
	if (write(j->requests[1], &r, sizeof(r)) != (ssize_t)sizeof(r)) {
		atomic_fetch_sub(&r->refs, 1);
		(void)err_sys(err, ERR_LOCAL, errno, "jump host");
	} else {
		if (!atomic_load(&j->started))
			start_lane(j);
		if (read_answer(j, env, pair[0], r, timeout_ms, deadline, err) == 0)
			fd = pair[0];
	}
	request_drop(r);
	if (fd < 0)
		(void)close(pair[0]);
	return fd;
}
