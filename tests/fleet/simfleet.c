/*
 * simfleet - plays a fleet of SSH hosts, on libssh, in one process and two threads.
 *
 *	simfleet [-p PORT] [-k HOSTKEY] [-t THREADS] [-r RULES.ini] [--seed N] [--stay]
 *	simfleet -p PORT [-k HOSTKEY] -n COUNT --inventory | --hosts | --known-hosts
 *
 * It listens on all of loopback, so that each 127.B.C.D is a host (sim_host.h says
 * of which name), lets anybody in with any key or the password "sim", and runs
 * nothing: rules (sim_rules.h) and words in the command (sim_answer.h) say what
 * it answers, how long the way is, and what goes wrong.
 *
 *	-p PORT		0, or nothing: a free one
 *	-k HOSTKEY	a private key's file; else an Ed25519 key is made
 *	-t THREADS	2
 *	--seed N	of what is dropped at random
 *	--stay		do not end with the parent
 *	--inventory	lines for dt -D; --hosts: of /etc/hosts; --known-hosts: of
 *			known_hosts (which needs the key): for hosts 1 to COUNT
 *
 * It prints "ready PORT" once it listens.  SIGUSR1 prints a line of statistics on
 * stderr, and so does the end, which SIGTERM or SIGINT brings.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim_conn.h"
#include "sim_run.h"

#define MAX_THREADS 64
#define RACKS 40

/* The cheap ones first; clients choose, and OpenSSH's find theirs. */
static const char kex[] = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
			  "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512";
static const char ciphers[] = "aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
			      "chacha20-poly1305@openssh.com";
static const char macs[] =
	"hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com";

enum list { LIST_NOT, LIST_INVENTORY, LIST_HOSTS, LIST_KNOWN_HOSTS };

struct options {
	long port, threads, count;
	const char *key, *rules;
	uint64_t seed;
	bool stay;
	int list;
};

static void usage(void)
{
	(void)fprintf(
		stderr,
		"usage: simfleet [-p PORT] [-k HOSTKEY] [-t THREADS] [-r RULES.ini] [--seed N] [--stay]\n"
		"       simfleet -p PORT [-k HOSTKEY] -n COUNT --inventory | --hosts | --known-hosts\n");
	exit(2);
}

static long number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end || errno || n < 0 || n > max)
		usage();
	return n;
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "inventory", no_argument, NULL, 'I' },   { "hosts", no_argument, NULL, 'H' },
		{ "known-hosts", no_argument, NULL, 'K' }, { "seed", required_argument, NULL, 'S' },
		{ "stay", no_argument, NULL, 'Y' },	   { NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .threads = 2 };
	while ((c = getopt_long(argc, argv, "p:k:t:r:n:", longs, NULL)) != -1)
		switch (c) {
		case 'p':
			o->port = number(optarg, 65535);
			break;
		case 'k':
			o->key = optarg;
			break;
		case 't':
			o->threads = number(optarg, MAX_THREADS);
			break;
		case 'r':
			o->rules = optarg;
			break;
		case 'n':
			o->count = number(optarg, HOST_MAX);
			break;
		case 'S':
			o->seed = (uint64_t)number(optarg, INT64_MAX);
			break;
		case 'Y':
			o->stay = true;
			break;
		case 'I':
			o->list = LIST_INVENTORY;
			break;
		case 'H':
			o->list = LIST_HOSTS;
			break;
		case 'K':
			o->list = LIST_KNOWN_HOSTS;
			break;
		default:
			usage();
		}
	if (optind != argc || o->threads == 0 || (o->list && (!o->count || !o->port)) ||
	    (o->list == LIST_KNOWN_HOSTS && !o->key))
		usage();
}

static int fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "simfleet: %s: %s\n", what, why);
	return 1;
}

/* ---- lists ---- */

static int print_list(const struct options *o, ssh_key key)
{
	char *blob = NULL;

	if (o->list == LIST_KNOWN_HOSTS && ssh_pki_export_pubkey_base64(key, &blob) != SSH_OK)
		return fail(o->key, "cannot export it");
	if (o->list == LIST_INVENTORY)
		(void)printf("[hosts]\n");
	for (uint32_t n = 1; n <= (uint32_t)o->count; n++) {
		struct host h;

		host_of_number(&h, n);
		if (o->list == LIST_INVENTORY)
			(void)printf("%s = sim rack=r%02u address=%s port=%ld\n", h.name, (n - 1) % RACKS + 1,
				     h.dotted, o->port);
		else if (o->list == LIST_HOSTS)
			(void)printf("%s\t%s\n", h.dotted, h.name);
		else
			(void)printf("[%s]:%ld %s %s\n", h.dotted, o->port,
				     ssh_key_type_to_char(ssh_key_type(key)), blob);
	}
	ssh_string_free_char(blob);
	return fflush(stdout) == 0 ? 0 : fail("standard output", strerror(errno));
}

/* ---- serving ---- */

static int listen_on(long *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
	socklen_t len = sizeof(a);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 65535) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
		(void)close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

/* Holds the key ready for each connection.  It takes a copy. */
static ssh_bind bind_new(ssh_key key)
{
	ssh_bind b = ssh_bind_new();
	ssh_key copy = ssh_key_dup(key);
	bool no = false;

	if (!b || !copy || ssh_bind_options_set(b, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no) < 0 ||
	    ssh_bind_options_set(b, SSH_BIND_OPTIONS_IMPORT_KEY, copy) < 0) {
		ssh_key_free(copy);
		ssh_bind_free(b);
		return NULL;
	}
	if (ssh_bind_options_set(b, SSH_BIND_OPTIONS_KEY_EXCHANGE, kex) == 0 &&
	    ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_C_S, ciphers) == 0 &&
	    ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_S_C, ciphers) == 0 &&
	    ssh_bind_options_set(b, SSH_BIND_OPTIONS_HMAC_C_S, macs) == 0 &&
	    ssh_bind_options_set(b, SSH_BIND_OPTIONS_HMAC_S_C, macs) == 0)
		return b;
	ssh_bind_free(b);
	return NULL;
}

static void statistics(const struct fleet *f)
{
	struct rusage u;
	double cpu;

	(void)getrusage(RUSAGE_SELF, &u);
	cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	(void)fprintf(
		stderr,
		"simfleet: accepted %lu dropped %lu logins %lu execs %lu peak %lu cpu %.2f s, %.2f ms a connection,"
		" memory %.1f MiB at the most\n",
		f->accepted, f->dropped, f->logins, f->execs, f->peak, cpu,
		f->accepted ? cpu * 1000 / (double)f->accepted : 0.0, (double)u.ru_maxrss / 1024);
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;

	loop_run(lane->loop);
	conn_free_all(lane);
	return NULL;
}

static int serve(const struct options *o, struct fleet *f, ssh_key key, ssh_key other)
{
	struct lane lanes[MAX_THREADS] = { 0 };
	pthread_t threads[MAX_THREADS];
	sigset_t set;
	long port = o->port, n;
	int signal_number = 0, r = 1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	f->listener = listen_on(&port);
	if (f->listener < 0)
		return fail("cannot listen", strerror(errno));
	for (n = 0; n < o->threads; n++) {
		struct lane *l = &lanes[n];

		l->fleet = f;
		l->loop = loop_new();
		l->bind = bind_new(key);
		l->stranger = bind_new(other);
		if (!l->loop || !l->bind || !l->stranger || conn_listen(l) != 0 ||
		    pthread_create(&threads[n], NULL, lane_run, l) != 0) {
			(void)fail("cannot start a thread", strerror(errno));
			break;
		}
	}
	if (n == o->threads) {
		(void)printf("ready %ld\n", port);
		(void)fflush(stdout);
		while (sigwait(&set, &signal_number) == 0 && signal_number == SIGUSR1)
			statistics(f);
		r = 0;
	}
	for (long i = 0; i < n; i++)
		loop_stop(lanes[i].loop);
	for (long i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	for (long i = 0; i < o->threads; i++) {
		loop_free(lanes[i].loop);
		ssh_bind_free(lanes[i].bind);
		ssh_bind_free(lanes[i].stranger);
	}
	(void)close(f->listener);
	if (r == 0)
		statistics(f);
	return r;
}

int main(int argc, char **argv)
{
	static struct fleet fleet;
	struct options o;
	struct rules *rules = NULL;
	struct rlimit files;
	ssh_key key = NULL, other = NULL;
	int r = 1;

	parse(argc, argv, &o);
	if (!o.stay && !o.list)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (o.rules && !(rules = rules_load(o.rules)))
		return 2;
	if (o.key ? ssh_pki_import_privkey_file(o.key, NULL, NULL, NULL, &key) != SSH_OK
		  : ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK)
		(void)fail(o.key ? o.key : "host key", "cannot be read or made");
	else if (o.list)
		r = print_list(&o, key);
	else if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &other) != SSH_OK)
		(void)fail("host key", "cannot be made");
	else {
		run_init();
		fleet.rules = rules;
		fleet.seed = o.seed;
		r = serve(&o, &fleet, key, other);
	}
	ssh_key_free(key);
	ssh_key_free(other);
	rules_free(rules);
	return r;
}
