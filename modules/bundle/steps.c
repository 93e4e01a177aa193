#include "bundle/steps.h"

#include <string.h>

void said_add(void *arg, int stream, const char *data, size_t len)
{
	struct said *s = arg;
	size_t n;

	if (s->begins && stream == DT_STDOUT && len && *data == '\n') {
		s->begins = false;
		data++;
		len--;
	}
	n = len < SAID_MAX - s->len ? len : SAID_MAX - s->len;
	memcpy(s->text + s->len, data, n);
	s->len += n;
	s->text[s->len] = '\0';
}

void said_trim(struct said *s)
{
	while (s->len && s->text[s->len - 1] == '\n')
		s->text[--s->len] = '\0';
}

/*
 * Runs a step to its end.  DT_OK and *status (0 where there is no such step; -1: a signal), or what the service said.
 * said->begins is left where sudo(8) did not let it begin.
 */
static int run_step(struct run *r, const struct part *p, const struct step *s, int *status, struct said *said)
{
	bool sudo = p->sudo && !s->here;
	struct dt_exec e = { .output = said_add, .arg = said, .flags = sudo ? DT_EXEC_SUDO : 0 };
	struct dt_exit end;
	int ret;

	*status = 0;
	*said = (struct said){ .begins = sudo };
	if (!s->command)
		return DT_OK;
	e.command = sudo ? r->dt->format(r->task, "echo\n%s", s->command) : s->command;
	if (!e.command)
		return DT_FAIL;
	ret = s->here ? r->dt->local(r->task, &e, &end) : r->dt->exec(r->task, &e, &end);
	if (ret == DT_OK)
		*status = end.status;
	said_trim(said);
	return ret;
}

const char *run_comma(struct run *r)
{
	const char *text = r->told ? "; " : "";

	r->told = true;
	return text;
}

/* Takes back what a run did, as it is named there; NULL: this one. */
static int undo(struct run *r, const struct part *p, const char *run)
{
	int ret;

	r->dt->message(r->task, "%s%s: ", run_comma(r), p->name);
	ret = r->dt->undo(r->task, p->name, run, p->sudo);
	r->dt->message(r->task, "%s", ret == DT_OK ? "rolled back" : " (not taken back)");
	return ret;
}

int run_rollback(struct run *r, const struct part *p, const char *run)
{
	int ret = undo(r, p, run);

	return ret == DT_OK ? run_must(r, p, AFTER_ROLLBACK, NO_STEP) : ret;
}

/* What was changed in this run is taken back, the last part first, whatever goes wrong with one. */
static void take_back(struct run *r)
{
	for (size_t i = r->parts->n; i-- > 0; r->applied[i] = false) {
		const struct part *p = &r->parts->v[i];
		const struct step *after = &p->steps[AFTER_ROLLBACK];
		struct said said;
		int status;

		if (!r->applied[i] || undo(r, p, NULL) != DT_OK)
			continue;
		if (run_step(r, p, after, &status, &said) != DT_OK || status)
			r->dt->message(r->task, "%s%s: %s failed%s%s", run_comma(r), p->name, after->name,
				       said.len ? ": " : "", said.text);
	}
}

int run_failed(struct run *r, const struct part *p, const struct step *s, int status, const struct said *said,
		       const struct step *after)
{
	struct said more;
	int then = 0;

	take_back(r);
	if (after && run_step(r, p, after, &then, &more) != DT_OK)
		then = -1;
	return r->dt->fail(r->task, status > 0 ? status : 1, "%s%s: %s failed%s%s%s%s", run_comma(r), p->name, s->name,
			   said && said->len ? ": " : "", said ? said->text : "", then ? "; and so did " : "",
			   then ? after->name : "");
}

int run_must(struct run *r, const struct part *p, enum step_kind step, enum step_kind after)
{
	struct said said;
	int status, ret = run_step(r, p, &p->steps[step], &status, &said);

	if (ret != DT_OK || !status)
		return ret;
	return run_failed(r, p, &p->steps[step], status, &said, after == NO_STEP ? NULL : &p->steps[after]);
}

int run_may_go(struct run *r, const struct part *p, bool *go)
{
	const struct step *needed = &p->steps[NEEDED];
	struct said said;
	int status, ret = run_step(r, p, needed, &status, &said);

	*go = false;
	if (ret != DT_OK)
		return ret;
	/* from 126 on, a status says that it could not run, or what ended it */
	if (status != 0 && (said.begins || status < 0 || status >= 126))
		return run_failed(r, p, needed, status, &said, NULL);
	*go = status == 0;
	if (*go)
		return run_must(r, p, AUTHENTIC, AFTER_DENIAL);
	r->dt->message(r->task, "%s%s: not needed", run_comma(r), p->name);
	return DT_OK;
}
