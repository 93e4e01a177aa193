/*
 * services_script - the run of a script module (dt-module(3), SCRIPT MODULES).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/run/services_impl.h"

/* DT_PARAM_NAME=VALUE of each parameter that has a value. */
static int add_params(const struct arguments *args, struct strs *env)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 1UL << 20);
	for (size_t i = 0; i < args->n; i++) {
		const struct argument *a = &args->v[i];
		enum dt_type type = a->param->type;

		if (!a->text)
			continue;
		buf_clear(&b);
		r |= buf_adds(&b, "DT_PARAM_");
		for (const char *p = a->param->name; *p; p++)
			r |= buf_addc(&b, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
		r |= buf_addc(&b, '=');
		if (type == DT_TIME || type == DT_SIZE)
			r |= buf_addf(&b, "%lld", a->number);
		else
			r |= buf_adds(&b, a->text);
		r |= strs_add(env, b.data);
	}
	buf_release(&b);
	return r;
}

/* Positional parameters, one that was left out before another as an empty word. */
static int add_positional(const struct arguments *args, struct strs *argv)
{
	size_t last = 0;
	int r = 0;

	for (size_t i = 0; i < args->n; i++)
		if (!(args->v[i].param->flags & DT_OPTION) && args->v[i].text)
			last = i + 1;
	for (size_t i = 0; i < last; i++) {
		const struct argument *a = &args->v[i];

		if (a->param->flags & DT_OPTION)
			continue;
		if (!(a->param->flags & DT_REST))
			r |= strs_add(argv, a->text ? a->text : "");
		for (size_t k = 0; k < a->list.n; k++)
			r |= strs_add(argv, a->list.v[k]);
	}
	return r;
}

static int run_remote(struct dt_task *t, struct strs *env, struct strs *argv)
{
	const struct script *s = t->call->module->script;
	struct dt_exec e = { .in = s->text, .in_len = s->len };
	struct strs words = { 0 }, line = { 0 };
	struct dt_exit end;
	int r;

	r = script_argv(s, &words) | strs_add(&line, "env");
	for (size_t i = 0; i < env->n; i++)
		r |= strs_add(&line, env->v[i]);
	for (size_t i = 0; i < words.n; i++)
		r |= strs_add(&line, words.v[i]);
	for (size_t i = 0; i < argv->n; i++)
		r |= strs_add(&line, argv->v[i]);
	e.command = r ? NULL : services.quote(t, (const char *const *)line.v, line.n);
	strs_release(&words);
	strs_release(&line);
	if (!e.command)
		return DT_FAIL;
	r = services.exec(t, &e, &end);
	return r == DT_OK && end.status == 0 ? DT_OK : DT_FAIL;
}

int script_run(struct dt_task *t)
{
	const struct arguments *args = t->call->args;
	static const struct dt_exec plain = { .command = NULL };
	struct strs env = { 0 }, argv = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct dt_exit end;
	int r = add_params(args, &env);

	if (t->call->module->script->where == SCRIPT_REMOTE)
		r |= task_environment(t, &env);
	else
		r |= strs_add(&argv, t->call->module->path);
	r |= add_positional(args, &argv);
	if (r) {
		(void)err_nomem(&err);
		r = task_error(t, &err);
	} else if (t->call->module->script->where == SCRIPT_REMOTE) {
		r = run_remote(t, &env, &argv);
	} else {
		t->exec = &plain;
		r = task_local(t, argv.v, (const char *const *)env.v, NULL, 0, &end);
		t->exec = NULL;
		if (r == DT_OK && end.status != 0)
			r = DT_FAIL;
	}
	strs_release(&env);
	strs_release(&argv);
	return r;
}
