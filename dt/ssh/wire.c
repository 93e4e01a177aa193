#include "dt/ssh/wire.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dt/base/err.h"
#include "dt/base/fiber.h"

#define QUEUE_HIGH 65536
#define SEGMENT 16384	/* more than that does not wait for its like */
#define QUEUE_MAX (4 << 20)
#define BURST 262144
#define FIRST 65536	/* bytes of logins and first commands */

void wire_init(struct wire *w, int fd)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->memory_max = WIRE_MEMORY;
	buf_init(&w->queue, QUEUE_MAX);
}

/* Memory that libssh2 frees may come from elsewhere (a signature): so the count is only nearly exact. */
static void account(struct wire *w, size_t add, size_t take)
{
	w->memory += add;
	w->memory -= take < w->memory ? take : w->memory;
}

void *wire_alloc(size_t n, void **abstract)
{
	struct wire *w = *abstract;
	void *p = n <= w->memory_max && w->memory <= w->memory_max - n ? malloc(n) : NULL;

	if (p)
		account(w, malloc_usable_size(p), 0);
	return p;
}

void *wire_realloc(void *old, size_t n, void **abstract)
{
	struct wire *w = *abstract;
	size_t was = old ? malloc_usable_size(old) : 0;
	void *p = n <= w->memory_max && w->memory <= w->memory_max - n ? realloc(old, n) : NULL;

	if (p)
		account(w, malloc_usable_size(p), was);
	return p;
}

void wire_watch(struct wire *w, const int *status)
{
	w->watched = status;
	w->seen = status ? *status : 0;
	w->changes = 0;
	w->late = false;
	w->closed = -1;
}

/*
 * libssh2 frees each message of the kinds CLOSE and REQUEST (RFC 4254, 5.3 and
 * 5.4: a byte, and the channel in four) as soon as it is understood: here
 * their order shows.
 */
static void watch(struct wire *w, const unsigned char *p, size_t len)
{
	enum { CHANNEL_CLOSE = 97 };
	long channel = len >= 5 ? (long)p[1] << 24 | p[2] << 16 | p[3] << 8 | p[4] : -2;

	if (*w->watched != w->seen) {
		w->seen = *w->watched;
		w->changes++;
		w->late |= channel == w->closed;
	} else if (len >= 5 && p[0] == CHANNEL_CLOSE) {
		w->closed = channel;
	}
}

void wire_free(void *p, void **abstract)
{
	struct wire *w = *abstract;
	size_t len = p ? malloc_usable_size(p) : 0;

	account(w, 0, len);
	/* libssh2 keeps banners, and whether a refusal is a partial success, to itself: here it lets go of them */
	if (p)
		heard_packet(&w->heard, p, len);
	if (w->watched && p)
		watch(w, p, len);
	free(p);
}

void wire_release(struct wire *w)
{
	fiber_release(w->fd);
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	buf_release(&w->queue);
}

void wire_flush(struct wire *w)
{
	size_t done = 0;

	while (done < w->queue.len && !w->error) {
		ssize_t n = send(w->fd, w->queue.data + done, w->queue.len - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			w->error = errno;
	}
	if (done && done == w->queue.len)
		buf_release(&w->queue); /* most sessions wait most of the time */
	else if (done)
		buf_consume(&w->queue, done);
}

bool wire_full(const struct wire *w)
{
	return w->queue.len >= QUEUE_HIGH;
}

/*
 * libssh2.h: both return bytes moved, or a negative errno.  What is sent waits
 * for the next receive, where libssh2 wants an answer: so messages that belong
 * together leave in one segment.
 */
static ssize_t on_send(libssh2_socket_t fd, const void *data, size_t len, int flags, void **abstract)
{
	struct wire *w = *abstract;

	(void)fd;
	(void)flags;
	if (w->dead || w->mute || w->error)
		return -EPIPE;
	if (buf_add(&w->queue, data, len) != 0) {
		w->error = ENOBUFS;
		return -ENOBUFS;
	}
	if (w->queue.len >= SEGMENT)
		wire_flush(w);
	return (ssize_t)len;
}

/*
 * Bytes from the socket; -1 where there are none, or no more.  OpenSSH's sshd
 * holds small answers back until what it sent before is acknowledged, which
 * this system would put off for 40 ms.
 */
static ssize_t receive(struct wire *w, void *data, size_t len)
{
	const int on = 1;
	ssize_t n;

	do
		n = recv(w->fd, data, len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		heard_opening(&w->heard, data, (size_t)n);
		if (w->tap && buf_add(w->tap, data, (size_t)n) != 0)
			w->tap = NULL;
		w->received += (uint64_t)n;
		w->burst += (size_t)n;
		if (w->received < FIRST)
			(void)setsockopt(w->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
		return n;
	}
	if (n == 0)
		w->eof = true;
	else if (errno != EAGAIN)
		w->error = errno;
	return -1;
}

static ssize_t on_recv(libssh2_socket_t fd, void *data, size_t len, int flags, void **abstract)
{
	struct wire *w = *abstract;
	size_t left = w->ahead_len - w->ahead_at;
	ssize_t n;

	(void)fd;
	(void)flags;
	if (w->dead)
		return -EPIPE;
	if (!left) {
		if (w->queue.len)
			wire_flush(w);
		/* where the socket takes nothing more, the host may have said why before */
		if (w->eof)
			return -EAGAIN;
		/* libssh2 reads on while there is something: now and then its caller must look at the time */
		if (w->burst >= BURST) {
			w->burst = 0;
			return -EAGAIN;
		}
		n = receive(w, len < sizeof(w->ahead) ? w->ahead : data, len < sizeof(w->ahead) ? sizeof(w->ahead) : len);
		if (n < 0)
			return -EAGAIN;
		if (len >= sizeof(w->ahead))
			return n;
		w->ahead_at = 0;
		w->ahead_len = left = (size_t)n;
	}
	if (left > len)
		left = len;
	memcpy(data, w->ahead + w->ahead_at, left);
	w->ahead_at += left;
	return (ssize_t)left;
}

/* libssh2.h, LIBSSH2_DISCONNECT_FUNC */
static void on_disconnect(LIBSSH2_SESSION *session, int reason, const char *text, int len, const char *language,
			  int language_len, void **abstract)
{
	struct wire *w = *abstract;

	(void)session, (void)reason, (void)language, (void)language_len;
	if (text && len > 0)
		heard_disconnect(&w->heard, text, (size_t)len);
}

void wire_attach(struct wire *w, LIBSSH2_SESSION *session)
{
	void (*bye)(LIBSSH2_SESSION *, int, const char *, int, const char *, int, void **) = on_disconnect;
	ssize_t (*snd)(libssh2_socket_t, const void *, size_t, int, void **) = on_send;
	ssize_t (*rcv)(libssh2_socket_t, void *, size_t, int, void **) = on_recv;
	void *p;

	fiber_hold(w->fd);
	*libssh2_session_abstract(session) = w;
	/* libssh2's API carries function pointers as void * */
	memcpy(&p, &snd, sizeof(p));
	(void)libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, p);
	memcpy(&p, &rcv, sizeof(p));
	(void)libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, p);
	memcpy(&p, &bye, sizeof(p));
	(void)libssh2_session_callback_set(session, LIBSSH2_CALLBACK_DISCONNECT, p);
}

int wire_wait(struct wire *w, const struct ssh_env *env, int also, int64_t deadline)
{
	short events = POLLIN;
	int r;

	wire_flush(w);
	w->burst = 0;
	if (w->eof || w->error)
		return -2;
	if (w->queue.len)
		events |= POLLOUT;
	r = ssh_wait_also(env, w->fd, events, also, deadline);
	if (r > 0 && (r & POLLOUT))
		wire_flush(w);
	return r > 0 ? 1 : r;
}

const char *wire_reason(const struct wire *w, char *out, size_t size)
{
	if (*w->heard.disconnect) {
		(void)snprintf(out, size, "the host disconnected: %s", w->heard.disconnect);
		return out;
	}
	if (w->error)
		return err_text(w->error, out, size);
	return w->eof ? "connection closed by the host" : "protocol error";
}
