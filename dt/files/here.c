#include "dt/files/here.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/util.h"

#define READ_SIZE 65536

struct here {
	char *path;
	int dir;		/* the folder, or -1: it is not there */
	char stage_name[80];	/* in it, or "" */
	int stage;
	int file;		/* the one under way */
	struct sha256 *sum;
	char *last;		/* path of the folder that was opened last, and it */
	int last_dir;
};

static int local(struct dt_err *err, const char *path)
{
	return err_sys(err, ERR_LOCAL, errno, "%s", path);
}

/* ---- folders ---- */

/* Of temporary folders alone: nothing that is fetched has this bit. */
#define STAGE_MODE 01700

/* What is left by a dt of this machine that no longer runs. */
static bool is_stale(int dir, const char *name)
{
	struct stat st;
	int used = 0;
	long pid;

	return sscanf(name, ".dt-%ld-%n", &pid, &used) == 1 && used && pid > 0 && kill((pid_t)pid, 0) != 0 &&
	       errno == ESRCH && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	       (st.st_mode & 07777) == STAGE_MODE && st.st_uid == geteuid();
}

/* A temporary folder holds files only. */
static void remove_stage(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(fd, e->d_name, 0);
	(void)closedir(d);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static void remove_stale(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		if (is_stale(dir, e->d_name))
			remove_stage(dir, e->d_name);
	if (d)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
}

/* One step down, through no link.  Takes dir over.  -1: errno. */
static int step_down(int dir, const char *name, bool make)
{
	int next, was;

	if (make && mkdirat(dir, name, 0700) != 0 && errno != EEXIST) {
		next = -1;
	} else {
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == ELOOP)
			errno = ENOTDIR;
	}
	was = errno;
	(void)close(dir);
	errno = was;
	return next;
}

static int open_below(const char *path, const char *below, bool make)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (dir >= 0 && *below) {
		size_t n = strcspn(below, "/");
		char name[NAME_MAX + 1];

		if (n > NAME_MAX) {
			(void)close(dir);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, below, n);
		name[n] = '\0';
		below += n + (below[n] == '/');
		if (n)
			dir = step_down(dir, name, make);
	}
	return dir;
}

struct here *here_open(const char *path, const char *below, bool make, struct dt_err *err)
{
	struct here *h = calloc(1, sizeof(*h));
	char *inside = NULL;

	if (!h) {
		(void)err_nomem(err);
		return NULL;
	}
	h->dir = h->stage = h->file = h->last_dir = -1;
	h->sum = sha256_new();
	/* make_parents makes what is above a file */
	if (!h->sum || asprintf(&h->path, "%s%s%s", path, *below ? "/" : "", below) < 0 || asprintf(&inside, "%s/x", path) < 0) {
		(void)err_nomem(err);
		goto fail;
	}
	if (make && make_parents(inside, err) != 0) {
		err->code = ERR_LOCAL;
		goto fail;
	}
	h->dir = open_below(path, below, make);
	if (h->dir < 0 && (make || errno != ENOENT)) {
		(void)local(err, h->path);
		goto fail;
	}
	if (h->dir >= 0 && make)
		remove_stale(h->dir);
	free(inside);
	return h;
fail:
	free(inside);
	here_close(h);
	return NULL;
}

void here_close(struct here *h)
{
	if (!h)
		return;
	if (h->file >= 0)
		(void)close(h->file);
	if (h->last_dir >= 0)
		(void)close(h->last_dir);
	if (h->stage >= 0) {
		(void)close(h->stage);
		remove_stage(h->dir, h->stage_name);
	}
	if (h->dir >= 0)
		(void)close(h->dir);
	sha256_free(h->sum);
	free(h->last);
	free(h->path);
	free(h);
}

/* The folder that path lies in, step by step; h's own.  -1: *missing, or ERR_LOCAL. */
static int parent_of(struct here *h, const char *path, bool *missing, struct dt_err *err)
{
	const char *slash = strrchr(path, '/'), *step = path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	int dir = h->dir;

	*missing = dir < 0;
	if (!slash || dir < 0)
		return dir;
	if (h->last && strncmp(h->last, path, len) == 0 && !h->last[len])
		return h->last_dir;
	while (step < slash) {
		size_t n = strcspn(step, "/");
		char name[NAME_MAX + 1];
		int next;

		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			goto fail;
		}
		memcpy(name, step, n);
		name[n] = '\0';
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			goto fail;
		if (dir != h->dir)
			(void)close(dir);
		dir = next;
		step += n + 1;
	}
	if (h->last_dir >= 0)
		(void)close(h->last_dir);
	free(h->last);
	h->last = strndup(path, len);
	h->last_dir = dir;
	return dir;
fail:
	*missing = errno == ENOENT;
	if (!*missing)
		(void)err_sys(err, ERR_LOCAL, errno == ELOOP || errno == ENOTDIR ? ENOTDIR : errno, "%s/%.*s", h->path,
			      (int)len, path);
	if (dir != h->dir)
		(void)close(dir);
	return -1;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int here_look(struct here *h, const char *path, enum here_kind *kind, struct dt_err *err)
{
	struct stat st;
	bool missing;
	int dir = parent_of(h, path, &missing, err);

	*kind = HERE_NOTHING;
	if (dir < 0)
		return missing ? 0 : -1;
	if (fstatat(dir, base_name(path), &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_sys(err, ERR_LOCAL, errno, "%s/%s", h->path, path);
	*kind = S_ISREG(st.st_mode) ? HERE_FILE : S_ISDIR(st.st_mode) ? HERE_FOLDER : S_ISLNK(st.st_mode) ? HERE_LINK : HERE_OTHER;
	return 0;
}

int here_compare(struct here *h, const char *path, uint64_t size, const unsigned char sum[SHA256_SIZE], mode_t mode,
		 bool *same, struct dt_err *err)
{
	unsigned char found[SHA256_SIZE];
	char room[READ_SIZE];
	struct stat st;
	bool missing;
	int dir = parent_of(h, path, &missing, err), fd;
	ssize_t n;

	*same = false;
	if (dir < 0)
		return missing ? 0 : -1;
	fd = openat(dir, base_name(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
	    (!mode || (st.st_mode & 07777) == mode)) {
		while ((n = read(fd, room, sizeof(room))) > 0)
			sha256_add(h->sum, room, (size_t)n);
		sha256_end(h->sum, found);
		*same = n == 0 && memcmp(found, sum, sizeof(found)) == 0;
	}
	(void)close(fd);
	return 0;
}

bool here_same_time(struct here *h, const char *path, const struct timespec *mtime)
{
	struct dt_err ignored = DT_ERR_INIT;
	struct stat st;
	bool missing;
	int dir = parent_of(h, path, &missing, &ignored);

	return dir >= 0 && fstatat(dir, base_name(path), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtim.tv_sec == mtime->tv_sec && (st.st_mtim.tv_nsec == mtime->tv_nsec || !st.st_mtim.tv_nsec);
}

bool here_same_link(struct here *h, const char *path, const char *text)
{
	struct dt_err ignored = DT_ERR_INIT;
	char found[PATH_MAX];
	bool missing;
	int dir = parent_of(h, path, &missing, &ignored);
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, base_name(path), found, sizeof(found));

	return n >= 0 && (size_t)n == strlen(text) && memcmp(found, text, (size_t)n) == 0;
}

/* ---- staging ---- */

static int stage(struct here *h, struct dt_err *err)
{
	char digits[17];

	if (h->stage >= 0)
		return 0;
	random_hex(digits, 8);
	(void)snprintf(h->stage_name, sizeof(h->stage_name), ".dt-%ld-%s", (long)getpid(), digits);
	if (mkdirat(h->dir, h->stage_name, STAGE_MODE) != 0)
		return local(err, h->path);
	h->stage = openat(h->dir, h->stage_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return h->stage >= 0 ? 0 : local(err, h->path);
}

static void number(size_t i, char name[24])
{
	(void)snprintf(name, 24, "%zu", i);
}

int here_begin(struct here *h, size_t i, struct dt_err *err)
{
	char name[24];

	number(i, name);
	if (stage(h, err) != 0)
		return -1;
	if (h->file >= 0) {
		unsigned char sum[SHA256_SIZE];

		(void)close(h->file);
		sha256_end(h->sum, sum);
	}
	(void)unlinkat(h->stage, name, 0);
	h->file = openat(h->stage, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return h->file >= 0 ? 0 : local(err, h->path);
}

int here_add(struct here *h, const char *data, size_t len, struct dt_err *err)
{
	sha256_add(h->sum, data, len);
	while (len) {
		ssize_t n = write(h->file, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return local(err, h->path);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static void times_of(const struct timespec *mtime, struct timespec times[2])
{
	times[0] = (struct timespec){ .tv_nsec = UTIME_NOW };
	times[1] = mtime ? *mtime : times[0];
}

int here_end(struct here *h, mode_t mode, const struct timespec *mtime, unsigned char sum[SHA256_SIZE],
	     struct dt_err *err)
{
	struct timespec times[2];
	int r;

	times_of(mtime, times);
	r = fchmod(h->file, mode) == 0 && futimens(h->file, times) == 0 ? 0 : local(err, h->path);

	sha256_end(h->sum, sum);
	if (close(h->file) != 0 && r == 0)
		r = local(err, h->path);
	h->file = -1;
	return r;
}

int here_copy(struct here *h, size_t from, size_t i, struct dt_err *err)
{
	char name[24], room[READ_SIZE];
	ssize_t n = 0;
	int fd, r = here_begin(h, i, err);

	if (r != 0)
		return -1;
	number(from, name);
	fd = openat(h->stage, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	while (fd >= 0 && r == 0 && (n = read(fd, room, sizeof(room))) > 0)
		r = here_add(h, room, (size_t)n, err);
	if (fd < 0 || n < 0)
		r = local(err, h->path);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int here_link(struct here *h, size_t i, const char *text, const struct timespec *mtime, struct dt_err *err)
{
	struct timespec times[2];
	char name[24];

	number(i, name);
	if (stage(h, err) != 0)
		return -1;
	times_of(mtime, times);
	/* not every file system has times of links */
	if (symlinkat(text, h->stage, name) != 0 ||
	    (utimensat(h->stage, name, times, AT_SYMLINK_NOFOLLOW) != 0 && errno != EOPNOTSUPP))
		return local(err, h->path);
	return 0;
}

/* ---- in place ---- */

int here_sync(struct here *h, struct dt_err *err)
{
	return h->stage < 0 || syncfs(h->stage) == 0 ? 0 : local(err, h->path);
}

int here_folder(struct here *h, const char *path, mode_t mode, bool always, struct dt_err *err)
{
	bool missing, made;
	int dir = parent_of(h, path, &missing, err), fd, r = 0;

	if (dir < 0)
		return missing ? err_sys(err, ERR_LOCAL, ENOENT, "%s/%s", h->path, path) : -1;
	made = mkdirat(dir, base_name(path), 0700) == 0;
	if (!made && errno != EEXIST)
		return err_sys(err, ERR_LOCAL, errno, "%s/%s", h->path, path);
	fd = openat(dir, base_name(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ((made || always) && fchmod(fd, mode) != 0))
		r = err_sys(err, ERR_LOCAL, errno, "%s/%s", h->path, path);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int here_set_time(struct here *h, const char *path, const struct timespec *mtime, struct dt_err *err)
{
	struct timespec times[2];
	bool missing;
	int dir = parent_of(h, path, &missing, err);

	times_of(mtime, times);
	if (dir < 0)
		return missing ? err_sys(err, ERR_LOCAL, ENOENT, "%s/%s", h->path, path) : -1;
	if (utimensat(dir, base_name(path), times, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(err, ERR_LOCAL, errno, "%s/%s", h->path, path);
	return 0;
}

int here_place(struct here *h, size_t i, const char *path, struct dt_err *err)
{
	char name[24];
	bool missing;
	int dir = parent_of(h, path, &missing, err);

	number(i, name);
	if (dir < 0)
		return missing ? err_sys(err, ERR_LOCAL, ENOENT, "%s/%s", h->path, path) : -1;
	if (renameat(h->stage, name, dir, base_name(path)) != 0)
		return err_sys(err, ERR_LOCAL, errno, "%s/%s", h->path, path);
	return 0;
}
