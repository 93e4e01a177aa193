#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/sink.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static struct run_info run;

static void fresh(bool stream)
{
	run = (struct run_info){ .program = "dt", .selection = "all", .module = "ssh", .hosts = 3, .stream = stream };
}

/* An unlinked file; both descriptors of a sink may be the same, and then show the order. */
static int scratch(void)
{
	char path[] = "/tmp/dt-sink-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	(void)unlink(path);
	return fd;
}

static const char *content(int fd, struct buf *b)
{
	struct dt_err err = DT_ERR_INIT;

	buf_clear(b);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(read_fd(fd, "scratch", b, &err) == 0);
	return b->data;
}

static void made(struct result *r, size_t index, const char *host, int rc)
{
	result_init(r, 1 << 20);
	r->index = index;
	r->host = host;
	r->module = "ssh";
	result_exit(r, rc, "");
}

static void test_whole_run(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct tally t = { 0 };
	struct result r;
	struct buf text;
	struct sink *s;
	int fd = scratch(), diag = scratch();

	buf_init(&text, 10000);
	fresh(false);
	s = sink_new(format_find("jsonl"), &run, fd, diag);
	CHECK(s != NULL);
	made(&r, 2, "web1", 0);
	CHECK(sink_start(s, &err) == 0);
	CHECK(sink_stream(s, 2, "web1", STREAM_OUT, "not shown\n", 10, &err) == 0);
	CHECK_HAS(content(fd, &text), "{\"event\":\"start\"");
	CHECK(sink_end(s, &r, &err) == 0);
	CHECK_HAS(content(fd, &text), "\n{\"event\":\"end\",\"host\":\"web1\"");
	tally_add(&t, &r);
	CHECK(sink_summary(s, &t, &err) == 0);
	CHECK_HAS(content(fd, &text), "\n{\"event\":\"summary\",\"hosts\":1");
	CHECK(sink_finish(s, &err) == 0);
	CHECK_INT(err.code, ERR_NONE);
	CHECK_STR(content(diag, &text), "");
	sink_free(s);
	sink_free(NULL);
	result_release(&r);
	buf_release(&text);
	(void)close(fd);
	(void)close(diag);
}

static void test_order(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct result r;
	struct buf text;
	struct sink *s;
	int fd = scratch();

	buf_init(&text, 10000);
	fresh(false);
	s = sink_new(format_find("pdsh"), &run, fd, fd);
	made(&r, 0, "h", 1);
	CHECK(output_add(&r.output, STREAM_ERR, "e\n", 2) == 0);
	CHECK(output_add(&r.output, STREAM_OUT, "o\n", 2) == 0);
	CHECK(sink_end(s, &r, &err) == 0);
	CHECK_STR(content(fd, &text), "h: o\nh: e\ndt: h: exit 1\n");
	sink_free(s);
	result_release(&r);
	buf_release(&text);
	(void)close(fd);
}

static void feed(struct sink *s, size_t i, int stream, const char *text)
{
	static const char *const names[] = { "a", "b", "c" };
	struct dt_err err = DT_ERR_INIT;

	CHECK(sink_stream(s, i, i < 3 ? names[i] : "z", stream, text, strlen(text), &err) == 0);
}

static void test_lines(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct result r;
	struct buf text;
	struct sink *s;
	int fd = scratch();

	buf_init(&text, 10000);
	fresh(true);
	s = sink_new(format_find("omni"), &run, fd, fd);
	feed(s, 0, STREAM_OUT, "on");
	feed(s, 1, STREAM_OUT, "other\n\n");
	feed(s, 0, STREAM_ERR, "warn");
	feed(s, 0, STREAM_OUT, "e\ntwo\nthr");
	feed(s, 0, STREAM_ERR, "ing\n!");
	feed(s, 0, STREAM_OUT, "ee");
	feed(s, 7, STREAM_OUT, "beyond the hosts announced\n");
	made(&r, 0, "a", 0);
	CHECK(sink_end(s, &r, &err) == 0);
	feed(s, 1, STREAM_OUT, "left");
	CHECK_STR(content(fd, &text),
		  "info::dt:ssh:b:other\ninfo::dt:ssh:b:\ninfo::dt:ssh:a:one\ninfo::dt:ssh:a:two\n"
		  "info::dt:ssh:a:warning\ninfo::dt:ssh:z:beyond the hosts announced\n"
		  "info::dt:ssh:a:three\ninfo::dt:ssh:a:!\nokay::dt:ssh:a:\n");
	sink_free(s);
	result_release(&r);
	buf_release(&text);
	(void)close(fd);
}

/* The longest line that stays whole has 65536 bytes; what is longer comes in pieces, and nothing is lost. */
static void test_long_lines(void)
{
	static const struct { size_t len, pieces; } table[] = {
		{ 65535, 1 }, { 65536, 1 }, { 65537, 2 }, { 131072, 2 }, { 131073, 3 }, { 1000000, 16 },
	};
	static const size_t steps[] = { 1000, 32768, 65536, 2000000 };
	char *line = malloc(1000001);
	struct buf text;

	CHECK(line != NULL);
	if (!line)
		return;
	buf_init(&text, 2 << 20);
	for (size_t i = 0; i < ARRAY_LEN(table) * ARRAY_LEN(steps); i++) {
		size_t len = table[i / ARRAY_LEN(steps)].len, step = steps[i % ARRAY_LEN(steps)], n = 0, letters = 0;
		struct dt_err err = DT_ERR_INIT;
		int fd = scratch();
		struct sink *s;

		fresh(true);
		s = sink_new(format_find("pdsh"), &run, fd, fd);
		memset(line, 'x', len);
		line[len] = '\n';
		for (size_t at = 0; at < len + 1; at += step)
			CHECK(sink_stream(s, 0, "h", STREAM_OUT, line + at, len + 1 - at < step ? len + 1 - at : step,
					  &err) == 0);
		(void)content(fd, &text);
		for (size_t k = 0; k < text.len; k++) {
			n += text.data[k] == '\n';
			letters += text.data[k] == 'x';
		}
		CHECK_INT(n, table[i / ARRAY_LEN(steps)].pieces);
		CHECK_INT(letters, len);
		sink_free(s);
		(void)close(fd);
	}
	free(line);
	buf_release(&text);
}

/* Each host's bytes, in pieces among those of 9,999 others, come out as its lines. */
static void test_many_hosts(void)
{
	size_t hosts = (size_t)random_rounds(10000);
	struct buf *said = calloc(hosts, sizeof(*said)), text, line;
	char *p, *nl, name[32], chunk[40];
	struct dt_err err = DT_ERR_INIT;
	int fd = scratch(), bad = 0;
	struct sink *s;
	uint64_t seed;

	fresh(true);
	random_start();
	seed = random_state;
	run.hosts = hosts;
	s = sink_new(format_find("omni"), &run, fd, fd);
	buf_init(&text, 64 << 20);
	buf_init(&line, 1 << 20);
	CHECK(said != NULL);
	if (!said)
		return;
	for (size_t i = 0; i < hosts; i++)
		buf_init(&said[i], 1 << 20);
	for (size_t k = 0; k < 6 * hosts; k++) {
		size_t i = random_below(hosts), n = random_below(sizeof(chunk));

		for (size_t j = 0; j < n; j++)
			chunk[j] = random_below(8) ? (char)random_next() : '\n';
		(void)snprintf(name, sizeof(name), "%zu", i);
		bad += buf_add(&said[i], chunk, n) != 0;
		bad += sink_stream(s, i, name, STREAM_OUT, chunk, n, &err) != 0;
	}
	for (size_t i = 0; i < hosts; i++) {
		struct result r;

		(void)snprintf(name, sizeof(name), "%zu", i);
		made(&r, i, name, 0);
		bad += sink_end(s, &r, &err) != 0;
		result_release(&r);
		if (said[i].len && said[i].data[said[i].len - 1] != '\n')
			bad += buf_addc(&said[i], '\n') != 0;
	}
	CHECK(sink_finish(s, &err) == 0);
	sink_free(s);
	(void)content(fd, &text);
	for (p = text.data; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		unsigned long i;
		int at = 0;

		*nl = '\0';
		if (sscanf(p, "okay::dt:ssh:%lu:%n", &i, &at) == 1 && at && i < hosts) {
			bad += said[i].len != 0 || p + at != nl;	/* all was said before */
			bad += said[i].max == 0;			/* and this once */
			said[i].max = 0;
			continue;
		}
		if (sscanf(p, "info::dt:ssh:%lu:%n", &i, &at) != 1 || !at || i >= hosts) {
			bad++;
			continue;
		}
		buf_clear(&line);
		bad += unescape(&line, p + at, (size_t)(nl - p - at)) != 0 || buf_addc(&line, '\n') != 0;
		bad += said[i].len < line.len || memcmp(said[i].data, line.data, line.len) != 0;
		buf_consume(&said[i], line.len);
	}
	for (size_t i = 0; i < hosts; i++) {
		bad += said[i].max != 0;
		buf_release(&said[i]);
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
	free(said);
	buf_release(&line);
	buf_release(&text);
	(void)close(fd);
}

/* The first failure is kept, and said again. */
static void fails(int out_fd, int diag_fd, const char *format, const char *message)
{
	struct dt_err err = DT_ERR_INIT, again = DT_ERR_INIT;
	struct tally t = { 0 };
	struct result r;
	struct sink *s;

	fresh(true);
	s = sink_new(format_find(format), &run, out_fd, diag_fd);
	made(&r, 0, "h", 1);
	CHECK(sink_end(s, &r, &err) == -1);
	CHECK_INT(err.code, ERR_FAIL);
	CHECK_STR(err.msg, message);
	CHECK(sink_start(s, &again) == -1);
	CHECK_STR(again.msg, message);
	CHECK(sink_stream(s, 0, "h", STREAM_OUT, "x\n", 2, &again) == -1);
	again = (struct dt_err)DT_ERR_INIT;
	CHECK(sink_end(s, &r, &again) == -1);
	CHECK(sink_summary(s, &t, &again) == -1);
	CHECK(sink_finish(s, &again) == -1);
	CHECK_INT(again.code, ERR_FAIL);
	CHECK_INT(again.sys, err.sys);
	sink_free(s);
	result_release(&r);
}

static void test_failures(void)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd = scratch(), pipes[2], closed;

	CHECK(full >= 0);
	fails(full, fd, "omni", "stdout: no space left on device");
	fails(fd, full, "pdsh", "stderr: no space left on device");
	CHECK(pipe2(pipes, O_CLOEXEC) == 0);
	(void)close(pipes[0]);
	fails(pipes[1], fd, "omni", "stdout: broken pipe");
	fails(fd, pipes[1], "pdsh", "stderr: broken pipe");
	closed = dup(fd);
	(void)close(closed);
	fails(closed, fd, "omni", "stdout: bad file descriptor");
	(void)close(pipes[1]);
	(void)close(full);
	(void)close(fd);
}

/* Nothing was written, so nothing can have been lost. */
static void test_nothing(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct sink *s;

	fresh(false);
	s = sink_new(format_find("omni"), &run, -1, -1);
	CHECK(sink_start(s, &err) == 0);
	CHECK(sink_finish(s, &err) == 0);
	sink_free(s);
}

static int ticks[2];

static void on_alarm(int sig)
{
	int sys = errno;
	ssize_t n = write(ticks[1], "t", 1);

	(void)sig;
	(void)n;	/* the reader may have seen enough */
	errno = sys;
}

/*
 * A child writes through a pipe that takes little at a time.  interrupts: the
 * pipe is full to begin with and nobody reads before signals have come.
 */
static void slowly(int flags, bool interrupts)
{
	enum { LEN = 1 << 20, PIPE = 4096 };
	static char full[PIPE];
	struct buf got, back;
	struct dt_err err = DT_ERR_INIT;
	int pipes[2], status, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	static const char head[] = "okay::dt:ssh:h:";
	pid_t pid;

	CHECK(pipe2(pipes, O_CLOEXEC) == 0);
	CHECK(pipe2(ticks, O_CLOEXEC) == 0);
	CHECK_INT(fcntl(pipes[1], F_SETPIPE_SZ, PIPE), PIPE);
	if (interrupts)
		CHECK_INT(write(pipes[1], full, PIPE), PIPE);
	CHECK(fcntl(pipes[1], F_SETFL, flags) == 0);
	(void)fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct sigaction sa = { .sa_handler = on_alarm };	/* no SA_RESTART */
		struct itimerval each = { { 0, 1000 }, { 0, 1000 } };
		struct result r;
		struct sink *s;
		int ok = 1;

		(void)close(pipes[0]);
		fresh(false);
		s = sink_new(format_find("omni"), &run, pipes[1], null);
		made(&r, 0, "h", 0);
		for (int i = 0; i < LEN; i++) {
			char c = (char)(i * 7 + i / 256);

			ok &= output_add(&r.output, STREAM_OUT, &c, 1) == 0;
		}
		if (interrupts)
			ok &= sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &each, NULL) == 0;
		ok &= s && sink_end(s, &r, &err) == 0 && sink_finish(s, &err) == 0;
		_exit(ok ? 0 : 1);
	}
	(void)close(pipes[1]);
	(void)close(ticks[1]);
	if (interrupts) {
		for (int i = 0; i < 50; i++)
			CHECK_INT(read(ticks[0], full, 1), 1);
		CHECK_INT(read(pipes[0], full, PIPE), PIPE);
	}
	(void)close(ticks[0]);
	buf_init(&got, 8 << 20);
	buf_init(&back, LEN);
	CHECK(read_fd(pipes[0], "pipe", &got, &err) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK(got.len > sizeof(head) && memcmp(got.data, head, sizeof(head) - 1) == 0);
	if (got.len > sizeof(head)) {
		size_t bad = 0;

		CHECK(unescape(&back, got.data + sizeof(head) - 1, got.len - sizeof(head)) == 0);
		CHECK_INT(back.len, LEN);
		for (size_t i = 0; i < back.len; i++)
			bad += back.data[i] != (char)(i * 7 + i / 256);
		CHECK_INT(bad, 0);
	}
	buf_release(&got);
	buf_release(&back);
	(void)close(pipes[0]);
	(void)close(null);
}

static void test_slow_reader(void)
{
	slowly(0, false);
	slowly(O_NONBLOCK, false);
	slowly(0, true);
	slowly(O_NONBLOCK, true);
}

/* The worst that a small output can become still fits. */
static void test_growth(void)
{
	static char newlines[1 << 16], host[255], module[200];
	struct dt_err err = DT_ERR_INIT;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	memset(newlines, '\n', sizeof(newlines));
	memset(host, ':', sizeof(host) - 1);
	memset(module, ':', sizeof(module) - 1);
	for (const struct format *f = formats; f->name; f++) {
		for (int stream = 0; stream < 2; stream++) {
			struct result r;
			struct sink *s;

			fresh(stream);
			run.module = module;
			s = sink_new(f, &run, null, null);
			made(&r, 0, host, 0);
			CHECK(output_add(&r.output, STREAM_OUT, newlines, sizeof(newlines)) == 0);
			CHECK(sink_stream(s, 0, host, STREAM_OUT, newlines, sizeof(newlines), &err) == 0);
			CHECK(sink_end(s, &r, &err) == 0);
			CHECK_STR(err.msg, "");
			sink_free(s);
			result_release(&r);
		}
	}
	(void)close(null);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_whole_run), TEST(test_order), TEST(test_lines), TEST(test_long_lines), TEST(test_many_hosts),
		TEST(test_failures), TEST(test_nothing), TEST(test_slow_reader), TEST(test_growth), { NULL, NULL },
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return test_main(tests, argc, argv);
}
