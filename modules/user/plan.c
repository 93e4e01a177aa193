#include "user/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int plan_fault(struct plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->fault, sizeof(p->fault), fmt, ap);
	va_end(ap);
	return -1;
}

void plan_step(struct plan *p, const char *subject, const char *fmt, ...)
{
	struct step *v = realloc(p->steps, (p->n + 1) * sizeof(*v));
	va_list ap;
	int len;

	if (!v) {
		(void)plan_fault(p, "out of memory");
		return;
	}
	p->steps = v;
	v += p->n++;
	v->subject = subject;
	va_start(ap, fmt);
	len = vasprintf(&v->words, fmt, ap);
	va_end(ap);
	if (len < 0) {
		v->words = NULL;
		(void)plan_fault(p, "out of memory");
	}
}

void plan_quote(FILE *out, const char *text)
{
	(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*text, out);
	}
	(void)fputc('\'', out);
}

void plan_call(struct plan *p, const char *function, const char *const *words)
{
	(void)fprintf(p->out, "run %zu %s", p->n, function);
	for (; *words; words++) {
		(void)fputc(' ', p->out);
		plan_quote(p->out, *words);
	}
	(void)fputc('\n', p->out);
}

/* Will the group still be that of the account, when all before it is done? */
static bool stays_in(const struct wants *w, const struct found *f, const struct account *a, const struct group *g)
{
	for (size_t i = 0; a->gid == g->gid && i < w->n; i++) {
		const struct want *u = &w->v[i];

		if (!u->is_group && strcmp(u->name, a->name) == 0)
			return u->state != STATE_ABSENT && (!u->group || plan_gid(w, f, u->group) == g->gid);
	}
	return a->gid == g->gid;
}

static int plan_group(struct plan *p, const struct wants *w, const struct want *u, const struct found *f)
{
	const struct group *g = found_group(f, u->name);
	char id[24];

	if (u->state == STATE_ABSENT) {
		for (size_t i = 0; g && i < f->account_count; i++)
			if (stays_in(w, f, &f->accounts[i], g))
				return plan_fault(p, "group %s is the group of the user %.100s", u->name,
						  f->accounts[i].name);
		if (g) {
			plan_step(p, u->name, "group removed");
			PLAN_CALL(p, "del_group", u->name);
		}
		return 0;
	}
	if (g)
		return 0;
	(void)snprintf(id, sizeof(id), "%lld", u->new_id);
	plan_step(p, u->name, "group added gid=%s", id);
	PLAN_CALL(p, "add_group", u->name, id, w->system ? "system" : "");
	return 0;
}

/* Of those that are made, groups come before users, who need them; of those that go, behind. */
static int plan_groups(struct plan *p, const struct wants *w, const struct found *f, bool absent)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].is_group && (w->v[i].state == STATE_ABSENT) == absent && plan_group(p, w, &w->v[i], f) != 0)
			return -1;
	return 0;
}

int plan_make(struct plan *p, const struct wants *w, const struct found *f)
{
	int r;

	*p = (struct plan){ .steps = NULL };
	if (f->uid != 0)
		return plan_fault(p, "only root changes accounts there; use --sudo");
	p->out = open_memstream(&p->program, &p->program_len);
	if (!p->out)
		return plan_fault(p, "out of memory");
	r = plan_groups(p, w, f, false);
	for (size_t i = 0; r == 0 && i < w->n; i++)
		if (!w->v[i].is_group)
			r = plan_user(p, w, &w->v[i], f);
	if (r == 0)
		r = plan_groups(p, w, f, true);
	(void)fputs("#end", p->out);	/* change.sh does nothing where it is cut off */
	if (fclose(p->out) != 0 && r == 0)
		r = plan_fault(p, "out of memory");
	p->out = NULL;
	return r == 0 && !*p->fault ? 0 : -1;
}

char *plan_words(const struct plan *p, size_t n)
{
	const char *subject = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; out && i < n && i < p->n; i++) {
		const struct step *s = &p->steps[i];

		if (!s->words || !*s->words)
			continue;
		if (subject && strcmp(subject, s->subject) == 0)
			(void)fprintf(out, ", %s", s->words);
		else
			(void)fprintf(out, "%s%s: %s", subject ? "; " : "", s->subject, s->words);
		subject = s->subject;
	}
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->steps[i].words);
	free(p->steps);
	if (p->program)
		explicit_bzero(p->program, p->program_len);
	free(p->program);
}
