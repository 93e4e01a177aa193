#include "dt/report/textdiff.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_MAX 2048	/* edits that are looked for from each end before a part is given up */

struct line {
	const char *data;
	size_t len;
	uint64_t hash;
};

struct side {
	struct line *v;
	int n;
	bool *changed;		/* deleted of a, inserted of b */
	bool no_newline;
};

struct work {
	struct side a, b;
	int *forward, *backward; /* how far each diagonal is; the middle is diagonal 0 */
};

static bool same(const struct work *w, int i, int k)
{
	const struct line *x = &w->a.v[i], *y = &w->b.v[k];

	return x->hash == y->hash && x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
}

/* FNV-1a; lines are compared too, so a collision only costs time. */
static uint64_t hash_of(const char *s, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(1099511628211);
	return h;
}

/* The last line of a text without a newline at its end differs from the same line with one. */
static int split(struct side *s, const char *text, size_t len)
{
	size_t n = 0, at = 0;

	for (const char *p = text, *end = text + len; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	s->no_newline = len && text[len - 1] != '\n';
	n += s->no_newline;
	if (n >= INT_MAX / 2) {
		errno = EFBIG;
		return -1;
	}
	s->v = calloc(n + 1, sizeof(*s->v));
	s->changed = calloc(n + 1, sizeof(*s->changed));
	if (!s->v || !s->changed) {
		errno = ENOMEM;
		return -1;
	}
	s->n = (int)n;
	for (size_t i = 0; i < n; i++) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t size = nl ? (size_t)(nl - text) + 1 - at : len - at;

		s->v[i] = (struct line){ text + at, size, hash_of(text + at, size) };
		at += size;
	}
	return 0;
}

/* A part of both: lines [a0, a1) of a and [b0, b1) of b. */
struct part {
	int a0, a1, b0, b1;
};

/*
 * The furthest line of a that d edits reach on diagonal k, before what is the
 * same there; -1: that is outside.  v holds what d - 1 edits reach, n and m are the
 * part's lines.
 */
static int furthest(const int *v, int k, int d, int n, int m)
{
	int x = d ? -1 : 0;

	if (k > -d && v[k - 1] >= 0 && v[k - 1] < n)
		x = v[k - 1] + 1;
	if (k < d && v[k + 1] > x && v[k + 1] - k <= m)
		x = v[k + 1];
	return x;
}

/*
 * Where a shortest way through a part crosses its middle; false where that
 * would take too long.  Diagonals are x - y, from each end's own corner.
 */
static bool middle(struct work *w, const struct part *p, int *x_out, int *y_out)
{
	int n = p->a1 - p->a0, m = p->b1 - p->b0, delta = n - m, most = (n + m + 1) / 2;
	int *f = w->forward, *b = w->backward;

	for (int d = 0; d <= most && d <= SEARCH_MAX; d++) {
		for (int k = -d; k <= d; k += 2) {
			int x = furthest(f, k, d, n, m), other = delta - k;

			while (x >= 0 && x < n && x - k < m && same(w, p->a0 + x, p->b0 + x - k))
				x++;
			f[k] = x;
			if (delta % 2 && x >= 0 && other > -d && other < d && b[other] >= 0 && x + b[other] >= n) {
				*x_out = p->a0 + x;
				*y_out = p->b0 + x - k;
				return true;
			}
		}
		for (int k = -d; k <= d; k += 2) {
			int x = furthest(b, k, d, n, m), other = delta - k;

			while (x >= 0 && x < n && x - k < m && same(w, p->a1 - 1 - x, p->b1 - 1 - (x - k)))
				x++;
			b[k] = x;
			if (delta % 2 == 0 && x >= 0 && other >= -d && other <= d && f[other] >= 0 &&
			    x + f[other] >= n) {
				*x_out = p->a1 - x;
				*y_out = p->b1 - (x - k);
				return true;
			}
		}
	}
	return false;
}

static void mark(struct work *w, struct part p)
{
	int x, y;

	while (p.a0 < p.a1 && p.b0 < p.b1 && same(w, p.a0, p.b0))
		p.a0++, p.b0++;
	while (p.a0 < p.a1 && p.b0 < p.b1 && same(w, p.a1 - 1, p.b1 - 1))
		p.a1--, p.b1--;
	/* each half has half of the edits, so the depth is their logarithm's */
	if (p.a0 == p.a1 || p.b0 == p.b1 || !middle(w, &p, &x, &y)) {
		for (int i = p.a0; i < p.a1; i++)
			w->a.changed[i] = true;
		for (int i = p.b0; i < p.b1; i++)
			w->b.changed[i] = true;
		return;
	}
	mark(w, (struct part){ p.a0, x, p.b0, y });
	mark(w, (struct part){ x, p.a1, y, p.b1 });
}

/* "3,4", "3", or "2,0" for nothing behind line 2. */
static int extent(char *out, size_t size, int from, int n)
{
	if (n == 1)
		return snprintf(out, size, "%d", from + 1);
	return snprintf(out, size, "%d,%d", n ? from + 1 : from, n);
}

static int tell(const struct side *s, int i, char kind, textdiff_fn *fn, void *arg)
{
	const struct line *l = &s->v[i];
	bool last = i == s->n - 1 && s->no_newline;
	int r = fn(arg, kind, l->data, l->len - !last);

	return r || !last ? r : fn(arg, '\\', " No newline at end of file", 26);
}

/* Lines from (i, k) on, with all changes up to a1 and b1. */
static int tell_hunk(const struct work *w, const struct part *p, textdiff_fn *fn, void *arg)
{
	char old[32], new[32], head[96];
	int i = p->a0, k = p->b0, r;

	(void)extent(old, sizeof(old), p->a0, p->a1 - p->a0);
	(void)extent(new, sizeof(new), p->b0, p->b1 - p->b0);
	r = fn(arg, '@', head, (size_t)snprintf(head, sizeof(head), "@@ -%s +%s @@", old, new));
	while (r == 0 && (i < p->a1 || k < p->b1)) {
		if (i < p->a1 && w->a.changed[i]) {
			r = tell(&w->a, i++, '-', fn, arg);
		} else if (k < p->b1 && w->b.changed[k]) {
			r = tell(&w->b, k++, '+', fn, arg);
		} else {
			r = tell(&w->a, i++, ' ', fn, arg);
			k++;
		}
	}
	return r;
}

/* Changes with at most twice the context between them stand together. */
static int tell_all(const struct work *w, textdiff_fn *fn, void *arg)
{
	int i = 0, k = 0, r = 0;

	while (r == 0 && (i < w->a.n || k < w->b.n)) {
		struct part p;
		int still = 0;

		if (!(i < w->a.n && w->a.changed[i]) && !(k < w->b.n && w->b.changed[k])) {
			i++, k++;
			continue;
		}
		p.a0 = i < TEXTDIFF_CONTEXT ? 0 : i - TEXTDIFF_CONTEXT;
		p.b0 = k - (i - p.a0);
		while (still <= 2 * TEXTDIFF_CONTEXT && (i < w->a.n || k < w->b.n)) {
			bool del = i < w->a.n && w->a.changed[i], add = k < w->b.n && w->b.changed[k];

			still = del || add ? 0 : still + 1;
			i += del || !add;
			k += add || !del;
		}
		if (still > TEXTDIFF_CONTEXT) {
			i -= still - TEXTDIFF_CONTEXT;
			k -= still - TEXTDIFF_CONTEXT;
		}
		p.a1 = i;
		p.b1 = k;
		r = tell_hunk(w, &p, fn, arg);
	}
	return r;
}

int textdiff(const char *a, size_t a_len, const char *b, size_t b_len, textdiff_fn *fn, void *arg)
{
	struct work w = { 0 };
	int *room = NULL;
	size_t reach;
	int r = -1;

	if (split(&w.a, a, a_len) != 0 || split(&w.b, b, b_len) != 0)
		goto out;
	reach = (size_t)w.a.n + (size_t)w.b.n;
	reach = (reach < SEARCH_MAX ? reach : SEARCH_MAX) + 2;
	room = calloc(4 * reach + 2, sizeof(*room));
	if (!room) {
		errno = ENOMEM;
		goto out;
	}
	w.forward = room + reach;
	w.backward = room + 3 * reach + 1;
	mark(&w, (struct part){ 0, w.a.n, 0, w.b.n });
	r = tell_all(&w, fn, arg);
out:
	free(room);
	free(w.a.v);
	free(w.a.changed);
	free(w.b.v);
	free(w.b.changed);
	return r;
}
