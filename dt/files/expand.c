#include "dt/files/expand.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dt/files/answer.h"

/* Bytes of names from one host. */
#define NAMES_MAX (8UL << 20)

static const char script[] =
#include "dt/files/expand.sh.h"
	;

struct expand {
	struct strs patterns;
	struct strs *out;
	size_t current;		/* of patterns, from 1 */
	size_t bytes;
	bool *fits;		/* of each: something does */
	bool whole;
};

bool expand_is_pattern(const char *source)
{
	return strpbrk(source, "*?[") != NULL;
}

static bool has_path(void *arg, char first)
{
	(void)arg;
	return first == 'N';
}

/* "S", "N NAME", "E".  A name that does not fit is none that was asked for. */
static int take_line(void *arg, char *line, size_t len, struct dt_err *err)
{
	struct expand *x = arg;
	const char *name = line + 2, *pattern;

	if (strcmp(line, "S") == 0 && x->current < x->patterns.n && !x->whole) {
		x->current++;
		return 0;
	}
	if (strcmp(line, "E") == 0 && x->current == x->patterns.n) {
		x->whole = true;
		return 0;
	}
	if (strncmp(line, "N ", 2) != 0 || !*name || strlen(line) != len || !x->current || x->whole)
		return answer_nonsense(err);
	pattern = x->patterns.v[x->current - 1];
	x->bytes += len + 16;
	if (len > PATH_MAX || x->bytes > NAMES_MAX)
		return err_set(err, ERR_FAIL, "%s: too many names fit, or too long ones", pattern);
	if (strcmp(name, pattern) != 0 && fnmatch(pattern, name, FNM_PATHNAME | FNM_PERIOD) != 0)
		return err_set(err, ERR_FAIL, "the host sent what nobody asked for");
	x->fits[x->current - 1] = true;
	return strs_add(x->out, name) == 0 ? 0 : err_nomem(err);
}

static void drop_doubles(struct strs *l)
{
	size_t n = 0;

	strs_sort(l);
	for (size_t i = 0; i < l->n; i++) {
		if (n && strcmp(l->v[n - 1], l->v[i]) == 0)
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
	if (l->v)
		l->v[n] = NULL;
}

static int ask(struct expand *x, const struct files_host *h, struct dt_err *err)
{
	struct answer a = { .has_path = has_path, .line = take_line, .arg = x };
	struct dt_exec e = { .output = answer_add, .arg = &a, .flags = h->flags, .enough = &a.failed };
	struct strs words = { 0 };
	struct dt_exit end;
	int r = strs_add(&words, "dt-expand");

	answer_init(&a, err);
	for (size_t i = 0; i < x->patterns.n; i++)
		r |= strs_add(&words, x->patterns.v[i]);
	r = r ? err_nomem(err) : h->dt->sh(h->task, &e, script, (const char *const *)words.v, words.n, &end);
	if (r == DT_OK && a.failed)
		r = DT_FAIL;
	if (r == DT_OK && !x->whole)
		r = h->dt->fail(h->task, end.status > 0 ? end.status : 1, "%s",
				*a.said.data ? a.said.data : "the host could not say what it has");
	for (size_t i = 0; r == DT_OK && i < x->patterns.n; i++)
		if (!x->fits[i])
			r = h->dt->fail(h->task, 1, "%s: nothing there fits", x->patterns.v[i]);
	answer_release(&a);
	strs_release(&words);
	return r;
}

int expand_run(const struct pull *p, const struct files_host *h, struct strs *out, struct dt_err *err)
{
	struct expand x = { .out = out };
	int r = 0;

	for (size_t i = 0; p->sources[i]; i++)
		if (expand_is_pattern(p->sources[i]))
			r |= strs_add(&x.patterns, p->sources[i]);
	if (x.patterns.n) {
		for (size_t i = 0; p->sources[i]; i++)
			if (!expand_is_pattern(p->sources[i]))
				r |= strs_add(out, p->sources[i]);
		x.fits = calloc(x.patterns.n, sizeof(*x.fits));
		r = r || !x.fits ? err_nomem(err) : ask(&x, h, err);
		drop_doubles(out);
	}
	free(x.fits);
	strs_release(&x.patterns);
	return r;
}
