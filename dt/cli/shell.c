#include "dt/cli/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/escape.h"
#include "dt/base/log.h"
#include "dt/base/quote.h"
#include "dt/cli/action.h"
#include "dt/cli/complete_source.h"
#include "dt/cli/wordlist.h"

struct context {
	struct app app;		/* its options are the plan's */
	struct strs words;	/* the selection, and what begins each line */
	struct kept *kept;
};

/* ---- the context ---- */

static void context_free(struct context *c)
{
	if (!c)
		return;
	kept_free(c->kept);
	app_release(&c->app);
	strs_release(&c->words);
	free(c);
}

static int copy(struct strs *to, const struct strs *from, size_t first)
{
	for (size_t i = first; i < from->n; i++)
		if (strs_add(to, from->v[i]) != 0)
			return -1;
	return 0;
}

/* Defaults, dt.conf and the shell's options: into a->opt alone. */
static int read_options(struct app *a, const struct strs *options, struct dt_err *err)
{
	char *const none[] = { NULL };
	struct conf conf = { 0 };
	int i = 0, r;

	if (options_init(&a->opt, err) != 0)
		return -1;
	r = conf_load(&a->opt, &conf, err);
	if (r == 0)
		r = options_parse(&a->opt, options->n ? options->v : none, &i, err);
	if (r == 0 && (size_t)i < options->n)
		r = err_set(err, ERR_USAGE, "%s is no option", options->v[i]);
	conf_release(&conf);
	return r;
}

/* Half of the files that may be open: the other half is for hosts that are being connected. */
static size_t most_open(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX / 2;
	return (size_t)files.rlim_cur / 2;
}

static struct context *context_new(const struct strs *options, const struct strs *words, struct dt_err *err)
{
	struct context *c = calloc(1, sizeof(*c));
	int i = 0, r;

	if (!c) {
		(void)err_nomem(err);
		return NULL;
	}
	r = app_init(&c->app, err);
	c->app.stdin_taken = true;
	if (r == 0 && options->n)
		r = options_parse(&c->app.opt, options->v, &i, err);
	if (r == 0 && copy(&c->words, words, 0) != 0)
		r = err_nomem(err);
	if (r == 0 && (app_select(&c->app, c->words.v[0], err) != 0 || app_modules(&c->app, err) != 0))
		r = -1;
	if (r == 0 && c->words.n > 1 && !modload_get(c->app.modules, c->words.v[1], err))
		r = -1;
	if (r == 0)
		r = app_plan(&c->app, err);
	c->app.env.lasting = true;
	if (r == 0 && !(c->kept = kept_new(c->app.hosts.n, most_open())))
		r = err_nomem(err);
	if (r == 0)
		return c;
	context_free(c);
	return NULL;
}

/* Would connections that are open still be the right ones? */
static bool same_connections(const struct context *c, const struct strs *options)
{
	struct app line = c->app;
	struct dt_err ignored = DT_ERR_INIT;
	bool same;

	line.planned = &c->app.opt;
	same = read_options(&line, options, &ignored) == 0 && app_plan(&line, &ignored) == 0;
	options_release(&line.opt);
	return same;
}

int shell_set(struct shell *sh, const struct strs *options, const struct strs *words, struct dt_err *err)
{
	struct app tried = { 0 };
	struct strs kept = { 0 };
	struct context *c = NULL;
	int r = read_options(&tried, options, err);

	options_release(&tried.opt);
	if (r == 0 && copy(&kept, options, 0) != 0)
		r = err_nomem(err);
	if (r == 0 && words->n)
		r = (c = context_new(options, words, err)) ? 0 : -1;
	else if (r == 0 && sh->now && !same_connections(sh->now, options))
		r = (c = context_new(options, &sh->now->words, err)) ? 0 : -1;
	if (r != 0) {
		strs_release(&kept);
		return -1;
	}
	strs_release(&sh->options);
	sh->options = kept;
	if (c) {
		context_free(sh->now);
		sh->now = c;
	}
	return 0;
}

int shell_add_options(struct shell *sh, const struct strs *more, struct dt_err *err)
{
	const struct strs none = { 0 };
	struct strs all = { 0 };
	int r = copy(&all, &sh->options, 0) != 0 || copy(&all, more, 0) != 0 ? err_nomem(err) : 0;

	if (r == 0)
		r = shell_set(sh, &all, &none, err);
	strs_release(&all);
	return r;
}

void shell_release(struct shell *sh)
{
	context_free(sh->now);
	strs_release(&sh->options);
	strs_release(&sh->first_options);
	free(sh->filter);
}

size_t shell_hosts(const struct shell *sh)
{
	return sh->now ? sh->now->app.hosts.n : 0;
}

const struct hostset *shell_hostset(const struct shell *sh)
{
	static const struct hostset none;

	return sh->now ? &sh->now->app.hosts : &none;
}

int shell_context_text(const struct shell *sh, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; sh->now && i < sh->now->words.n && r == 0; i++)
		r = (i ? buf_addc(out, ' ') : 0) || quote_arg(out, sh->now->words.v[i]);
	return r;
}

int shell_prompt(const struct shell *sh, struct buf *out)
{
	struct buf text;
	int r;

	if (!sh->now)
		return buf_adds(out, "dtsh> ");
	buf_init(&text, 65536);
	r = shell_context_text(sh, &text);
	/* a long expression leaves room to type */
	if (r == 0)
		r = escape(out, text.data, text.len < 40 ? text.len : 37);
	if (r == 0 && text.len >= 40)
		r = buf_adds(out, "...");
	buf_release(&text);
	return r == 0 ? buf_addf(out, " %zu/%zu> ", kept_count(sh->now->kept), sh->now->app.hosts.n) : -1;
}

size_t shell_poll(const struct shell *sh, struct pollfd *fds, size_t room)
{
	return sh->now ? kept_poll(sh->now->kept, fds, room) : 0;
}

void shell_serve(struct shell *sh, const struct pollfd *fds, size_t n)
{
	if (sh->now)
		kept_serve(sh->now->kept, fds, n);
}

/* ---- a line ---- */

/* Is what follows a verb's options one command line, for a shell of the host? */
static bool takes_command(const struct module *m)
{
	const struct dt_verb *v = m->mod->verbs;

	if (!v->name || *v->name)
		return false;
	for (const struct dt_param *p = v->params; p && p->name; p++)
		if (p->flags & DT_REST)
			return strcmp(p->name, "command") == 0;
	return false;
}

static const char *past_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* Words of *line up to the first that is no option, or behind "--"; of dt's own where own: these may have values. */
static int take_options(const char **line, bool own, struct strs *words, struct dt_err *err)
{
	struct buf word;
	bool value = false, last = false;
	int r = 1;

	buf_init(&word, 65536);
	while (r > 0 && !last && (value || *past_blanks(*line) == '-')) {
		r = quote_next(line, &word, err);
		if (r > 0 && strs_add(words, word.data) != 0)
			r = err_nomem(err);
		last = !value && strcmp(word.data, "--") == 0;
		value = own && !value && option_wants_value(word.data);
	}
	buf_release(&word);
	return r < 0 ? -1 : 0;
}

/* What stands behind the module's name. */
static int take_arguments(const struct module *m, const char *line, struct strs *words, struct dt_err *err)
{
	if (!takes_command(m))
		return quote_split(line, words, err);
	if (take_options(&line, false, words, err) != 0)
		return -1;
	line = past_blanks(line);
	return !*line || strs_add(words, line) == 0 ? 0 : err_nomem(err);
}

/* A line as the words that dt would get behind the selection. */
static int read_line(const struct context *c, const char *line, struct strs *words, struct dt_err *err)
{
	const struct module *m;
	struct dt_err none = DT_ERR_INIT;
	struct buf word;
	const char *at;
	int r;

	if (c->words.n > 1) {
		m = modload_get(c->app.modules, c->words.v[1], err);
		if (!m || copy(words, &c->words, 1) != 0)
			return m ? err_nomem(err) : -1;
		if (!takes_command(m))
			return quote_split(line, words, err);
		/* what is typed is the command, also where it begins with a dash */
		return strs_add(words, "--") == 0 && strs_add(words, line) == 0 ? 0 : err_nomem(err);
	}
	if (take_options(&line, true, words, err) != 0)
		return -1;
	line = past_blanks(line);
	at = line;
	buf_init(&word, 65536);
	m = quote_next(&at, &word, &none) > 0 ? modload_get(c->app.modules, word.data, &none) : NULL;
	if (m)
		r = strs_add(words, word.data) == 0 ? take_arguments(m, at, words, err) : err_nomem(err);
	else
		r = !*line || (strs_add(words, "ssh") == 0 && strs_add(words, "--") == 0 && strs_add(words, line) == 0)
			    ? 0
			    : err_nomem(err);
	buf_release(&word);
	return r;
}

/* What goes to stdout goes through the filter, which hears nothing of a first Ctrl-C.  0, or -1. */
struct filter {
	pid_t pid;	/* 0: none */
	int out;	/* stdout as it was */
};

static int filter_begin(struct filter *f, const char *text, struct dt_err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", "trap '' INT; eval \"$1\"", "dtsh", text, NULL };
	int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), pair[2] = { -1, -1 }, r = -1;

	f->pid = 0;
	f->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (in < 0 || f->out < 0 || pipe2(pair, O_CLOEXEC) != 0) {
		(void)err_sys(err, ERR_FAIL, errno, "filter");
	} else {
		(void)dup2(pair[0], STDIN_FILENO);
		r = child_attached((char *const *)argv, &f->pid, err);
		(void)dup2(in, STDIN_FILENO);
		if (r == 0) {
			(void)dup2(pair[1], STDOUT_FILENO);
			signals_second(f->pid);
		}
	}
	child_close(&in);
	child_close(&pair[0]);
	child_close(&pair[1]);
	if (r != 0)
		child_close(&f->out);
	return r;
}

static void filter_end(struct filter *f)
{
	siginfo_t ended;

	(void)fflush(stdout);
	(void)dup2(f->out, STDOUT_FILENO);
	child_close(&f->out);
	/* its number is its own until it is reaped */
	while (waitid(P_PID, (id_t)f->pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	signals_second(0);
	(void)waitpid(f->pid, NULL, 0);
}

static int act(struct shell *sh, const char *line, struct dt_err *err)
{
	struct context *c = sh->now;
	struct app a;
	struct filter filter;
	struct strs words = { 0 };
	int r, before = (int)sh->options.n;

	if (!c)
		return err_set(err, ERR_USAGE, "no context yet: .context SELECTION");
	a = c->app;
	a.planned = &c->app.opt;
	a.kept = c->kept;
	r = read_options(&a, &sh->options, err);
	if (r == 0 && (copy(&words, &sh->options, 0) != 0 || strs_add(&words, c->words.v[0]) != 0))
		r = err_nomem(err);
	if (r == 0)
		r = read_line(c, line, &words, err);
	if (r == 0 && sh->filter)
		r = filter_begin(&filter, sh->filter, err);
	if (r == 0) {
		r = action_run(&a, words.v + before, (int)words.n - before, before, err);
		if (sh->filter)
			filter_end(&filter);
	}
	log_set_level(0);
	options_release(&a.opt);
	strs_release(&words);
	return r;
}

static int command(struct shell *sh, const char *line, size_t len, struct dt_err *err)
{
	for (const struct shell_command *c = shell_commands; c->name; c++)
		if (strlen(c->name) == len && strncmp(c->name, line + 1, len) == 0)
			return c->run(sh, past_blanks(line + 1 + len), err);
	for (const struct word_spec *w = word_table; w->name; w++)
		if (strlen(w->name) == len && strncmp(w->name, line + 1, len) == 0)
			return shell_word(sh, w->name, past_blanks(line + 1 + len), err);
	return err_set(err, ERR_USAGE, "no command %.*s; .help lists them", (int)len + 1, line);
}

size_t shell_command_length(const char *line)
{
	size_t len;

	if (!strchr(".:@", *line) || !*line)
		return 0;
	len = strspn(line + 1, "abcdefghijklmnopqrstuvwxyz");
	return len && (!line[1 + len] || strchr(" \t", line[1 + len])) ? len : 0;
}

void shell_line(struct shell *sh, const char *line)
{
	struct dt_err err = DT_ERR_INIT;
	size_t len = strlen(line), name;
	char *text;
	int r;

	line = past_blanks(line);
	for (len = strlen(line); len && strchr(" \t\r\n", line[len - 1]);)
		len--;
	if (!len || *line == '#')
		return;
	text = strndup(line, len);
	if (!text) {
		log_error("out of memory");
		return;
	}
	name = shell_command_length(text);
	/* hands do that by themselves, and on the hosts it would do nothing */
	if (strcmp(text, "exit") == 0 || strcmp(text, "quit") == 0)
		sh->over = true;
	if (sh->over) {
		free(text);
		return;
	}
	r = name ? command(sh, text, name, &err) : act(sh, text, &err);
	if (r < 0) {
		log_err(&err);
		r = error_status(&err);
	}
	sh->status = r;
	free(text);
}

/* ---- completion ---- */

/* The line of dt that a line of the shell stands for, up to the cursor. */
static int as_dt(const struct shell *sh, const char *line, struct buf *out)
{
	static const struct {
		const char *name, *as;
	} like[] = { { "context", "dt trust " }, { "options", "dt " }, { "filter", NULL } };
	size_t len = shell_command_length(line);

	if (!len) {
		int r = buf_adds(out, "dt all ");

		for (size_t i = 1; sh->now && i < sh->now->words.n; i++)
			r = r || quote_arg(out, sh->now->words.v[i]) || buf_addc(out, ' ');
		return r || buf_adds(out, line);
	}
	for (size_t i = 0; i < ARRAY_LEN(like); i++)
		if (strlen(like[i].name) == len && strncmp(line + 1, like[i].name, len) == 0)
			return like[i].as ? buf_adds(out, like[i].as) || buf_adds(out, past_blanks(line + 1 + len)) : 0;
	return buf_adds(out, "dt ") || buf_adds(out, line + 1);
}

static int offer(const char *line, const char *name, const char *help, struct strs *words, struct strs *about)
{
	char whole[40];

	if (!str_starts(name, line + 1))
		return 0;
	(void)snprintf(whole, sizeof(whole), "%c%s", *line, name);
	return strs_add(words, whole) || strs_add(about, help);
}

int shell_complete(struct shell *sh, const char *line, struct strs *words, struct strs *about, struct dt_err *err)
{
	struct complete_source src;
	struct app none = { 0 };
	struct buf text;
	int r = 0;

	line = past_blanks(line);
	if (*line && strchr(".:@", *line) && !strpbrk(line, " \t")) {
		for (const struct shell_command *c = shell_commands; c->name && r == 0; c++)
			r = offer(line, c->name, c->help, words, about);
		for (const struct word_spec *w = word_table; w->name && r == 0; w++)
			if (strcmp(w->name, "help") != 0)
				r = offer(line, w->name, w->help, words, about);
		return r == 0 ? 0 : err_nomem(err);
	}
	buf_init(&text, 1UL << 20);
	r = as_dt(sh, line, &text) == 0 ? 0 : err_nomem(err);
	if (r == 0 && !sh->now)
		r = app_init(&none, err);
	complete_source_init(&src, sh->now ? &sh->now->app : &none);
	if (r == 0 && text.len)
		r = complete_line(text.data, NULL, &src, words, about, err);
	if (!sh->now)
		app_release(&none);
	buf_release(&text);
	return r;
}
