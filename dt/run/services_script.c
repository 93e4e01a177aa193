/*
 * services_script - the run of a script module (dt-module(3), SCRIPT MODULES).
 */
#include "dt/base/util.h"
#include "dt/run/services_impl.h"

static int run_remote(struct dt_task *t, struct strs *env, struct strs *argv)
{
	const struct script *s = t->call->module->script;
	struct dt_exec e = { .in = s->text, .in_len = s->len };
	struct strs words = { 0 }, line = { 0 };
	struct dt_exit end;
	int r;

	r = script_argv(s, &words) || strs_add(&line, "env");
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
	static const struct dt_exec plain = { .command = NULL };
	struct strs env = { 0 }, argv = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct dt_exit end;
	int r = 0;

	if (t->call->module->script->where == SCRIPT_REMOTE)
		r |= task_environment(t, &env);
	else
		r |= strs_add(&argv, t->call->module->path);
	r |= arguments_script(t->call->args, &env, &argv);
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
