/*
 * bundle - a named set of files, and the steps around bringing it to a host.
 *
 * In the order in which an apply goes through them: bundle/bundles.h (what the INI files say), bundle/parts.h (one
 * bundle, ready), bundle/steps.h (its steps on a host), and the actions here.
 */
#include "dt_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/steps.h"

/* ---- apply and check ---- */

/* changed: also where it only would. */
static int bring(struct run *r, const struct part *p, const struct dt_fileset *files, bool *changed)
{
	static const struct step transfer = { .name = "transfer" };
	struct dt_files_done done = { 0 };

	if (r->dt->push(r->task, files, &done) != DT_OK) {
		r->told = true;
		return run_failed(r, p, &transfer, 1, NULL, &p->steps[AFTER_FAILURE]);
	}
	*changed = done.created || done.changed || done.deleted;
	return DT_OK;
}

/* Runs before where something would change. */
static int prepare(struct run *r, const struct part *p)
{
	bool would = false;
	int ret;

	/* looking is quiet, but for what is wrong */
	r->dt->message(r->task, "%s", run_comma(r));
	r->told = false;
	ret = bring(r, p, p->look, &would);
	return would ? run_must(r, p, BEFORE, AFTER_BEFORE_FAILURE) : ret;
}

static void begin_message(struct run *r, const struct part *p)
{
	if (r->parts->n > 1)
		r->dt->message(r->task, "%s%s: ", run_comma(r), p->name);
	r->told = true;
}

static int apply(struct run *r, size_t i)
{
	const struct part *p = &r->parts->v[i];
	bool go;
	int ret = run_may_go(r, p, &go);

	if (ret == DT_OK && go && p->look)
		ret = prepare(r, p);
	if (ret != DT_OK || !go)
		return ret;
	begin_message(r, p);
	ret = bring(r, p, p->files, &r->applied[i]);
	return r->applied[i] ? run_must(r, p, AFTER_SUCCESS, AFTER_FAILURE) : ret;
}

static int check(struct run *r, size_t i)
{
	const struct part *p = &r->parts->v[i];
	bool go;
	int ret = run_may_go(r, p, &go);

	if (ret != DT_OK || !go)
		return ret;
	begin_message(r, p);
	return r->dt->push(r->task, p->files, NULL);
}

/* ---- rollback and history ---- */

/* What may be undone of a part: all, the newest first, or TIME NUMBER RUN of the newest (kept.sh). */
static int kept(struct run *r, const struct part *p, const char *which, struct said *said)
{
	static const char script[] =
#include "bundle/kept.sh.h"
		;
	const char *argv[] = { "dt-kept", p->name, which };
	struct dt_exec e = { .output = said_add, .arg = said, .flags = p->sudo ? DT_EXEC_SUDO : 0 };
	struct dt_exit end;
	int ret;

	*said = (struct said){ .len = 0 };
	ret = r->dt->sh(r->task, &e, script, argv, sizeof(argv) / sizeof(*argv), &end);
	said_trim(said);
	if (ret == DT_OK && end.status != 0)
		ret = r->dt->fail(r->task, end.status > 0 ? end.status : 1, "%s%s: %s", run_comma(r), p->name,
				  said->text);
	return ret;
}

/* The last apply of all parts, what came last first. */
static int rollback(struct run *r, const char *name)
{
	char of[PARTS_MAX][80] = { "" }, *last = of[0], *run;
	struct said said;
	int ret = DT_OK;

	for (size_t i = 0; i < r->parts->n; i++) {
		ret = kept(r, &r->parts->v[i], "newest", &said);
		if (ret != DT_OK)
			return ret;
		(void)snprintf(of[i], sizeof(of[i]), "%.79s", said.text);
		last = strcmp(of[i], last) > 0 ? of[i] : last;
	}
	run = strrchr(last, ' ');
	if (!run)
		return r->dt->fail(r->task, 1, "%s: there is nothing to undo", name);
	for (size_t i = r->parts->n; ret == DT_OK && i-- > 0;)
		if (strstr(of[i], run))
			ret = run_rollback(r, &r->parts->v[i], run + 1);
	return ret;
}

/* Of what may be undone: when, who, and where. */
static int history(struct run *r, size_t i)
{
	const struct part *p = &r->parts->v[i];
	struct said said;
	int ret = kept(r, p, "all", &said);

	if (ret == DT_OK)
		r->dt->message(r->task, "%s%s: %s", r->told ? "\n" : "", p->name,
			       said.len ? said.text : "nothing to undo");
	r->told = true;
	return ret;
}

/* ---- the verb ---- */

static int bundle_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct parts *s = calloc(1, sizeof(*s));
	const char *name = dt->arg(call, "name");

	if (!s) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->set_state(call, s);
	s->b.call = call;
	s->b.dt = dt;
	if (!bundles_is_name(name)) {
		dt->refuse(call, "\"%s\": a name is of letters, digits, dots, _ and -", name);
		return DT_FAIL;
	}
	return bundles_read(&s->b) == DT_OK ? parts_get(s, name) : DT_FAIL;
}

static int bundle_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct parts *s = dt->state(call);

	if (s)
		bundles_free(&s->b);
	free(s);
	return DT_OK;
}

static int bundle_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	struct run r = { .task = task, .dt = dt, .parts = dt->state(call) };
	const char *action = dt->arg(call, "action");
	int (*each)(struct run *, size_t) = check;
	int ret = DT_OK;

	if (strcmp(action, "rollback") == 0)
		return rollback(&r, dt->arg(call, "name"));
	if (strcmp(action, "apply") == 0)
		each = apply;
	else if (strcmp(action, "history") == 0)
		each = history;
	for (size_t i = 0; ret == DT_OK && i < r.parts->n; i++)
		ret = each(&r, i);
	return ret;
}

static const char *const actions[] = { "check", "apply", "rollback", "history", NULL };

static const struct dt_param bundle_params[] = {
	{ .name = "file", .type = DT_FILE, .flags = DT_OPTION, .help = "the INI file, instead of those in the bundles folders" },
	{ .name = "name", .flags = DT_REQUIRED, .help = "name of the bundle, a section of the file" },
	{ .name = "action", .type = DT_CHOICE, .def = "check", .choices = actions, .help = "what to do with it" },
	{ 0 }
};

static const struct dt_verb bundle_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "apply a named set of files with the steps around it, or take it back",
		.params = bundle_params,
		.prepare = bundle_prepare,
		.run = bundle_run,
		.finish = bundle_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "bundle",
	.summary = "apply a named set of files with the steps around it, or take it back",
	.verbs = bundle_verbs,
};
