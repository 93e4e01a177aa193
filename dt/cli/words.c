/*
 * words - dt's words about itself, and the small ones among them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/cli/app.h"
#include "dt/cli/complete.h"
#include "dt/cli/help.h"

const struct word app_words[] = {
	{ "help", word_help, "help on dt, a module, an option or a topic" },
	{ "version", word_version, "dt's version and those of its libraries" },
	{ "modules", word_modules, "what can be run on hosts" },
	{ "inventory", word_inventory, "import and export the store" },
	{ "trust", word_trust, "fetch host keys, show them, trust them" },
	{ "why", word_why, "how a host is reached, and where each setting comes from" },
	{ "completion", word_completion, "a completion script for bash" },
	{ NULL, NULL, NULL },
};

/* ---- modules ---- */

struct listing {
	struct buf out;
	int r;
	bool names_only;
};

static void list_module(void *arg, const char *name, const struct module *m, const struct dt_err *err)
{
	struct listing *l = arg;
	const char *text = m ? m->mod->summary : err->msg;

	if (l->names_only) {
		l->r |= m ? buf_addf(&l->out, "%s\n", name) : 0;
		return;
	}
	l->r |= buf_addf(&l->out, "%-12s ", name) | (m ? 0 : buf_adds(&l->out, "cannot be loaded: "));
	l->r |= escape(&l->out, text, strlen(text)) | buf_addc(&l->out, '\n');
}

int word_modules(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct listing l = { .r = 0 };
	int r = -1;

	(void)args;
	if (n)
		return err_set(err, ERR_USAGE, "dt modules takes no arguments");
	buf_init(&l.out, 1UL << 20);
	if (app_modules(a, err) == 0 && modload_list(a->modules, list_module, &l, err) == 0)
		r = l.r ? err_nomem(err) : app_print(&l.out, err);
	buf_release(&l.out);
	return r;
}

/* ---- help, version ---- */

int word_help(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const struct module *m;
	struct buf out;
	int r = -1;

	buf_init(&out, 1UL << 20);
	if (n > 1)
		(void)err_set(err, ERR_USAGE, "dt help takes one topic");
	else if (n == 0)
		r = help_usage(&out);
	else if (help_topic(args[0], &out) == 0)
		r = 0;
	else if (app_modules(a, err) == 0 && (m = modload_get(a->modules, args[0], err)) != NULL)
		r = help_module(m->mod, &out);
	if (r == 0)
		r = app_print(&out, err);
	else if (!err->code)
		(void)err_nomem(err);
	buf_release(&out);
	return r;
}

int word_version(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct buf out;
	int r;

	(void)a, (void)args, (void)n;
	buf_init(&out, 4096);
	r = buf_addf(&out, "dt %s\n", DT_VERSION) != 0 ? err_nomem(err) : app_print(&out, err);
	buf_release(&out);
	return r;
}
