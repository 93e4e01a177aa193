#include "dt/ssh/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/util.h"
#include "dt/ssh/pattern.h"

/* One call of getaddrinfo, shared by its thread and by who waits for it. */
struct lookup {
	atomic_int holders;	/* the last one frees it */
	atomic_bool done;
	int event;		/* readable when done */
	int result, sys;	/* of getaddrinfo, and errno */
	struct addrinfo *list;
	char host[];
};

static const struct addrinfo any_stream = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

static void lookup_drop(struct lookup *l)
{
	if (atomic_fetch_sub(&l->holders, 1) != 1)
		return;
	if (l->list)
		freeaddrinfo(l->list);
	if (l->event >= 0)
		(void)close(l->event);
	free(l);
}

static void lookup_thread(void *arg)
{
	struct lookup *l = arg;
	uint64_t one = 1;

	l->result = getaddrinfo(l->host, NULL, &any_stream, &l->list);
	l->sys = errno;
	atomic_store(&l->done, true);
	while (write(l->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	lookup_drop(l);
}

static int lookup_failed(const char *host, int result, int sys, struct dt_err *err)
{
	if (result == EAI_SYSTEM)
		return err_sys(err, ERR_RESOLVE, sys, "%s", host);
	return err_set(err, ERR_RESOLVE, "%s: %s", host, gai_strerror(result));
}

static int take_addresses(const char *host, const struct addrinfo *list, int port, struct addresses *out,
			  struct dt_err *err)
{
	for (; list && out->n < RESOLVE_MAX; list = list->ai_next) {
		union socket_address *a = &out->v[out->n];

		if ((list->ai_family != AF_INET && list->ai_family != AF_INET6) ||
		    list->ai_addrlen > sizeof(*a))
			continue;
		memcpy(a, list->ai_addr, list->ai_addrlen);
		if (list->ai_family == AF_INET)
			a->in4.sin_port = htons((uint16_t)port);
		else
			a->in6.sin6_port = htons((uint16_t)port);
		out->n++;
	}
	return out->n ? 0 : err_set(err, ERR_RESOLVE, "%s: no address", host);
}

int resolve(const struct ssh_env *env, const char *host, int port, int64_t deadline, struct addresses *out,
	    struct dt_err *err)
{
	struct addrinfo numeric = any_stream, *list = NULL;
	size_t size = strlen(host) + 1;
	struct lookup *l;
	int r;

	memset(out, 0, sizeof(*out));
	numeric.ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(host, NULL, &numeric, &list) == 0) {
		r = take_addresses(host, list, port, out, err);
		freeaddrinfo(list);
		return r;
	}
	l = calloc(1, sizeof(*l) + size);
	if (!l)
		return err_nomem(err);
	memcpy(l->host, host, size);
	atomic_init(&l->holders, 2);
	atomic_init(&l->done, false);
	l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->event < 0 || env->spawn(lookup_thread, l) != 0) {
		r = err_sys(err, ERR_LOCAL, errno, "%s: cannot look it up", host);
		lookup_drop(l);	/* the thread's part, which never began */
		goto out;
	}
	r = ssh_wait(env, l->event, POLLIN, deadline);
	if (r < 0)
		err_set(err, ERR_SKIPPED, "interrupted before it began");
	else if (!atomic_load(&l->done))
		r = err_set(err, ERR_TIMEOUT, "%s: the name service did not answer in time", host);
	else if (l->result != 0)
		r = lookup_failed(host, l->result, l->sys, err);
	else
		r = take_addresses(host, l->list, port, out, err);
out:
	lookup_drop(l);
	return r;
}

void host_standard(const char *host, char *out, size_t size)
{
	struct addrinfo numeric = any_stream, *list = NULL;
	char text[NI_MAXHOST];
	bool address;
	int n;

	numeric.ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(host, NULL, &numeric, &list) != 0)
		list = NULL;
	address = list && !list->ai_next &&
		  getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0;
	n = snprintf(out, size, "%s", address ? text : host);
	if (n < 0 || (size_t)n >= size)
		*out = '\0';	/* a name that was cut could be another host's */
	if (!address)	/* a zone is an interface's name, whose case counts */
		pattern_lower(out);
	if (list)
		freeaddrinfo(list);
}

socklen_t address_len(const union socket_address *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in4) : sizeof(a->in6);
}

void address_text(const union socket_address *a, char *out, size_t size)
{
	if (getnameinfo(&a->sa, address_len(a), out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0 && size)
		*out = '\0';
}

void address_keep_alive(int fd, int seconds, int count)
{
	/* the kernel's own limits */
	int interval = seconds < 32767 ? seconds : 32767, probes = count < 1 ? 1 : count < 127 ? count : 127;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* A connected descriptor, or -1 with *sys: errno, ETIMEDOUT for the deadline, ECANCELED. */
static int connect_one(const struct ssh_env *env, const union socket_address *a, int64_t deadline, int *sys)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, r;
	socklen_t len = sizeof(*sys);

	*sys = errno;
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(fd, &a->sa, address_len(a)) == 0)
		return fd;
	*sys = errno;
	if (*sys == EINPROGRESS || *sys == EINTR) {
		r = ssh_wait(env, fd, POLLOUT, deadline);
		if (r <= 0)
			*sys = r < 0 ? ECANCELED : ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, sys, &len) != 0)
			*sys = errno;
		else if (*sys == 0)
			return fd;
	}
	(void)close(fd);
	return -1;
}

static const char *reason_text(int sys, char *out, size_t size)
{
	return sys == ETIMEDOUT ? "no answer" : err_text(sys, out, size);
}

/* Why each address failed; one reason alone where all have the same. */
static int all_failed(const struct addresses *list, const int *sys, struct dt_err *err)
{
	char text[sizeof(err->msg)], why[128], name[64];
	bool same = true;
	size_t len = 0;
	int last = sys[list->n - 1];

	for (size_t i = 0; i < list->n; i++)
		same &= sys[i] == last;
	if (same) {
		(void)snprintf(text, sizeof(text), "%s", reason_text(last, why, sizeof(why)));
	} else {
		for (size_t i = 0; i < list->n && len < sizeof(text); i++) {
			address_text(&list->v[i], name, sizeof(name));
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s", i ? "; " : "", name,
					       reason_text(sys[i], why, sizeof(why)));
		}
	}
	err_set(err, last == ETIMEDOUT ? ERR_TIMEOUT : last == EMFILE || last == ENFILE ? ERR_LOCAL : ERR_CONNECT,
		"%s", text);
	err->sys = last;
	return -1;
}

int connect_any(const struct ssh_env *env, const struct addresses *list, int64_t deadline,
		union socket_address *used, struct dt_err *err)
{
	int sys[RESOLVE_MAX];

	memset(used, 0, sizeof(*used));
	if (!list->n)
		return err_set(err, ERR_CONNECT, "no address");
	for (size_t i = 0; i < list->n; i++) {
		int64_t now = now_ms(), until = deadline;
		int fd;

		if (deadline > now)
			until = now + (deadline - now) / (int64_t)(list->n - i);
		fd = connect_one(env, &list->v[i], until, &sys[i]);
		if (fd >= 0) {
			*used = list->v[i];
			return fd;
		}
		if (sys[i] == ECANCELED)
			return err_set(err, ERR_SKIPPED, "interrupted before it began");
	}
	return all_failed(list, sys, err);
}
