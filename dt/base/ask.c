#include "dt/base/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "dt/base/util.h"

/* One line, byte by byte, so that what follows it is left; the answer's memory is zeroed. */
static struct secret *read_line(int fd)
{
	char line[1024];
	struct secret *s = NULL;
	size_t n = 0;
	char c = 0;
	ssize_t r;

	while ((r = read(fd, &c, 1)) != 0 && c != '\n' && n < sizeof(line)) {
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			break;
		line[n++] = c;
	}
	if (n || c == '\n')
		s = secret_new(line, n);
	explicit_bzero(line, sizeof(line));
	return s;
}

static const int harmless[] = { SIGWINCH, SIGCONT, SIGCHLD, SIGURG, SIGUSR1 };

/* A line typed without echo; a signal ends dt only when the echo is back. */
static struct secret *read_hidden(int fd, const char *prompt)
{
	struct termios was, quiet;
	struct secret *s = NULL;
	sigset_t all, before;
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	bool terminal = tcgetattr(fd, &was) == 0;

	sigfillset(&all);
	/* what ends no question */
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		sigdelset(&all, harmless[i]);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	p[1].fd = signalfd(-1, &all, SFD_CLOEXEC);
	/* before the prompt: who sees it may type at once */
	if (terminal) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(fd, TCSAFLUSH, &quiet);
	}
	(void)dprintf(fd, "%s: ", prompt);
	/* the terminal gives whole lines */
	if (!terminal || (poll(p, 2, -1) > 0 && !p[1].revents))
		s = read_line(fd);
	if (terminal)
		(void)tcsetattr(fd, TCSAFLUSH, &was);
	(void)dprintf(fd, "\n");
	if (p[1].fd >= 0)
		(void)close(p[1].fd);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return s;
}

struct secret *ask_secret(const char *prompt, struct dt_err *err)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct secret *s;

	if (fd < 0) {
		s = read_line(STDIN_FILENO);
		if (!s)
			(void)err_set(err, ERR_USAGE, "%s: no terminal, and no line on standard input", prompt);
		return s;
	}
	s = read_hidden(fd, prompt);
	(void)close(fd);
	if (!s)
		(void)err_set(err, ERR_USAGE, "%s: no answer", prompt);
	return s;
}

bool ask_line(const char *question, char *answer, size_t size)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	*answer = '\0';
	if (fd < 0)
		return false;
	(void)dprintf(fd, "%s", question);
	n = read(fd, answer, size - 1);
	(void)tcflush(fd, TCIFLUSH); /* the rest of a longer line is not for the shell */
	(void)close(fd);
	answer[n > 0 ? n : 0] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
	return true;
}
