/* What modules found, in columns (dt-output(5)). */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "dt/report/hooks.h"
#include "dt/report/json.h"
#include "dt/report/spool.h"

#define COLUMN_MAX 64	/* fields beside the host; what is beyond goes into the last one's place, unaligned */

/* Where the lines of one host are in the spool: cells ended by a tab (their text has none), lines by a newline. */
struct entry {
	size_t index, len;
	uint64_t at;
	enum { ROWS, PLAIN } kind; /* PLAIN: host, status, words that need no column */
};

struct table {
	struct entry *entries;
	size_t count, cap;
	struct spool cells;
	struct buf line;	/* of the host that is being told */
	struct strs names;	/* of the columns, from the first row */
	bool right[COLUMN_MAX];	/* a number stands right */
	size_t width[COLUMN_MAX + 1]; /* of the host, and each column */
	size_t plain_width;	/* of the word of PLAIN */
	locale_t locale;
};

int table_open(struct report *to)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	spool_init(&t->cells, SPOOL_MEMORY);
	buf_init(&t->line, SIZE_MAX / 2);
	/* the escaped text is UTF-8, whatever the user's locale is; without it, a character is a column */
	t->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	t->width[0] = strlen("host");
	t->plain_width = strlen("status");
	to->state = t;
	return 0;
}

void table_close(struct report *to)
{
	struct table *t = to->state;

	if (!t)
		return;
	free(t->entries);
	spool_release(&t->cells);
	buf_release(&t->line);
	strs_release(&t->names);
	if (t->locale)
		freelocale(t->locale);
	free(t);
}

/* How many columns of a terminal escaped text takes. */
static size_t width_of(const struct table *t, const char *text, size_t len)
{
	locale_t before = t->locale ? uselocale(t->locale) : (locale_t)0;
	size_t width = 0;

	while (len) {
		unsigned cp = 0;
		size_t n = utf8_char(text, len, &cp);
		int w = n && t->locale ? wcwidth((wchar_t)cp) : 1;

		width += w > 0 ? (size_t)w : 0;
		n = n ? n : 1;
		text += n;
		len -= n;
	}
	if (before)
		(void)uselocale(before);
	return width;
}

/* Adds a cell to the line, and makes its column (NULL: none) wide enough. */
static int add_cell(struct report *to, size_t *width, const char *text, size_t len)
{
	struct table *t = to->state;
	size_t at = t->line.len, w;

	if (escape(&t->line, text, len) != 0)
		return -1;
	w = width ? width_of(t, t->line.data + at, t->line.len - at) : 0;
	if (width && w > *width)
		*width = w;
	return buf_addc(&t->line, '\t');
}

static int add_field(struct report *to, size_t *width, const struct dt_field *f)
{
	struct buf text;
	int r;

	if (f->type == DT_STRING)
		return f->text ? add_cell(to, width, f->text, strlen(f->text)) : add_cell(to, width, "-", 1);
	if (f->unknown)
		return add_cell(to, width, "-", 1);
	if (f->type == DT_BOOL)
		return add_cell(to, width, f->number ? "yes" : "no", f->number ? 3 : 2);
	buf_init(&text, 64);
	r = f->type == DT_TIME ? json_seconds(&text, f->number) : buf_addf(&text, "%lld", f->number);
	if (r == 0)
		r = add_cell(to, width, text.data, text.len);
	buf_release(&text);
	return r;
}

static int add_names(struct table *t, const struct row *row)
{
	for (size_t i = 0; i < row->n && i < COLUMN_MAX; i++) {
		if (strs_add(&t->names, row->fields[i].name) != 0)
			return -1;
		t->width[i + 1] = strlen(row->fields[i].name);
		t->right[i] = row->fields[i].type == DT_INT || row->fields[i].type == DT_TIME;
	}
	return 0;
}

/* Puts the line so far away, as a host's. */
static int keep(struct report *to, const struct result *r, int kind)
{
	struct table *t = to->state;

	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct entry *v = realloc(t->entries, cap * sizeof(*v));

		if (!v)
			return -1;
		t->entries = v;
		t->cap = cap;
	}
	t->entries[t->count] = (struct entry){ r->index, t->line.len, spool_end(&t->cells), kind };
	if (spool_add(&t->cells, t->line.data, t->line.len) != 0)
		return report_failed(to, "temporary file");
	t->count++;
	return 0;
}

static int keep_rows(struct report *to, const struct result *r)
{
	struct table *t = to->state;

	buf_clear(&t->line);
	if (!t->names.n && add_names(t, &r->rows.v[0]) != 0)
		return -1;
	for (size_t i = 0; i < r->rows.n; i++) {
		const struct row *row = &r->rows.v[i];

		if (add_cell(to, &t->width[0], r->host, strlen(r->host)) != 0)
			return -1;
		for (size_t k = 0; k < row->n; k++)
			if (add_field(to, k < t->names.n ? &t->width[k + 1] : NULL, &row->fields[k]) != 0)
				return -1;
		if (buf_addc(&t->line, '\n') != 0)
			return -1;
	}
	return keep(to, r, ROWS);
}

/* A host without rows, or one that failed, has a line: its status, and why or the first line of its output. */
static int keep_plain(struct report *to, const struct result *r, const char *word)
{
	struct table *t = to->state;
	const char *data = r->output.bytes.data, *nl = memchr(data, '\n', r->output.bytes.len);
	size_t first = nl ? (size_t)(nl - data) : r->output.bytes.len;
	struct buf text;
	int ret = -1;

	buf_clear(&t->line);
	buf_init(&text, REASON_MAX + 64 + first);
	if (result_reason(r, &text) != 0)
		goto out;
	/* an output follows "exit 3: "; other reasons stand alone */
	if ((r->outcome == OUTCOME_OK || str_ends(text.data, ": ")) && buf_add(&text, data, first) != 0)
		goto out;
	if (add_cell(to, &t->width[0], r->host, strlen(r->host)) != 0 ||
	    add_cell(to, &t->plain_width, word, strlen(word)) != 0 || add_cell(to, NULL, text.data, text.len) != 0 ||
	    buf_addc(&t->line, '\n') != 0)
		goto out;
	ret = keep(to, r, PLAIN);
out:
	buf_release(&text);
	return ret;
}

int table_end(struct report *to, const struct result *r)
{
	if (r->rows.n && keep_rows(to, r) != 0)
		return -1;
	if (r->rows.n && r->rows.truncated) {
		struct result cut = { .index = r->index, .host = r->host, .outcome = OUTCOME_OK };

		output_init(&cut.output, 64);
		return keep_plain(to, &cut, "(more rows than --max-output keeps)");
	}
	/* one that failed behind its rows has both */
	if (r->rows.n && r->outcome == OUTCOME_OK)
		return 0;
	return keep_plain(to, r, r->outcome == OUTCOME_OK ? "okay" : outcome_name(r->outcome));
}

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static int add_spaces(struct buf *out, size_t n)
{
	return n ? buf_addf(out, "%*s", (int)(n < 10000 ? n : 10000), "") : 0;
}

/* One cell in its column; the last one of a line needs no spaces behind. */
static int show_cell(struct report *to, const char *text, size_t len, size_t width, bool right, bool last)
{
	struct table *t = to->state;
	size_t used = width_of(t, text, len), pad = width > used ? width - used : 0;

	if (right && add_spaces(&to->out, pad) != 0)
		return -1;
	if (buf_add(&to->out, text, len) != 0)
		return -1;
	if (last)
		return buf_addc(&to->out, '\n');
	return add_spaces(&to->out, (right ? 0 : pad) + 2);
}

static int show_line(struct report *to, const char *line, size_t len, int kind)
{
	struct table *t = to->state;

	for (size_t i = 0; len; i++) {
		const char *tab = memchr(line, '\t', len);
		size_t n = tab ? (size_t)(tab - line) : len, next = tab ? n + 1 : n;
		bool aligned = kind == ROWS && i <= t->names.n;
		size_t width = !i || aligned ? t->width[i] : i == 1 && kind == PLAIN ? t->plain_width : 0;

		if (show_cell(to, line, n, width, i && aligned && t->right[i - 1], next == len) != 0)
			return -1;
		line += next;
		len -= next;
	}
	return 0;
}

static int show_names(struct report *to)
{
	struct table *t = to->state;
	int r = show_cell(to, "host", 4, t->width[0], false, false);

	if (r == 0 && !t->names.n)
		return show_cell(to, "status", 6, t->plain_width, false, false) || buf_adds(&to->out, "output\n") ? -1 : 0;
	for (size_t i = 0; r == 0 && i < t->names.n; i++)
		r = show_cell(to, t->names.v[i], strlen(t->names.v[i]), t->width[i + 1], t->right[i],
			      i + 1 == t->names.n);
	return r;
}

static int show_entry(struct report *to, const struct entry *e)
{
	struct table *t = to->state;
	const char *p, *end;

	buf_clear(&t->line);
	if (spool_read(&t->cells, e->at, e->len, &t->line) != 0)
		return report_failed(to, "temporary file");
	for (p = t->line.data, end = p + t->line.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (show_line(to, p, n, (int)e->kind) != 0 || report_flush(to) != 0)
			return -1;
		p += n + 1;
	}
	return 0;
}

int table_summary(struct report *to, const struct tally *tally)
{
	struct table *t = to->state;
	int r = 0;

	(void)tally;
	if (t->count)
		qsort(t->entries, t->count, sizeof(*t->entries), by_index);
	if (t->count)
		r = show_names(to);
	for (size_t i = 0; r == 0 && i < t->count; i++)
		r = show_entry(to, &t->entries[i]);
	return r;
}
