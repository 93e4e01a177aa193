#include "dt/files/listing.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dt/files/fileset.h"

/* Bytes of names, and of what is kept of each, from one host. */
#define LISTED_MAX (16UL << 20)
#define PATH_LIMIT 4000
#define SAMPLE 262144	/* list.sh's */

static const char script[] =
#include "dt/files/list.sh.h"
	;

/* ---- names ---- */

/* No step of it is empty, "." or "..", or longer than a name may be once it is escaped. */
static bool is_safe(const char *path)
{
	if (!*path || strlen(path) > PATH_LIMIT)
		return false;
	for (const char *step = path; step; step = strchr(step, '/') ? strchr(step, '/') + 1 : NULL) {
		size_t n = strcspn(step, "/"), len = 0;

		if (!n || (n == 1 && *step == '.') || (n == 2 && strncmp(step, "..", 2) == 0))
			return false;
		for (size_t i = 0; i < n; i++)
			len += (unsigned char)step[i] < ' ' || step[i] == 127 ? 4 : 1;
		if (len > NAME_MAX)
			return false;
	}
	return true;
}

const char *pull_name(const char *source, char *room, size_t size)
{
	size_t len = strlen(source), from;

	if (len > 1 && source[len - 1] == '/')
		return NULL;
	for (from = len; from && source[from - 1] != '/'; from--)
		;
	if (len - from >= size || !is_safe(source + from))
		return NULL;
	memcpy(room, source + from, len - from + 1);
	return room;
}

static int add_escaped(struct buf *out, const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path < ' ' || *path == 127 ? buf_addf(out, "\\x%02x", (unsigned char)*path) != 0
							       : buf_addc(out, *path) != 0)
			return -1;
	return 0;
}

int listing_here(const struct listing *l, const struct listed *f, struct buf *out)
{
	char room[NAME_MAX + 1];
	const char *name = pull_name(l->p->sources[f->source], room, sizeof(room));

	/* a file is its source */
	if (l->kinds[f->source] == 't' && name && (add_escaped(out, name) != 0 || (*f->path && buf_addc(out, '/') != 0)))
		return -1;
	return add_escaped(out, f->path);
}

/* ---- the answer ---- */

static int compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return strcmp(x->path, y->path);
}

size_t listing_find(const struct listing *l, uint32_t source, const char *path)
{
	struct listed key = { .path = (char *)(uintptr_t)path, .source = source };
	const struct listed *found = l->sorted ? bsearch(&key, l->v, l->sorted, sizeof(*l->v), compare) : NULL;

	return found ? (size_t)(found - l->v) : l->n;
}

static void sort(struct listing *l)
{
	if (l->sorted != l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	l->sorted = l->n;
}

static int add(struct listing *l, const char *path, struct listed **out, struct dt_err *err)
{
	l->bytes += sizeof(*l->v) + strlen(path) + 16;
	if (l->bytes > LISTED_MAX)
		return err_set(err, ERR_FAIL, "more names than %lu MiB", LISTED_MAX >> 20);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct listed *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return err_nomem(err);
		l->v = v;
		l->cap = cap;
	}
	*out = &l->v[l->n];
	memset(*out, 0, sizeof(**out));
	(*out)->path = strdup(path);
	if (!(*out)->path)
		return err_nomem(err);
	(*out)->source = (uint32_t)(l->current - 1);
	l->n++;
	return 0;
}

static bool is_source(const struct listing *l, const char *name)
{
	char room[NAME_MAX + 1];
	const char *own = pull_name(l->p->sources[l->current - 1], room, sizeof(room));

	return own && strcmp(own, name) == 0;
}

/* "P MODE SIZE MTIME ./NAME" */
static int take_file(struct listing *l, const char *line, struct dt_err *err)
{
	unsigned long mode;
	unsigned long long size;
	long long mtime;
	struct listed *f = NULL;
	int used = 0;

	if (sscanf(line, "P %lx %llu %lld %n", &mode, &size, &mtime, &used) != 3 || strncmp(line + used, "./", 2) != 0 ||
	    size > INT64_MAX || mode > 0177777)
		return answer_nonsense(err);
	/* the sums come after all names; and a file is the one that was asked for */
	if (l->summing || (l->kinds[l->current - 1] == 'f' && !is_source(l, line + used + 2)))
		return answer_nonsense(err);
	if (!is_safe(line + used + 2))
		return err_set(err, ERR_FAIL, "the host sent a name that is not safe");
	if (fileset_excluded(l->p->exclude, line + used + 2, S_ISDIR(mode)))
		return 0;
	if (add(l, line + used + 2, &f, err) != 0)
		return -1;
	f->mode = (mode_t)mode;
	f->size = size;
	f->mtime = mtime;
	return 0;
}

/* "SUM  ./NAME" or "B SUM ./NAME": of what was listed before. */
static int take_sum(struct listing *l, const char *line, size_t len, struct dt_err *err)
{
	bool alone = *line == 'B';
	const char *hex = alone ? line + 2 : line, *name = hex + SHA256_HEX + (alone ? 1 : 2);
	unsigned char sum[SHA256_SIZE];
	size_t i;

	if (len < SHA256_HEX + 5 || sha256_parse(hex, sum) != 0 || strncmp(name, "./", 2) != 0)
		return answer_nonsense(err);
	l->summing = true;
	sort(l);
	i = listing_find(l, (uint32_t)(l->current - 1), name + 2);
	if (i == l->n)
		return 0; /* excluded, or made since */
	memcpy(l->v[i].sum, sum, sizeof(sum));
	l->v[i].has_sum = true;
	return 0;
}

static int take_source(struct listing *l, const char *kind, struct dt_err *err)
{
	static const struct {
		const char *kind, *words;
	} faults[] = {
		{ "folder", "a folder there (-r takes folders)" }, { "closed", "permission denied there" },
		{ "special", "neither a file nor a folder there" }, { "dangling", "a link to nothing there" },
		{ "missing", "not there" },
	};
	const char *source = l->p->sources[l->current];
	char text[PATH_LIMIT + 100];

	if (!source)
		return answer_nonsense(err);
	l->summing = false;
	l->kinds[l->current++] = strcmp(kind, "tree") == 0 ? 't' : strcmp(kind, "file") == 0 ? 'f' : '-';
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (strcmp(kind, faults[i].kind) == 0) {
			(void)snprintf(text, sizeof(text), "%.*s: %s", PATH_LIMIT, source, faults[i].words);
			return strs_add(&l->faults, text) == 0 ? 0 : err_nomem(err);
		}
	return l->kinds[l->current - 1] == '-' ? answer_nonsense(err) : 0;
}

static bool has_path(void *arg, char first)
{
	(void)arg;
	return first == 'P' || first == 'B';
}

static int take_line(void *arg, char *line, size_t len, struct dt_err *err)
{
	struct listing *l = arg;

	if (str_starts(line, "S "))
		return take_source(l, line + 2, err);
	if (*line == 'Z') {
		l->has_zstd = strcmp(line, "Z zstd") == 0;
		return 0;
	}
	if (strcmp(line, "E") == 0) {
		l->whole = true;
		return 0;
	}
	if (!l->current)
		return answer_nonsense(err);
	if (strcmp(line, "X") == 0) {
		l->partial = true;
		return 0;
	}
	if (*line == 'Y') {
		uint64_t packed = strtoull(line + 1, NULL, 10), left = SAMPLE;

		/* what the sample was made of */
		for (size_t i = 0; i < l->n && left; i++)
			if (l->v[i].source == l->current - 1 && S_ISREG(l->v[i].mode))
				left -= l->v[i].size < left ? l->v[i].size : left;
		l->packs = packed < (SAMPLE - left) - (SAMPLE - left) / 4;
		return 0;
	}
	return *line == 'P' ? take_file(l, line, err) : take_sum(l, line, len, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two that would be one here: of two sources, or once control bytes are written as text. */
static int check_doubles(struct listing *l, struct dt_err *err)
{
	struct strs names = { 0 };
	struct buf b;
	int r = 0;

	buf_init(&b, (size_t)5 * PATH_LIMIT);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		buf_clear(&b);
		r = listing_here(l, &l->v[i], &b) | strs_add(&names, b.data) ? err_nomem(err) : 0;
	}
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), by_text);
	for (size_t i = 1; r == 0 && i < names.n; i++)
		if (strcmp(names.v[i - 1], names.v[i]) == 0)
			r = err_set(err, ERR_FAIL, "%s: two things there have this name here", names.v[i]);
	buf_release(&b);
	strs_release(&names);
	return r;
}

int listing_run(struct listing *l, const struct pull *p, const struct files_host *h, struct dt_err *err)
{
	struct answer a = { .has_path = has_path, .line = take_line, .arg = l };
	struct dt_exec e = { .output = answer_add, .arg = &a, .flags = h->flags, .enough = &a.failed };
	struct strs argv = { 0 };
	struct dt_exit end;
	size_t n = 0;
	int r = 0;

	memset(l, 0, sizeof(*l));
	l->p = p;
	buf_init(&l->said, 2000);
	answer_init(&a, err);
	r |= strs_add(&argv, "/bin/sh") | strs_add(&argv, "-c") | strs_add(&argv, script) | strs_add(&argv, "dt-list") |
	     strs_add(&argv, p->recursive ? "r" : "-");
	for (; p->sources[n]; n++)
		r |= strs_add(&argv, p->sources[n]);
	l->kinds = calloc(n + 1, 1);
	if (r || !l->kinds) {
		r = err_nomem(err);
	} else {
		e.command = h->dt->quote(h->task, (const char *const *)argv.v, argv.n);
		r = e.command ? h->dt->exec(h->task, &e, &end) : DT_FAIL;
	}
	if (r == DT_OK && a.failed)
		r = DT_FAIL;
	if (r == DT_OK && (!l->whole || l->current != n))
		r = h->dt->fail(h->task, end.status > 0 ? end.status : 1, "%s",
				*a.said.data ? a.said.data : "the host could not say what it has");
	if (r == DT_OK) {
		(void)buf_adds(&l->said, a.said.data);
		sort(l);
		r = check_doubles(l, err) == 0 ? DT_OK : DT_FAIL;
	}
	answer_release(&a);
	strs_release(&argv);
	return r;
}

void listing_release(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
	free(l->kinds);
	strs_release(&l->faults);
	buf_release(&l->said);
}
