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
static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

static bool is_safe(const char *path)
{
	if (!*path || strlen(path) > PATH_LIMIT)
		return false;
	for (const char *step = path; step; step = strchr(step, '/') ? strchr(step, '/') + 1 : NULL) {
		size_t n = strcspn(step, "/"), len = 0;

		if (!n || (n == 1 && *step == '.') || (n == 2 && strncmp(step, "..", 2) == 0))
			return false;
		for (size_t i = 0; i < n; i++)
			len += is_control(step[i]) ? 4 : 1;
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
		if (is_control(*path) ? buf_addf(out, "\\x%02x", (unsigned char)*path) != 0
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

/* What came since the last time is of later sources: it stays behind. */
static void sort(struct listing *l)
{
	if (l->sorted != l->n)
		qsort(l->v + l->sorted, l->n - l->sorted, sizeof(*l->v), compare);
	l->sorted = l->n;
}

static int add(struct listing *l, const char *path, struct listed **out, struct dt_err *err)
{
	l->bytes += sizeof(*l->v) + strlen(path) + 16;
	/* a control byte becomes four, and then its name is looked at with all others */
	for (const char *c = path; *c; c++)
		if (is_control(*c)) {
			l->odd = true;
			l->bytes += 8;
		}
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

static bool has_file(const struct listing *l)
{
	return l->n && l->v[l->n - 1].source == l->current - 1;
}

static bool is_source(const struct listing *l, const char *name)
{
	char room[NAME_MAX + 1];
	const char *own = pull_name(l->p->sources[l->current - 1], room, sizeof(room));

	return own && strcmp(own, name) == 0;
}

/* A folder that is left out takes what is in it along. */
static bool is_excluded(const struct listing *l, const char *path, bool folder)
{
	char *above = l->p->exclude && *l->p->exclude ? strdup(path) : NULL;
	bool out = false;

	for (char *slash = above ? strchr(above, '/') : NULL; slash && !out; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		out = fileset_excluded(l->p->exclude, above, true);
		*slash = '/';
	}
	free(above);
	return out || fileset_excluded(l->p->exclude, path, folder);
}

/* "P MODE SIZE MTIME ./NAME", or "." for a tree's own folder */
static int take_file(struct listing *l, const char *line, struct dt_err *err)
{
	unsigned long mode;
	unsigned long long size;
	struct timespec mtime;
	struct listed *f = NULL;
	const char *name;
	char kind = l->kinds[l->current - 1];
	int used = 0;

	if (sscanf(line, "P %lx %llu %n", &mode, &size, &used) != 2 || size > INT64_MAX || mode > 0177777)
		return answer_nonsense(err);
	name = answer_time(line + used, &mtime);
	if (!name)
		return answer_nonsense(err);
	/* the sums come after all names */
	if (l->summing || kind == '-')
		return answer_nonsense(err);
	if (kind == 't' && strcmp(name, ".") == 0) {
		if (!S_ISDIR(mode))
			return answer_nonsense(err);
		l->modes[l->current - 1] = (mode_t)mode & 0777;
		l->times[l->current - 1] = mtime;
		return 0;
	}
	if (strncmp(name, "./", 2) != 0)
		return answer_nonsense(err);
	name += 2;
	/* a file is the one that was asked for, and no second one */
	if (kind == 'f' && (!is_source(l, name) || !S_ISREG(mode) || has_file(l)))
		return answer_nonsense(err);
	if (!is_safe(name))
		return err_set(err, ERR_FAIL, "the host sent a name that is not safe");
	if (kind == 't' && is_excluded(l, name, S_ISDIR(mode)))
		return 0;
	if (add(l, name, &f, err) != 0)
		return -1;
	f->mode = (mode_t)mode;
	f->size = size;
	f->mtime = mtime;
	return 0;
}

/* "K ./NAME", and then its text */
static int take_link(struct listing *l, const char *line, struct dt_err *err)
{
	size_t i;

	if (strncmp(line, "K ./", 4) != 0 || l->kinds[l->current - 1] != 't')
		return answer_nonsense(err);
	l->summing = true;
	sort(l);
	i = listing_find(l, (uint32_t)(l->current - 1), line + 4);
	l->link = i < l->n && S_ISLNK(l->v[i].mode) ? &l->v[i] : &l->nobody;
	return 0;
}

static int take_text(struct listing *l, const char *text, struct dt_err *err)
{
	struct listed *f = l->link;

	l->link = NULL;
	l->bytes += strlen(text) + 16;
	if (f == &l->nobody || f->link)
		return 0;
	if (l->bytes > LISTED_MAX)
		return err_set(err, ERR_FAIL, "more names than %lu MiB", LISTED_MAX >> 20);
	f->link = strdup(text);
	return f->link ? 0 : err_nomem(err);
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

/* Of a file its own line must have come. */
static int end_source(const struct listing *l, struct dt_err *err)
{
	return l->current && l->kinds[l->current - 1] == 'f' && !has_file(l) ? answer_nonsense(err) : 0;
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

	if (!source || end_source(l, err) != 0)
		return answer_nonsense(err);
	l->summing = l->sampled = false;
	l->kinds[l->current++] = strcmp(kind, "tree") == 0 ? 't' : strcmp(kind, "file") == 0 ? 'f' : '-';
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (strcmp(kind, faults[i].kind) == 0) {
			(void)snprintf(text, sizeof(text), "%.*s: %s", PATH_LIMIT, source, faults[i].words);
			return strs_add(&l->faults, text) == 0 ? 0 : err_nomem(err);
		}
	if (l->kinds[l->current - 1] == 't' && !l->p->recursive)
		return answer_nonsense(err);
	return l->kinds[l->current - 1] == '-' ? answer_nonsense(err) : 0;
}

static bool has_path(void *arg, char first)
{
	const struct listing *l = arg;

	return l->link || first == 'P' || first == 'B' || first == 'K';
}

/* "Y SIZE": what a sample shrinks to. */
static int take_sample(struct listing *l, const char *line, struct dt_err *err)
{
	uint64_t packed = strtoull(line + 1, NULL, 10), left = SAMPLE;

	if (l->sampled)
		return answer_nonsense(err);
	l->summing = l->sampled = true;
	for (size_t i = l->n; left && i-- > 0 && l->v[i].source == l->current - 1;)
		if (S_ISREG(l->v[i].mode))
			left -= l->v[i].size < left ? l->v[i].size : left;
	l->packs = packed < (SAMPLE - left) - (SAMPLE - left) / 4;
	return 0;
}

static int take_line(void *arg, char *line, size_t len, struct dt_err *err)
{
	struct listing *l = arg;

	if (l->link)
		return take_text(l, line, err);
	if (str_starts(line, "S "))
		return take_source(l, line + 2, err);
	if (*line == 'Z') {
		l->has_zstd = strcmp(line, "Z zstd") == 0;
		return 0;
	}
	if (strcmp(line, "E") == 0) {
		l->whole = true;
		return end_source(l, err);
	}
	if (!l->current)
		return answer_nonsense(err);
	if (strcmp(line, "X") == 0) {
		l->partial = true;
		return 0;
	}
	switch (*line) {
	case 'P':
		return take_file(l, line, err);
	case 'K':
		return take_link(l, line, err);
	case 'Y':
		return take_sample(l, line, err);
	default:
		return take_sum(l, line, len, err);
	}
}

/* What is in a folder stands behind the folder, and a thing stands once. */
static int check_tree(const struct listing *l, struct dt_err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *path = l->v[i].path, *slash = strrchr(path, '/');
		char parent[PATH_LIMIT + 1];
		size_t above;

		if (i && compare(&l->v[i - 1], &l->v[i]) == 0)
			return err_set(err, ERR_FAIL, "the host sent a name twice");
		if (!slash)
			continue;
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash - path] = '\0';
		above = listing_find(l, l->v[i].source, parent);
		if (above == l->n || !S_ISDIR(l->v[above].mode))
			return answer_nonsense(err);
	}
	return 0;
}

/* Two that would be one here: of two sources, or once control bytes are written as text. */
static int check_doubles(struct listing *l, struct dt_err *err)
{
	struct strs names = { 0 };
	struct buf b;
	int r = 0;

	/* where they are of one source, and as they are there, none is twice */
	if (l->p->again || (!l->odd && !l->p->sources[1]))
		return 0;
	buf_init(&b, (size_t)5 * PATH_LIMIT);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		buf_clear(&b);
		r = listing_here(l, &l->v[i], &b) || strs_add(&names, b.data) ? err_nomem(err) : 0;
	}
	strs_sort(&names);
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
	r |= strs_add(&argv, "dt-list") || strs_add(&argv, p->recursive ? "r" : "-");
	for (; p->sources[n]; n++)
		r |= strs_add(&argv, p->sources[n]);
	l->kinds = calloc(n + 1, 1);
	l->modes = calloc(n + 1, sizeof(*l->modes));
	l->times = calloc(n + 1, sizeof(*l->times));
	if (r || !l->kinds || !l->modes || !l->times)
		r = err_nomem(err);
	else
		r = h->dt->sh(h->task, &e, script, (const char *const *)argv.v, argv.n, &end);
	if (r == DT_OK && a.failed)
		r = DT_FAIL;
	if (r == DT_OK && (!l->whole || l->current != n))
		r = h->dt->fail(h->task, end.status > 0 ? end.status : 1, "%s",
				*a.said.data ? a.said.data : "the host could not say what it has");
	if (r == DT_OK) {
		(void)buf_adds(&l->said, a.said.data);
		sort(l);
		r = check_tree(l, err) == 0 && check_doubles(l, err) == 0 ? DT_OK : DT_FAIL;
	}
	answer_release(&a);
	strs_release(&argv);
	return r;
}

void listing_release(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].link);
	}
	free(l->v);
	free(l->kinds);
	free(l->modes);
	free(l->times);
	strs_release(&l->faults);
	buf_release(&l->said);
}
