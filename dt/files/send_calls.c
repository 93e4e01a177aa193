/*
 * send_calls - the calls of receive.sh's functions that put a set in place.
 *
 * First all sums, then owners and modes, then all to disk; only then is
 * anything moved to its place, folder by folder.  A call has the names of
 * many files, as many as a command there surely takes.
 */
#include <string.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/files/send_impl.h"

/* So many files go to disk one by one; of more, the whole file system does. */
#define FEW 32
/* What a name costs besides its bytes: the path of where it arrived, a pointer. */
#define OVERHEAD 128
#define DONE ((size_t)-1)

/* Adds a call or two for the files from s->at on, and moves that; behind the last, or to DONE.  0, or -1. */
typedef int phase_fn(struct send *s);

static bool goes(const struct send *s, size_t i)
{
	return s->action[i] != SEND_NOTHING && send_group(s, i) == s->now;
}

static bool is_new(const struct send *s, size_t folder)
{
	return folder != FILE_BASE && s->action[folder] == SEND_NEW;
}

/* What is moved by itself: not within a new folder, which moves whole. */
static bool is_unit(const struct send *s, size_t i)
{
	return goes(s, i) && s->action[i] != SEND_FOLDER && !is_new(s, s->set->v[i].parent);
}

static bool is_staged_file(const struct send *s, size_t i)
{
	return goes(s, i) && S_ISREG(s->set->v[i].mode);
}

/* " ./sub/name" */
static int add_name(struct send *s, size_t i, const char *before)
{
	struct buf path;
	int r;

	buf_init(&path, 8192);
	r = buf_adds(&path, before) || send_path(s, i, &path) || buf_addc(&s->text, ' ') || quote_arg(&s->text, path.data);
	buf_release(&path);
	return r;
}

/* " ./name": below the folder that into went to. */
static int add_base_name(struct send *s, size_t i)
{
	struct buf name;
	int r;

	buf_init(&name, 8192);
	r = buf_adds(&name, "./") || buf_adds(&name, fileset_name(s->set, i, s->p->root)) || buf_addc(&s->text, ' ') ||
	    quote_arg(&s->text, name.data);
	buf_release(&name);
	return r;
}

/* The path of a folder below the group's, "" for that itself. */
static int add_folder(struct send *s, size_t folder)
{
	struct buf path;
	int r;

	buf_init(&path, 8192);
	r = folder == s->now ? 0 : send_path(s, folder, &path);
	r |= quote_arg(&s->text, path.data);
	buf_release(&path);
	return r;
}

/* "SECONDS.NANOSECONDS SECONDS": as touch(1) takes it of GNU, and of busybox. */
static int add_time(struct send *s, size_t i)
{
	const struct timespec *t = &s->set->v[i].found.st_mtim;
	long long seconds = t->tv_sec, whole = seconds;
	long part = t->tv_nsec;

	if (seconds < 0 && part) {
		whole++;
		part = 1000000000 - part;
	}
	return buf_addf(&s->text, "%s%lld.%09ld %lld", seconds < 0 && !whole ? "-" : "", whole, part, seconds);
}

/* ---- the phases ---- */

static int copies(struct send *s)
{
	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++)
		if (goes(s, s->at) && s->action[s->at] == SEND_COPY) {
			int r = buf_adds(&s->text, "k ") || add_folder(s, s->set->v[s->at].parent) || buf_addc(&s->text, ' ') ||
			    quote_arg(&s->text, fileset_name(s->set, s->at, s->p->root)) || buf_addc(&s->text, '\n');

			if (r)
				return -1;
		}
	return 0;
}

static bool summed_alone(const struct send *s, size_t i)
{
	return s->set->v[i].size > FILES_LARGE || !is_plain(s->set->v[i].path) || !is_plain(s->p->root);
}

static int large_sums(struct send *s)
{
	char hex[SHA256_HEX + 1];

	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++)
		if (is_staged_file(s, s->at) && summed_alone(s, s->at)) {
			sha256_hex(s->set->v[s->at].sum, hex);
			if (buf_addf(&s->text, "w %s", hex) || add_name(s, s->at, "."))
				return -1;
			if ((send_alone(s, s->at) && buf_addf(&s->text, " %zu", s->at)) || buf_addc(&s->text, '\n'))
				return -1;
		}
	return 0;
}

static bool summed_together(const struct send *s, size_t i)
{
	return is_staged_file(s, i) && !summed_alone(s, i);
}

/* All others go to one call, as a here-document: "SUM  NAME", a line each. */
static int sums(struct send *s)
{
	char hex[SHA256_HEX + 1];
	bool first = s->at == 0;
	int r = 0;

	while (first && s->at < s->set->n && !summed_together(s, s->at))
		s->at++;
	if (first && s->at == s->set->n)
		return 0;
	if (first)
		r = buf_adds(&s->text, "v <<'.'\n");
	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++)
		if (summed_together(s, s->at)) {
			sha256_hex(s->set->v[s->at].sum, hex);
			r |= buf_addf(&s->text, "%s  .", hex) || send_path(s, s->at, &s->text) || buf_addc(&s->text, '\n');
		}
	return s->at < s->set->n ? r : r || buf_adds(&s->text, ".\n");
}

/* A batch of those that belong together, by a number that of() gives; 0: not at all. */
static int batch(struct send *s, unsigned long (*of)(const struct send *s, size_t i),
		 int (*call)(struct send *s, unsigned long what))
{
	unsigned long what = 0;
	size_t from;
	int r = 0;

	while (s->at < s->set->n && !(what = of(s, s->at)))
		s->at++;
	if (!what)
		return 0;
	from = s->text.len;
	r = call(s, what);
	for (; s->at < s->set->n && s->text.len - from < FILES_BATCH; s->at++) {
		unsigned long other = of(s, s->at);

		if (other && other != what)
			break;
		if (other)
			r |= add_name(s, s->at, ".");
	}
	return r || buf_addc(&s->text, '\n');
}

static bool has_owner(const struct send *s)
{
	return s->p->owner || s->p->group;
}

/* Of what was there: a place and one; what is not given stays as it was. */
static unsigned long kept_owner(const struct send *s, size_t i)
{
	const struct probe_file *t = &s->p->v[i];
	const struct probe_place *place = &s->p->places[t->place];

	if (!goes(s, i) || !s->p->is_root || (s->action[i] != SEND_CONTENT && s->action[i] != SEND_COPY))
		return 0;
	return (place->uid && !s->p->owner) || (place->gid && !s->p->group) ? t->place + 1UL : 0;
}

static int chown_kept(struct send *s, unsigned long what)
{
	const struct probe_place *place = &s->p->places[what - 1];
	int r = buf_adds(&s->text, "o ");

	if (!s->p->owner)
		r |= buf_addf(&s->text, "%lu", place->uid);
	return s->p->group ? r : r || buf_addf(&s->text, ":%lu", place->gid);
}

static unsigned long given_owner(const struct send *s, size_t i)
{
	return has_owner(s) && is_unit(s, i) ? 1 : 0;
}

static int chown_given(struct send *s, unsigned long what)
{
	struct buf owner;
	int r;

	(void)what;
	buf_init(&owner, 1024);
	r = buf_addf(&owner, "%s%s%s", s->p->owner ? s->p->owner : "", s->p->group ? ":" : "",
		     s->p->group ? s->p->group : "");
	r |= buf_adds(&s->text, "O ") || quote_arg(&s->text, owner.data);
	buf_release(&owner);
	return r;
}

static int given_owners(struct send *s)
{
	return batch(s, given_owner, chown_given);
}

static int kept_owners(struct send *s)
{
	return batch(s, kept_owner, chown_kept);
}

/* tar gave modes to what it brought; chown(2) took some bits again, copies have their old one, and huge ones none. */
static unsigned long mode_to_set(const struct send *s, size_t i)
{
	unsigned mode = s->set->v[i].mode & 07777;

	if (!is_staged_file(s, i) || (s->action[i] != SEND_COPY && !send_alone(s, i) && !(mode & 07000)))
		return 0;
	return mode + 1UL;
}

static int chmod_call(struct send *s, unsigned long what)
{
	return buf_addf(&s->text, "g %lo", what - 1);
}

static int modes(struct send *s)
{
	return batch(s, mode_to_set, chmod_call);
}

/* A file or folder that arrives, and must be on disk before it is moved. */
static bool is_staged(const struct send *s, size_t i)
{
	return is_staged_file(s, i) || (goes(s, i) && S_ISDIR(s->set->v[i].mode) && s->action[i] == SEND_NEW);
}

static size_t count_staged(const struct send *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->set->n && n <= FEW; i++)
		n += is_staged(s, i);
	return n;
}

/* To disk: a few one by one. */
static int staged_to_disk(struct send *s)
{
	size_t n = count_staged(s);
	int r = 0;

	if (n > FEW)
		r = buf_adds(&s->text, "F\n");
	else if (n) {
		r = buf_addc(&s->text, 'f');
		for (size_t i = 0; i < s->set->n; i++)
			if (is_staged(s, i))
				r |= add_name(s, i, ".");
		r |= buf_addc(&s->text, '\n');
	}
	s->at = DONE;
	return r;
}

static int into(struct send *s, size_t folder)
{
	return buf_adds(&s->text, "into ") || add_folder(s, folder) || buf_addc(&s->text, '\n');
}

/* The units of one folder from s->at on, of which none is left out: [*from, s->at).  false: there are no more. */
static bool next_units(struct send *s, bool (*wanted)(const struct send *s, size_t i), size_t *from)
{
	size_t chars = 0, parent;

	while (s->at < s->set->n && !wanted(s, s->at))
		s->at++;
	if (s->at == s->set->n)
		return false;
	*from = s->at;
	parent = s->set->v[s->at].parent;
	for (; s->at < s->set->n && s->set->v[s->at].parent == parent && chars < FILES_BATCH; s->at++)
		if (wanted(s, s->at))
			chars += strlen(fileset_name(s->set, s->at, s->p->root)) + OVERHEAD;
	return true;
}

/* Names behind a call: those of [from, s->at). */
static int add_units(struct send *s, bool (*wanted)(const struct send *s, size_t i), size_t from)
{
	int r = 0;

	for (size_t i = from; i < s->at; i++)
		if (wanted(s, i))
			r |= add_base_name(s, i);
	return r || buf_addc(&s->text, '\n');
}

static int move_units(struct send *s, bool (*wanted)(const struct send *s, size_t i), size_t from)
{
	int r = buf_addc(&s->text, 'm');

	for (size_t i = from; i < s->at; i++)
		if (wanted(s, i))
			r |= buf_adds(&s->text, " \"$t\"/") || quote_arg(&s->text, fileset_name(s->set, i, s->p->root));
	return r || buf_addc(&s->text, '\n');
}

static bool is_replaced(const struct send *s, size_t i)
{
	return is_unit(s, i) && s->action[i] != SEND_NEW;
}

static bool is_made(const struct send *s, size_t i)
{
	return is_unit(s, i) && s->action[i] == SEND_NEW;
}

/* Keeps what will be replaced. */
static int keeps(struct send *s)
{
	size_t from;

	if (!s->keep)
		s->at = DONE;
	if (!s->keep || !next_units(s, is_replaced, &from))
		return 0;
	return into(s, s->set->v[from].parent) || buf_adds(&s->text, "B") || add_units(s, is_replaced, from);
}

/* Moves what has arrived for one folder, and keeps the old under another name where asked. */
static int moves(struct send *s)
{
	size_t from;
	int r;

	if (!next_units(s, is_unit, &from))
		return 0;
	r = into(s, s->set->v[from].parent);
	if (s->backup)
		for (size_t i = from; i < s->at; i++)
			if (is_replaced(s, i))
				r |= buf_adds(&s->text, "y ") || quote_arg(&s->text, s->backup) || add_base_name(s, i) ||
				     buf_addc(&s->text, '\n');
	r |= move_units(s, is_unit, from);
	return count_staged(s) > FEW ? r : r || buf_adds(&s->text, "f .\n");
}

/* Undo: what was replaced comes back. */
static int moves_back(struct send *s)
{
	size_t from;

	if (!next_units(s, is_replaced, &from))
		return 0;
	return into(s, s->set->v[from].parent) || move_units(s, is_replaced, from);
}

/* Undo: what was made goes. */
static int unmakes(struct send *s)
{
	size_t from;

	if (!next_units(s, is_made, &from))
		return 0;
	return into(s, s->set->v[from].parent) || buf_adds(&s->text, "r") || add_units(s, is_made, from);
}

/* A call for each of what is there and in no source; s->at counts these. */
static int extras(struct send *s, const char *call, const char *before)
{
	const struct strs *extra = &s->p->extra;
	int r = 0;

	for (; s->now == FILE_BASE && s->at < extra->n && s->text.len < FILES_BATCH; s->at++) {
		const char *path = extra->v[s->at], *slash = strrchr(path, '/');
		struct buf text;

		buf_init(&text, 8192);
		r |= buf_add(&text, path, (size_t)(slash - path)) || buf_adds(&s->text, "into ") ||
		     quote_arg(&s->text, text.data) || buf_addf(&s->text, "\n%s ", call);
		buf_clear(&text);
		if (!*before)
			r |= buf_addc(&text, '.');
		r |= buf_adds(&text, *before ? slash + 1 : slash) || buf_adds(&s->text, before) ||
		     quote_arg(&s->text, text.data) || buf_addc(&s->text, '\n');
		buf_release(&text);
	}
	if (s->now != FILE_BASE || s->at >= extra->n)
		s->at = DONE;
	return r;
}

static int keeps_extras(struct send *s)
{
	if (s->keep)
		return extras(s, "B", "");
	s->at = DONE;
	return 0;
}

static int deletes(struct send *s)
{
	struct buf call;
	int r;

	if (!s->backup)
		return extras(s, "r", "");
	buf_init(&call, 1024);
	r = buf_adds(&call, "Y ") || quote_arg(&call, s->backup) || extras(s, call.data, "");
	buf_release(&call);
	return r;
}

static int undeletes(struct send *s)
{
	return extras(s, "m", "\"$t\"/");
}

static int begins(struct send *s)
{
	s->at = DONE;
	if (has_owner(s) && buf_addf(&s->text, "own=yes%s\n", s->p->group ? " grp=yes" : "") != 0)
		return -1;
	return s->keep ? buf_adds(&s->text, "begin\n") : 0;
}

/* Undo: modes and owners of folders.  chmod(1) of GNU drops their set-id bits only for five digits. */
static int folders_back(struct send *s)
{
	int r = 0;

	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++) {
		const struct probe_file *t = &s->p->v[s->at];
		const struct probe_place *place = &s->p->places[t->place];

		if (!goes(s, s->at) || s->action[s->at] != SEND_FOLDER)
			continue;
		r |= into(s, s->at);
		if (has_owner(s))
			r |= buf_addf(&s->text, "o %lu:%lu .\n", place->uid, place->gid);
		r |= buf_addf(&s->text, "g 0%04o .\n", t->mode);
	}
	return r;
}

/* What comes into a folder changes its time: it is given at the end, to each that this transfer may reach. */
static bool has_time(const struct send *s, size_t i)
{
	return s->p->times && s->group[i] == s->now;
}

/* Modes and times of folders, the deepest first: one that may not be entered any more comes last. */
static int folders(struct send *s)
{
	int r = 0;

	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++) {
		size_t i = s->set->n - 1 - s->at;
		const struct file *f = &s->set->v[i];

		if (!S_ISDIR(f->mode) || !(goes(s, i) || has_time(s, i)))
			continue;
		if (has_time(s, i) && i == s->now)
			r |= buf_adds(&s->text, "late=\"") || add_time(s, i) || buf_adds(&s->text, "\"\n");
		else if (has_time(s, i))
			r |= into(s, i) || buf_adds(&s->text, "T ") || add_time(s, i) || buf_adds(&s->text, " .\n");
		if (s->action[i] == SEND_FOLDER) {
			r |= into(s, i);
			if (has_owner(s))
				r |= chown_given(s, 0) || buf_adds(&s->text, " .\n");
			r |= buf_addf(&s->text, "g 0%04o .\n", probe_mode(s->p, i));
		} else if (s->action[i] == SEND_NEW && ((f->mode & 0700) != 0700 || (f->mode & 07000))) {
			r |= into(s, i) || buf_addf(&s->text, "G 0%04o\n", f->mode & 07777);
		}
	}
	return r;
}

/* Times of copies: what they are copies of has another one. */
static int times(struct send *s)
{
	int r = 0;

	for (; s->at < s->set->n && s->text.len < FILES_BATCH; s->at++)
		if (s->p->times && is_staged_file(s, s->at) && s->action[s->at] == SEND_COPY)
			r |= buf_adds(&s->text, "T ") || add_time(s, s->at) || add_name(s, s->at, ".") || buf_addc(&s->text, '\n');
	return r;
}

static int finish(struct send *s)
{
	s->at = DONE;
	return count_staged(s) > FEW ? buf_adds(&s->text, "into ''\nF\n") : 0;
}

static phase_fn *const do_phases[] = {
	copies, large_sums, sums, given_owners, kept_owners, modes, times, staged_to_disk, keeps, keeps_extras, begins, moves,
	deletes, folders, finish,
};
static phase_fn *const undo_phases[] = { folders_back, unmakes, moves_back, undeletes };

void calls_begin(struct send *s)
{
	s->phase = 0;
	s->at = 0;
}

int calls_next(struct send *s)
{
	phase_fn *const *phases = s->undo ? undo_phases : do_phases;
	size_t count = s->undo ? ARRAY_LEN(undo_phases) : ARRAY_LEN(do_phases);
	phase_fn *fn;

	if ((size_t)s->phase == count)
		return 0;
	fn = phases[s->phase];
	if (fn(s) != 0)
		return -1;
	/* those of extras count other things, and say themselves when they are done */
	if (s->at == DONE || (s->at >= s->set->n && fn != keeps_extras && fn != deletes && fn != undeletes)) {
		s->phase++;
		s->at = 0;
	}
	return 1;
}
