#include "dt/ssh/resolve.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/util.h"

/* One look-up, owned by the waiter and the thread together. */
struct lookup {
	_Atomic int refs;
	char *host, port[8];
	int fd;			/* eventfd: the answer is there */
	int rc, sys;		/* of getaddrinfo */
	struct addrinfo *list;
};

static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

static void lookup_drop(struct lookup *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	if (l->list)
		freeaddrinfo(l->list);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->host);
	free(l);
}

static void lookup_main(void *arg)
{
	static const uint64_t one = 1;
	struct lookup *l = arg;

	l->rc = getaddrinfo(l->host, l->port, &hints, &l->list);
	l->sys = errno;
	(void)!write(l->fd, &one, sizeof(one));
	lookup_drop(l);
}

static void take(const struct addrinfo *list, struct addresses *out)
{
	for (; list && out->n < RESOLVE_MAX; list = list->ai_next) {
		if (list->ai_addrlen > sizeof(out->v[0]) ||
		    (list->ai_family != AF_INET && list->ai_family != AF_INET6))
			continue;
		memcpy(&out->v[out->n++], list->ai_addr, list->ai_addrlen);
	}
}

static int refuse(const char *host, int rc, int sys, struct dt_err *err)
{
	if (rc == EAI_SYSTEM)
		return err_sys(err, ERR_RESOLVE, sys, "%s", host);
	return err_set(err, ERR_RESOLVE, "%s: %s", host, rc ? gai_strerror(rc) : "no usable address");
}

static int wait_lookup(const struct ssh_env *env, struct lookup *l, int64_t deadline, struct addresses *out,
		       struct dt_err *err)
{
	uint64_t n;
	int r = ssh_wait(env, l->fd, POLLIN, deadline);

	if (r == 0)
		return err_set(err, ERR_TIMEOUT, "name resolution of %s", l->host);
	if (r < 0)
		return err_set(err, ERR_SKIPPED, "interrupted before it began");
	(void)!read(l->fd, &n, sizeof(n)); /* the thread's answer is complete */
	if (l->rc != 0)
		return refuse(l->host, l->rc, l->sys, err);
	take(l->list, out);
	return out->n ? 0 : refuse(l->host, 0, 0, err);
}

int resolve(const struct ssh_env *env, const char *host, int port, int64_t deadline, struct addresses *out,
	    struct dt_err *err)
{
	struct addrinfo numeric = hints, *list = NULL;
	struct lookup *l;
	int r;

	memset(out, 0, sizeof(*out));
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_nomem(err);
	(void)snprintf(l->port, sizeof(l->port), "%d", port);
	numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	if (getaddrinfo(host, l->port, &numeric, &list) == 0) {
		take(list, out);
		freeaddrinfo(list);
		free(l);
		return out->n ? 0 : refuse(host, 0, 0, err);
	}
	atomic_init(&l->refs, 2);
	l->host = strdup(host);
	l->fd = eventfd(0, EFD_CLOEXEC);
	if (!l->host || l->fd < 0 || env->spawn(lookup_main, l) != 0) {
		r = err_sys(err, ERR_LOCAL, errno, "name resolution");
		lookup_drop(l);
	} else {
		r = wait_lookup(env, l, deadline, out, err);
	}
	lookup_drop(l);
	return r;
}

socklen_t address_len(const union address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
}

void address_text(const union address *a, char *out, size_t size)
{
	if (getnameinfo(&a->sa, address_len(a), out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
		*out = '\0';
}

/* errno's text as the status lines have it: "connection refused". */
static int refuse_connect(int sys, struct dt_err *err)
{
	char text[128];
	const char *why = strerror_r(sys, text, sizeof(text));

	(void)err_set(err, ERR_CONNECT, "%s", why);
	err->msg[0] = (char)tolower((unsigned char)err->msg[0]);
	err->sys = sys;
	return -1;
}

static int connect_one(const struct ssh_env *env, const union address *a, int64_t deadline, struct dt_err *err)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, sys = 0, r;
	socklen_t len = sizeof(sys);

	if (fd < 0)
		return err_sys(err, ERR_LOCAL, errno, "socket");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (connect(fd, &a->sa, address_len(a)) == 0)
		return fd;
	sys = errno;
	if (sys == EINPROGRESS) {
		r = ssh_wait(env, fd, POLLOUT, deadline);
		if (r <= 0) {
			(void)close(fd);
			return r == 0 ? err_set(err, ERR_TIMEOUT, "no answer to connect")
				      : err_set(err, ERR_SKIPPED, "interrupted before it began");
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0)
			sys = errno;
		if (sys == 0)
			return fd;
	}
	(void)close(fd);
	return refuse_connect(sys, err);
}

int connect_any(const struct ssh_env *env, const struct addresses *list, int64_t deadline, union address *used,
		struct dt_err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		int64_t until = deadline, now = now_ms();
		int fd;

		/* what is left of the time is shared among the addresses left */
		if (deadline && i + 1 < list->n && deadline > now)
			until = now + (deadline - now) / (int64_t)(list->n - i);
		fd = connect_one(env, &list->v[i], until, err);
		*used = list->v[i];
		if (fd >= 0)
			return fd;
		if (err->code != ERR_CONNECT && err->code != ERR_TIMEOUT)
			break;
	}
	return -1;
}
