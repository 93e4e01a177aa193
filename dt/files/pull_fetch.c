/*
 * pull_fetch - the archive of what differs, and what became of files that
 * changed while they were read.
 */
#include <string.h>
#include <sys/stat.h>

#include "dt/base/pack.h"
#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/files/pull_impl.h"

/* Bytes that files may have grown by while they are read: --max-size, within this. */
#define GROWN_MIN (64UL << 20)
#define GROWN_MAX (1UL << 30)
/* So often is fetched what changed, and of so many is asked what became of them. */
#define ROUNDS 3
#define AGAIN_MAX 500

static const char script[] =
#include "dt/files/fetch.sh.h"
	;

/* ---- the program ---- */

bool pull_comes(const struct listed *x)
{
	return x->wanted && !x->arrived && S_ISREG(x->mode);
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
	while (f->next < f->list.n && !pull_comes(&f->list.v[f->next]))
		f->next++;
	if (f->next == f->list.n)
		return 0;
	source = f->list.v[f->next].source;
	r = f->source == source ? 0 : add_cd(f, source);
	f->source = source;
	/* a file that was named is what its link leads to */
	r |= buf_adds(&f->text, f->list.kinds[source] == 'f' ? "tar $n -chf -" : "tar $n -cf -");
	for (; f->next < f->list.n && f->list.v[f->next].source == source && chars < FILES_BATCH; f->next++)
		if (pull_comes(&f->list.v[f->next])) {
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
	while (f->at < f->list.n && (!pull_comes(&f->list.v[f->at]) || strcmp(f->list.v[f->at].path, without_dot(name)) != 0))
		f->at++;
	return f->at < f->list.n ? f->at++ : f->list.n;
}

/* All its bytes are here.  Are they what was listed?  Where not, look_again() tells why. */
static int end_file(struct fetch *f, size_t i)
{
	struct listed *x = &f->list.v[i];

	if (here_end(f->here, pull_mode(f, x), f->p->preserve ? &x->mtime : NULL, x->got, f->err) != 0)
		return -1;
	x->staged = true;
	x->arrived = memcmp(x->got, x->sum, sizeof(x->got)) == 0;
	return 0;
}

/* Another name of a file that came before. */
static int on_hardlink(struct fetch *f, size_t i, const char *name, struct dt_err *err)
{
	const struct listed *x = &f->list.v[i], *first;
	size_t from = listing_find(&f->list, x->source, without_dot(name));

	if (from >= f->list.n || !f->list.v[from].wanted)
		return unwanted(f);
	first = &f->list.v[from];
	if (!first->staged || first->size != x->size)
		return 0;
	return here_copy(f->here, from, i, err) != 0 || end_file(f, i) != 0 ? -1 : 0;
}

static int on_entry(void *arg, const struct tar_entry *e, struct dt_err *err)
{
	struct fetch *f = arg;
	size_t i = entry_file(f, e->name);
	struct listed *x = i < f->list.n ? &f->list.v[i] : NULL;

	f->current = f->list.n;
	if (!x)
		return unwanted(f);
	if (e->type == TAR_HARDLINK)
		return on_hardlink(f, i, e->link, err);
	/* it is shorter, or no file any more */
	if (e->type != TAR_FILE || e->size < x->size)
		return 0;
	f->current = i;
	f->left = x->size;
	return here_begin(f->here, i, err);
}

static int on_data(void *arg, const char *data, size_t len, struct dt_err *err)
{
	struct fetch *f = arg;
	size_t n = len < f->left ? len : (size_t)f->left;

	if (f->current == f->list.n)
		return 0;
	f->left -= n;
	f->h->moved(f->h->arg, n);
	return n ? here_add(f->here, data, n, err) : 0;
}

static int on_done(void *arg, struct dt_err *err)
{
	struct fetch *f = arg;

	(void)err;
	return f->current < f->list.n ? end_file(f, f->current) : 0;
}

/* What may come beside what was asked for: headers, padding to whole records, and what has grown meanwhile. */
static uint64_t allowance(const struct fetch *f)
{
	uint64_t all = f->count.bytes, grown = f->p->max_size > all ? f->p->max_size - all : 0;

	if (!f->p->max_size)
		grown = GROWN_MAX;
	return (grown > GROWN_MIN ? grown : GROWN_MIN) + (f->list.n + 64) * 16384;
}

static int sink(void *arg, const char *data, size_t len)
{
	struct fetch *f = arg;

	f->received += len;
	if (f->received > f->count.bytes && f->received - f->count.bytes > allowance(f))
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

/* One archive of what has not arrived yet.  What came of it is in the listing. */
static int fetch_round(struct fetch *f, struct dt_exit *end)
{
	static const struct tar_events events = { on_entry, on_data, on_done };
	bool zstd = f->p->pack && f->list.has_zstd && f->list.packs;
	const char *argv[] = { "dt-fetch", zstd ? "zstd" : "-" };
	struct dt_exec e = { .input = input, .output = output, .arg = f, .flags = f->h->flags, .enough = &f->stop };
	int r;

	if (f->count.bytes >= FILES_BULK)
		e.flags |= DT_EXEC_BULK;
	f->next = f->at = f->received = f->text_done = 0;
	f->source = UINT32_MAX;
	f->current = f->list.n;
	buf_clear(&f->text);
	buf_clear(&f->said);
	tar_reader_free(f->tar);
	unpack_free(f->unpack);
	f->tar = tar_reader_new(&events, f);
	f->unpack = zstd ? unpack_new() : NULL;
	if (!f->tar || (zstd && !f->unpack)) {
		(void)err_nomem(f->err);
		return DT_FAIL;
	}
	r = f->h->dt->sh(f->h->task, &e, script, argv, ARRAY_LEN(argv), end);
	return r != DT_OK || f->stop ? DT_FAIL : DT_OK;
}

/* ---- what changed while it was read ---- */

/* It cannot come as it was; the rest does. */
static int lose(struct fetch *f, struct listed *x, const char *why)
{
	struct buf text;
	int r;

	buf_init(&text, PATH_ROOM);
	r = buf_addf(&text, "%s: %s", x->path, why) || strs_add(&f->lost, text.data) ? err_nomem(f->err) : 0;
	buf_release(&text);
	x->wanted = false;
	f->count.created -= x->is_new;
	f->count.changed -= !x->is_new;
	return r;
}

static bool is_as_listed(const struct listed *a, const struct listed *b)
{
	return a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       memcmp(a->sum, b->sum, sizeof(a->sum)) == 0;
}

/* now: what it is there by now; NULL: no file.  Sets *settled where more is known of it than before. */
static int settle(struct fetch *f, size_t i, const struct listed *now, bool last, bool *settled)
{
	struct listed *x = &f->list.v[i];
	bool as_listed = now && is_as_listed(x, now);

	if (as_listed)
		return 0;
	*settled = true;
	/* so many bytes came as were listed: it goes on growing, or was written over */
	if (x->staged && (!now || now->size >= x->size)) {
		x->arrived = true;
		f->first_changed = f->changed++ ? f->first_changed : i;
		return 0;
	}
	if (!now)
		return lose(f, x, "it went away while it was read");
	if (now->size < x->size)
		return lose(f, x, "it shrank while it was read");
	if (!now->has_sum)
		return lose(f, x, "it cannot be read there any more");
	if (last)
		return lose(f, x, "it changed while it was read");
	f->count.bytes += now->size - x->size;
	x->size = now->size;
	x->mtime = now->mtime;
	memcpy(x->sum, now->sum, sizeof(x->sum));
	return 0;
}

/* Where a listed thing is there. */
static int path_there(const struct fetch *f, const struct listed *x, struct buf *out)
{
	const char *source = f->p->sources[x->source];

	buf_clear(out);
	if (buf_adds(out, source) != 0)
		return -1;
	if (f->list.kinds[x->source] != 't')
		return 0;
	return (!str_ends(source, "/") && buf_addc(out, '/') != 0) || buf_adds(out, x->path) != 0 ? -1 : 0;
}

/* Asks what became of those that have not arrived. */
static int look_again(struct fetch *f, bool last, bool *settled)
{
	struct listing now = { .n = 0 };
	struct strs sources = { 0 };
	struct pull p = *f->p;
	struct buf path;
	int r = 0;

	buf_init(&path, PATH_ROOM);
	for (size_t i = 0; r == 0 && i < f->list.n; i++)
		if (pull_comes(&f->list.v[i]))
			r = path_there(f, &f->list.v[i], &path) || strs_add(&sources, path.data) ? err_nomem(f->err) : 0;
	buf_release(&path);
	p.sources = (const char *const *)sources.v;
	p.exclude = NULL;
	p.recursive = false;
	p.again = true;
	if (r == 0)
		r = listing_run(&now, &p, f->h, f->err) == DT_OK ? 0 : -1;
	for (size_t i = 0, k = 0, at = 0; r == 0 && i < f->list.n; i++) {
		if (!pull_comes(&f->list.v[i]))
			continue;
		while (at < now.n && now.v[at].source < k)
			at++;
		r = settle(f, i, at < now.n && now.v[at].source == k ? &now.v[at] : NULL, last, settled);
		k++;
	}
	listing_release(&now);
	strs_release(&sources);
	return r;
}

static size_t count_missing(const struct fetch *f, size_t *first)
{
	size_t n = 0;

	for (size_t i = f->list.n; i-- > 0;)
		if (pull_comes(&f->list.v[i])) {
			*first = i;
			n++;
		}
	return n;
}

int pull_fetch(struct fetch *f)
{
	size_t missing = 0, first = 0;
	struct dt_exit end = { .status = 0 };
	bool settled = true;

	f->h->expect(f->h->arg, f->count.bytes);
	for (int round = 1; settled && round <= ROUNDS && count_missing(f, &first); round++) {
		if (fetch_round(f, &end) != DT_OK)
			return DT_FAIL;
		missing = count_missing(f, &first);
		settled = false;
		if (missing && missing <= AGAIN_MAX && look_again(f, round == ROUNDS, &settled) != 0) {
			if (f->err->code != ERR_LOST)
				return DT_FAIL;
			/* what did not come is told, not that its answer makes no sense */
			*f->err = (struct dt_err)DT_ERR_INIT;
			settled = false;
		}
	}
	/* whatever its status: all must be there */
	if (!count_missing(f, &first))
		return DT_OK;
	return f->h->dt->fail(f->h->task, end.status > 0 ? end.status : 1, "%s: %s%s%s", f->list.v[first].path,
			      f->list.v[first].staged ? "it arrived damaged" : "it did not arrive", f->said.len ? ": " : "",
			      f->said.data);
}

void pull_fetch_release(struct fetch *f)
{
	tar_reader_free(f->tar);
	unpack_free(f->unpack);
	strs_release(&f->lost);
	buf_release(&f->text);
	buf_release(&f->said);
}
