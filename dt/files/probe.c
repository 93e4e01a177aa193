#include "dt/files/probe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/quote.h"

#define PROGRAM_MAX (128 * 1024)
/* Bytes of what may be in the folders besides. */
#define LISTED_MAX (64UL << 20)

static const char script[] =
#include "dt/files/probe.sh.h"
	;

bool is_plain(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == '\\')
			return false;
	return true;
}

/* ---- the program ---- */

static int add_path(struct probe *p, struct buf *out, const char *before, size_t i)
{
	struct buf path;
	int r;

	buf_init(&path, 8192);
	r = buf_adds(&path, before) != 0 || fileset_path(p->set, i, p->root, &path) != 0 || quote_arg(out, path.data) != 0;
	buf_release(&path);
	return r ? -1 : 0;
}

/* In one command with others, or alone? */
static bool alone(const struct probe *p, size_t i)
{
	const struct file *f = &p->set->v[i];

	if (S_ISLNK(f->mode))
		return true;
	if (S_ISREG(f->mode) && f->size > FILES_LARGE && !p->quick)
		return true;
	return !is_plain(f->path) || !is_plain(p->root);
}

static int add_alone(struct probe *p, size_t i)
{
	const struct file *f = &p->set->v[i];
	struct buf *out = &p->program;
	int r;

	if (S_ISLNK(f->mode))
		r = buf_adds(out, "s ") || quote_arg(out, f->link);
	else
		r = buf_addf(out, "b %llu", p->quick ? 0ULL : (unsigned long long)f->size);
	return r || buf_addc(out, ' ') || add_path(p, out, "./", i) || buf_addc(out, '\n');
}

/* Is all in one folder? */
static bool one_folder(const struct probe *p)
{
	const struct fileset *s = p->set;

	return s->n > 1 && S_ISDIR(s->v[0].mode) && s->v[1].parent != FILE_BASE;
}

static int add_batch(struct probe *p)
{
	struct buf *out = &p->program;
	size_t from = out->len, first = p->next;
	int r = buf_adds(out, p->quick ? "t" : "p");

	while (r == 0 && p->next < p->set->n && !alone(p, p->next) && out->len - from < FILES_BATCH &&
	       !(first == 0 && p->next == 1 && one_folder(p)))
		r = buf_addc(out, ' ') || add_path(p, out, "./", p->next++);
	return r || buf_addc(out, '\n');
}

/* The folders whose content is ours alone. */
static int add_listing(struct probe *p)
{
	struct buf *out = &p->program;
	int r = buf_adds(out, "l");
	bool any = p->set->content;

	if (any)
		r |= buf_adds(out, " .");
	for (size_t i = 0; !p->set->content && i < p->set->n && p->set->v[i].parent == FILE_BASE; i++)
		if (S_ISDIR(p->set->v[i].mode)) {
			r |= buf_addc(out, ' ') || add_path(p, out, "./", i);
			any = true;
		}
	if (!any)
		out->len -= 1;
	return r || buf_addc(out, '\n');
}

/* The next part of the program; none: its end. */
static int make_program(struct probe *p)
{
	size_t at = p->next;
	struct buf *out = &p->program;
	int r = 0;

	buf_clear(out);
	if (at == 0)
		r = buf_adds(out, "t .\n") | (p->clean ? buf_adds(out, "d ''\n") : 0);
	/* where the one top folder is missing, so is all that is in it */
	if (at == 1 && one_folder(p))
		r = buf_adds(out, "if [ -d ") || add_path(p, out, "./", 0) || buf_adds(out, " ]; then\n");
	if (at < p->set->n) {
		if (alone(p, at)) {
			r |= add_alone(p, at);
			p->next++;
		} else {
			r |= add_batch(p);
		}
		for (; p->clean && at < p->next; at++)
			if (S_ISDIR(p->set->v[at].mode))
				r |= buf_adds(out, "d ") || add_path(p, out, "/", at) || buf_addc(out, '\n');
	} else if (at == p->set->n) {
		p->next++;
		if (one_folder(p))
			r |= buf_adds(out, "fi\n");
		if (p->list)
			r |= add_listing(p);
		r |= buf_adds(out, "whole=1\n"); /* it was not cut short */
	}
	return r ? -1 : 0;
}

static size_t input(void *arg, char *room, size_t size)
{
	struct probe *p = arg;
	size_t n;

	while (p->program_done == p->program.len && p->next <= p->set->n && !p->answer.failed) {
		p->program_done = 0;
		if (make_program(p) != 0) {
			p->answer.failed = true;
			(void)err_nomem(p->err);
			buf_clear(&p->program);
		}
	}
	n = p->program.len - p->program_done;
	n = n < size ? n : size;
	memcpy(room, p->program.data + p->program_done, n);
	p->program_done += n;
	return n;
}

/* ---- the answer ---- */

static int nonsense(struct probe *p)
{
	return answer_nonsense(p->err);
}

static bool wanted(const char *want, const char *name, size_t len, unsigned long number)
{
	char text[24];

	if (!want || (strlen(want) == len && memcmp(want, name, len) == 0))
		return true;
	(void)snprintf(text, sizeof(text), "%lu", number);
	return strcmp(want, text) == 0;
}

static size_t place(struct probe *p, struct probe_place x)
{
	size_t i = 0;

	while (i < p->place_count && (p->places[i].uid != x.uid || p->places[i].gid != x.gid || p->places[i].device != x.device))
		i++;
	if (i == p->place_count && i < ARRAY_LEN(p->places))
		p->places[p->place_count++] = x;
	return i;
}

static bool is_path(struct probe *p, size_t i, const char *name)
{
	const char *root = p->set->named ? p->root : "";
	size_t len = strlen(root);

	return strncmp(name, root, len) == 0 && strcmp(name + len, p->set->v[i].path) == 0;
}

struct numbers {
	unsigned long mode, uid, gid;
	unsigned long long size, device;
	struct timespec mtime;
};

unsigned probe_mode(const struct probe *p, size_t i)
{
	const struct file *f = &p->set->v[i];
	unsigned kept = p->set->has_mode ? S_ISGID : S_ISGID | S_IWGRP;

	return (f->mode & 07777) | (S_ISDIR(f->mode) && p->v[i].kind == THERE_FOLDER ? p->v[i].mode & kept : 0);
}

static bool same_time(const struct timespec *there, const struct timespec *here)
{
	/* what knows whole seconds alone has them */
	return there->tv_sec == here->tv_sec && (there->tv_nsec == here->tv_nsec || !there->tv_nsec);
}

static void judge(struct probe *p, size_t i, const struct numbers *n, const char *user, const char *group)
{
	const struct file *f = &p->set->v[i];
	struct probe_file *t = &p->v[i];
	bool link = S_ISLNK(f->mode);

	t->kind = S_ISREG(n->mode) ? THERE_FILE : S_ISDIR(n->mode) ? THERE_FOLDER : S_ISLNK(n->mode) ? THERE_LINK : THERE_OTHER;
	t->same = S_ISDIR(f->mode) && t->kind == THERE_FOLDER;
	if (p->quick && S_ISREG(f->mode) && t->kind == THERE_FILE)
		t->same = n->size == f->size && n->mtime.tv_sec == f->mtime;
	t->attributes = (link || (n->mode & 07777) == probe_mode(p, i)) &&
			(link || !p->times || same_time(&n->mtime, &f->found.st_mtim)) &&
			wanted(p->owner, user, strcspn(user, "/"), n->uid) &&
			wanted(p->group, group, strcspn(group, "/"), n->gid);
}

/* "P MODE UID GID SIZE MTIME DEVICE USER/GROUP/NAME", without the end of the line. */
static int take_file(struct probe *p, char *line)
{
	struct numbers n;
	const char *user, *group, *name;
	size_t i, where;
	int used = 0;

	if (sscanf(line, "P %lx %lu %lu %llu %n", &n.mode, &n.uid, &n.gid, &n.size, &used) != 4)
		return nonsense(p);
	user = answer_time(line + used, &n.mtime);
	if (!user || sscanf(user, "%llu %n", &n.device, &used) != 1)
		return nonsense(p);
	user += used;
	group = strchr(user, '/');
	name = group ? strchr(group + 1, '/') : NULL;
	if (!name)
		return nonsense(p);
	group++;
	name++;
	if (strcmp(name, ".") == 0) {
		p->device = n.device;
		return 0;
	}
	if (strncmp(name, "./", 2) != 0)
		return nonsense(p);
	/* they come in the order of the program */
	for (i = p->at; i < p->set->n && !is_path(p, i, name + 2); i++)
		;
	where = place(p, (struct probe_place){ n.uid, n.gid, n.device });
	if (i == p->set->n || where == ARRAY_LEN(p->places))
		return nonsense(p);
	p->at = i + 1;
	p->v[i].place = (uint8_t)where;
	p->v[i].mode = (uint16_t)(n.mode & 07777);
	judge(p, i, &n, user, group);
	return 0;
}

/* "SUM  NAME": of a file that was told of already, the last one where it came over stdin. */
static int take_sum(struct probe *p, const char *line, size_t len)
{
	const char *name = line + SHA256_HEX + 2;
	unsigned char sum[SHA256_SIZE];
	size_t i = p->sums;

	if (len < SHA256_HEX + 3 || sha256_parse(line, sum) != 0)
		return nonsense(p);
	if (strcmp(name, "-") == 0 || strcmp(name, "stdin") == 0)
		i = p->at ? p->at - 1 : p->set->n;
	else if (strncmp(name, "./", 2) != 0)
		return nonsense(p);
	else
		while (i < p->at && !is_path(p, i, name + 2))
			i++;
	if (i >= p->at || i < p->sums)
		return nonsense(p);
	p->sums = i + 1;
	if (p->host->wait_sums(p->host->arg) != 0)
		return err_set(p->err, ERR_SKIPPED, "interrupted before it began");
	p->v[i].same = p->v[i].kind == THERE_FILE && S_ISREG(p->set->v[i].mode) && p->set->fault.code == ERR_NONE &&
		       memcmp(sum, p->set->v[i].sum, sizeof(sum)) == 0;
	return 0;
}

static int take_link(struct probe *p)
{
	if (!p->at || !S_ISLNK(p->set->v[p->at - 1].mode) || p->v[p->at - 1].kind != THERE_LINK)
		return nonsense(p);
	p->v[p->at - 1].same = true;
	return 0;
}

/* "B UID ZSTD HUGE FOLDER", "M UID ZSTD HUGE", "D", "N" */
static int take_base(struct probe *p, const char *line)
{
	const char *folder = line + strlen(line);
	unsigned long uid = 0;
	char zstd[8] = "", huge[8] = "";
	int used = 0;

	if (p->base != BASE_UNKNOWN)
		return nonsense(p);
	p->base = *line == 'B' ? BASE_FOLDER : *line == 'M' ? BASE_MISSING : *line == 'D' ? BASE_CLOSED : BASE_OTHER;
	if ((*line == 'B' || *line == 'M') && sscanf(line + 1, " %lu %7s %7s %n", &uid, zstd, huge, &used) != 3)
		return nonsense(p);
	if (*line == 'B')
		folder = line + 1 + used;
	if ((*line == 'B' && *folder != '/') || strlen(folder) >= sizeof(p->folder_there))
		return nonsense(p);
	p->is_root = uid == 0;
	p->zstd = strcmp(zstd, "zstd") == 0;
	p->huge = strcmp(huge, "huge") == 0;
	(void)snprintf(p->folder_there, sizeof(p->folder_there), "%s", folder);
	return 0;
}

/* What else is there: "./name/sub". */
static int take_listed(struct probe *p, const char *line)
{
	const char *path = line + 1, *source = path + 1;
	size_t root = p->set->named ? strlen(p->root) : 0;

	p->listed += strlen(line);
	if (strncmp(line, "./", 2) != 0 || strlen(line) > PATH_MAX || p->listed > LISTED_MAX)
		return nonsense(p);
	if (p->set->named && (strncmp(path + 1, p->root, root) != 0 || path[1 + root] != '/'))
		return nonsense(p);
	if (fileset_find(p->set, path + 1 + root) < p->set->n)
		return 0;
	/* as the patterns see it: below its source */
	if (p->set->named)
		source = path + 1 + root + 1;
	else if (!p->set->content)
		source = strchr(path + 1, '/') ? strchr(path + 1, '/') + 1 : path + 1;
	if (fileset_excluded(p->exclude, source, true))
		return strs_add(&p->kept, path) == 0 ? 0 : err_nomem(p->err);
	return strs_add(&p->extra, path) == 0 ? 0 : err_nomem(p->err);
}

/* One answer without its end. */
static int take_line(void *arg, char *line, size_t len, struct dt_err *err)
{
	struct probe *p = arg;

	(void)err;
	if (strcmp(line, "E") == 0) {
		p->whole = true;
		return 0;
	}
	if (p->listing)
		return take_listed(p, line);
	if (*line == 'P')
		return p->base == BASE_FOLDER ? take_file(p, line) : nonsense(p);
	if (len && strchr("BMDN", *line))
		return take_base(p, line);
	if (strcmp(line, "=") == 0)
		return take_link(p);
	if (strcmp(line, "L") == 0) {
		p->listing = true;
		return 0;
	}
	return take_sum(p, line, len);
}

static bool has_path(void *arg, char first)
{
	const struct probe *p = arg;

	return (p->listing && first != 'E') || first == 'P' || first == 'B';
}

/* ---- both ---- */

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct probe *p = arg;

	answer_add(&p->answer, stream, data, len);
}

/* What is there besides: to be deleted, or excluded and kept. */
struct besides {
	char *path;
	size_t above;		/* the folder among these that it lies in, or NONE */
	bool kept;		/* it, or a folder above it, is excluded */
	bool holds;		/* it holds what is kept */
	bool whole;		/* it, or a folder above it, is deleted whole */
};
#define NONE ((size_t)-1)

/* What is in a folder stands right behind it. */
static int by_path(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)((const struct besides *)a)->path,
			    *y = (const unsigned char *)((const struct besides *)b)->path;

	while (*x && *x == *y)
		x++, y++;
	return (*x == '/' ? 1 : *x ? *x + 1 : 0) - (*y == '/' ? 1 : *y ? *y + 1 : 0);
}

static bool lies_in(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* The folder of i among those before it: one of those that the last one lies in, or that itself. */
static size_t folder_above(const struct besides *v, size_t i)
{
	size_t above = i ? i - 1 : NONE;

	while (above != NONE && !lies_in(v[i].path, v[above].path))
		above = v[above].above;
	return above;
}

/* What is kept, what holds it and what is in it stay; of the rest, only the topmost are named. */
static void choose(struct probe *p, struct besides *v, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		v[i].above = folder_above(v, i);
		v[i].kept = v[i].kept || (v[i].above != NONE && v[v[i].above].kept);
	}
	for (size_t i = n; i-- > 0;)
		if ((v[i].kept || v[i].holds) && v[i].above != NONE)
			v[v[i].above].holds = true;
	for (size_t i = 0; i < n; i++) {
		bool above = v[i].above != NONE && v[v[i].above].whole;

		v[i].whole = above || !(v[i].kept || v[i].holds);
		if (v[i].whole && !above)
			p->extra.v[left++] = v[i].path;
		else
			free(v[i].path);
	}
	p->extra.n = left;
}

static int spare_kept(struct probe *p)
{
	size_t n = p->extra.n + p->kept.n;
	struct besides *v;

	if (!n)
		return 0;
	if (p->host->go_on(p->host->arg, p->err) != 0)
		return -1;
	v = calloc(n, sizeof(*v));
	if (!v)
		return err_nomem(p->err);
	for (size_t i = 0; i < n; i++) {
		v[i].kept = i >= p->extra.n;
		v[i].path = v[i].kept ? p->kept.v[i - p->extra.n] : p->extra.v[i];
	}
	p->kept.n = 0;
	qsort(v, n, sizeof(*v), by_path);
	choose(p, v, n);
	free(v);
	return p->host->go_on(p->host->arg, p->err);
}

static bool wants_huge(const struct probe *p)
{
	size_t i = 0;

	while (i < p->set->n && p->set->v[i].size < FILES_HUGE)
		i++;
	return p->few && i < p->set->n;
}

int probe_run(struct probe *p, struct dt_err *err)
{
	const struct dt_services *dt = p->host->dt;
	const char *argv[] = { "dt-probe", p->folder, p->clean ? "clean" : "",
			       /* names cost the host a look into its user database for each file */
			       p->owner || p->group ? "%U/%G" : "-/-", wants_huge(p) ? "huge" : "",
			       p->times ? "%.9Y" : "%Y" };
	struct dt_exec e = {
		.input = input, .output = output, .arg = p, .flags = p->host->flags, .enough = &p->answer.failed,
	};
	struct dt_exit end;
	int r;

	p->err = err;
	buf_init(&p->program, PROGRAM_MAX);
	p->answer = (struct answer){ .has_path = has_path, .line = take_line, .arg = p };
	answer_init(&p->answer, err);
	p->v = calloc(p->set->n + 1, sizeof(*p->v));
	if (!p->v) {
		(void)err_nomem(err);
		return DT_FAIL;
	}
	r = dt->sh(p->host->task, &e, script, argv, ARRAY_LEN(argv), &end);
	if (r != DT_OK || p->answer.failed)
		return r != DT_OK ? r : DT_FAIL;
	if (p->base == BASE_FOLDER ? !p->whole : p->base == BASE_UNKNOWN)
		return dt->fail(p->host->task, end.status > 0 ? end.status : 1, "%s",
				*p->answer.said.data ? p->answer.said.data : "the host could not say what it has");
	return spare_kept(p) == 0 ? DT_OK : DT_FAIL;
}

void probe_release(struct probe *p)
{
	buf_release(&p->program);
	answer_release(&p->answer);
	strs_release(&p->extra);
	strs_release(&p->kept);
	free(p->v);
	p->v = NULL;
}
