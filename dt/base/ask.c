#include "dt/base/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "dt/base/util.h"

#define LINE_SIZE 1024

static int cancel_fd = -1;

void ask_cancelled_by(int fd)
{
	cancel_fd = fd;
}

/* What ends no question. */
static const int harmless[] = { SIGWINCH, SIGCHLD, SIGURG, SIGUSR1 };
/* What stops whoever asks in the background. */
static const int background[] = { SIGTTIN, SIGTTOU };

/* The terminal while a question stands there. */
struct question {
	int fd;
	const char *text;
	bool hidden;		/* the answer is typed without echo */
	bool put;		/* it stands there, and the terminal was as .was before */
	struct termios was;
	struct sigaction actions[ARRAY_LEN(background)];
	sigset_t before;	/* the mask as it was */
	sigset_t end;		/* these end the question */
	int signal_fd;		/* readable where one of them, SIGTSTP or SIGCONT is pending */
};

static bool is_ignored(int signo)
{
	struct sigaction now;

	return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/*
 * Signals wait from here on, so that none ends or stops us without the echo;
 * but the kernel stops us in the background, also where whoever began us has
 * blocked or ignored what it does that with: else the shell's own echo would
 * be ours to change, and its next line our answer.
 */
static int begin(struct question *q)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t held, free;

	sigfillset(&q->end);
	(void)sigprocmask(SIG_BLOCK, NULL, &q->before);
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		sigdelset(&q->end, harmless[i]);
	sigemptyset(&free);
	for (size_t i = 0; i < ARRAY_LEN(background); i++) {
		sigdelset(&q->end, background[i]);
		sigaddset(&free, background[i]);
	}
	/* one that is ignored would wait though nobody minds it; one that is blocked is for another thread */
	for (int n = 1; n < NSIG; n++)
		if (is_ignored(n) || sigismember(&q->before, n) == 1)
			sigdelset(&q->end, n);
	held = q->end;
	sigaddset(&held, SIGCONT);
	sigdelset(&q->end, SIGTSTP);
	sigdelset(&q->end, SIGCONT);
	q->signal_fd = signalfd(-1, &held, SFD_CLOEXEC);
	if (q->signal_fd < 0)
		return -1;
	(void)sigprocmask(SIG_BLOCK, &held, NULL);
	for (size_t i = 0; i < ARRAY_LEN(background); i++)
		(void)sigaction(background[i], &standard, &q->actions[i]);
	(void)sigprocmask(SIG_UNBLOCK, &free, NULL);
	return 0;
}

static void end(const struct question *q)
{
	for (size_t i = 0; i < ARRAY_LEN(background); i++)
		(void)sigaction(background[i], &q->actions[i], NULL);
	(void)close(q->signal_fd);
	(void)sigprocmask(SIG_SETMASK, &q->before, NULL);
}

/* Echo off, and the question. */
static int put_question(struct question *q)
{
	const struct timespec now = { 0 };
	struct termios quiet;
	sigset_t cont;

	/* in the background it stops us, until we are brought to the front: only then the terminal is ours to look at */
	if (tcflush(q->fd, TCIFLUSH) != 0 || (!q->put && tcgetattr(q->fd, &q->was) != 0))
		return -1;
	quiet = q->was;
	if (q->hidden)
		quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* before the prompt: who sees it may type at once */
	if (tcsetattr(q->fd, TCSAFLUSH, &quiet) != 0)
		return -1;
	q->put = true;
	/* of before */
	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	(void)sigtimedwait(&cont, NULL, &now);
	(void)dprintf(q->fd, "%s", q->text);
	return 0;
}

static void take_away(const struct question *q)
{
	/* with the rest of a longer line, which is not for the shell */
	if (q->put)
		(void)tcsetattr(q->fd, TCSAFLUSH, &q->was);
}

enum heard { NOTHING, AGAIN, OVER };

/* What signals say.  Ctrl-Z: stops as any program does, but with the echo back, until it is continued. */
static enum heard hear(const struct question *q)
{
	sigset_t pending, stop;

	(void)sigpending(&pending);
	for (int n = 1; n < NSIG; n++)
		if (sigismember(&pending, n) == 1 && sigismember(&q->end, n) == 1)
			return OVER;
	if (sigismember(&pending, SIGTSTP) == 1) {
		take_away(q);
		(void)dprintf(q->fd, "\n");
		sigemptyset(&stop);
		sigaddset(&stop, SIGTSTP);
		/* here the one that waits takes effect */
		(void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
		(void)sigprocmask(SIG_BLOCK, &stop, NULL);
		return AGAIN;
	}
	return sigismember(&pending, SIGCONT) == 1 ? AGAIN : NOTHING;
}

/* Once something happened: 1, the line is whole; 0, not yet; -1, it never will be. */
static int listen(struct question *q, char *line, size_t *len)
{
	struct pollfd p[] = { { q->signal_fd, POLLIN, 0 }, { cancel_fd, POLLIN, 0 }, { q->fd, POLLIN, 0 } };
	enum heard heard;
	ssize_t n;

	if (poll(p, ARRAY_LEN(p), -1) < 0)
		return errno == EINTR ? 0 : -1;
	heard = p[0].revents ? hear(q) : NOTHING;
	if (heard == OVER || p[1].revents)
		return -1;
	if (heard == AGAIN) {
		*len = 0;
		return put_question(q);
	}
	if (!p[2].revents)
		return 0;
	/* the terminal gives whole lines; or nothing, where the shell had it meanwhile */
	n = read(q->fd, line + *len, LINE_SIZE - *len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	*len += (size_t)n;
	return n == 0 && !*len ? -1 : n == 0 || line[*len - 1] == '\n' || *len == LINE_SIZE;
}

/* A line of LINE_SIZE bytes at most, without its newline.  False: none came. */
static bool ask(int fd, const char *text, bool hidden, char line[LINE_SIZE], size_t *len)
{
	struct question q = { .fd = fd, .text = text, .hidden = hidden };
	int r;

	*len = 0;
	if (begin(&q) != 0)
		return false;
	r = put_question(&q);
	while (r == 0)
		r = listen(&q, line, len);
	take_away(&q);
	if (q.put && (hidden || r < 0))
		(void)dprintf(fd, "\n");
	end(&q);
	if (*len && line[*len - 1] == '\n')
		(*len)--;
	return r > 0;
}

/* As the signal that has stopped the child would have stopped us, where it came for both. */
static void stop_too(const sigset_t *stops)
{
	sigset_t pending, both;

	(void)sigpending(&pending);
	if (sigandset(&both, &pending, stops) == 0 && sigisemptyset(&both)) {
		(void)kill(getpid(), SIGSTOP);
		return;
	}
	(void)sigprocmask(SIG_UNBLOCK, stops, NULL);
	(void)sigprocmask(SIG_BLOCK, stops, NULL);
}

static int wait_for_child(pid_t pid, int options, int *status)
{
	while (waitpid(pid, status, options) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

int ask_child(int fd, int (*start)(void *arg, pid_t *pid), void *arg, int *status)
{
	struct question q = { .fd = fd };
	sigset_t stops;
	bool again;
	pid_t pid;
	int r;

	if (begin(&q) != 0)
		return errno;
	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	for (size_t i = 0; i < ARRAY_LEN(background); i++)
		sigaddset(&stops, background[i]);
	do {
		/* as in put_question */
		q.put = tcflush(fd, TCIFLUSH) == 0 && tcgetattr(fd, &q.was) == 0;
		(void)sigprocmask(SIG_BLOCK, &stops, NULL);
		r = start(arg, &pid);
		if (r == 0)
			r = wait_for_child(pid, WUNTRACED, status);
		again = r == 0 && WIFSTOPPED(*status);
		if (again) {
			/* let go on with us, it would look at the terminal of a shell that has us in the background */
			(void)kill(pid, SIGKILL);
			r = wait_for_child(pid, 0, status);
			if (tcgetpgrp(fd) == getpgrp())
				take_away(&q);
			stop_too(&stops);
		}
		(void)sigprocmask(SIG_UNBLOCK, &stops, NULL);
	} while (r == 0 && again);
	end(&q);
	return r;
}

/* Not blocking: what is there to read may be gone when we are continued. */
static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* One line of standard input, byte by byte, so that what follows it is left. */
static bool read_line(char line[LINE_SIZE], size_t *len)
{
	char c = 0;
	ssize_t r;

	*len = 0;
	while ((r = read(STDIN_FILENO, &c, 1)) != 0 && c != '\n' && *len < LINE_SIZE) {
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			break;
		line[(*len)++] = c;
	}
	return *len || c == '\n';
}

struct secret *ask_secret(const char *prompt, struct dt_err *err)
{
	int fd = open_terminal();
	char line[LINE_SIZE], text[300];
	struct secret *s = NULL;
	size_t len;
	bool there;

	(void)snprintf(text, sizeof(text), "%s: ", prompt);
	there = fd < 0 ? read_line(line, &len) : ask(fd, text, true, line, &len);
	if (!there)
		(void)err_set(err, ERR_USAGE, "%s: %s", prompt,
			      fd < 0 ? "no terminal, and no line on standard input" : "no answer");
	else if (!(s = secret_new(line, len)))
		(void)err_nomem(err);
	explicit_bzero(line, sizeof(line));
	if (fd >= 0)
		(void)close(fd);
	return s;
}

bool ask_line(const char *question, char *answer, size_t size)
{
	int fd = open_terminal();
	char line[LINE_SIZE];
	size_t len;

	*answer = '\0';
	if (fd < 0)
		return false;
	if (ask(fd, question, false, line, &len)) {
		line[len < LINE_SIZE ? len : LINE_SIZE - 1] = '\0';
		line[strcspn(line, "\r\n")] = '\0';
		(void)snprintf(answer, size, "%s", line);
	}
	(void)close(fd);
	return true;
}
