#include "dt/files/fileset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/pack.h"
#include "dt/base/util.h"
#include "dt/files/tar.h"

#define READ_SIZE (256 * 1024)
#define SAMPLES 16
#define SAMPLE_SIZE 16384
/* Room for what is put before and behind a path on a host. */
#define PATH_LIMIT (TAR_NAME_MAX - 256)

void fileset_free(struct fileset *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].from);
		free(s->v[i].link);
	}
	free(s->v);
	free(s->by_path);
	free(s);
}

int fileset_path(const struct fileset *s, size_t i, const char *root, struct buf *out)
{
	return (s->named && buf_adds(out, root) != 0) || buf_adds(out, s->v[i].path) != 0 ? -1 : 0;
}

const char *fileset_name(const struct fileset *s, size_t i, const char *root)
{
	const char *path = s->v[i].path, *slash = strrchr(path, '/');

	return slash ? slash + 1 : *path ? path : root;
}

bool fileset_excluded(const char *const *patterns, const char *path, bool folder)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (; patterns && *patterns; patterns++) {
		size_t len = strlen(*patterns);
		bool only_folders = len > 1 && (*patterns)[len - 1] == '/';
		char text[PATH_LIMIT];

		if (len >= sizeof(text) || (only_folders && !folder))
			continue;
		memcpy(text, *patterns, len + 1);
		if (only_folders)
			text[len - 1] = '\0';
		if (strchr(text, '/') ? fnmatch(*text == '/' ? text + 1 : text, path, FNM_PATHNAME) == 0
				      : fnmatch(text, name, 0) == 0)
			return true;
	}
	return false;
}

/* ---- looking ---- */

struct search {
	struct fileset *s;
	const struct fileset_options *o;
	struct dt_err *err;
	size_t cap;
};

static int refuse(struct search *f, const char *path, const char *why)
{
	return err_set(f->err, ERR_MODULE, "%s: %s", path, why);
}

static int fail(struct search *f, const char *path)
{
	return err_sys(f->err, ERR_MODULE, errno, "%s", path);
}

static unsigned permissions(const struct search *f, const struct stat *st)
{
	if (!f->o->has_mode)
		return st->st_mode & 07777;
	return S_ISDIR(st->st_mode) ? f->o->mode | (f->o->mode & 0444) >> 2 : f->o->mode;
}

static int read_link(struct search *f, struct file *e)
{
	char text[PATH_LIMIT];
	ssize_t n = readlink(e->from, text, sizeof(text));

	if (n < 0)
		return fail(f, e->from);
	if ((size_t)n == sizeof(text))
		return refuse(f, e->from, "the link is too long");
	e->link = strndup(text, (size_t)n);
	return e->link ? 0 : err_nomem(f->err);
}

/* Adds what stands at from; both strings are taken over. */
static int add(struct search *f, char *path, char *from, size_t parent, const struct stat *st)
{
	struct fileset *s = f->s;
	struct file *e;

	if (s->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct file *v = realloc(s->v, cap * sizeof(*v));

		if (!v) {
			free(path);
			free(from);
			return err_nomem(f->err);
		}
		s->v = v;
		f->cap = cap;
	}
	e = &s->v[s->n++];
	memset(e, 0, sizeof(*e));
	e->path = path;
	e->from = from;
	e->parent = parent;
	e->found = *st;
	e->mtime = st->st_mtim.tv_sec;
	e->mode = (st->st_mode & S_IFMT) | (mode_t)permissions(f, st);
	if (!path || !from)
		return err_nomem(f->err);
	if (strlen(path) >= PATH_LIMIT)
		return refuse(f, from, "the path is too long");
	if (S_ISLNK(st->st_mode)) {
		e->mode = S_IFLNK | 0777;
		return read_link(f, e);
	}
	if (S_ISDIR(st->st_mode))
		return f->o->recursive ? 0 : refuse(f, from, "a folder (-r takes folders)");
	if (!S_ISREG(st->st_mode))
		return refuse(f, from, "neither a file nor a folder nor a symbolic link");
	if (faccessat(AT_FDCWD, from, R_OK, AT_EACCESS) != 0)
		return fail(f, from);
	e->size = (uint64_t)st->st_size;
	s->bytes += e->size;
	return 0;
}

static char *join(const char *a, const char *b)
{
	size_t len = strlen(a);
	const char *slash = len && a[len - 1] != '/' ? "/" : "";
	char *text;

	return asprintf(&text, "%s%s%s", a, slash, b) < 0 ? NULL : text;
}

static int list(struct search *f, const char *folder, struct strs *names)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int r = 0;

	if (!d)
		return fail(f, folder);
	while ((errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (r = strs_add(names, e->d_name)) != 0)
			break;
	if (r != 0)
		(void)err_nomem(f->err);
	else if (errno)
		r = fail(f, folder);
	(void)closedir(d);
	strs_sort(names);
	return r;
}

/* What is in a folder.  Behind so many bytes of source a path begins to count for the excludes. */
static int add_content(struct search *f, const char *from, const char *path, size_t parent, size_t source)
{
	struct strs names = { 0 };
	int r = list(f, from, &names);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		char *child = join(from, names.v[i]);
		/* a named set's root is "": what is in it begins with a slash */
		char *there = f->o->named && !*path ? join("/", names.v[i]) : join(path, names.v[i]);
		struct stat st;

		if (!child || !there) {
			r = err_nomem(f->err);
		} else if (lstat(child, &st) != 0) {
			r = fail(f, child);
		} else if (!fileset_excluded(f->o->exclude, child + source, S_ISDIR(st.st_mode))) {
			r = add(f, there, child, parent, &st);
			continue;
		}
		free(child);
		free(there);
	}
	strs_release(&names);
	return r;
}

static int add_source(struct search *f, const char *source)
{
	size_t len = strlen(source), first = f->s->n;
	bool content = !f->o->named && len && source[len - 1] == '/';
	char *from = strdup(source);
	const char *slash;
	struct stat st;
	size_t below;
	int r;

	if (!from)
		return err_nomem(f->err);
	while (len > 1 && from[len - 1] == '/')
		from[--len] = '\0';
	if (!len || stat(from, &st) != 0) {
		r = len ? fail(f, from) : refuse(f, "''", "an empty name");
		free(from);
		return r;
	}
	below = len + (from[len - 1] != '/');
	slash = strrchr(from, '/');
	if (content && S_ISDIR(st.st_mode) && f->o->recursive) {
		f->s->content = true;
		r = add_content(f, from, "", FILE_BASE, below);
		free(from);
	} else {
		const char *name = f->o->named ? "" : slash ? slash + 1 : from;

		if (!f->o->named && (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)) {
			r = refuse(f, source, "it has no name of its own; write it with a / at its end");
			free(from);
			return r;
		}
		r = add(f, strdup(name), from, FILE_BASE, &st);
	}
	/* the folders found go on growing the list */
	for (size_t i = first; r == 0 && i < f->s->n; i++)
		if (S_ISDIR(f->s->v[i].mode))
			r = add_content(f, f->s->v[i].from, f->s->v[i].path, i, below);
	return r;
}

/* The files of one folder together: those of the target folder itself came from several sources. */
static int sort(struct search *f)
{
	struct fileset *s = f->s;
	struct file *old = s->v, *v;
	size_t *to, at = 0;

	if (s->n < 2)
		return 0;
	v = malloc(s->n * sizeof(*v));
	to = malloc(s->n * sizeof(*to));
	if (!v || !to) {
		free(v);
		free(to);
		return err_nomem(f->err);
	}
	for (int top = 1; top >= 0; top--)
		for (size_t i = 0; i < s->n; i++)
			if ((old[i].parent == FILE_BASE) == (top == 1)) {
				to[i] = at;
				v[at++] = old[i];
			}
	for (size_t i = 0; i < s->n; i++)
		if (v[i].parent != FILE_BASE)
			v[i].parent = to[v[i].parent];
	free(old);
	free(to);
	s->v = v;
	return 0;
}

static int by_path(const void *a, const void *b, void *arg)
{
	const struct fileset *s = arg;

	return strcmp(s->v[*(const size_t *)a].path, s->v[*(const size_t *)b].path);
}

/* Two sources of one name would be one file there. */
static int make_index(struct search *f)
{
	struct fileset *s = f->s;

	s->by_path = calloc(s->n + 1, sizeof(*s->by_path));
	if (!s->by_path)
		return err_nomem(f->err);
	for (size_t i = 0; i < s->n; i++)
		s->by_path[i] = i;
	qsort_r(s->by_path, s->n, sizeof(*s->by_path), by_path, s);
	for (size_t i = 1; i < s->n; i++)
		if (strcmp(s->v[s->by_path[i - 1]].path, s->v[s->by_path[i]].path) == 0)
			return refuse(f, s->v[s->by_path[i]].path, "two sources have this name");
	return 0;
}

size_t fileset_find(const struct fileset *s, const char *path)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, s->v[s->by_path[middle]].path);

		if (order == 0)
			return s->by_path[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return s->n;
}

struct fileset *fileset_new(const char *const *sources, size_t n, const struct fileset_options *o,
			    struct dt_err *err)
{
	struct fileset *s = calloc(1, sizeof(*s));
	struct search f = { .s = s, .o = o, .err = err };
	int r = 0;

	if (!s) {
		(void)err_nomem(err);
		return NULL;
	}
	s->named = o->named;
	s->has_mode = o->has_mode;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_source(&f, sources[i]);
	if (r == 0)
		r = sort(&f);
	if (r == 0)
		r = make_index(&f);
	if (r == 0)
		return s;
	fileset_free(s);
	return NULL;
}

/* ---- reading ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int check_same(const struct file *e, int fd, struct dt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, ERR_LOCAL, errno, "%s", e->from);
	return is_same(&st, &e->found) ? 0 : err_set(err, ERR_LOCAL, "%s: it changed while it was read", e->from);
}

int fileset_open(const struct fileset *s, size_t i, struct dt_err *err)
{
	const struct file *e = &s->v[i];
	int fd = open(e->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, ERR_LOCAL, errno, "%s", e->from);
	if (check_same(e, fd, err) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int hash_file(struct fileset *s, size_t i, struct sha256 *sum, char *room, const _Atomic bool *stop)
{
	struct file *e = &s->v[i];
	int fd = fileset_open(s, i, &s->fault), r;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (!atomic_load(stop) && (n = read(fd, room, READ_SIZE)) > 0)
		sha256_add(sum, room, (size_t)n);
	sha256_end(sum, e->sum);
	r = n < 0 ? err_sys(&s->fault, ERR_LOCAL, errno, "%s", e->from) : check_same(e, fd, &s->fault);
	(void)close(fd);
	return r;
}

void fileset_hash(struct fileset *s, const _Atomic bool *stop)
{
	struct sha256 *sum = sha256_new();
	char *room = malloc(READ_SIZE);

	if (!sum || !room)
		(void)err_nomem(&s->fault);
	for (size_t i = 0; i < s->n && s->fault.code == ERR_NONE; i++)
		if (S_ISREG(s->v[i].mode))
			(void)hash_file(s, i, sum, room, stop);
	if (atomic_load(stop) && s->fault.code == ERR_NONE)
		(void)err_set(&s->fault, ERR_SKIPPED, "interrupted before it began");
	sha256_free(sum);
	free(room);
}

bool fileset_packs(const struct fileset *s)
{
	char *room = malloc((size_t)SAMPLES * SAMPLE_SIZE);
	size_t len = 0, step = s->n / SAMPLES + 1;
	struct dt_err err = DT_ERR_INIT;
	bool pays;

	for (size_t i = 0; room && i < s->n && len <= (size_t)(SAMPLES - 1) * SAMPLE_SIZE; i += step) {
		int fd = S_ISREG(s->v[i].mode) ? fileset_open(s, i, &err) : -1;
		/* the middle of a file is more like the rest of it than its head */
		ssize_t n = fd < 0 ? 0 : pread(fd, room + len, SAMPLE_SIZE, (off_t)(s->v[i].size / 2));

		len += n > 0 ? (size_t)n : 0;
		if (fd >= 0)
			(void)close(fd);
	}
	pays = len && pack_pays(room, len);
	free(room);
	return pays;
}
