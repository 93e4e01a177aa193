/*
 * resolve - a host name to addresses, within a deadline and cancellable.
 *
 * getaddrinfo(3) cannot be interrupted: it runs in a detached thread whose
 * answer is dropped when it comes too late.  Numeric addresses need none.
 */
#ifndef DT_SSH_RESOLVE_H
#define DT_SSH_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "dt/base/err.h"
#include "dt/ssh/env.h"

#define RESOLVE_MAX 8

union socket_address {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct addresses {
	union socket_address v[RESOLVE_MAX];
	size_t n;
};

/*
 * 0, or -1 with ERR_RESOLVE ("NAME: Name or service not known"),
 * ERR_TIMEOUT, ERR_SKIPPED (cancelled).
 */
int resolve(const struct ssh_env *env, const char *host, int port, int64_t deadline, struct addresses *out,
	    struct dt_err *err);
/*
 * A host as ssh(1) has it before known_hosts is asked: an address in its one
 * standard form (127.1, 0x7f000001: 127.0.0.1; 0:0::1: ::1), another name in
 * lower case.  No name service is asked.  "" where it does not fit.
 */
void host_standard(const char *host, char *out, size_t size);
/* "127.0.0.1" or "::1", with a zone where there is one. */
void address_text(const union socket_address *a, char *out, size_t size);
/*
 * ServerAliveInterval, by TCP itself: it asks every so many seconds whether
 * the other side is there, and the connection ends after count in vain.
 */
void address_keep_alive(int fd, int seconds, int count);
socklen_t address_len(const union socket_address *a);

/*
 * Connects TCP to the addresses in turn, the time that is left shared among
 * those left; non-blocking, close-on-exec, TCP_NODELAY.  *used is the one
 * that answered.  A descriptor, or -1 with ERR_CONNECT ("connection refused"
 * in lower case, as errno says), ERR_TIMEOUT, ERR_SKIPPED.
 */
int connect_any(const struct ssh_env *env, const struct addresses *list, int64_t deadline,
		union socket_address *used, struct dt_err *err);

#endif
