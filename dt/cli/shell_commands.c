/* The commands of dtsh itself; those of dt's words run dt, as at any shell's prompt. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/escape.h"
#include "dt/base/quote.h"
#include "dt/cli/shell.h"
#include "dt/cli/wordlist.h"
#include "inventory/range.h"

static int print(struct buf *text, int r, struct dt_err *err)
{
	r = r == 0 ? app_print(text, err) : err_nomem(err);
	buf_release(text);
	return r;
}

/* ---- dt's words ---- */

int shell_word(struct shell *sh, const char *word, const char *rest, struct dt_err *err)
{
	char *prefix = install_prefix(), *dt = NULL;
	struct strs argv = { 0 };
	int r = -1, status = 0;
	pid_t pid;

	if (prefix && asprintf(&dt, "%s/bin/dt", prefix) < 0)
		dt = NULL;
	free(prefix);
	if (!dt || strs_add(&argv, dt) != 0)
		(void)err_nomem(err);
	else
		r = 0;
	for (size_t i = 0; i < sh->options.n && r == 0; i++)
		r = strs_add(&argv, sh->options.v[i]) == 0 ? 0 : err_nomem(err);
	/* it has one form, whatever that of lines is */
	if (r == 0 && strcmp(word, "diff") == 0)
		r = strs_add(&argv, "-o") == 0 && strs_add(&argv, "diff") == 0 ? 0 : err_nomem(err);
	if (r == 0)
		r = strs_add(&argv, word) == 0 ? quote_split(rest, &argv, err) : err_nomem(err);
	if (r == 0)
		r = child_attached(argv.v, &pid, err);
	while (r == 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			r = err_sys(err, ERR_LOCAL, errno, "dt");
	free(dt);
	strs_release(&argv);
	if (r != 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the context ---- */

static int context_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	struct strs words = { 0 };
	struct buf text;
	int r;

	if (*rest) {
		r = quote_split(rest, &words, err);
		if (r == 0)
			r = shell_set(sh, &sh->options, &words, err);
		strs_release(&words);
		return r;
	}
	buf_init(&text, 1UL << 20);
	r = shell_context_text(sh, &text);
	if (r == 0)
		r = !sh->now ? buf_adds(&text, "no context yet\n")
			     : buf_addf(&text, ": %zu host%s\n", shell_hosts(sh), shell_hosts(sh) == 1 ? "" : "s");
	return print(&text, r, err);
}

static int hosts_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	const struct hostset *h = shell_hostset(sh);
	const char **names = calloc(h->n + 1, sizeof(*names));
	struct buf text;
	int r;

	(void)rest;
	if (!names)
		return err_nomem(err);
	buf_init(&text, 1UL << 30);
	for (size_t i = 0; i < h->n; i++)
		names[i] = host_named(h->v[i]);
	r = h->n ? range_fold(names, h->n, &text) || buf_addc(&text, '\n') : 0;
	free(names);
	return print(&text, r, err);
}

static int options_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	struct strs options = { 0 };
	const struct strs none = { 0 };
	struct buf text;
	int r = 0;

	if (*rest) {
		if (strcmp(rest, "reset") == 0)
			r = shell_set(sh, &sh->first_options, &none, err);
		else if ((r = quote_split(rest, &options, err)) == 0)
			r = shell_add_options(sh, &options, err);
		strs_release(&options);
		return r;
	}
	buf_init(&text, 1UL << 20);
	for (size_t i = 0; i < sh->options.n && r == 0; i++)
		r = quote_arg(&text, sh->options.v[i]) || buf_addc(&text, i + 1 < sh->options.n ? ' ' : '\n');
	return print(&text, r, err);
}

/* dt's own filters by their words in dtools: "host" is dthost.  The command, or NULL: no memory. */
static char *filter_of(const char *text)
{
	static const char *const own[] = { "host", "status", "compact", "gather" };
	char *prefix = NULL, *command = NULL;
	size_t i = 0;

	while (i < ARRAY_LEN(own) && strcmp(own[i], text) != 0)
		i++;
	if (i == ARRAY_LEN(own))
		return strdup(text);
	prefix = install_prefix();
	if (prefix) {
		const char *const argv[] = { prefix };
		struct buf path;

		buf_init(&path, 65536);
		if (quote_argv(&path, argv, 1) == 0 && asprintf(&command, "%s/bin/dt%s", path.data, own[i]) < 0)
			command = NULL;
		buf_release(&path);
	}
	free(prefix);
	return command;
}

static int filter_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	char *filter = NULL;
	struct buf text;

	if (!*rest) {
		buf_init(&text, 1UL << 20);
		return print(&text, sh->filter ? buf_addf(&text, "%s\n", sh->filter) : 0, err);
	}
	if (strcmp(rest, "none") != 0 && !(filter = filter_of(rest)))
		return err_nomem(err);
	free(sh->filter);
	sh->filter = filter;
	return 0;
}

/* ---- help, the end ---- */

static int quit_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	(void)rest;
	(void)err;
	sh->over = true;
	return sh->status;
}

static int add_entry(struct buf *out, const char *name, const char *args, const char *help)
{
	char left[60];

	(void)snprintf(left, sizeof(left), ".%s%s%s", name, *args ? " " : "", args);
	return buf_addf(out, "  %-28s %s\n", left, help);
}

static int help_command(struct shell *sh, const char *rest, struct dt_err *err)
{
	struct buf text;
	int r;

	if (*rest)
		return shell_word(sh, "help", rest, err);
	buf_init(&text, 1UL << 20);
	r = buf_adds(&text, "A line is a module with its arguments, or a command for a shell on the hosts:\n\n"
			    "  service status nginx\n"
			    "  uptime | cut -d, -f2\n"
			    "  ssh set                      a command that has a module's name\n\n"
			    "Commands of dtsh begin with . or : or @:\n\n");
	for (const struct shell_command *c = shell_commands; c->name && r == 0; c++)
		r = add_entry(&text, c->name, c->args, c->help);
	if (r == 0)
		r = buf_adds(&text, "\nand so do the words of dt:\n\n");
	for (const struct word_spec *w = word_table; w->name && r == 0; w++)
		if (strcmp(w->name, "help") != 0)
			r = add_entry(&text, w->name, w->args, w->help);
	if (r == 0)
		r = buf_adds(&text, "\nCtrl-C ends the command that runs, Ctrl-D the shell.  See dtsh(1).\n");
	return print(&text, r, err);
}

const struct shell_command shell_commands[] = {
	{ "context", "[SELECTION [WORDS]]", "hosts, and what begins each line; show it, or set it", context_command },
	{ "options", "[OPTIONS|reset]", "of dt, for all lines; show them, or add some", options_command },
	{ "filter", "[COMMAND|none]", "what lines print goes through it: .filter dthost", filter_command },
	{ "hosts", "", "the context's hosts", hosts_command },
	{ "help", "[TOPIC]", "this, or what dt help knows of the topic", help_command },
	{ "quit", "", "the end; Ctrl-D too", quit_command },
	{ 0 }
};
