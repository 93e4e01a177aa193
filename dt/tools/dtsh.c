/* dtsh - lines on the hosts of a selection, over connections that stay open; dtsh(1). */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/cli/action.h"
#include "dt/cli/lineedit.h"
#include "dt/cli/shell.h"

static const char usage[] =
	"dtsh [OPTIONS] [SELECTION [MODULE [ARGUMENTS...]]]   lines on hosts, over connections that stay open\n\n"
	"OPTIONS are those of dt.  A line is a module with its arguments, or a command for\n"
	"the hosts; with a MODULE in the context, a line is the rest of its arguments.\n"
	"  .help    commands of dtsh\n"
	"  Ctrl-D   the end\n"
	"See dtsh(1).\n";

/* ---- at a terminal ---- */

static int wait_for_key(void *arg, int fd)
{
	struct shell *sh = arg;
	size_t room = shell_hosts(sh);
	struct dt_err err = DT_ERR_INIT;
	const struct signals *signals = signals_get(&err);
	struct pollfd *p = calloc(room + 2, sizeof(*p));
	int r = 0;

	while (p && r == 0) {
		size_t n = shell_poll(sh, p + 2, room);

		p[0] = (struct pollfd){ fd, POLLIN, 0 };
		p[1] = (struct pollfd){ signals->signal_fd, POLLIN, 0 };
		if (poll(p, n + 2, -1) < 0)
			continue; /* a signal of the terminal's, which libedit has dealt with */
		shell_serve(sh, p + 2, n);
		if (p[1].revents)
			r = -1;
		else if (p[0].revents)
			break;
	}
	free(p);
	return r;
}

static int complete(void *arg, const char *line, struct strs *words, struct strs *about, struct dt_err *err)
{
	return shell_complete(arg, line, words, about, err);
}

/* A signal ended the run or the line; not SIGINT: the shell too. */
static void after_signal(struct shell *sh, bool interactive)
{
	int number = signals_take();

	if (!number)
		return;
	sh->status = 128 + number;
	if (number != SIGINT || !interactive)
		sh->over = true;
}

static int at_terminal(struct shell *sh, struct dt_err *err)
{
	const struct lineedit_hooks hooks = { .complete = complete, .wait = wait_for_key, .arg = sh };
	struct dt_err ignored = DT_ERR_INIT;
	char *history = xdg_path("XDG_STATE_HOME", ".local/state", "dt/dtsh_history", &ignored);
	struct lineedit *e;
	struct buf prompt;

	if (history && make_parents(history, &ignored) != 0) {
		free(history);
		history = NULL;
	}
	e = lineedit_new("dtsh", history, &hooks, err);
	free(history);
	if (!e)
		return -1;
	buf_init(&prompt, 4096);
	while (!sh->over) {
		const char *line = NULL;
		int r;

		buf_clear(&prompt);
		r = shell_prompt(sh, &prompt) == 0 ? lineedit_read(e, prompt.data, &line) : 0;
		if (r > 0)
			shell_line(sh, line);
		else
			(void)fputs(r == 0 ? "\n" : "^C\n", stdout);
		(void)fflush(stdout);
		if (r == 0)
			break;
		after_signal(sh, true);
	}
	buf_release(&prompt);
	lineedit_free(e);
	return 0;
}

/* ---- lines from a file or a pipe ---- */

#define LINE_MAX_BYTES (4UL << 20)	/* no command may be longer */

struct input {
	char data[65536];
	size_t at, len;
};

/* The next byte of standard input, or EOF: its end, or a signal. */
static int next_byte(struct shell *sh, struct input *in)
{
	if (in->at == in->len) {
		ssize_t n = wait_for_key(sh, STDIN_FILENO) == 0 ? read(STDIN_FILENO, in->data, sizeof(in->data)) : 0;

		in->at = 0;
		in->len = n > 0 ? (size_t)n : 0;
	}
	return in->at < in->len ? (unsigned char)in->data[in->at++] : EOF;
}

/* False: there is no more.  *fault: why the line cannot be run, or NULL. */
static bool next_line(struct shell *sh, struct input *in, struct buf *line, const char **fault)
{
	int c;

	buf_clear(line);
	*fault = NULL;
	while ((c = next_byte(sh, in)) != EOF && c != '\n')
		if (c == '\0')
			*fault = "a line with a NUL byte is not run";
		else if (buf_addc(line, (char)c) != 0)
			*fault = "a line is too long";
	return c != EOF || line->len || *fault;
}

static void from_file(struct shell *sh)
{
	static struct input in;
	const char *fault;
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	while (!sh->over && next_line(sh, &in, &line, &fault)) {
		/* half a line is none */
		after_signal(sh, false);
		if (sh->over)
			break;
		if (fault) {
			log_error("%s", fault);
			sh->status = 2;
		} else {
			shell_line(sh, line.data);
		}
		(void)fflush(stdout);
		after_signal(sh, false);
	}
	after_signal(sh, false);
	buf_release(&line);
}

static int run(struct shell *sh, int argc, char **argv, struct dt_err *err)
{
	struct options tried;
	struct strs words = { 0 };
	int first = 1, r;

	if (options_init(&tried, err) != 0)
		return -1;
	r = options_parse(&tried, argv, &first, err);
	if (r == 0 && (tried.help || tried.version)) {
		(void)fputs(tried.help ? usage : "dtsh " DT_VERSION "\n", stdout);
		sh->over = true;
	}
	options_release(&tried);
	for (int i = 1; i < argc && r == 0; i++)
		r = strs_add(i < first ? &sh->first_options : &words, argv[i]) == 0 ? 0 : err_nomem(err);
	if (r == 0 && !sh->over)
		r = signals_watch(true, err);
	if (r == 0 && !sh->over)
		r = shell_set(sh, &sh->first_options, &words, err);
	strs_release(&words);
	if (r != 0 || sh->over)
		return r;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return at_terminal(sh, err);
	from_file(sh);
	return 0;
}

int main(int argc, char **argv)
{
	static struct shell sh;
	struct dt_err err = DT_ERR_INIT;
	int status;

	(void)setlocale(LC_CTYPE, "");
	app_main();
	status = run(&sh, argc, argv, &err) == 0 ? sh.status : -1;
	if (status < 0) {
		int number = signals_take(); /* at a question */

		log_err(&err);
		status = number ? 128 + number : error_status(&err);
	}
	shell_release(&sh);
	return status;
}
