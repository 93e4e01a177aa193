#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/fiber.h"
#include "dt/ssh/known_hosts.h"
#include "dt/ssh/known_hosts_line.h"
#include "dt/ssh/pattern.h"

#define FILE_MAX ((size_t)256 << 20)
#define LOCK_WAIT_MS 10000
#define LOCK_LOOK_MS 20
#define CHANGE_TRIES 20

/* A line to be written. */
struct item {
	char *name;		/* in lower case */
	const void *blob;
	size_t len;
	bool doubled;		/* stands in the list before */
	bool present;		/* the file has it already */
};

/*
 * One run of known_hosts_write.  A fleet's keys go into a file of a fleet's
 * keys: the two orders spare comparing each with each.
 */
struct writer {
	const char *path;	/* as given, for messages */
	char *real;		/* behind symbolic links */
	int fd;			/* of the file; it carries the lock */
	struct stat st;		/* of what was read */
	struct item *items, **by_name, **by_blob;
	size_t n;
	int hash;		/* 1, 0, or -1: as the file has them */
	bool replace, changed;
	size_t added;
	struct kh_hasher *hasher;
	struct buf old, new, line;
};

/* A name that would read back as something else must not get into the file. */
static const char *name_fault(const char *name)
{
	if (!*name)
		return "empty name";
	if (strchr("#@|!", *name))
		return "name begins with a special character";
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == ',' || *p == '*' || *p == '?')
			return "special character in the name";
	return strlen(name) > KH_NAME_MAX ? "name too long" : NULL;
}

static int add_base64(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, (len + 2) / 3 * 4);

	if (!to)
		return -1;
	b->len += (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)len);
	return 0;
}

/* "|1|salt|hash", as ssh-keygen -H writes it. */
static int add_hashed_name(struct writer *w, const char *name)
{
	unsigned char salt[KH_HASH_LEN], hash[KH_HASH_LEN];

	random_bytes(salt, sizeof(salt));
	if (kh_hash(w->hasher, salt, name, hash) != 0 || buf_adds(&w->new, "|1|") != 0 ||
	    add_base64(&w->new, salt, sizeof(salt)) != 0 || buf_addc(&w->new, '|') != 0)
		return -1;
	return add_base64(&w->new, hash, sizeof(hash));
}

static int add_line(struct writer *w, const struct item *it)
{
	size_t type_len;
	const char *type = kh_blob_type(it->blob, it->len, &type_len);

	if (w->new.len && w->new.data[w->new.len - 1] != '\n' && buf_addc(&w->new, '\n') != 0)
		return -1;
	if ((w->hash > 0 ? add_hashed_name(w, it->name) : buf_adds(&w->new, it->name)) != 0 ||
	    buf_addc(&w->new, ' ') != 0 || buf_add(&w->new, type, type_len) != 0 || buf_addc(&w->new, ' ') != 0)
		return -1;
	return add_base64(&w->new, it->blob, it->len) != 0 ? -1 : buf_addc(&w->new, '\n');
}

static int compare_blob(const struct item *x, const void *blob, size_t len)
{
	if (x->len != len)
		return x->len < len ? -1 : 1;
	return memcmp(x->blob, blob, len);
}

static int order_by_blob(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	return compare_blob(x, y->blob, y->len);
}

static int order_by_name(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	int r = strcmp(x->name, y->name);

	if (!r)
		r = compare_blob(x, y->blob, y->len);
	return r ? r : (x > y) - (x < y);
}

/* Notes that an old line speaks of an item's name. */
static void meet(const struct kh_line *old, struct item *it, bool *named, bool *kept)
{
	*named = true;
	if (kh_blob_equal(old, it->blob, it->len))
		*kept = it->present = true;
}

/* The items that a line of plain names speaks of. */
static void meet_plain(struct writer *w, const struct kh_line *old, bool *named, bool *kept)
{
	for (const char *name = old->names; *name;) {
		size_t len = strcspn(name, ","), low = 0, high = w->n;

		while (low < high) {
			size_t mid = (low + high) / 2;

			/* An item that only begins with the name comes after it. */
			if (strncmp(w->by_name[mid]->name, name, len) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < w->n && strncmp(w->by_name[low]->name, name, len) == 0; low++) {
			if (w->by_name[low]->name[len])
				break;
			meet(old, w->by_name[low], named, kept);
		}
		name += len + (name[len] == ',');
	}
}

/* Those that a hashed line or one with wildcards speaks of; without replace, those of its key are enough. */
static int meet_other(struct writer *w, const struct kh_line *old, bool *named, bool *kept)
{
	struct item **order = w->replace ? w->by_name : w->by_blob;
	size_t i = 0, high = w->n;
	int is = 0;

	while (!w->replace && i < high) {
		size_t mid = (i + high) / 2;

		if (compare_blob(order[mid], old->blob, old->blob_len) < 0)
			i = mid + 1;
		else
			high = mid;
	}
	for (high = i; i < w->n; i++) {
		if (!w->replace && compare_blob(order[i], old->blob, old->blob_len) != 0)
			break;
		if (i == high || strcmp(order[i]->name, order[i - 1]->name) != 0)
			is = kh_line_is_for(old, order[i]->name, w->hasher);
		if (is < 0)
			return -1;
		if (is)
			meet(old, order[i], named, kept);
	}
	return 0;
}

/*
 * Is an old line to be dropped?  It is where it speaks plainly of a name that
 * is written, with a key that is not; marked lines and wildcards stay.  Notes
 * at the items what need not be added.  1, 0, or -1: no memory.
 */
static int judge_old(struct writer *w, const struct kh_line *old)
{
	bool named = false, kept = false;

	if (!old->names)
		w->hash = w->hash != 0;
	if (old->marker != KH_KEY)
		return 0;
	if (old->names && old->plain)
		meet_plain(w, old, &named, &kept);
	else if (meet_other(w, old, &named, &kept) != 0)
		return -1;
	return w->replace && named && !kept && (old->plain || !old->names);
}

/* Makes w->new from w->old. */
static int compose(struct writer *w)
{
	const char *p = w->old.data, *end = p + w->old.len;

	buf_clear(&w->new);
	for (size_t i = 0; i < w->n; i++)
		w->items[i].present = false;
	w->added = 0;
	w->changed = false;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;
		struct kh_line old;
		int drop = 0;

		/* The parser works in place, the original stays. */
		buf_clear(&w->line);
		if (buf_add(&w->line, p, (size_t)(next - p)) != 0)
			return -1;
		if (kh_line_parse(w->line.data, w->line.len - (newline ? 1 : 0), &old) == 1)
			drop = judge_old(w, &old);
		if (drop < 0 || (!drop && buf_add(&w->new, p, (size_t)(next - p)) != 0))
			return -1;
		w->changed |= drop;
		p = next;
	}
	for (size_t i = 0; i < w->n; i++) {
		if (w->items[i].present || w->items[i].doubled)
			continue;
		if (add_line(w, &w->items[i]) != 0)
			return -1;
		w->added++;
		w->changed = true;
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* flock waits for ever; nobody holds this lock for longer than a moment. */
static int lock_wait(struct writer *w, struct dt_err *err)
{
	int64_t deadline = now_ms() + LOCK_WAIT_MS;

	while (flock(w->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, ERR_FAIL, errno, "%s: lock", w->path);
		if (now_ms() >= deadline)
			return err_set(err, ERR_FAIL, "%s: locked by another process", w->path);
		(void)fiber_poll(NULL, 0, LOCK_LOOK_MS);
	}
	return 0;
}

/*
 * The lock is on the file itself, so that none is left lying about.  Whoever
 * held it before has renamed another file to this path: then that one is
 * locked in turn.
 */
static int open_locked(struct writer *w, struct dt_err *err)
{
	struct stat now;

	for (;;) {
		w->fd = open(w->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
		if (w->fd < 0 || fstat(w->fd, &w->st) != 0)
			return err_sys(err, ERR_USAGE, errno, "%s", w->path);
		if (S_ISCHR(w->st.st_mode))
			return 0;
		if (!S_ISREG(w->st.st_mode))
			return err_set(err, ERR_USAGE, "%s: not a regular file", w->path);
		if (lock_wait(w, err) != 0)
			return -1;
		if (stat(w->path, &now) == 0 && now.st_dev == w->st.st_dev && now.st_ino == w->st.st_ino)
			break;
		(void)close(w->fd);
	}
	free(w->real);
	w->real = realpath(w->path, NULL);
	return w->real ? 0 : err_sys(err, ERR_USAGE, errno, "%s", w->path);
}

/* ssh appends without any lock: did it since the file was read? */
static bool grew(const struct writer *w)
{
	struct stat now;

	return fstat(w->fd, &now) != 0 || now.st_size != w->st.st_size ||
	       now.st_mtim.tv_sec != w->st.st_mtim.tv_sec || now.st_mtim.tv_nsec != w->st.st_mtim.tv_nsec;
}

/* Puts w->new in the file's place.  1: done; 0: the file changed meanwhile; -1. */
static int put(struct writer *w, struct dt_err *err)
{
	char *temp = NULL;
	int fd = -1, r = -1;

	if (asprintf(&temp, "%s.XXXXXX", w->real) < 0) {
		temp = NULL;
		return err_nomem(err);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		(void)err_sys(err, ERR_USAGE, errno, "%s", temp);
		goto out;
	}
	if (write_all(fd, w->new.data, w->new.len) != 0 || fchown(fd, w->st.st_uid, w->st.st_gid) != 0 ||
	    fchmod(fd, w->st.st_mode & 07777) != 0 || fsync(fd) != 0) {
		(void)err_sys(err, ERR_FAIL, errno, "%s", temp);
		goto out;
	}
	if (grew(w)) {
		r = 0;
		goto out;
	}
	if (rename(temp, w->real) != 0) {
		(void)err_sys(err, ERR_FAIL, errno, "%s", w->path);
		goto out;
	}
	r = 1;
out:
	if (fd >= 0) {
		if (r != 1)
			(void)unlink(temp);
		(void)close(fd);
	}
	free(temp);
	return r;
}

static int rewrite(struct writer *w, struct dt_err *err)
{
	int hash = w->hash;

	for (int tries = 0; tries < CHANGE_TRIES; tries++) {
		int r;

		w->hash = hash;
		buf_clear(&w->old);
		if (fstat(w->fd, &w->st) != 0 || lseek(w->fd, 0, SEEK_SET) != 0)
			return err_sys(err, ERR_FAIL, errno, "%s", w->path);
		if (read_fd(w->fd, w->path, &w->old, err) != 0)
			return -1;
		if (compose(w) != 0)
			return err_nomem(err);
		if (!w->changed)
			return 0;
		r = put(w, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return err_set(err, ERR_FAIL, "%s: changes all the time", w->path);
}

/* /dev/null and its like: there is nothing to read, to lock or to keep. */
static int write_device(struct writer *w, struct dt_err *err)
{
	if (compose(w) != 0)
		return err_nomem(err);
	if (write_all(w->fd, w->new.data, w->new.len) != 0)
		return err_sys(err, ERR_FAIL, errno, "%s", w->path);
	return 0;
}

static const char *blob_fault(const struct known_host_line *l)
{
	size_t len;
	const char *type = kh_blob_type(l->blob, l->len, &len);

	if (!len || l->len > 65536)
		return "no key";
	for (size_t i = 0; i < len; i++)
		if (type[i] <= ' ' || type[i] >= 0x7f)
			return "no key";
	return NULL;
}

static int take_lines(struct writer *w, const struct known_host_line *lines, struct dt_err *err)
{
	w->items = calloc(w->n + 1, sizeof(*w->items));
	w->by_name = calloc(w->n + 1, sizeof(struct item *));
	w->by_blob = calloc(w->n + 1, sizeof(struct item *));
	w->hasher = kh_hasher_new();
	if (!w->items || !w->by_name || !w->by_blob || !w->hasher)
		return err_nomem(err);
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = &w->items[i];
		const char *fault = name_fault(lines[i].name);

		if (!fault)
			fault = blob_fault(&lines[i]);
		if (fault)
			return err_set(err, ERR_USAGE, "known_hosts: %s: %s", lines[i].name, fault);
		it->name = strdup(lines[i].name);
		if (!it->name)
			return err_nomem(err);
		pattern_lower(it->name);
		it->blob = lines[i].blob;
		it->len = lines[i].len;
		w->by_name[i] = w->by_blob[i] = it;
	}
	qsort(w->by_name, w->n, sizeof(struct item *), order_by_name);
	qsort(w->by_blob, w->n, sizeof(struct item *), order_by_blob);
	for (size_t i = 1; i < w->n; i++) {
		const struct item *before = w->by_name[i - 1];

		w->by_name[i]->doubled = strcmp(w->by_name[i]->name, before->name) == 0 &&
					 compare_blob(w->by_name[i], before->blob, before->len) == 0;
	}
	return 0;
}

int known_hosts_write(const char *path, const struct known_host_line *lines, size_t n, int hash,
		      bool replace, size_t *added, struct dt_err *err)
{
	struct writer w = { .path = path, .fd = -1, .n = n, .hash = hash, .replace = replace };
	int r = -1;

	*added = 0;
	buf_init(&w.old, FILE_MAX);
	buf_init(&w.new, FILE_MAX + (1 << 20));
	buf_init(&w.line, FILE_MAX);
	if (take_lines(&w, lines, err) != 0 || make_parents(path, err) != 0 || open_locked(&w, err) != 0)
		goto out;
	if ((S_ISCHR(w.st.st_mode) ? write_device(&w, err) : rewrite(&w, err)) != 0)
		goto out;
	*added = w.added;
	r = 0;
out:
	if (w.fd >= 0)
		(void)close(w.fd);
	for (size_t i = 0; w.items && i < n; i++)
		free(w.items[i].name);
	free(w.items);
	free(w.by_name);
	free(w.by_blob);
	free(w.real);
	kh_hasher_free(w.hasher);
	buf_release(&w.old);
	buf_release(&w.new);
	buf_release(&w.line);
	return r;
}
