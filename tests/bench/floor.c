/*
 * floor - what one command on each of many hosts costs at the least: libssh2 in a bare loop.
 *
 *	floor -p PORT -k KEY -h HOSTKEY.pub [-a FIRST] [-n COUNT] [-c AT_A_TIME] [-t THREADS] [-u USER] [COMMAND]
 *
 * COUNT addresses from FIRST on (127.64.0.1, the simulated fleet's); connect,
 * handshake with dt's algorithms, the host key compared with the one expected,
 * login with one ed25519 key that is read once and signs in memory, a channel,
 * COMMAND (true), its output up to the end, its status.  Nothing is printed but
 * "okay N of N" at the end; the exit status is 1 where one is missing.
 *
 * A thread a core, each with an epoll(7) of its own; they share a counter.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libssh2.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/ssh/blob.h"
#include "dt/ssh/key_file.h"

#define WINDOW (256 * 1024)
#define PACKET 32768
#define EVENTS 64
#define THREADS_MAX 64

/* As in dt/ssh/lib.c; libssh2 leaves out those that it lacks. */
static const char kex[] =
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp521,"
	"ecdh-sha2-nistp384,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512";
static const char ciphers[] =
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,aes192-ctr";
static const char macs[] =
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

enum step { HANDSHAKE, LOGIN, OPEN, EXEC, READ, CLOSE, WAIT_CLOSED, DONE };
static const char *const step_names[] = { "handshake", "login", "channel", "exec",
					  "read",      "close", "close",   "end" };

struct conn {
	struct conn *next_free;
	LIBSSH2_SESSION *session;
	LIBSSH2_CHANNEL *channel;
	uint32_t address, events;
	enum step step;
	int fd;
};

struct lane {
	struct conn *conns, *free;
	size_t live;
	int epoll;
};

static struct {
	const char *user, *command;
	struct key_file key;
	struct buf hostkey;
	uint32_t first, count;
	uint16_t port;
} o = { .user = "root", .command = "true", .count = 1 };

static atomic_uint next_host, okay;

static void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what, why);
	exit(2);
}

static void usage(void)
{
	(void)fprintf(stderr,
		      "usage: floor -p PORT -k KEY -h HOSTKEY.pub [-a FIRST] [-n COUNT] [-c AT_A_TIME] "
		      "[-t THREADS] [-u USER] [COMMAND]\n");
	exit(2);
}

/* The key's one context would not be safe in several threads, and its set-up is cheap. */
static int on_sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len, const unsigned char *data,
		   size_t len, void **abstract)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -1;

	(void)session, (void)abstract;
	*sig_len = 64;
	*sig = malloc(*sig_len);
	if (ctx && *sig && EVP_DigestSignInit(ctx, NULL, NULL, NULL, o.key.key) == 1 &&
	    EVP_DigestSign(ctx, *sig, sig_len, data, len) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

/* NULL, or what is wrong with it. */
static const char *begin(struct lane *l, struct conn *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(o.port),
				  .sin_addr = { htonl(c->address) } };
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->step = HANDSHAKE;
	c->channel = NULL;
	c->events = e.events;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	c->session = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
	if (c->fd < 0 || !c->session)
		return "no descriptor or no memory";
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		return strerror(errno);
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		return strerror(errno);
	libssh2_session_set_blocking(c->session, 0);
	if (libssh2_session_method_pref(c->session, LIBSSH2_METHOD_KEX, kex) != 0 ||
	    libssh2_session_method_pref(c->session, LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519") != 0 ||
	    libssh2_session_method_pref(c->session, LIBSSH2_METHOD_CRYPT_CS, ciphers) != 0 ||
	    libssh2_session_method_pref(c->session, LIBSSH2_METHOD_CRYPT_SC, ciphers) != 0 ||
	    libssh2_session_method_pref(c->session, LIBSSH2_METHOD_MAC_CS, macs) != 0 ||
	    libssh2_session_method_pref(c->session, LIBSSH2_METHOD_MAC_SC, macs) != 0)
		return "algorithms";
	return NULL;
}

/* 0 when the step is done, LIBSSH2_ERROR_EAGAIN, or another error. */
static int turn(struct conn *c)
{
	char data[PACKET];
	void *none = NULL;
	const char *blob;
	ssize_t n;
	size_t len;
	int rc, type;

	switch (c->step) {
	case HANDSHAKE:
		rc = libssh2_session_handshake(c->session, c->fd);
		if (rc != 0)
			return rc;
		blob = libssh2_session_hostkey(c->session, &len, &type);
		return blob && len == o.hostkey.len && memcmp(blob, o.hostkey.data, len) == 0
			       ? 0
			       : LIBSSH2_ERROR_HOSTKEY_SIGN;
	case LOGIN:
		return libssh2_userauth_publickey(c->session, o.user, (unsigned char *)o.key.blob.data,
						  o.key.blob.len, on_sign, &none);
	case OPEN:
		c->channel = libssh2_channel_open_ex(c->session, "session", 7, WINDOW, PACKET, NULL, 0);
		return c->channel ? 0 : libssh2_session_last_errno(c->session);
	case EXEC:
		return libssh2_channel_process_startup(c->channel, "exec", 4, o.command,
						       (unsigned)strlen(o.command));
	case READ:
		do
			n = libssh2_channel_read(c->channel, data, sizeof(data));
		while (n > 0);
		return n < 0 ? (int)n : libssh2_channel_eof(c->channel) ? 0 : LIBSSH2_ERROR_EAGAIN;
	case CLOSE:
		return libssh2_channel_close(c->channel);
	case WAIT_CLOSED:
		rc = libssh2_channel_wait_closed(c->channel);
		if (rc == 0 && libssh2_channel_get_exit_status(c->channel) != 0)
			return LIBSSH2_ERROR_CHANNEL_FAILURE;
		return rc;
	case DONE:
		break;
	}
	return 0;
}

static void end(struct lane *l, struct conn *c, const char *why)
{
	static atomic_uint told;
	char address[INET_ADDRSTRLEN];
	struct in_addr a = { htonl(c->address) };

	if (!why)
		atomic_fetch_add(&okay, 1);
	else if (atomic_fetch_add(&told, 1) < 10)
		(void)fprintf(stderr, "floor: %s: %s: %s\n", inet_ntop(AF_INET, &a, address, sizeof(address)),
			      step_names[c->step], why);
	(void)libssh2_channel_free(c->channel);
	(void)libssh2_session_free(c->session);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->next_free = l->free;
	l->free = c;
	l->live--;
}

/* As far as it goes now. */
static void go_on(struct lane *l, struct conn *c)
{
	struct epoll_event e = { .data.ptr = c };
	char why[300], *text = NULL;
	int rc;

	while ((rc = turn(c)) == 0)
		if (++c->step == DONE) {
			end(l, c, NULL);
			return;
		}
	if (rc != LIBSSH2_ERROR_EAGAIN) {
		(void)libssh2_session_last_error(c->session, &text, NULL, 0);
		(void)snprintf(why, sizeof(why), "%s (libssh2 %d)", text, rc);
		end(l, c, why);
		return;
	}
	e.events = libssh2_session_block_directions(c->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND
			   ? EPOLLIN | EPOLLOUT
			   : EPOLLIN;
	if (e.events != c->events)
		(void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
	c->events = e.events;
}

static void *lane_run(void *arg)
{
	struct lane *l = arg;
	struct epoll_event events[EVENTS];

	for (;;) {
		while (l->free) {
			uint32_t n = atomic_fetch_add(&next_host, 1);
			struct conn *c = l->free;
			const char *why;

			if (n >= o.count)
				break;
			l->free = c->next_free;
			l->live++;
			c->address = o.first + n;
			why = begin(l, c);
			if (why)
				end(l, c, why);
			else
				go_on(l, c);
		}
		if (!l->live)
			return NULL;
		for (int i = 0, n = epoll_wait(l->epoll, events, EVENTS, -1); i < n; i++)
			go_on(l, events[i].data.ptr);
	}
}

static uint32_t number(const char *s, long long max)
{
	long long n;

	if (parse_int(s, 1, max, &n) != 0)
		usage();
	return (uint32_t)n;
}

static void read_keys(const char *key, const char *hostkey)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf text;
	const char *why = "not a private key", *word;

	buf_init(&text, KEY_FILE_MAX);
	if (read_file(key, &text, &err) != 0)
		fail("key", err.msg);
	if (key_file_parse(text.data, text.len, &o.key, &why) != 0 || o.key.kind != KEY_FILE_PRIVATE)
		fail(key, why);
	text.len = 0;
	if (read_file(hostkey, &text, &err) != 0)
		fail("host key", err.msg);
	buf_init(&o.hostkey, KEY_BLOB_MAX);
	word = strchr(text.data, ' ');
	if (!word || blob_base64(&o.hostkey, word + 1, strcspn(word + 1, " \n")) != 0)
		fail(hostkey, "not a public key");
	buf_release(&text);
}

int main(int argc, char **argv)
{
	struct lane lanes[THREADS_MAX] = { 0 };
	pthread_t threads[THREADS_MAX];
	const char *key = NULL, *hostkey = NULL, *first = "127.64.0.1";
	size_t at_a_time = 100, n = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	struct rlimit files;
	struct in_addr a;
	int c;

	while ((c = getopt(argc, argv, "p:k:h:a:n:c:t:u:")) != -1)
		switch (c) {
		case 'p':
			o.port = (uint16_t)number(optarg, 65535);
			break;
		case 'k':
			key = optarg;
			break;
		case 'h':
			hostkey = optarg;
			break;
		case 'a':
			first = optarg;
			break;
		case 'n':
			o.count = number(optarg, 1 << 24);
			break;
		case 'c':
			at_a_time = number(optarg, 1 << 20);
			break;
		case 't':
			n = number(optarg, THREADS_MAX);
			break;
		case 'u':
			o.user = optarg;
			break;
		default:
			usage();
		}
	if (optind < argc)
		o.command = argv[optind++];
	if (optind < argc || !o.port || !key || !hostkey || inet_pton(AF_INET, first, &a) != 1)
		usage();
	o.first = ntohl(a.s_addr);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	read_keys(key, hostkey);
	if (libssh2_init(0) != 0)
		fail("libssh2", "does not start");
	n = n > THREADS_MAX ? THREADS_MAX : n > at_a_time ? at_a_time : n;
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &lanes[i];
		size_t share = at_a_time / n + (i < at_a_time % n);

		l->epoll = epoll_create1(EPOLL_CLOEXEC);
		l->conns = calloc(share, sizeof(*l->conns));
		if (!l->conns || l->epoll < 0)
			fail("start", "out of memory or descriptors");
		for (size_t j = 0; j < share; j++) {
			l->conns[j].next_free = l->free;
			l->free = &l->conns[j];
		}
		if (pthread_create(&threads[i], NULL, lane_run, l) != 0)
			fail("start", "no thread");
	}
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	for (size_t i = 0; i < n; i++) {
		(void)close(lanes[i].epoll);
		free(lanes[i].conns);
	}
	key_file_release(&o.key);
	buf_release(&o.hostkey);
	(void)printf("okay %u of %u\n", okay, o.count);
	return okay == o.count ? 0 : 1;
}
