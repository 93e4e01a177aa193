/*
 * services_files - push and pull as services: which host gets which files,
 * the sums of them all taken once, and the rate of all hosts together.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/files/expand.h"
#include "dt/files/placeholder.h"
#include "dt/files/pull.h"
#include "dt/files/push.h"
#include "dt/run/services_impl.h"

/*
 * With more hosts, the sum of one's file is taken while other files go: it costs
 * them less CPU to do so after the transfer.
 */
#define FEW 4

struct dt_fileset {
	struct dt_fileset *next;	/* of the call */
	const struct dt_call *call;
	struct dt_files what;
	bool named;			/* dest is the file itself, and not its folder */
	struct fileset **sets;		/* one, or one a host where the sources have placeholders */
	size_t set_count;
	bool pack;
	mode_t umask;			/* pull */
	int known;			/* an eventfd: readable from when all sums are known; -1: nothing is read */
	bool hashing;
	_Atomic bool stop, hashed;
	_Atomic int64_t free_ns;	/* when the line is free again, for rate */
};

/* ---- prepare ---- */

static bool is_folder(const char *dest)
{
	const char *slash = strrchr(dest, '/'), *name = slash ? slash + 1 : dest;

	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(dest, "~") == 0;
}

/* All sums, one set after the other. */
static void hash_all(void *arg)
{
	static const uint64_t one = 1;
	struct dt_fileset *f = arg;

	for (size_t i = 0; i < f->set_count; i++)
		fileset_hash(f->sets[i], &f->stop);
	atomic_store(&f->hashed, true);
	(void)!write(f->known, &one, sizeof(one));
}

/* Sources for one host, filled in; *out must be empty. */
static int sources_of(const struct dt_fileset *f, const struct dt_host *h, struct strs *out, struct dt_err *err)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 65536);
	for (const char *const *s = f->what.sources; r == 0 && *s; s++) {
		buf_clear(&b);
		r = placeholder_fill(*s, h, &b, err);
		if (r == 0 && strs_add(out, b.data) != 0)
			r = err_nomem(err);
	}
	buf_release(&b);
	return r;
}

static struct fileset *look(struct dt_fileset *f, const struct dt_host *h, struct dt_err *err)
{
	const struct fileset_options o = {
		.named = f->named, .recursive = f->what.flags & DT_FILES_RECURSIVE, .exclude = f->what.exclude,
		.has_mode = f->what.mode >= 0, .mode = (unsigned)f->what.mode & 07777,
	};
	struct fileset *set = NULL;
	struct strs sources = { 0 };
	int r = sources_of(f, h, &sources, err);

	if (r == 0)
		set = fileset_new((const char *const *)sources.v, sources.n, &o, err);
	strs_release(&sources);
	return set;
}

static int look_all(struct dt_fileset *f, struct dt_err *err)
{
	bool each = false;

	for (const char *const *s = f->what.sources; *s; s++)
		each |= placeholder_in(*s) != NULL;
	f->set_count = each ? f->call->hosts->n : 1;
	f->sets = calloc(f->set_count + 1, sizeof(struct fileset *));
	if (!f->sets)
		return err_nomem(err);
	for (size_t i = 0; i < f->set_count; i++) {
		f->sets[i] = look(f, &f->call->hosts->v[i]->pub, err);
		if (!f->sets[i])
			return -1;
	}
	f->pack = !(f->what.flags & DT_FILES_PLAIN) && fileset_packs(f->sets[0]);
	return 0;
}

/* The target of a host, as its folder and what a named set is called in it. */
struct dest {
	struct buf folder, root;
};

static int dest_of(const struct dt_fileset *f, const struct dt_host *h, struct dest *d, struct dt_err *err)
{
	struct buf b;
	char *slash;
	int r;

	buf_init(&b, 8192);
	buf_init(&d->folder, 8192);
	buf_init(&d->root, 8192);
	r = placeholder_fill(f->what.dest, h, &b, err);
	if (r == 0) {
		const char *text = b.data;

		/* below the login's home: paths that are not absolute are so there */
		if (strcmp(text, "~") == 0 || str_starts(text, "~/"))
			text += text[1] ? 2 : 1;
		slash = f->named ? strrchr(b.data, '/') : NULL;
		if (f->named)
			r = buf_adds(&d->root, slash && slash >= text ? slash + 1 : text);
		if (slash)
			slash[slash == text] = '\0';
		if (*text != '/')
			r |= buf_adds(&d->folder, "./");
		if (!f->named || (slash && slash >= text))
			r |= buf_adds(&d->folder, text);
		/* "a//b/" as "a/b" */
		for (size_t i = 1; i < d->folder.len;)
			if (d->folder.data[i] == '/' && (d->folder.data[i - 1] == '/' || i + 1 == d->folder.len)) {
				memmove(d->folder.data + i, d->folder.data + i + 1, d->folder.len - i);
				d->folder.len--;
			} else {
				i++;
			}
		if (r)
			(void)err_nomem(err);
	}
	buf_release(&b);
	return r ? -1 : 0;
}

static void dest_release(struct dest *d)
{
	buf_release(&d->folder);
	buf_release(&d->root);
}

static bool has_dots(const char *path)
{
	for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/')
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
			return true;
	return false;
}

static int check_dests(struct dt_fileset *f, struct dt_err *err)
{
	if (!*f->what.dest)
		return err_set(err, ERR_MODULE, "the target is an empty name");
	if ((f->what.flags & DT_FILES_MKDIR) && has_dots(f->what.dest))
		return err_set(err, ERR_MODULE, "%s: with --mkdir, a path without ..", f->what.dest);
	if (strpbrk(f->what.dest, "\n"))
		return err_set(err, ERR_MODULE, "the target's name has a newline");
	for (size_t i = 0; i < f->call->hosts->n; i++) {
		struct dest d;
		int r = dest_of(f, &f->call->hosts->v[i]->pub, &d, err);

		dest_release(&d);
		if (r != 0)
			return -1;
		if (!placeholder_in(f->what.dest))
			break; /* all the same */
	}
	return 0;
}

void filesets_free(struct dt_fileset *f)
{
	while (f) {
		struct dt_fileset *next = f->next;

		if (f->hashing) {
			struct pollfd p = { f->known, POLLIN, 0 };

			atomic_store(&f->stop, true);
			while (!atomic_load(&f->hashed))
				(void)poll(&p, 1, -1);
		}
		if (f->known >= 0)
			(void)close(f->known);
		for (size_t i = 0; f->sets && i < f->set_count; i++)
			fileset_free(f->sets[i]);
		free(f->sets);
		free(f);
		f = next;
	}
}

static struct dt_fileset *new_files(struct dt_call *c, const struct dt_files *what)
{
	struct dt_fileset *f = calloc(1, sizeof(*f));

	if (!f) {
		services.refuse(c, "out of memory");
		return NULL;
	}
	f->next = c->filesets;
	c->filesets = f;
	f->call = c;
	f->what = *what;
	f->known = -1;
	return f;
}

struct dt_fileset *service_push_files(struct dt_call *c, const struct dt_files *what)
{
	struct dt_fileset *f = new_files(c, what);
	struct dt_err err = DT_ERR_INIT;
	size_t n = 0;

	if (!f)
		return NULL;
	f->known = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	while (what->sources[n])
		n++;
	f->named = n == 1 && !is_folder(what->dest);
	if (f->known < 0)
		(void)err_sys(&err, ERR_FAIL, errno, "eventfd");
	else if (check_dests(f, &err) == 0 && look_all(f, &err) == 0) {
		f->hashing = thread_spawn(hash_all, f) == 0;
		if (!f->hashing)
			hash_all(f);
		return f;
	}
	services.refuse(c, "%s", err.msg);
	return NULL;
}

/*
 * What a host's files go to here: DEST/HOST, or DEST where that names the host
 * itself.  What the user wrote goes to own, and what a host makes of it to below.
 */
static int folder_of(const struct dt_fileset *f, const struct dt_host *h, struct buf *own, struct buf *below,
		     struct dt_err *err)
{
	const char *dest = f->what.dest, *first = placeholder_in(dest);
	size_t len = first ? (size_t)(first - dest) : strlen(dest);
	char *start;
	int r;

	buf_clear(own);
	buf_clear(below);
	/* up to the slash before the first placeholder */
	while (first && len && dest[len - 1] != '/')
		len--;
	start = strndup(dest, len);
	if (!start)
		return err_nomem(err);
	r = placeholder_fill(start, h, own, err);
	free(start);
	if (r == 0)
		r = placeholder_fill(first ? dest + len : "{host}", h, below, err);
	if (r == 0 && !own->len && buf_addc(own, '.') != 0)
		r = err_nomem(err);
	while (own->len > 1 && own->data[own->len - 1] == '/')
		own->data[--own->len] = '\0';
	return r;
}

static int check_pull(struct dt_fileset *f, const struct dt_host *h, struct dt_err *err)
{
	struct strs sources = { 0 };
	char room[300], other[300];
	int r = sources_of(f, h, &sources, err);

	for (size_t i = 0; r == 0 && i < sources.n; i++) {
		const char *source = sources.v[i], *name = pull_name(source, room, sizeof(room));

		/* what fits has names of its own */
		if (expand_is_pattern(source))
			continue;
		if (!*source || (!name && !str_ends(source, "/")))
			r = err_set(err, ERR_MODULE, "%s: it has no name of its own; write it with a / at its end",
				    *source ? source : "''");
		for (size_t k = 0; r == 0 && name && k < i; k++)
			if (str_eq(pull_name(sources.v[k], other, sizeof(other)), name))
				r = err_set(err, ERR_MODULE, "%s: two sources have this name", name);
	}
	strs_release(&sources);
	if (r == 0) {
		struct buf own, below;

		buf_init(&own, 16384);
		buf_init(&below, 16384);
		r = folder_of(f, h, &own, &below, err);
		if (r == 0 && has_dots(below.data))
			r = err_set(err, ERR_MODULE, "%s: behind a placeholder, a path without ..", f->what.dest);
		buf_release(&own);
		buf_release(&below);
	}
	return r;
}

struct dt_fileset *service_pull_files(struct dt_call *c, const struct dt_files *what)
{
	struct dt_fileset *f = new_files(c, what);
	struct dt_err err = DT_ERR_INIT;
	int r = 0;

	if (!f)
		return NULL;
	f->umask = umask(022);
	(void)umask(f->umask);
	if (!*what->dest)
		r = err_set(&err, ERR_MODULE, "the target is an empty name");
	for (size_t i = 0; r == 0 && i < c->hosts->n; i++)
		r = check_pull(f, &c->hosts->v[i]->pub, &err);
	if (r == 0)
		return f;
	services.refuse(c, "%s", err.msg);
	return NULL;
}

/* ---- run ---- */

struct host_files {
	struct dt_task *task;
	struct dt_fileset *files;
};

static int wait_sums(void *arg)
{
	const struct host_files *x = arg;

	if (!atomic_load(&x->files->hashed))
		(void)ssh_wait(x->task->env->ssh, x->files->known, POLLIN, x->task->env->deadline);
	return atomic_load(&x->files->hashed) ? 0 : -1;
}

static void expect(void *arg, uint64_t bytes)
{
	const struct host_files *x = arg;

	if (x->task->env->bytes)
		atomic_fetch_add(&x->task->env->bytes->expected, bytes);
}

static void moved(void *arg, size_t bytes)
{
	const struct host_files *x = arg;

	if (x->task->env->bytes)
		atomic_fetch_add(&x->task->env->bytes->moved, bytes);
}

/* A share of the line: when what went before is through. */
static int take_share(void *arg, size_t bytes)
{
	const struct host_files *x = arg;
	int64_t now, at, next;

	if (!x->files->what.rate)
		return 0;
	now = now_ms() * 1000000;
	at = atomic_load(&x->files->free_ns);
	do {
		next = (at > now ? at : now) + (int64_t)((double)bytes * 1e9 / (double)x->files->what.rate);
	} while (!atomic_compare_exchange_weak(&x->files->free_ns, &at, next));
	return next > now && ssh_wait(x->task->env->ssh, -1, 0, deadline_min(next / 1000000, x->task->env->deadline)) < 0 ? -1 : 0;
}

static int go_on(void *arg, struct dt_err *err)
{
	const struct host_files *x = arg;
	const struct task_env *env = x->task->env;

	if (ssh_wait(env->ssh, -1, 0, now_ms()) < 0)
		return err_set(err, ERR_KILLED, "interrupted");
	return env->deadline && now_ms() >= env->deadline ? err_set(err, ERR_TIMEOUT, "the deadline of the run") : 0;
}

static int failed(void *arg, const struct dt_err *err)
{
	const struct host_files *x = arg;

	return task_error(x->task, err);
}

static struct files_host host_of(struct host_files *x)
{
	const struct files_host h = {
		.dt = &services, .task = x->task, .flags = x->files->what.flags & DT_FILES_SUDO ? DT_EXEC_SUDO : 0,
		.wait_sums = wait_sums, .expect = expect, .moved = moved, .pace = take_share, .go_on = go_on,
		.failed = failed, .arg = x,
	};

	return h;
}

int service_push(struct dt_task *t, const struct dt_fileset *set, struct dt_files_done *done)
{
	struct host_files x = { .task = t, .files = (struct dt_fileset *)(uintptr_t)set };
	const struct files_host h = host_of(&x);
	const unsigned flags = set->what.flags;
	struct dt_err err = DT_ERR_INIT;
	struct push p = {
		.set = set->sets[set->set_count > 1 ? t->index : 0], .owner = set->what.owner,
		.group = set->what.group, .backup = set->what.backup, .keep = set->what.keep, .run = t->run,
		.exclude = set->what.exclude,
		.check = flags & DT_FILES_CHECK, .quick = flags & DT_FILES_QUICK, .times = flags & DT_FILES_PRESERVE, .del = flags & DT_FILES_DELETE,
		.mkdir = flags & DT_FILES_MKDIR, .pack = set->pack, .quiet = flags & DT_FILES_QUIET,
		.few = t->call->hosts->n <= FEW,
	};
	struct dest d;
	int r;

	if (t->bad)
		return DT_FAIL;
	if (dest_of(set, &t->call->hosts->v[t->index]->pub, &d, &err) == 0) {
		p.folder = d.folder.data;
		p.root = d.root.data;
		r = push_run(&p, &h, done);
	} else {
		r = task_error(t, &err);
	}
	dest_release(&d);
	return r;
}

int service_pull(struct dt_task *t, const struct dt_fileset *set, struct dt_files_done *done)
{
	struct host_files x = { .task = t, .files = (struct dt_fileset *)(uintptr_t)set };
	const struct files_host h = host_of(&x);
	const struct dt_host *host = &t->call->hosts->v[t->index]->pub;
	const unsigned flags = set->what.flags;
	struct dt_err err = DT_ERR_INIT;
	struct strs sources = { 0 };
	struct buf own, below;
	int r;

	if (t->bad)
		return DT_FAIL;
	buf_init(&own, 16384);
	buf_init(&below, 16384);
	if (sources_of(set, host, &sources, &err) == 0 && folder_of(set, host, &own, &below, &err) == 0) {
		const struct pull p = {
			.sources = (const char *const *)sources.v, .folder = own.data, .below = below.data,
			.exclude = set->what.exclude,
			.max_size = (uint64_t)set->what.max_size, .umask = set->umask,
			.recursive = flags & DT_FILES_RECURSIVE, .check = flags & DT_FILES_CHECK,
			.preserve = flags & DT_FILES_PRESERVE, .pack = !(flags & DT_FILES_PLAIN),
		};

		r = pull_run(&p, &h, done);
	} else {
		r = task_error(t, &err);
	}
	buf_release(&own);
	buf_release(&below);
	strs_release(&sources);
	return r;
}

int service_undo(struct dt_task *t, const char *keep, const char *run, bool sudo)
{
	struct dt_fileset none = { .known = -1, .what = { .flags = sudo ? DT_FILES_SUDO : 0 } };
	struct host_files x = { .task = t, .files = &none };
	const struct files_host h = host_of(&x);

	return t->bad ? DT_FAIL : push_undo(keep, run ? run : t->run, &h);
}
