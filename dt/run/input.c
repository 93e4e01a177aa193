#include "dt/run/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/report/spool.h"
#include "dt/run/pool.h"

#define CHUNK (256U << 10)

struct input {
	int fd;
	bool plain;			/* a file, read in place from .start on, by all hosts themselves */
	uint64_t start;
	uint64_t apart;
	size_t hosts;
	int wish_fd;			/* wakes the thread that reads */
	atomic_flag busy;		/* guards what follows; held for a moment only */
	size_t expected;		/* hosts whose turn has come */
	size_t counted;			/* hosts that have entered, or left */
	struct input_reader *inside;
	uint64_t filled, wish, low;	/* read; wanted; no host is before it */
	bool started, ended, failed, throttled, over;
	unsigned refs;			/* the caller, and the thread */
	struct dt_err why;		/* of failed */
	/* the thread's alone */
	int file;			/* byte i is at i % apart */
	char chunk[CHUNK];
};

static void lock(struct input *in)
{
	while (atomic_flag_test_and_set(&in->busy))
		(void)sched_yield();
}

static void unlock(struct input *in)
{
	atomic_flag_clear(&in->busy);
}

static void tell(int fd)
{
	static const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void drain(int fd)
{
	uint64_t number;

	(void)!read(fd, &number, sizeof(number));
}

struct input *input_new(int fd, size_t hosts, uint64_t apart, struct dt_err *err)
{
	struct input *in;
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	off_t at;

	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY) {
		(void)err_sys(err, ERR_USAGE, EBADF, "standard input");
		return NULL;
	}
	in = calloc(1, sizeof(*in));
	if (!in || (in->wish_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		(void)err_sys(err, ERR_LOCAL, in ? errno : ENOMEM, "standard input");
		free(in);
		return NULL;
	}
	in->fd = fd;
	in->file = -1;
	in->hosts = hosts;
	in->apart = apart;
	in->refs = 1;
	at = lseek(fd, 0, SEEK_CUR);
	in->plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && at >= 0;
	in->start = at > 0 ? (uint64_t)at : 0;
	return in;
}

static void release(struct input *in)
{
	bool last;

	lock(in);
	last = --in->refs == 0;
	unlock(in);
	if (!last)
		return;
	if (in->file >= 0)
		(void)close(in->file);
	(void)close(in->wish_fd);
	free(in);
}

void input_free(struct input *in)
{
	if (!in)
		return;
	lock(in);
	in->over = true;
	tell(in->wish_fd);
	unlock(in);
	release(in);
}

/* ---- the thread that reads ---- */

/* Locked, as those below. */
static void wake(struct input *in)
{
	for (struct input_reader *r = in->inside; r; r = r->next) {
		if (r->waits)
			tell(r->fd);
		r->waits = false;
	}
}

static void find_low(struct input *in)
{
	uint64_t low = in->counted < in->hosts ? 0 : in->filled;

	for (const struct input_reader *r = in->inside; r; r = r->next)
		low = r->at < low ? r->at : low;
	in->low = low > in->low ? low : in->low;
}

/* How much may be read now; 0: nothing is wanted, or there is no room for it. */
static size_t room(struct input *in)
{
	uint64_t left;

	if (in->ended || in->failed || in->filled >= in->wish)
		return 0;
	if (in->filled - in->low >= in->apart)
		find_low(in);
	left = in->apart - (in->filled - in->low);
	in->throttled = !left;
	if (!left && in->expected < in->hosts) {
		in->failed = true;
		(void)err_set(&in->why, ERR_LOCAL, "standard input has more than %llu bytes, and %zu host%s will begin only when others"
			      " have ended: a larger --stdin-max, -C %zu, or a file as standard input",
			      (unsigned long long)in->apart, in->hosts - in->expected, in->hosts - in->expected == 1 ? "" : "s", in->hosts);
		wake(in);
	}
	if (left > in->apart - in->filled % in->apart)
		left = in->apart - in->filled % in->apart;
	return left < CHUNK ? (size_t)left : CHUNK;
}

static int keep(struct input *in, size_t len, struct dt_err *err)
{
	uint64_t at = in->filled % in->apart;

	if (in->file < 0 && (in->file = spool_file()) < 0)
		return err_sys(err, ERR_LOCAL, errno, "standard input, to be kept in a file without a name (TMPDIR)");
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(in->file, in->chunk + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, ERR_LOCAL, n ? errno : ENOSPC, "standard input, kept in a file without a name (TMPDIR)");
		done += (size_t)n;
	}
	return 0;
}

static void read_some(struct input *in, size_t size)
{
	struct dt_err err = DT_ERR_INIT;
	ssize_t n = read(in->fd, in->chunk, size);
	int r = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		r = err_sys(&err, ERR_LOCAL, errno, "standard input");
	else if (n > 0)
		r = keep(in, (size_t)n, &err);
	lock(in);
	if (r != 0) {
		in->failed = true;
		in->why = err;
	} else {
		in->filled += (size_t)n;
		in->ended = n == 0;
	}
	wake(in);
	unlock(in);
}

static void fill(void *arg)
{
	struct input *in = arg;
	sigset_t stop;

	/* of a terminal whose foreground is another's: it stops dt, as any program */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTTIN);
	(void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
	for (;;) {
		struct pollfd p[2] = { { .events = POLLIN }, { .fd = in->wish_fd, .events = POLLIN } };
		size_t size;
		bool over;

		lock(in);
		over = in->over;
		size = room(in);
		unlock(in);
		if (over)
			break;
		p[0].fd = size ? in->fd : -1;
		if (poll(p, ARRAY_LEN(p), -1) <= 0)
			continue;
		if (p[1].revents)
			drain(in->wish_fd);
		else if (p[0].revents)
			read_some(in, size);
	}
	release(in);
}

/* Locked. */
static void start(struct input *in)
{
	in->started = true;
	in->refs++;
	if (thread_spawn(fill, in) == 0)
		return;
	in->refs--;
	in->failed = true;
	(void)err_sys(&in->why, ERR_LOCAL, errno, "a thread for standard input");
}

/* ---- hosts ---- */

void input_expect(struct input *in)
{
	lock(in);
	in->expected++;
	unlock(in);
}

int input_enter(struct input *in, struct input_reader *r, struct dt_err *err)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return err_sys(err, ERR_LOCAL, errno, "standard input");
	r->fd = fd;
	r->at = 0;
	r->waits = r->failed = false;
	lock(in);
	r->inside = true;
	r->next = in->inside;
	in->inside = r;
	in->counted += !r->counted;
	r->counted = true;
	unlock(in);
	return input_rewind(in, r, err);
}

int input_rewind(struct input *in, struct input_reader *r, struct dt_err *err)
{
	bool there;

	lock(in);
	there = in->plain || in->filled <= in->apart;
	if (there)
		r->at = 0;
	unlock(in);
	return there ? 0 : err_set(err, ERR_LOCAL, "the beginning of standard input is not kept any more");
}

/* Nothing for it now.  Locked. */
static size_t later(struct input *in, struct input_reader *r, size_t size)
{
	r->failed = in->failed;
	r->waits = true;
	if (in->wish < r->at + size)
		in->wish = r->at + size;
	if (!in->started && !in->failed)
		start(in);
	r->failed = in->failed;
	tell(r->failed ? r->fd : in->wish_fd);
	return INPUT_LATER;
}

size_t input_take(struct input *in, struct input_reader *r, char *room, size_t size)
{
	uint64_t at = in->plain ? in->start + r->at : r->at % in->apart, left;
	bool ended;
	ssize_t n;

	drain(r->fd);
	lock(in);
	left = in->plain ? size : in->filled - r->at;
	ended = !left && in->ended;
	if (in->failed || (!left && !ended)) {
		size_t none = later(in, r, size);

		unlock(in);
		return none;
	}
	unlock(in);
	if (ended)
		return 0;
	if (!in->plain && left > in->apart - at)
		left = in->apart - at;
	do
		n = pread(in->plain ? in->fd : in->file, room, left < size ? (size_t)left : size, (off_t)at);
	while (n < 0 && errno == EINTR);
	lock(in);
	if (n < 0 || (n == 0 && !in->plain)) {
		in->failed = true;
		(void)err_sys(&in->why, ERR_LOCAL, n ? errno : EIO, "standard input");
		wake(in);
		n = -1;
		r->failed = true;
	} else {
		r->at += (size_t)n;
		if (in->throttled)
			tell(in->wish_fd);
	}
	unlock(in);
	return n < 0 ? INPUT_LATER : (size_t)n;
}

void input_error(struct input *in, struct dt_err *err)
{
	lock(in);
	*err = in->why;
	unlock(in);
}

void input_leave(struct input *in, struct input_reader *r)
{
	struct input_reader **at = &in->inside;

	lock(in);
	in->counted += !r->counted;
	r->counted = true;
	if (r->inside) {
		while (*at != r)
			at = &(*at)->next;
		*at = r->next;
		r->inside = false;
		(void)close(r->fd);
	}
	if (in->throttled)
		tell(in->wish_fd);
	unlock(in);
}
