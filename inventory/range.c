#include "inventory/range.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/host.h"

#define GROUPS_MAX 16

/* ---- expanding ---- */

struct expansion {
	const char *pattern;
	range_fn *fn;
	void *arg;
	struct dt_err *err;
	struct buf name;
	size_t count;
	int result;
};

static int fault(const struct expansion *x, const char *at, const char *what)
{
	int columns = 0;

	for (const char *p = x->pattern; p < at && *p; p++)
		columns += (*p & 0xc0) != 0x80;
	return err_set(x->err, ERR_USAGE, "%s\n  %.200s\n  %*s^", what, x->pattern, columns > 200 ? 200 : columns, "");
}

static bool digits(const char *s, size_t n)
{
	if (!n || n > 18)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static int expand(struct expansion *x, const char *rest);

static int with(struct expansion *x, const char *text, size_t n, const char *rest)
{
	size_t len = x->name.len;
	int r;

	if (buf_add(&x->name, text, n) != 0)
		return err_set(x->err, ERR_USAGE, "the name is too long: %.200s", x->pattern);
	r = expand(x, rest);
	x->name.len = len;
	x->name.data[len] = '\0';
	return r;
}

/* LOW to HIGH by STEP, as wide as LOW where that begins with 0. */
static int numbers(struct expansion *x, const char *low, size_t low_len, const char *high, size_t high_len,
		   unsigned long long step, const char *rest)
{
	unsigned long long a = 0, b = 0;
	int width = low_len > 1 && *low == '0' ? (int)low_len : 0, r;
	char text[24];

	for (size_t i = 0; i < low_len; i++)
		a = a * 10 + (unsigned long long)(low[i] - '0');
	for (size_t i = 0; i < high_len; i++)
		b = b * 10 + (unsigned long long)(high[i] - '0');
	if (a > b)
		return fault(x, low, "the range runs backwards");
	if ((b - a) / step >= RANGE_LIMIT)
		return fault(x, low, "more than 1000000 hosts");
	for (; a <= b; a += step) {
		(void)snprintf(text, sizeof(text), "%0*llu", width, a);
		r = with(x, text, strlen(text), rest);
		if (r != 0)
			return r;
	}
	return 0;
}

/* One item of a bracket group: a number, or LOW-HIGH with "/STEP" or without. */
static int bracket_item(struct expansion *x, const char *item, size_t n, const char *rest)
{
	const char *dash = memchr(item, '-', n), *slash = memchr(item, '/', n);
	size_t low = dash ? (size_t)(dash - item) : n, end = slash ? (size_t)(slash - item) : n;
	unsigned long long step = slash ? 0 : 1;

	if (!n)
		return fault(x, item, "an empty place in the brackets");
	if (memchr(item, ':', n))
		return fault(x, item, "a range is LOW-HIGH, of numbers (LOW:HIGH only in an Ansible inventory)");
	if (!dash)
		return digits(item, n) ? numbers(x, item, n, item, n, 1, rest) : fault(x, item, "neither a number nor a range");
	for (size_t i = end + 1; slash && i < n && digits(slash + 1, n - end - 1); i++)
		step = step * 10 + (unsigned long long)(item[i] - '0');
	if (dash > item + end || !step)
		return fault(x, item, "a range is LOW-HIGH or LOW-HIGH/STEP, of numbers");
	if (!digits(item, low) || !digits(dash + 1, end - low - 1))
		return fault(x, item, "a range is LOW-HIGH, of numbers");
	return numbers(x, item, low, dash + 1, end - low - 1, step, rest);
}

static int brace_group(struct expansion *x, const char *body, size_t n, const char *rest)
{
	const char *dots = memmem(body, n, "..", 2);
	size_t low = dots ? (size_t)(dots - body) : 0;

	if (dots && digits(body, low) && digits(dots + 2, n - low - 2))
		return numbers(x, body, low, dots + 2, n - low - 2, 1, rest);
	if (!memchr(body, ',', n))
		return fault(x, body, dots ? "a range is LOW..HIGH, of numbers" : "neither a list nor a range in the braces");
	for (size_t i = 0; i <= n;) {
		const char *comma = memchr(body + i, ',', n - i);
		size_t len = comma ? (size_t)(comma - body) - i : n - i;
		int r = with(x, body + i, len, rest);

		if (r != 0)
			return r;
		i += len + 1;
	}
	return 0;
}

static int bracket_group(struct expansion *x, const char *body, size_t n, const char *rest)
{
	for (size_t i = 0; i <= n;) {
		const char *comma = memchr(body + i, ',', n - i);
		size_t len = comma ? (size_t)(comma - body) - i : n - i;
		int r = bracket_item(x, body + i, len, rest);

		if (r != 0)
			return r;
		i += len + 1;
	}
	return 0;
}

static int expand(struct expansion *x, const char *rest)
{
	size_t plain = strcspn(rest, "[]{}"), n;
	const char *open = rest + plain, *close;

	if (*open == ']' || *open == '}')
		return fault(x, open, "closes a group that is not open");
	if (plain)
		return with(x, rest, plain, open);
	if (!*open) {
		if (++x->count > RANGE_LIMIT)
			return err_set(x->err, ERR_USAGE, "more than %d hosts: %.200s", RANGE_LIMIT, x->pattern);
		x->result = x->fn(x->arg, x->name.data, x->err);
		return x->result;
	}
	n = strcspn(open + 1, "[]{}");
	close = open + 1 + n;
	if (!*close)
		return fault(x, open, "the group has no end");
	if (*close == '[' || *close == '{')
		return fault(x, close, "a group within a group");
	if (*close != (*open == '[' ? ']' : '}'))
		return fault(x, close, "the group is closed by the other bracket");
	if (!n)
		return fault(x, open, "an empty group");
	return *open == '[' ? bracket_group(x, open + 1, n, close + 1) : brace_group(x, open + 1, n, close + 1);
}

/* "[::1]", which is an address and no range: without the brackets, in text; NULL: something else. */
static const char *bare_address(const char *pattern, char *text, size_t size)
{
	size_t n = strlen(pattern);

	if (n < 3 || n - 2 >= size || pattern[0] != '[' || pattern[n - 1] != ']')
		return NULL;
	memcpy(text, pattern + 1, n - 2);
	text[n - 2] = '\0';
	return host_is_address(text) ? text : NULL;
}

int range_expand(const char *pattern, range_fn *fn, void *arg, struct dt_err *err)
{
	struct expansion x = { .pattern = pattern, .fn = fn, .arg = arg, .err = err };
	char text[128];
	size_t groups = 0;
	int r;

	if (bare_address(pattern, text, sizeof(text)))
		return fn(arg, text, err);

	for (const char *p = pattern; *p; p++)
		groups += *p == '[' || *p == '{';
	if (groups > GROUPS_MAX)
		return err_set(err, ERR_USAGE, "more than %d groups: %.200s", GROUPS_MAX, pattern);
	if (!groups && !strpbrk(pattern, "]}"))
		return fn(arg, pattern, err);
	buf_init(&x.name, 4096);
	r = expand(&x, pattern);
	buf_release(&x.name);
	return r;
}

int range_split(const char *list, size_t len, struct strs *out, struct dt_err *err)
{
	size_t start = 0;
	int depth = 0, columns = 0;	/* those before i */

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? list[i] : ',';

		if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth)
			depth--;
		columns += i && (list[i - 1] & 0xc0) != 0x80;
		if (c != ',' || (depth && i < len))
			continue;
		if (i == start)
			return err_set(err, ERR_USAGE, "an empty name in the list\n  %.*s\n  %*s^", (int)(len > 200 ? 200 : len),
				       list, columns > 200 ? 200 : columns, "");
		if (strs_addn(out, list + start, i - start) != 0)
			return err_nomem(err);
		start = i + 1;
	}
	return 0;
}

/* ---- folding ---- */

/* One name, cut at its last number: prefix, number, suffix. */
struct piece {
	const char *name;
	size_t prefix, width;	/* width 0: no number, or one too long */
	unsigned long long number;
	size_t place;		/* in the list given */
};

static void cut(struct piece *p, const char *name, size_t place)
{
	size_t end = strlen(name), dot = strcspn(name, ".");

	/* of an address its last number, zone aside; of a name that of the first label, not of the domain */
	if (host_is_address(name))
		end = strcspn(name, "%");
	else if (dot < end && strcspn(name, "0123456789") < dot)
		end = dot;
	while (end && (name[end - 1] < '0' || name[end - 1] > '9'))
		end--;
	*p = (struct piece){ .name = name, .place = place };
	p->prefix = end;
	while (p->prefix && name[p->prefix - 1] >= '0' && name[p->prefix - 1] <= '9')
		p->prefix--;
	p->width = end - p->prefix;
	if (p->width > 18)
		p->width = 0;
	for (size_t i = 0; i < p->width; i++)
		p->number = p->number * 10 + (unsigned long long)(name[p->prefix + i] - '0');
	/* what would not come back: brackets and braces, a user or a port, and within an IPv6 address */
	if (strpbrk(name, "[]{},@") || strchr(name + p->prefix + p->width, ':') ||
	    (strchr(name, ':') && !host_is_address(name)))
		p->width = 0;
}

/* Padded numbers fold only with those of their width; plain ones with all plain ones. */
static size_t class_of(const struct piece *p)
{
	return p->width > 1 && p->name[p->prefix] == '0' ? p->width : 0;
}

static bool padded_like(const struct piece *a, const struct piece *b)
{
	size_t ca = class_of(a), cb = class_of(b);

	/* 09 and 10 are one range of width 2 */
	return ca == cb || (ca && !cb && b->width == ca) || (cb && !ca && a->width == cb);
}

static int compare_text(const struct piece *a, const struct piece *b)
{
	size_t n = a->prefix < b->prefix ? a->prefix : b->prefix;
	int r = memcmp(a->name, b->name, n);

	if (!r)
		r = (a->prefix > b->prefix) - (a->prefix < b->prefix);
	if (!r)
		r = strcmp(a->name + a->prefix + a->width, b->name + b->prefix + b->width);
	return r;
}

/* Groups together, widths together (so that padding stays whole), numbers in order. */
static int compare(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;
	int r = (a->width == 0) - (b->width == 0);

	if (!r && !a->width)
		return strcmp(a->name, b->name);
	if (!r)
		r = compare_text(a, b);
	if (!r)
		r = (a->width > b->width) - (a->width < b->width);
	if (!r)
		r = (a->number > b->number) - (a->number < b->number);
	return r;
}

struct group {
	size_t first, n;	/* pieces */
	size_t place;		/* of the earliest name */
};

static int by_place(const void *va, const void *vb)
{
	const struct group *a = va, *b = vb;

	return (a->place > b->place) - (a->place < b->place);
}

static int add_group(const struct piece *v, size_t n, struct buf *out)
{
	size_t distinct = 1;
	int r = 0;

	for (size_t i = 1; i < n; i++)
		distinct += strcmp(v[i].name, v[i - 1].name) != 0;
	if (distinct == 1)
		return buf_adds(out, v->name);
	r |= buf_add(out, v->name, v->prefix) || buf_addc(out, '[');
	for (size_t i = 0; i < n;) {
		size_t last = i;
		const char *digits_at = v[i].name + v[i].prefix;

		while (last + 1 < n && v[last + 1].number <= v[last].number + 1 &&
		       (v[last + 1].width == v[last].width || !class_of(&v[i])))
			last++;
		r |= buf_addf(out, "%s%.*s", i ? "," : "", (int)v[i].width, digits_at);
		if (v[last].number > v[i].number)
			r |= buf_addf(out, "-%.*s", (int)v[last].width, v[last].name + v[last].prefix);
		i = last + 1;
	}
	r |= buf_addc(out, ']') || buf_adds(out, v->name + v->prefix + v->width);
	return r ? -1 : 0;
}

int range_fold(const char *const *names, size_t n, struct buf *out)
{
	struct piece *v = calloc(n + 1, sizeof(*v));
	struct group *g = calloc(n + 1, sizeof(*g));
	size_t groups = 0;
	int r = 0;

	if (!v || !g) {
		free(v);
		free(g);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		cut(&v[i], names[i], i);
	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++) {
		struct group *last = groups ? &g[groups - 1] : NULL;
		const struct piece *first = last ? &v[last->first] : NULL;

		if (last && v[i].width && first->width && compare_text(first, &v[i]) == 0 && padded_like(first, &v[i]) &&
		    (v[i].width == v[i - 1].width || (!class_of(&v[i]) && !class_of(first)))) {
			last->n++;
			if (v[i].place < last->place)
				last->place = v[i].place;
		} else if (last && !v[i].width && strcmp(first->name, v[i].name) == 0) {
			last->n++;
		} else {
			g[groups++] = (struct group){ i, 1, v[i].place };
		}
	}
	qsort(g, groups, sizeof(*g), by_place);
	for (size_t i = 0; i < groups && r == 0; i++)
		r = (i && buf_addc(out, ',') != 0) || add_group(&v[g[i].first], g[i].n, out) != 0 ? -1 : 0;
	free(v);
	free(g);
	return r;
}
