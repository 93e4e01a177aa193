/* Names to addresses and connections: deadlines, cancel, and what errors say. */
#include "dt/ssh/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "tests/unit/test.h"

struct job {
	void (*fn)(void *);
	void *arg;
};

static atomic_int threads;	/* started, not yet ended */

static void *run_job(void *arg)
{
	struct job j = *(struct job *)arg;

	free(arg);
	j.fn(j.arg);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

static int spawn(void (*fn)(void *), void *arg)
{
	struct job *j = malloc(sizeof(*j));
	pthread_t t;

	*j = (struct job){ fn, arg };
	atomic_fetch_add(&threads, 1);
	if (pthread_create(&t, NULL, run_job, j) != 0)
		abort();
	return pthread_detach(t);
}

static int no_spawn(void (*fn)(void *), void *arg)
{
	(void)fn, (void)arg;
	errno = EAGAIN;
	return -1;
}

/* A thread that runs its work only when the test says so: a name service that is slow. */
static struct job held;

static int hold(void (*fn)(void *), void *arg)
{
	held = (struct job){ fn, arg };
	return 0;
}

static const struct ssh_env plain = { .cancel_fd = -1, .spawn = spawn };

static void wait_threads(void)
{
	int64_t end = now_ms() + 30000;

	while (atomic_load(&threads) && now_ms() < end)
		(void)poll(NULL, 0, 1);
	CHECK_INT(atomic_load(&threads), 0);
}

/* Listens on an address of 127/8 (or ::1); its port comes back. */
static int listen_at(const char *host, int *port, int backlog)
{
	struct addresses list;
	struct dt_err err = DT_ERR_INIT;
	socklen_t len;
	int fd;

	if (resolve(&plain, host, 0, 0, &list, &err) != 0)
		return -1;
	len = address_len(&list.v[0]);
	fd = socket(list.v[0].sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &list.v[0].sa, len) != 0 || (backlog >= 0 && listen(fd, backlog) != 0) ||
	    getsockname(fd, &list.v[0].sa, &len) != 0) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	*port = ntohs(list.v[0].sa.sa_family == AF_INET ? list.v[0].in4.sin_port : list.v[0].in6.sin6_port);
	return fd;
}

/* A listener whose queue is full and that accepts nobody: a connection to it gets no answer. */
struct deaf {
	int fd, port;
	int fill[16];
};

static void deaf_open(struct deaf *d, const char *host)
{
	union socket_address a = { .in4 = { .sin_family = AF_INET } };

	d->fd = listen_at(host, &d->port, 0);
	a.in4.sin_port = htons((uint16_t)d->port);
	CHECK_INT(inet_pton(AF_INET, host, &a.in4.sin_addr), 1);
	for (size_t i = 0; i < ARRAY_LEN(d->fill); i++) {
		d->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(d->fill[i], &a.sa, address_len(&a));
	}
}

static void deaf_close(struct deaf *d)
{
	for (size_t i = 0; i < ARRAY_LEN(d->fill); i++)
		(void)close(d->fill[i]);
	(void)close(d->fd);
}

static void check_numeric(const char *text, const char *back)
{
	/* no thread: a spawn that fails would be seen */
	struct ssh_env env = { .cancel_fd = -1, .spawn = no_spawn };
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	char out[64];

	CHECK_INT(resolve(&env, text, 2222, 0, &list, &err), 0);
	CHECK_INT(list.n, 1);
	address_text(&list.v[0], out, sizeof(out));
	CHECK_STR(out, back);
	CHECK_INT(err.code, ERR_NONE);
	CHECK_INT(ntohs(list.v[0].sa.sa_family == AF_INET ? list.v[0].in4.sin_port : list.v[0].in6.sin6_port), 2222);
}

static void test_numeric(void)
{
	check_numeric("127.0.0.9", "127.0.0.9");
	check_numeric("::1", "::1");
	check_numeric("2001:db8:0:0::7", "2001:db8::7");
	check_numeric("fe80::1%lo", "fe80::1%lo");
}

static void test_names(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	char out[64];

	CHECK_INT(resolve(&plain, "localhost", 22, now_ms() + 20000, &list, &err), 0);
	CHECK(list.n >= 1);
	address_text(&list.v[0], out, sizeof(out));
	CHECK(strcmp(out, "127.0.0.1") == 0 || strcmp(out, "::1") == 0);

	/* RFC 6761: no such name, for ever; without a name service the text is another */
	CHECK_INT(resolve(&plain, "no-such-host.invalid", 22, now_ms() + 60000, &list, &err), -1);
	CHECK_INT(err.code, ERR_RESOLVE);
	CHECK_HAS(err.msg, "no-such-host.invalid: ");
	CHECK_INT(list.n, 0);

	CHECK_INT(resolve(&plain, "", 22, 0, &list, &err), -1);
	CHECK_INT(err.code, ERR_RESOLVE);
	wait_threads();
}

static void test_no_thread(void)
{
	struct ssh_env env = { .cancel_fd = -1, .spawn = no_spawn };
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;

	CHECK_INT(resolve(&env, "localhost", 22, 0, &list, &err), -1);
	CHECK_INT(err.code, ERR_LOCAL);
	CHECK_INT(err.sys, EAGAIN);
	CHECK_HAS(err.msg, "localhost: ");
}

static void test_late_answer(void)
{
	struct ssh_env env = { .cancel_fd = eventfd(0, EFD_CLOEXEC), .spawn = hold };
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	uint64_t one = 1;
	int64_t begin = now_ms();

	CHECK_INT(resolve(&env, "localhost", 22, begin + 50, &list, &err), -1);
	CHECK_INT(err.code, ERR_TIMEOUT);
	CHECK_HAS(err.msg, "localhost: ");
	CHECK(now_ms() - begin >= 50);
	held.fn(held.arg);	/* the answer comes when nobody waits; a leak would be told by asan */

	CHECK_INT(write(env.cancel_fd, &one, sizeof(one)), sizeof(one));
	CHECK_INT(resolve(&env, "localhost", 22, now_ms() + 60000, &list, &err), -1);
	CHECK_INT(err.code, ERR_SKIPPED);
	held.fn(held.arg);
	(void)close(env.cancel_fd);
}

static void test_connect(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	union socket_address used;
	int port, on = 0, server = listen_at("127.0.0.7", &port, 5), fd;
	socklen_t len = sizeof(on);
	char out[64];

	CHECK(server >= 0);
	CHECK_INT(resolve(&plain, "127.0.0.7", port, 0, &list, &err), 0);
	fd = connect_any(&plain, &list, now_ms() + 10000, &used, &err);
	CHECK(fd >= 0);
	CHECK_INT(err.code, ERR_NONE);
	address_text(&used, out, sizeof(out));
	CHECK_STR(out, "127.0.0.7");
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	CHECK(on != 0);
	(void)close(fd);
	(void)close(server);
}

static void test_refused(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	union socket_address used;
	int port, closed = listen_at("127.0.0.8", &port, -1); /* bound, not listening */

	CHECK(closed >= 0);
	CHECK_INT(resolve(&plain, "127.0.0.8", port, 0, &list, &err), 0);
	CHECK_INT(connect_any(&plain, &list, now_ms() + 10000, &used, &err), -1);
	CHECK_INT(err.code, ERR_CONNECT);
	CHECK_INT(err.sys, ECONNREFUSED);
	CHECK_STR(err.msg, "connection refused");
	list.n = 0;
	CHECK_INT(connect_any(&plain, &list, 0, &used, &err), -1);
	CHECK_INT(err.code, ERR_CONNECT);
	(void)close(closed);
}

static void test_next_address(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct addresses a, b;
	union socket_address used;
	int port, server = listen_at("127.0.0.7", &port, 5), fd;
	struct deaf d;
	char out[64];

	/* one that refuses, then one that answers */
	CHECK_INT(resolve(&plain, "127.0.0.8", port, 0, &a, &err), 0);
	CHECK_INT(resolve(&plain, "127.0.0.7", port, 0, &b, &err), 0);
	a.v[a.n++] = b.v[0];
	fd = connect_any(&plain, &a, now_ms() + 10000, &used, &err);
	CHECK(fd >= 0);
	address_text(&used, out, sizeof(out));
	CHECK_STR(out, "127.0.0.7");
	(void)close(fd);

	/* one that never answers leaves time for the next */
	deaf_open(&d, "127.0.0.9");
	CHECK_INT(resolve(&plain, "127.0.0.9", d.port, 0, &a, &err), 0);
	a.v[a.n++] = b.v[0];
	fd = connect_any(&plain, &a, now_ms() + 400, &used, &err);
	CHECK(fd >= 0);
	address_text(&used, out, sizeof(out));
	CHECK_STR(out, "127.0.0.7");
	(void)close(fd);
	(void)close(server);

	/* all fail, each in its way */
	fd = connect_any(&plain, &a, now_ms() + 200, &used, &err);
	CHECK_INT(fd, -1);
	CHECK_INT(err.code, ERR_CONNECT);
	CHECK_STR(err.msg, "127.0.0.9: no answer; 127.0.0.7: connection refused");
	deaf_close(&d);
}

static void test_no_answer(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	union socket_address used;
	int64_t begin = now_ms();
	struct deaf d;

	deaf_open(&d, "127.0.0.9");
	CHECK_INT(resolve(&plain, "127.0.0.9", d.port, 0, &list, &err), 0);
	CHECK_INT(connect_any(&plain, &list, begin + 200, &used, &err), -1);
	CHECK_INT(err.code, ERR_TIMEOUT);
	CHECK_STR(err.msg, "no answer");
	CHECK(now_ms() - begin >= 200);
	/* a deadline that has passed before it began */
	CHECK_INT(connect_any(&plain, &list, begin, &used, &err), -1);
	CHECK_INT(err.code, ERR_TIMEOUT);
	deaf_close(&d);
}

static void *cancel_when_waiting(void *arg)
{
	uint64_t one = 1;

	(void)poll(NULL, 0, 50); /* either order is right; mostly it is waiting by now */
	return write(*(int *)arg, &one, sizeof(one)) == sizeof(one) ? arg : NULL;
}

static void test_cancel(void)
{
	struct ssh_env env = { .cancel_fd = eventfd(0, EFD_CLOEXEC), .spawn = spawn };
	struct dt_err err = DT_ERR_INIT;
	struct addresses list;
	union socket_address used;
	struct deaf d;
	pthread_t t;

	deaf_open(&d, "127.0.0.9");
	CHECK_INT(resolve(&plain, "127.0.0.9", d.port, 0, &list, &err), 0);
	CHECK_INT(pthread_create(&t, NULL, cancel_when_waiting, &env.cancel_fd), 0);
	CHECK_INT(connect_any(&env, &list, now_ms() + 60000, &used, &err), -1);
	CHECK_INT(err.code, ERR_SKIPPED);
	CHECK_INT(pthread_join(t, NULL), 0);
	(void)close(env.cancel_fd);
	deaf_close(&d);
}

static void test_wait(void)
{
	struct ssh_env env = { .cancel_fd = eventfd(0, EFD_CLOEXEC) };
	uint64_t one = 1;
	int64_t begin = now_ms();
	int fds[2];

	CHECK_INT(pipe(fds), 0);
	CHECK_INT(ssh_wait(&env, fds[0], POLLIN, begin + 30), 0);
	CHECK(now_ms() >= begin + 30);
	CHECK_INT(write(fds[1], "x", 1), 1);
	CHECK_INT(ssh_wait(&env, fds[0], POLLIN, 0), POLLIN);
	/* always ready, but late */
	CHECK_INT(ssh_wait(&env, fds[0], POLLIN, begin), 0);
	(void)close(fds[1]);
	CHECK(ssh_wait(&env, fds[0], POLLIN, 0) & POLLHUP);
	CHECK_INT(ssh_wait(&env, -1, 0, now_ms() + 5), 0);
	CHECK_INT(write(env.cancel_fd, &one, sizeof(one)), sizeof(one));
	CHECK_INT(ssh_wait(&env, fds[0], POLLIN, 0), -1);
	CHECK_INT(ssh_wait(&env, -1, 0, begin), -1);
	(void)close(fds[0]);
	(void)close(env.cancel_fd);
}

/* As ssh -G says, and what is too long. */
static void test_standard(void)
{
	static const char *const rows[][2] = {
		{ "127.0.0.1", "127.0.0.1" }, { "127.1", "127.0.0.1" }, { "0x7f000001", "127.0.0.1" },
		{ "2130706433", "127.0.0.1" }, { "0177.0.0.1", "127.0.0.1" }, { "127.000.000.001", "127.0.0.1" },
		{ "0", "0.0.0.0" }, { "::1", "::1" }, { "0::1", "::1" }, { "0:0:0:0:0:0:0:1", "::1" },
		{ "2001:DB8::00AB", "2001:db8::ab" }, { "::FFFF:7F00:1", "::ffff:127.0.0.1" },
		{ "fe80::1%lo", "fe80::1%lo" }, { "fe80:0::1%1", "fe80::1%lo" }, { "FE80::1%nope", "fe80::1%nope" },
		{ "Web01.Example.ORG", "web01.example.org" }, { "localhost.", "localhost." },
		{ "127.0.0.1.", "127.0.0.1." }, { "1.2.3.4.5", "1.2.3.4.5" }, { "256.1", "256.1" }, { "", "" },
	};
	char out[64], tiny[4];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		host_standard(rows[i][0], out, sizeof(out));
		CHECK_STR(out, rows[i][1]);
	}
	host_standard("127.1", tiny, sizeof(tiny));
	CHECK_STR(tiny, "");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_wait), TEST(test_standard), TEST(test_numeric), TEST(test_names), TEST(test_no_thread),
		TEST(test_late_answer), TEST(test_connect), TEST(test_refused), TEST(test_next_address),
		TEST(test_no_answer), TEST(test_cancel), { NULL, NULL }
	};
	return test_main(tests, argc, argv);
}
