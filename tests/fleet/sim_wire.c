#include "sim_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "sim_loop.h"

#define OUT_FULL (256 * 1024) /* libssh is told to wait */
#define IN_FULL (256 * 1024) /* of one read, at once */

struct chunk {
	struct chunk *next;
	int64_t due;
	size_t at, len;
	char data[];
};

static _Thread_local struct wire *current;

void wire_init(struct wire *w, int fd, int64_t delay)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->delay = delay;
}

void wire_release(struct wire *w)
{
	if (current == w)
		current = NULL;
	for (struct chunk *c = w->first, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(w->out);
}

void wire_current(struct wire *w)
{
	current = w;
}

/* With a delay: all that has come goes into the line, with its time. */
static void take(struct wire *w)
{
	static _Thread_local char room[IN_FULL];

	while (w->readable && !w->eof) {
		ssize_t n = recvfrom(w->fd, room, sizeof(room), 0, NULL, NULL);
		struct chunk *c;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			w->readable = false;
			return;
		}
		c = n > 0 ? malloc(sizeof(*c) + (size_t)n) : NULL;
		if (!c) {
			w->eof = true;
			w->eof_at = loop_now() + w->delay;
			return;
		}
		c->next = NULL;
		c->due = loop_now() + w->delay;
		c->at = 0;
		c->len = (size_t)n;
		memcpy(c->data, room, (size_t)n);
		*(w->last ? &w->last->next : &w->first) = c;
		w->last = c;
	}
}

void wire_events(struct wire *w, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		w->readable = true;
		w->unsure = false;
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		w->hung_up = true;
	if (w->delay)
		take(w);
}

int64_t wire_due(const struct wire *w)
{
	return w->first ? w->first->due : w->eof ? w->eof_at : 0;
}

static bool can_read(struct wire *w)
{
	char c;

	if (w->delay) {
		int64_t due = wire_due(w);

		return due && due <= loop_now();
	}
	/* for libssh, EAGAIN would be the connection's end */
	if (w->readable && w->unsure && recvfrom(w->fd, &c, 1, MSG_PEEK, NULL, NULL) < 0 && errno == EAGAIN)
		w->readable = false;
	return w->readable;
}

int wire_add(struct wire *w, const void *data, size_t len)
{
	if (w->out_at + w->out_len + len > w->out_room) {
		size_t room = w->out_len + len < 2048 ? 2048 : 2 * (w->out_len + len);
		char *out = malloc(room);

		if (!out)
			return -1;
		if (w->out_len)
			memcpy(out, w->out + w->out_at, w->out_len);
		free(w->out);
		w->out = out;
		w->out_at = 0;
		w->out_room = room;
	}
	memcpy(w->out + w->out_at + w->out_len, data, len);
	w->out_len += len;
	return 0;
}

void wire_flush(struct wire *w)
{
	while (w->out_len && !w->broken) {
		ssize_t n = sendto(w->fd, w->out + w->out_at, w->out_len, MSG_NOSIGNAL, NULL, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR)
			w->broken = true;
		if (n > 0) {
			w->out_at += (size_t)n;
			w->out_len -= (size_t)n;
		}
	}
	/* an idle connection keeps no buffer */
	free(w->out);
	w->out = NULL;
	w->out_at = w->out_len = w->out_room = 0;
}

bool wire_drain(struct wire *w)
{
	char room[4096];

	while (w->readable && !w->eof) {
		ssize_t n = recvfrom(w->fd, room, sizeof(room), 0, NULL, NULL);

		if (n < 0 && errno == EAGAIN)
			w->readable = false;
		else if (n == 0 || (n < 0 && errno != EINTR))
			w->eof = true;
	}
	return w->eof;
}

/* What libssh calls.  The prototypes are libc's. */

static ssize_t read_line(struct wire *w, char *buf, size_t len)
{
	size_t done = 0;
	int64_t now = loop_now();

	while (w->first && w->first->due <= now && done < len) {
		struct chunk *c = w->first;
		size_t n = c->len - c->at < len - done ? c->len - c->at : len - done;

		memcpy(buf + done, c->data + c->at, n);
		done += n;
		c->at += n;
		if (c->at < c->len)
			break;
		w->first = c->next;
		if (!w->first)
			w->last = NULL;
		free(c);
	}
	if (done || (!w->first && w->eof && w->eof_at <= now))
		return (ssize_t)done;
	errno = EAGAIN;
	return -1;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct wire *w = current;
	ssize_t n;

	if (!w || w->fd != fd)
		return recvfrom(fd, buf, len, flags, NULL, NULL);
	if (w->delay)
		return read_line(w, buf, len);
	n = recvfrom(fd, buf, len, flags, NULL, NULL);
	/* edge-triggered: a short read has emptied the socket, and epoll will tell of more */
	if (n < 0 || ((size_t)n < len && !w->hung_up))
		w->readable = false;
	w->unsure = true;
	return n;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct wire *w = current;

	if (!w || w->fd != fd || w->through)
		return sendto(fd, buf, len, flags | MSG_NOSIGNAL, NULL, 0);
	if (w->broken || wire_add(w, buf, len) != 0) {
		errno = w->broken ? EPIPE : ENOMEM;
		return -1;
	}
	return (ssize_t)len;
}

/* libc's header says that poll() only writes to fds, so it cannot have its own name here. */
int wire_poll(struct pollfd *fds, nfds_t n, int timeout) __asm__("poll");
int wire_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct wire *w = current;

	if (!w || n != 1 || fds->fd != w->fd) {
		struct timespec t = { timeout / 1000, timeout % 1000 * MS };

		return ppoll(fds, n, timeout < 0 ? NULL : &t, NULL);
	}
	fds->revents = 0;
	if ((fds->events & POLLIN) && can_read(w))
		fds->revents |= POLLIN;
	if ((fds->events & POLLOUT) && w->out_len < OUT_FULL)
		fds->revents |= POLLOUT;
	return fds->revents != 0;
}
