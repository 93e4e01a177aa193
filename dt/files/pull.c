#include "dt/files/pull.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "dt/base/util.h"
#include "dt/files/expand.h"
#include "dt/files/pull_impl.h"

/* ---- what differs ---- */

mode_t pull_mode(const struct fetch *f, const struct listed *x)
{
	mode_t mode = S_ISDIR(x->mode) ? 0700U : 0600U;

	if (f->p->preserve)
		mode = x->mode & 0777;
	return S_ISDIR(x->mode) ? (mode & ~f->p->umask) | 0700 : mode & ~f->p->umask;
}

static int path_here(struct fetch *f, size_t i, struct buf *path)
{
	buf_clear(path);
	return listing_here(&f->list, &f->list.v[i], path) == 0 ? 0 : err_nomem(f->err);
}

static int conflict(struct fetch *f, const char *path, const char *what)
{
	return err_set(f->err, ERR_LOCAL, "%s/%s/%s: %s", f->p->folder, f->p->below, path, what);
}

/*
 * Does a link lead to something in the same tree?  A step up is one from a
 * folder of that tree: from another link it could lead anywhere.
 */
static bool stays_inside(const struct listing *l, const struct listed *x)
{
	const char *text = x->link, *slash = strrchr(x->path, '/');
	char at[2 * PATH_MAX + 1];
	size_t len = slash ? (size_t)(slash - x->path) : 0, found;

	if (!text || !*text || *text == '/' || strlen(text) >= PATH_MAX || len >= PATH_MAX)
		return false;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
	memcpy(at, x->path, len);
	at[len] = '\0';
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && strncmp(p, "..", 2) == 0) {
			found = listing_find(l, x->source, at);
			if (found == l->n || !S_ISDIR(l->v[found].mode))
				return false;
			slash = strrchr(at, '/');
			len = slash ? (size_t)(slash - at) : 0;
		} else if (n && !(n == 1 && *p == '.')) {
			if (len)
				at[len++] = '/';
			memcpy(at + len, p, n);
			len += n;
		}
		at[len] = '\0';
		p += n + (p[n] == '/');
	}
	return true;
}

/* Is it there already?  0, or -1. */
static int is_same(struct fetch *f, const struct listed *x, const char *path, enum here_kind kind, bool *same)
{
	*same = S_ISDIR(x->mode) && kind == HERE_FOLDER;
	if (S_ISLNK(x->mode) && kind == HERE_LINK)
		*same = here_same_link(f->here, path, x->link);
	if (S_ISREG(x->mode) && kind == HERE_FILE)
		return here_compare(f->here, path, x->size, x->sum, f->p->preserve ? pull_mode(f, x) : 0, same, f->err);
	return 0;
}

/* Sets wanted, and counts. */
static int judge(struct fetch *f, size_t i, const char *path)
{
	struct listed *x = &f->list.v[i];
	enum here_kind kind;
	bool same;

	if ((!S_ISREG(x->mode) && !S_ISDIR(x->mode) && !S_ISLNK(x->mode)) ||
	    (S_ISLNK(x->mode) && !stays_inside(&f->list, x))) {
		f->skipped++;
		return 0;
	}
	if (S_ISREG(x->mode) && !x->has_sum) {
		f->unreadable++;
		return 0;
	}
	if (here_look(f->here, path, &kind, f->err) != 0)
		return -1;
	if (kind == HERE_OTHER)
		return conflict(f, path, "neither a file nor a folder nor a link here");
	if (S_ISDIR(x->mode) ? kind != HERE_NOTHING && kind != HERE_FOLDER : kind == HERE_FOLDER)
		return conflict(f, path, S_ISDIR(x->mode) ? "not a folder here" : "a folder here");
	if (is_same(f, x, path, kind, &same) != 0)
		return -1;
	x->wanted = !same;
	x->is_new = kind == HERE_NOTHING;
	x->other_time = same && f->p->preserve && !S_ISDIR(x->mode) && !here_same_time(f->here, path, &x->mtime);
	f->count.unchanged += same && !x->other_time;
	f->count.created += !same && x->is_new;
	f->count.changed += (!same && !x->is_new) || x->other_time;
	if (same || !S_ISREG(x->mode))
		return 0;
	/* a host may say anything: the sum stays in its bounds */
	f->count.bytes += x->size < INT64_MAX - f->count.bytes ? x->size : INT64_MAX - f->count.bytes;
	return 0;
}

/* The own folder of a source's tree, below the host's.  false: it has none, or is no tree. */
static bool top_of(struct fetch *f, uint32_t source, struct buf *path)
{
	const struct listed top = { .path = (char[]){ "" }, .source = source };
	char room[NAME_MAX + 1];

	buf_clear(path);
	if (f->list.kinds[source] != 't' || !pull_name(f->p->sources[source], room, sizeof(room)) ||
	    listing_here(&f->list, &top, path) != 0)
		return false;
	/* "name/" */
	if (path->len && path->data[path->len - 1] == '/')
		path->data[--path->len] = '\0';
	return true;
}

static int judge_tops(struct fetch *f, struct buf *path)
{
	enum here_kind kind;

	for (uint32_t k = 0; f->p->sources[k]; k++)
		if (top_of(f, k, path)) {
			if (here_look(f->here, path->data, &kind, f->err) != 0)
				return -1;
			if (kind != HERE_NOTHING && kind != HERE_FOLDER)
				return conflict(f, path->data, "not a folder here");
			/* it counts where nothing else does */
			f->count.created += !f->list.n && kind == HERE_NOTHING;
		}
	return 0;
}

static int judge_all(struct fetch *f)
{
	struct buf path;
	int r;

	buf_init(&path, PATH_ROOM);
	r = judge_tops(f, &path);
	for (size_t i = 0; r == 0 && i < f->list.n; i++) {
		/* what is here may be much to read */
		r = f->h->go_on(f->h->arg, f->err) || path_here(f, i, &path) ? -1 : judge(f, i, path.data);
	}
	buf_release(&path);
	if (r == 0 && f->p->max_size && f->count.bytes > f->p->max_size)
		r = err_set(f->err, ERR_FAIL, "%llu bytes to fetch, more than --max-size", f->count.bytes);
	return r;
}

/* ---- in place ---- */

static int place_one(struct fetch *f, size_t i, const char *path)
{
	const struct listed *x = &f->list.v[i];

	if (S_ISDIR(x->mode))
		return here_folder(f->here, path, pull_mode(f, x), f->p->preserve, f->err);
	if (!x->wanted)
		return 0;
	if (S_ISLNK(x->mode) && here_link(f->here, i, x->link, f->p->preserve ? &x->mtime : NULL, f->err) != 0)
		return -1;
	return here_place(f->here, i, path, f->err);
}

/* Folders last, the deepest first: what comes into one changes its time. */
static int place_times(struct fetch *f, struct buf *path)
{
	int r = 0;

	for (size_t i = f->list.n; r == 0 && i-- > 0;) {
		const struct listed *x = &f->list.v[i];

		if (!S_ISDIR(x->mode) && !x->other_time)
			continue;
		r = path_here(f, i, path);
		if (r == 0)
			r = here_set_time(f->here, path->data, &x->mtime, f->err);
	}
	for (uint32_t k = 0; r == 0 && f->p->sources[k]; k++)
		if (top_of(f, k, path))
			r = here_set_time(f->here, path->data, &f->list.times[k], f->err);
	return r;
}

static int place(struct fetch *f)
{
	struct buf path;
	int r = here_sync(f->here, f->err);

	buf_init(&path, PATH_ROOM);
	for (uint32_t k = 0; r == 0 && f->p->sources[k]; k++)
		if (top_of(f, k, &path)) {
			const struct listed top = { .mode = S_IFDIR | f->list.modes[k] };

			r = here_folder(f->here, path.data, pull_mode(f, &top), f->p->preserve, f->err);
		}
	for (size_t i = 0; r == 0 && i < f->list.n; i++)
		if (f->list.v[i].wanted || (f->p->preserve && S_ISDIR(f->list.v[i].mode))) {
			r = path_here(f, i, &path);
			if (r == 0)
				r = place_one(f, i, path.data);
		}
	if (r == 0 && f->p->preserve)
		r = place_times(f, &path);
	buf_release(&path);
	return r == 0 ? here_sync(f->here, f->err) : -1;
}

/* ---- the words ---- */

static void tell(const struct fetch *f)
{
	const struct dt_services *dt = f->h->dt;

	/* of one that is lost alone, the reason is all */
	if (f->list.n > 1 || !f->lost.n)
		files_tell(f->h, &f->count, f->p->check, f->list.n <= 1);
	if (f->changed == 1)
		dt->message(f->h->task, "; %s: changed while read", f->list.v[f->first_changed].path);
	if (f->changed > 1)
		dt->message(f->h->task, "; %zu files changed while read (%s first)", f->changed,
			    f->list.v[f->first_changed].path);
	if (f->skipped)
		dt->message(f->h->task, "; %zu left out (links that lead out of the tree, devices)", f->skipped);
	if (f->p->check)
		for (size_t i = 0; i < f->list.n; i++)
			if (f->list.v[i].wanted || f->list.v[i].other_time)
				dt->message(f->h->task, "\n%s %s",
					    f->list.v[i].other_time ? "=" : f->list.v[i].is_new ? "+" : "~",
					    f->list.v[i].path);
}

/* What could be fetched is here; what could not makes the run on this host fail. */
static int verdict(const struct fetch *f)
{
	const struct dt_services *dt = f->h->dt;
	const char *comma = f->list.n > 1 ? "; " : "";

	if (f->lost.n == 1)
		return dt->fail(f->h->task, 1, "%s%s", comma, f->lost.v[0]);
	if (f->lost.n)
		return dt->fail(f->h->task, 1, "%s%s; and %zu more so", comma, f->lost.v[0], f->lost.n - 1);
	if (!f->unreadable && !f->list.partial)
		return DT_OK;
	return dt->fail(f->h->task, 1, "; not all could be read there: %s", f->list.said.data);
}

static int run(struct fetch *f)
{
	bool any = false;

	if (f->list.faults.n)
		return f->h->dt->fail(f->h->task, 1, "%s", f->list.faults.v[0]);
	f->here = here_open(f->p->folder, f->p->below, !f->p->check, f->err);
	if (!f->here || judge_all(f) != 0)
		return DT_FAIL;
	for (size_t i = 0; i < f->list.n; i++)
		any |= pull_comes(&f->list.v[i]);
	if (!f->p->check && any) {
		int r = pull_fetch(f);

		if (r != DT_OK)
			return r;
	}
	if (!f->p->check && place(f) != 0)
		return DT_FAIL;
	tell(f);
	return verdict(f);
}

int pull_run(const struct pull *p, const struct files_host *h, struct dt_files_done *done)
{
	struct dt_err err = DT_ERR_INIT;
	struct pull own = *p;
	struct fetch f = { .p = &own, .h = h, .err = &err, .source = UINT32_MAX };
	struct strs sources = { 0 };
	int r;

	buf_init(&f.text, 256 * 1024);
	buf_init(&f.said, 1000);
	r = expand_run(p, h, &sources, &err);
	if (sources.n)
		own.sources = (const char *const *)sources.v;
	if (r == DT_OK)
		r = listing_run(&f.list, &own, h, &err);
	if (r == DT_OK)
		r = run(&f);
	if (r != DT_OK && err.code == ERR_FAIL)
		r = h->dt->fail(h->task, 1, "%s", err.msg);
	else if (r != DT_OK && err.code != ERR_NONE)
		r = h->failed(h->arg, &err);
	if (r == DT_OK && done)
		*done = f.count;
	here_close(f.here);
	listing_release(&f.list);
	pull_fetch_release(&f);
	strs_release(&sources);
	return r;
}
