/*
 * word_about - dt help, version, modules and completion.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/db.h"
#include "dt/base/escape.h"
#include "dt/cli/app.h"
#include "dt/cli/complete.h"
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

	l->r |= buf_addf(&l->out, "%-12s %s", name, m ? "" : "cannot be loaded: ") |
		escape(&l->out, text, strlen(text)) | buf_addc(&l->out, '\n');
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

static void hosts(void *arg, const char *prefix, struct strs *out)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	if (app_inventory(a, &err) == 0)
		(void)inventory_names(a->inv, prefix, 1000, out, &err);
}

static void tags(void *arg, const char *prefix, struct strs *out)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	if (app_inventory(a, &err) == 0)
		(void)inventory_tags(a->inv, prefix, out, &err);
}

struct names {
	const char *prefix;
	struct strs *out;
};

static void add_name(void *arg, const char *name, const struct module *m, const struct dt_err *why)
{
	const struct names *n = arg;

	(void)why;
	if (m && str_starts(name, n->prefix))
		(void)strs_add(n->out, name);
}

static void module_names(void *arg, const char *prefix, struct strs *out)
{
	struct names n = { prefix, out };
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	if (app_modules(a, &err) == 0)
		(void)modload_list(a->modules, add_name, &n, &err);
}

static void selectors(void *arg, const char *prefix, struct strs *out)
{
	struct dt_err err = DT_ERR_INIT;

	(void)app_selectors(arg, prefix, out, &err);
}

static const struct dt_module *module(void *arg, const char *name)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;
	const struct module *m = app_modules(a, &err) == 0 ? modload_get(a->modules, name, &err) : NULL;

	return m ? m->mod : NULL;
}

int word_completion(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const struct complete_source src = {
		.tags = tags, .hosts = hosts, .modules = module_names, .selectors = selectors, .module = module, .arg = a,
	};
	struct buf out;

	buf_init(&out, 1UL << 24);
	if (n == 2 && strcmp(args[0], "words") == 0)
		return finish(&out, complete_words(args[1], &a->opt, &src, &out, err), err);
	if (n == 1)
		return finish(&out, complete_script(args[0], &out, err), err);
	return err_set(err, ERR_USAGE, "dt completion bash");
}
