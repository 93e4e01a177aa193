/*
 * word_about - dt help, version, modules and completion.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/db.h"
#include "dt/base/escape.h"
#include "dt/cli/app.h"
#include "dt/cli/complete_script.h"
#include "dt/cli/complete_source.h"
#include "dt/cli/help.h"
#include "dt/ssh/session.h"
#include "inventory/match.h"

static int finish(struct buf *out, int r, struct dt_err *err)
{
	if (r != 0 && !err->code)
		(void)err_nomem(err);
	if (r == 0)
		r = app_print(out, err);
	buf_release(out);
	return r;
}

/* ---- modules ---- */

struct listing {
	struct buf out;
	int r;
};

static void list_module(void *arg, const char *name, const struct module *m, const struct dt_err *why)
{
	struct listing *l = arg;

	const char *text = m ? m->mod->summary : why->msg;

	l->r |= buf_addf(&l->out, "%-12s %s", name, m ? "" : "cannot be loaded: ") ||
		escape(&l->out, text, strlen(text)) || buf_addc(&l->out, '\n');
}

int word_modules(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct listing l = { .r = 0 };

	(void)args;
	if (n)
		return err_set(err, ERR_USAGE, "dt modules takes no arguments");
	if (app_modules(a, err) != 0)
		return -1;
	buf_init(&l.out, 1UL << 20);
	l.r |= modload_list(a->modules, list_module, &l, err);
	return finish(&l.out, l.r, err);
}

/* ---- help, version ---- */

int word_help(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct dt_err missing = DT_ERR_INIT;
	const struct module *m;
	const char *near;
	struct buf out;
	int r = -1;

	if (n > 1)
		return err_set(err, ERR_USAGE, "dt help takes one topic");
	if (app_modules(a, err) != 0)
		return -1;
	buf_init(&out, 1UL << 20);
	if (n == 0) {
		r = help_usage(&out);
	} else if ((m = modload_get(a->modules, args[0], &missing)) != NULL) {
		r = help_module(m->mod, &out);
	} else if (help_topic(args[0], &out) == 0) {
		r = 0;
	} else {
		near = help_nearest(args[0]);
		(void)err_set(err, ERR_USAGE, "no help on %.200s%s%s%s", args[0], near ? "; did you mean " : "",
			      near ? near : "", near ? "?" : "");
	}
	return finish(&out, r, err);
}

int word_version(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct buf out;

	(void)a, (void)args, (void)n;
	buf_init(&out, 4096);
	return finish(&out, buf_addf(&out, "dt %s\n%s, %s, %s\n", DT_VERSION, session_library(), db_library(), match_library()),
		      err);
}

/* ---- completion ---- */

/* For the scripts: candidates for the end of a line, as the shell takes them. */
static int complete(struct app *a, char *const *args, int n, struct buf *out, struct dt_err *err)
{
	bool bash = n == 3 && strcmp(args[0], "--bash") == 0, about = n == 2 && strcmp(args[0], "--about") == 0;
	struct strs words = { 0 }, texts = { 0 };
	struct complete_source src;
	int r;

	if (n != 1 + about + 2 * bash)
		return err_set(err, ERR_USAGE, "dt completion words [--about | --bash WORD] LINE");
	complete_source_init(&src, a);
	r = complete_line(args[n - 1], &a->opt, &src, &words, &texts, err);
	if (r == 0 && (bash ? complete_print_bash(&words, args[n - 1], args[1], out) :
		       complete_print(&words, about ? &texts : NULL, out)) != 0)
		r = err_nomem(err);
	strs_release(&words);
	strs_release(&texts);
	return r;
}

int word_completion(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct buf out;

	buf_init(&out, 1UL << 26);
	if (n > 1 && strcmp(args[0], "words") == 0)
		return finish(&out, complete(a, args + 1, n - 1, &out, err), err);
	if (n == 1)
		return finish(&out, complete_script(args[0], &out, err), err);
	return err_set(err, ERR_USAGE, "dt completion bash, zsh or fish");
}
