#include "dt/files/pull.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "dt/base/pack.h"
#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/files/here.h"
#include "dt/files/listing.h"
#include "dt/files/tar.h"

#define PATH_ROOM 20480

static const char script[] =
#include "dt/files/fetch.sh.h"
	;

struct fetch {
	const struct pull *p;
	const struct files_host *h;
	struct listing list;
	struct here *here;
	struct dt_files_done count;
	size_t skipped;		/* links that lead out, devices and the like */
	size_t unreadable;
	struct dt_err *err;

	/* the program */
	size_t next;
	uint32_t source;	/* cd went there; UINT32_MAX: nowhere yet */
	struct buf text;
	size_t text_done;

	/* the archive */
	struct tar_reader *tar;
	struct unpack *unpack;
	struct buf said;
	size_t at;		/* expected next */
	size_t current;		/* under way */
	uint64_t received;
	bool stop;		/* an error: no more of it */
};

/* ---- what differs ---- */

static mode_t mode_here(const struct fetch *f, const struct listed *x)
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
		return here_compare(f->here, path, x->size, x->sum, f->p->preserve ? mode_here(f, x) : 0, same, f->err);
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
	f->count.unchanged += same;
	f->count.created += !same && x->is_new;
	f->count.changed += !same && !x->is_new;
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
		r = path_here(f, i, &path);
		if (r == 0)
			r = judge(f, i, path.data);
	}
	buf_release(&path);
	if (r == 0 && f->p->max_size && f->count.bytes > f->p->max_size)
		r = err_set(f->err, ERR_FAIL, "%llu bytes to fetch, more than --max-size", f->count.bytes);
	return r;
}

/* ---- the program ---- */

static bool comes(const struct listed *x)
{
	return x->wanted && S_ISREG(x->mode);
}

/* The folder that a source's names begin in. */
static int add_cd(struct fetch *f, uint32_t source)
{
	const char *text = f->p->sources[source], *slash = strrchr(text, '/');
	struct buf folder;
	int r;

	buf_init(&folder, PATH_ROOM);
	if (f->list.kinds[source] == 't')
		r = buf_addf(&folder, "%s%s", *text == '/' ? "" : "./", text);
	else
		r = (*text == '/' ? 0 : buf_adds(&folder, "./")) ||
		    (slash ? buf_add(&folder, text, (size_t)(slash - text) + 1) : 0);
	r |= buf_adds(&f->text, "cd -- \"$h\" && cd -P -- ") || quote_arg(&f->text, folder.data) ||
	     buf_adds(&f->text, " || exit 1\n");
	buf_release(&folder);
	return r;
}

/* One tar command, for as many files as it takes. */
static int make_program(struct fetch *f)
{
	size_t chars = 0;
	uint32_t source;
	int r = 0;

	buf_clear(&f->text);
	f->text_done = 0;
	while (f->next < f->list.n && !comes(&f->list.v[f->next]))
		f->next++;
	if (f->next == f->list.n)
		return 0;
	source = f->list.v[f->next].source;
	r = f->source == source ? 0 : add_cd(f, source);
	f->source = source;
	/* a file that was named is what its link leads to */
	r |= buf_adds(&f->text, f->list.kinds[source] == 'f' ? "tar $n -chf -" : "tar $n -cf -");
	for (; f->next < f->list.n && f->list.v[f->next].source == source && chars < FILES_BATCH; f->next++)
		if (comes(&f->list.v[f->next])) {
			struct buf name;

			buf_init(&name, PATH_ROOM);
			r |= buf_addf(&name, "./%s", f->list.v[f->next].path) || buf_addc(&f->text, ' ') ||
			     quote_arg(&f->text, name.data);
			chars += name.len + 16;
			buf_release(&name);
		}
	return r || buf_addc(&f->text, '\n');
}

static size_t input(void *arg, char *room, size_t size)
{
	struct fetch *f = arg;
	size_t n;

	if (f->text_done == f->text.len && make_program(f) != 0) {
		(void)err_nomem(f->err);
		f->stop = true;
		return 0;
	}
	n = f->text.len - f->text_done;
	n = n < size ? n : size;
	memcpy(room, f->text.data + f->text_done, n);
	f->text_done += n;
	return n;
}

/* ---- the archive ---- */

static int unwanted(struct fetch *f)
{
	return err_set(f->err, ERR_FAIL, "the host sent what nobody asked for");
}

static const char *without_dot(const char *name)
{
	return strncmp(name, "./", 2) == 0 ? name + 2 : name;
}

/* The file that an entry is: the next in order that has its name. */
static size_t entry_file(struct fetch *f, const char *name)
{
	while (f->at < f->list.n && (!comes(&f->list.v[f->at]) || strcmp(f->list.v[f->at].path, without_dot(name)) != 0))
		f->at++;
	return f->at < f->list.n ? f->at++ : f->list.n;
}

static int check_sum(struct fetch *f, size_t i)
{
	struct listed *x = &f->list.v[i];
	unsigned char sum[SHA256_SIZE];

	if (here_end(f->here, mode_here(f, x), f->p->preserve ? x->mtime : HERE_NOW, sum, f->err) != 0)
		return -1;
	x->arrived = memcmp(sum, x->sum, sizeof(sum)) == 0;
	return x->arrived ? 0 : err_set(f->err, ERR_FAIL, "%s: it changed while it was read there, or arrived damaged", x->path);
}

static int on_entry(void *arg, const struct tar_entry *e, struct dt_err *err)
{
	struct fetch *f = arg;
	size_t i = entry_file(f, e->name), from;
	struct listed *x = i < f->list.n ? &f->list.v[i] : NULL;

	f->current = f->list.n;
	if (!x)
		return unwanted(f);
	if (e->type == TAR_HARDLINK) {
		/* another name of a file that came before */
		from = listing_find(&f->list, x->source, without_dot(e->link));
		if (from >= f->list.n || !f->list.v[from].arrived || f->list.v[from].size != x->size)
			return unwanted(f);
		return here_copy(f->here, from, i, err) != 0 || check_sum(f, i) != 0 ? -1 : 0;
	}
	if (e->type != TAR_FILE || e->size != x->size)
		return err_set(err, ERR_FAIL, "%s: it changed while it was read there", x->path);
	f->current = i;
	return here_begin(f->here, i, err);
}

static int on_data(void *arg, const char *data, size_t len, struct dt_err *err)
{
	struct fetch *f = arg;

	f->h->moved(f->h->arg, len);
	return here_add(f->here, data, len, err);
}

static int on_done(void *arg, struct dt_err *err)
{
	struct fetch *f = arg;

	(void)err;
	return f->current < f->list.n ? check_sum(f, f->current) : 0;
}

static int sink(void *arg, const char *data, size_t len)
{
	struct fetch *f = arg;

	/* headers, and padding to whole records of each command */
	f->received += len;
	if (f->received > f->count.bytes + (f->list.n + 64) * 16384)
		return unwanted(f);
	return tar_reader_add(f->tar, data, len, f->err);
}

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct fetch *f = arg;
	size_t room = f->said.max - f->said.len;
	bool malformed = false;

	if (stream == DT_STDERR) {
		(void)buf_add(&f->said, data, len < room ? len : room);
		return;
	}
	if (f->stop)
		return;
	(void)f->h->pace(f->h->arg, len); /* a cancel is seen by whoever reads */
	if (f->unpack ? unpack_add(f->unpack, data, len, sink, f, &malformed) != 0 : sink(f, data, len) != 0)
		f->stop = true;
	if (malformed)
		(void)err_set(f->err, ERR_FAIL, "malformed zstd stream");
}

static int fetch(struct fetch *f)
{
	static const struct tar_events events = { on_entry, on_data, on_done };
	const struct dt_services *dt = f->h->dt;
	bool zstd = f->p->pack && f->list.has_zstd && f->list.packs;
	const char *argv[] = { "dt-fetch", zstd ? "zstd" : "-" };
	struct dt_exec e = { .input = input, .output = output, .arg = f, .flags = f->h->flags, .enough = &f->stop };
	struct dt_exit end;
	int r;

	if (f->count.bytes >= FILES_BULK)
		e.flags |= DT_EXEC_BULK;
	f->tar = tar_reader_new(&events, f);
	f->unpack = zstd ? unpack_new() : NULL;
	if (!f->tar || (zstd && !f->unpack)) {
		(void)err_nomem(f->err);
		return DT_FAIL;
	}
	f->h->expect(f->h->arg, f->count.bytes);
	r = dt->sh(f->h->task, &e, script, argv, ARRAY_LEN(argv), &end);
	if (r != DT_OK || f->stop)
		return DT_FAIL;
	/* whatever its status: all must be there */
	for (size_t i = 0; i < f->list.n; i++)
		if (comes(&f->list.v[i]) && !f->list.v[i].arrived)
			return dt->fail(f->h->task, end.status > 0 ? end.status : 1, "%s: it did not arrive%s%s",
					f->list.v[i].path, f->said.len ? ": " : "", f->said.data);
	return DT_OK;
}

/* ---- in place ---- */

static int place_one(struct fetch *f, size_t i, const char *path)
{
	const struct listed *x = &f->list.v[i];

	if (S_ISDIR(x->mode))
		return here_folder(f->here, path, mode_here(f, x), f->p->preserve, f->err);
	if (!x->wanted)
		return 0;
	if (S_ISLNK(x->mode) && here_link(f->here, i, x->link, f->err) != 0)
		return -1;
	return here_place(f->here, i, path, f->err);
}

static int place(struct fetch *f)
{
	struct buf path;
	int r = here_sync(f->here, f->err);

	buf_init(&path, PATH_ROOM);
	for (uint32_t k = 0; r == 0 && f->p->sources[k]; k++)
		if (top_of(f, k, &path)) {
			const struct listed top = { .mode = S_IFDIR | f->list.modes[k] };

			r = here_folder(f->here, path.data, mode_here(f, &top), f->p->preserve, f->err);
		}
	for (size_t i = 0; r == 0 && i < f->list.n; i++)
		if (f->list.v[i].wanted || (f->p->preserve && S_ISDIR(f->list.v[i].mode))) {
			r = path_here(f, i, &path);
			if (r == 0)
				r = place_one(f, i, path.data);
		}
	buf_release(&path);
	return r == 0 ? here_sync(f->here, f->err) : -1;
}

/* ---- the words ---- */

static void tell(const struct fetch *f)
{
	const struct dt_services *dt = f->h->dt;

	files_tell(f->h, &f->count, f->p->check, f->list.n <= 1);
	if (f->skipped)
		dt->message(f->h->task, "; %zu left out (links that lead out of the tree, devices)", f->skipped);
	if (f->p->check)
		for (size_t i = 0; i < f->list.n; i++)
			if (f->list.v[i].wanted)
				dt->message(f->h->task, "\n%s %s", f->list.v[i].is_new ? "+" : "~", f->list.v[i].path);
}

/* What could be fetched is here; what could not makes the run on this host fail. */
static int verdict(const struct fetch *f)
{
	const struct dt_services *dt = f->h->dt;

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
		any |= comes(&f->list.v[i]);
	if (!f->p->check && any) {
		int r = fetch(f);

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
	struct fetch f = { .p = p, .h = h, .err = &err, .source = UINT32_MAX };
	int r;

	buf_init(&f.text, 256 * 1024);
	buf_init(&f.said, 1000);
	r = listing_run(&f.list, p, h, &err);
	if (r == DT_OK)
		r = run(&f);
	if (r != DT_OK && err.code == ERR_FAIL)
		r = h->dt->fail(h->task, 1, "%s", err.msg);
	else if (r != DT_OK && err.code != ERR_NONE)
		r = h->failed(h->arg, &err);
	if (r == DT_OK && done)
		*done = f.count;
	here_close(f.here);
	tar_reader_free(f.tar);
	unpack_free(f.unpack);
	listing_release(&f.list);
	buf_release(&f.text);
	buf_release(&f.said);
	return r;
}
