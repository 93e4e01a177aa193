#include "dt/files/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/pack.h"
#include "dt/files/send_impl.h"
#include "dt/files/tar.h"

#define HUGE_BLOCK 65536 /* receive.sh's */

/* ---- what is to do ---- */

static int conflict(struct send *s, size_t i, const char *what, struct dt_err *err)
{
	struct buf path;

	buf_init(&path, 8192);
	(void)fileset_path(s->set, i, s->p->root, &path);
	(void)err_set(err, ERR_FAIL, "%s/%s: %s", s->base, path.data, what);
	buf_release(&path);
	return -1;
}

static int decide(struct send *s, size_t i, struct dt_err *err)
{
	const struct file *f = &s->set->v[i];
	const struct probe_file *t = &s->p->v[i];
	uint8_t *action = &s->action[i];

	if (t->kind == THERE_NOTHING)
		*action = SEND_NEW;
	else if (t->kind == THERE_OTHER)
		return conflict(s, i, "neither a file nor a folder nor a link there", err);
	else if (S_ISDIR(f->mode) && t->kind != THERE_FOLDER)
		return conflict(s, i, "not a folder there", err);
	else if (!S_ISDIR(f->mode) && t->kind == THERE_FOLDER)
		return conflict(s, i, s->set->named ? "a folder there (with a / at its end, the file goes into it)" : "a folder there",
				err);
	else if (t->same && t->attributes)
		*action = SEND_NOTHING;
	else if (S_ISDIR(f->mode))
		*action = SEND_FOLDER;
	else
		*action = t->same && S_ISREG(f->mode) ? SEND_COPY : SEND_CONTENT;
	s->count.unchanged += *action == SEND_NOTHING;
	s->count.created += *action == SEND_NEW;
	s->count.changed += *action != SEND_NOTHING && *action != SEND_NEW;
	if (*action == SEND_NEW || *action == SEND_CONTENT)
		s->count.bytes += f->size;
	return 0;
}

static unsigned long long device_of(const struct send *s, size_t folder)
{
	return folder == FILE_BASE ? s->p->device : s->p->places[s->p->v[folder].place].device;
}

/* A folder on another device begins a group of its own: nothing can be moved there from outside. */
static void group(struct send *s, size_t i)
{
	size_t parent = s->set->v[i].parent;

	s->group[i] = parent == FILE_BASE ? FILE_BASE : s->group[parent];
	if (S_ISDIR(s->set->v[i].mode) && s->p->v[i].kind == THERE_FOLDER && device_of(s, i) != device_of(s, parent))
		s->group[i] = i;
}

size_t send_group(const struct send *s, size_t i)
{
	size_t parent = s->set->v[i].parent;

	/* a folder's own mode is set from inside */
	if (s->action[i] == SEND_FOLDER)
		return s->group[i];
	return parent == FILE_BASE ? FILE_BASE : s->group[parent];
}

struct send *send_new(const struct probe *p, const char *backup, bool keep, struct dt_err *err)
{
	struct send *s = calloc(1, sizeof(*s));
	size_t len = strlen(p->folder_there);
	int r = -1;

	if (!s) {
		(void)err_nomem(err);
		return NULL;
	}
	s->p = p;
	s->set = p->set;
	s->backup = backup;
	s->keep = keep;
	s->fd = -1;
	buf_init(&s->text, TEXT_MAX);
	buf_init(&s->base_path, 8192);
	s->action = calloc(s->set->n + 1, sizeof(*s->action));
	s->group = calloc(s->set->n + 1, sizeof(*s->group));
	s->busy = calloc(s->set->n + 1, sizeof(*s->busy));
	s->base = strdup(p->base == BASE_FOLDER ? p->folder_there : p->folder);
	if (!s->action || !s->group || !s->busy || !s->base) {
		(void)err_nomem(err);
		send_free(s);
		return NULL;
	}
	/* "/" is "" before what is in it */
	len = strlen(s->base);
	if (len == 1 && *s->base == '/')
		*s->base = '\0';
	r = 0;
	for (size_t i = 0; r == 0 && i < s->set->n; i++) {
		r = decide(s, i, err);
		group(s, i);
		if (s->action[i] != SEND_NOTHING)
			s->busy[send_group(s, i) == FILE_BASE ? s->set->n : send_group(s, i)] = true;
	}
	s->busy[s->set->n] |= p->extra.n > 0;
	s->count.deleted = p->extra.n;
	if (r == 0)
		return s;
	send_free(s);
	return NULL;
}

void send_free(struct send *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		(void)close(s->fd);
	pack_free(s->pack);
	buf_release(&s->text);
	buf_release(&s->base_path);
	free(s->action);
	free(s->group);
	free(s->busy);
	free(s->base);
	free(s);
}

const struct dt_files_done *send_counts(const struct send *s)
{
	return &s->count;
}

enum send_action send_action(const struct send *s, size_t i)
{
	return s->action[i];
}

const struct dt_err *send_fault(const struct send *s)
{
	return &s->fault;
}

static bool has_content(const struct send *s, size_t i)
{
	return s->action[i] == SEND_NEW || s->action[i] == SEND_CONTENT;
}

bool send_alone(const struct send *s, size_t i)
{
	return s->p->huge && has_content(s, i) && S_ISREG(s->set->v[i].mode) && s->set->v[i].size >= FILES_HUGE;
}

/* ---- the stream ---- */

int send_path(const struct send *s, size_t i, struct buf *out)
{
	size_t at = out->len, strip = 0;

	if (buf_addc(out, '/') != 0 || fileset_path(s->set, i, s->p->root, out) != 0)
		return -1;
	if (s->now != FILE_BASE) {
		/* below the group's folder */
		struct buf folder;

		buf_init(&folder, 8192);
		if (buf_addc(&folder, '/') != 0 || fileset_path(s->set, s->now, s->p->root, &folder) != 0) {
			buf_release(&folder);
			return -1;
		}
		strip = folder.len;
		buf_release(&folder);
		memmove(out->data + at, out->data + at + strip, out->len - at - strip + 1);
		out->len -= strip;
	}
	return 0;
}

const char *send_begin(struct send *s, size_t k, bool zstd)
{
	size_t seen = 0, group = FILE_BASE;
	bool found = s->busy[s->set->n] && seen++ == k;

	for (size_t i = 0; !found && i < s->set->n; i++)
		if (s->group[i] == i && s->busy[i]) {
			group = i;
			found = seen++ == k;
		}
	if (!found)
		return NULL;
	s->now = group;
	buf_clear(&s->base_path);
	if (group == FILE_BASE) {
		if (buf_adds(&s->base_path, s->p->folder) != 0)
			return NULL;
	} else if (buf_addf(&s->base_path, "%s/", s->base) != 0 ||
		   fileset_path(s->set, group, s->p->root, &s->base_path) != 0) {
		return NULL;
	}
	s->next = 0;
	s->stage = STAGE_HUGE;
	s->text_done = 0;
	buf_clear(&s->text);
	pack_free(s->pack);
	s->pack = zstd ? pack_new() : NULL;
	s->fault = (struct dt_err)DT_ERR_INIT;
	if (zstd && !s->pack)
		(void)err_nomem(&s->fault);
	return s->base_path.data;
}

static bool goes(const struct send *s, size_t i)
{
	return has_content(s, i) && send_group(s, i) == s->now;
}

/* The content of file i comes next. */
static int begin_content(struct send *s, size_t i)
{
	s->left = s->set->v[i].size;
	s->stage = STAGE_CONTENT;
	s->fd = fileset_open(s->set, i, &s->fault);
	return s->fd < 0 ? -1 : 0;
}

/* The line of the next file that goes by itself; an empty one ends these. */
static int next_huge(struct send *s)
{
	const struct file *f;

	while (s->next < s->set->n && !(goes(s, s->next) && send_alone(s, s->next)))
		s->next++;
	s->alone = s->next < s->set->n;
	if (!s->alone) {
		s->next = 0;
		s->stage = STAGE_FILES;
		return buf_addc(&s->text, '\n') == 0 ? 0 : err_nomem(&s->fault);
	}
	f = &s->set->v[s->next];
	if (buf_addf(&s->text, "%zu %llu %llu %llu\n", s->next, (unsigned long long)(f->size / HUGE_BLOCK),
		     (unsigned long long)(f->size % HUGE_BLOCK), (unsigned long long)f->size) != 0)
		return err_nomem(&s->fault);
	return begin_content(s, s->next++);
}

/* The header of the next file that goes. */
static int next_file(struct send *s)
{
	struct tar_entry e = { .link = "" };
	const struct file *f;
	struct buf name;
	int r;

	while (s->next < s->set->n && !goes(s, s->next))
		s->next++;
	if (s->next == s->set->n) {
		s->stage = STAGE_BEGIN;
		s->undo = s->keep;
		return 0;
	}
	f = &s->set->v[s->next];
	buf_init(&name, 8192);
	r = buf_adds(&name, "t") || send_path(s, s->next, &name);
	e.name = name.data;
	e.mode = f->mode & 07777;
	e.mtime = f->mtime;
	e.nanoseconds = s->p->times ? f->found.st_mtim.tv_nsec : 0;
	if (S_ISDIR(f->mode)) {
		e.type = TAR_FOLDER;
		e.mode |= 0700; /* set right when it is full */
		r |= buf_addc(&name, '/');
		e.name = name.data;
	} else if (S_ISLNK(f->mode)) {
		e.type = TAR_SYMLINK;
		e.link = f->link;
	} else {
		e.type = TAR_FILE;
		if (!send_alone(s, s->next)) {
			e.size = f->size;
			r |= begin_content(s, s->next);
		}
	}
	if (r == 0)
		r = tar_header(&s->text, &e);
	if (r != 0 && s->fault.code == ERR_NONE)
		(void)err_nomem(&s->fault);
	buf_release(&name);
	s->next++;
	return r;
}

/* The calls of receive.sh's functions, as a file: its size first, and then itself. */
static int begin_calls(struct send *s)
{
	struct tar_entry e = { .name = s->undo ? "undo" : "do", .link = "", .type = TAR_FILE, .mode = 0600 };
	int more;

	if (s->p->host->wait_sums(s->p->host->arg) != 0)
		return err_set(&s->fault, ERR_KILLED, "interrupted");
	if (s->set->fault.code != ERR_NONE) {
		s->fault = s->set->fault;
		return -1;
	}
	calls_begin(s);
	do {
		buf_clear(&s->text);
		more = calls_next(s);
		e.size += s->text.len;
	} while (more > 0);
	calls_begin(s);
	buf_clear(&s->text);
	if (more < 0 || tar_header(&s->text, &e) != 0)
		return err_nomem(&s->fault);
	s->calls_size = e.size;
	s->stage = STAGE_CALLS;
	return 0;
}

/* Behind the undo comes what it undoes, and behind that the end. */
static int end_calls(struct send *s)
{
	static const char zeros[TAR_BLOCK];

	if (buf_add(&s->text, zeros, tar_padding(s->calls_size)) != 0)
		return err_nomem(&s->fault);
	s->stage = s->undo ? STAGE_BEGIN : STAGE_END;
	if (!s->undo)
		return tar_end(&s->text) == 0 ? 0 : err_nomem(&s->fault);
	s->undo = false;
	return 0;
}

/* More text of the stream, where there is no file's content. */
static int fill(struct send *s)
{
	int more;

	buf_clear(&s->text);
	s->text_done = 0;
	switch (s->stage) {
	case STAGE_HUGE:
		return next_huge(s);
	case STAGE_FILES:
		return next_file(s);
	case STAGE_BEGIN:
		return begin_calls(s);
	case STAGE_CALLS:
		more = calls_next(s);
		if (more < 0)
			return err_nomem(&s->fault);
		if (more == 0)
			s->stage = STAGE_PAD;
		return 0;
	default:
		return end_calls(s);
	}
}

static size_t read_content(struct send *s, char *room, size_t size)
{
	const struct file *f = &s->set->v[s->next - 1];
	size_t n = s->left < size ? (size_t)s->left : size;
	ssize_t got = read(s->fd, room, n);

	if (n && got <= 0) {
		if (got == 0)
			(void)err_set(&s->fault, ERR_LOCAL, "%s: it changed while it was read", f->from);
		else
			(void)err_sys(&s->fault, ERR_LOCAL, errno, "%s", f->from);
		return 0;
	}
	s->left -= (uint64_t)got;
	s->p->host->moved(s->p->host->arg, (size_t)got);
	return (size_t)got;
}

static void end_content(struct send *s)
{
	static const char zeros[TAR_BLOCK];

	(void)close(s->fd);
	s->fd = -1;
	s->stage = s->alone ? STAGE_HUGE : STAGE_FILES;
	buf_clear(&s->text);
	s->text_done = 0;
	if (!s->alone)
		(void)buf_add(&s->text, zeros, tar_padding(s->set->v[s->next - 1].size));
}

static size_t read_plain(struct send *s, char *room, size_t size)
{
	size_t n = 0;

	while (n < size && s->fault.code == ERR_NONE) {
		size_t some = s->text.len - s->text_done;

		if (some) {
			some = some < size - n ? some : size - n;
			memcpy(room + n, s->text.data + s->text_done, some);
			s->text_done += some;
			n += some;
		} else if (s->stage == STAGE_CONTENT) {
			if (s->left)
				n += read_content(s, room + n, size - n);
			else
				end_content(s);
		} else if (s->stage == STAGE_END || fill(s) != 0) {
			break;
		}
	}
	return n;
}

static size_t read_some(void *arg, char *room, size_t size)
{
	return read_plain(arg, room, size);
}

size_t send_read(struct send *s, char *room, size_t size)
{
	size_t n;

	if (s->fault.code != ERR_NONE)
		return 0;
	n = s->pack ? pack_read(s->pack, read_some, s, room, size) : read_plain(s, room, size);
	/* what was cut short must not look like an end */
	if (s->fault.code != ERR_NONE)
		return 0;
	/* and what goes on without waiting would all go after a Ctrl-C */
	if (s->p->host->pace(s->p->host->arg, n) != 0) {
		(void)err_set(&s->fault, ERR_KILLED, "interrupted");
		return 0;
	}
	return n;
}
