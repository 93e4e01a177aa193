#include "dt/base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEN_YEARS_MS (INT64_C(3653) * 86400 * 1000)

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t deadline_min(int64_t a, int64_t b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	return a < b ? a : b;
}

int deadline_poll_ms(int64_t deadline)
{
	int64_t left;

	if (!deadline)
		return -1;
	left = deadline - now_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int parse_time_ms(const char *s, int64_t *ms)
{
	static const struct { const char *unit; double ms; } units[] = {
		{ "ms", 1 }, { "", 1000 }, { "s", 1000 }, { "m", 60e3 }, { "h", 3600e3 }, { "d", 86400e3 },
	};
	double value = 0, scale = 1;
	const char *p = s;
	size_t i;

	for (; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (*p - '0');
	if (p == s)
		return -1;
	if (*p == '.') {
		const char *dot = p++;

		for (; *p >= '0' && *p <= '9'; p++)
			value += (*p - '0') * (scale /= 10);
		if (p == dot + 1)
			return -1;
	}
	for (i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(p, units[i].unit) == 0) {
			value *= units[i].ms;
			if (value > (double)TEN_YEARS_MS)
				return -1;
			*ms = (int64_t)(value + 0.5);
			return 0;
		}
	}
	return -1;
}

int parse_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	uint64_t n = 0;
	const char *p = s, *u;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (UINT64_MAX - 9) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (p == s)
		return -1;
	if (*p) {
		int shift;

		u = strchr(units, *p | 0x20);
		if (!u || (p[1] && strcmp(p + 1, "B") != 0 && strcmp(p + 1, "iB") != 0))
			return -1;
		shift = 10 * (int)(u - units + 1);
		if (n > UINT64_MAX >> shift)
			return -1;
		n <<= shift;
	}
	*bytes = n;
	return 0;
}

int parse_int(const char *s, long long min, long long max, long long *n)
{
	char *end;
	long long v;

	if (!((*s >= '0' && *s <= '9') || (*s == '-' && s[1] >= '0' && s[1] <= '9')))
		return -1;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || *end || v < min || v > max)
		return -1;
	*n = v;
	return 0;
}

int parse_share(const char *s, long long min, struct share *out)
{
	size_t n = strlen(s);
	bool percent = n && s[n - 1] == '%';
	char number[24];

	if (n - percent >= sizeof(number))
		return -1;
	memcpy(number, s, n - percent);
	number[n - percent] = '\0';
	if (parse_int(number, min, percent ? 100 : LLONG_MAX, &out->n) != 0)
		return -1;
	out->percent = percent;
	out->given = true;
	return 0;
}

size_t share_of(struct share s, size_t total)
{
	return s.percent ? (total * (size_t)s.n + 99) / 100 : (size_t)s.n;
}

size_t share_at_most(struct share s, size_t total)
{
	return s.percent ? total * (size_t)s.n / 100 : (size_t)s.n;
}

void format_time_ms(int64_t ms, char *out, size_t size)
{
	if (ms % 1000)
		(void)snprintf(out, size, "%" PRId64 "ms", ms);
	else if (ms && ms % 3600000 == 0)
		(void)snprintf(out, size, "%" PRId64 "h", ms / 3600000);
	else if (ms && ms % 60000 == 0)
		(void)snprintf(out, size, "%" PRId64 "m", ms / 60000);
	else
		(void)snprintf(out, size, "%" PRId64 "s", ms / 1000);
}

int strs_addn(struct strs *l, const char *s, size_t len)
{
	char *copy;

	if (l->n + 2 > l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		char **v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return -1;
		l->v = v;
		l->cap = cap;
	}
	copy = strndup(s, len);
	if (!copy)
		return -1;
	l->v[l->n++] = copy;
	l->v[l->n] = NULL;
	return 0;
}

int strs_add(struct strs *l, const char *s)
{
	return strs_addn(l, s, strlen(s));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strs_sort(struct strs *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_text);
}

char **strs_find(const struct strs *l, const char *s)
{
	return l->n ? bsearch(&s, l->v, l->n, sizeof(*l->v), by_text) : NULL;
}

bool strs_has(const struct strs *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

void strs_release(struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

int read_fd(int fd, const char *name, struct buf *b, struct dt_err *err)
{
	for (;;) {
		size_t room = 65536;
		char *to;
		ssize_t n;

		if (b->len == b->max) {
			char c;

			n = read(fd, &c, 1);
			if (n == 0)
				return 0;
			if (n > 0)
				return err_set(err, ERR_USAGE, "%s: larger than %zu bytes", name, b->max);
		} else {
			if (room > b->max - b->len)
				room = b->max - b->len;
			to = buf_reserve(b, room);
			if (!to)
				return err_nomem(err);
			n = read(fd, to, room);
			if (n == 0)
				return 0;
			if (n > 0) {
				b->len += (size_t)n;
				b->data[b->len] = '\0';
			}
		}
		if (n < 0 && errno != EINTR)
			return err_sys(err, ERR_USAGE, errno, "%s", name);
	}
}

int open_file(const char *path, struct dt_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(err, ERR_USAGE, errno, "%s", path);
	/* what <(command) gives is a pipe that is open already; a FIFO by name might wait for ever */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && !str_starts(path, "/dev/fd/") &&
	    !str_starts(path, "/proc/self/fd/")) {
		(void)close(fd);
		return err_set(err, ERR_USAGE, "%s: a named pipe, not a file", path);
	}
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

int read_file(const char *path, struct buf *b, struct dt_err *err)
{
	int fd = open_file(path, err), r;

	if (fd < 0)
		return -1;
	r = read_fd(fd, path, b, err);
	(void)close(fd);
	return r;
}

const char *home_dir(void)
{
	const char *home = getenv("HOME");
	struct passwd *pw;

	if (home && *home == '/')
		return home;
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : NULL;
}

char *xdg_path(const char *var, const char *def, const char *name, struct dt_err *err)
{
	const char *base = getenv(var), *home;
	char *path = NULL;
	int r;

	if (base && *base == '/') {
		r = asprintf(&path, "%s/%s", base, name);
	} else {
		home = home_dir();
		if (!home) {
			(void)err_set(err, ERR_USAGE, "no home directory: set HOME or %s", var);
			return NULL;
		}
		r = asprintf(&path, "%s/%s/%s", home, def, name);
	}
	if (r < 0) {
		(void)err_nomem(err);
		return NULL;
	}
	return path;
}

char *expand_tilde(const char *path)
{
	const char *home = home_dir();
	char *out = NULL;

	if (home && path[0] == '~' && (path[1] == '/' || !path[1]))
		return asprintf(&out, "%s%s", home, path + 1) < 0 ? NULL : out;
	return strdup(path);
}

int make_parents(const char *path, struct dt_err *err)
{
	char *copy = strdup(path), *p;

	if (!copy)
		return err_nomem(err);
	for (p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
			(void)err_sys(err, ERR_USAGE, errno, "%s", copy);
			free(copy);
			return -1;
		}
		*p = '/';
	}
	free(copy);
	return 0;
}

char *install_prefix(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return NULL;
		*slash = '\0';
	}
	return strdup(path);
}

void random_bytes(void *out, size_t len)
{
	char *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void random_hex(char *out, size_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char *c = (unsigned char *)out + bytes;

	/* the bytes in the second half: each becomes two digits before its own place is needed */
	random_bytes(c, bytes);
	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte = c[i];

		out[2 * i] = digits[byte >> 4];
		out[2 * i + 1] = digits[byte & 15];
	}
	out[2 * bytes] = '\0';
}
