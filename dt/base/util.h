/*
 * util - time, numbers, strings, files: small things that the C library lacks.
 */
#ifndef DT_BASE_UTIL_H
#define DT_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Milliseconds of CLOCK_MONOTONIC; a deadline is such a number, 0 means none. */
int64_t now_ms(void);
/* The earlier of two deadlines. */
int64_t deadline_min(int64_t a, int64_t b);
/* What poll(2) should wait for a deadline: -1 for none, 0 when it has passed. */
int deadline_poll_ms(int64_t deadline);

/*
 * "500ms", "10s", "2m", "1h", "1.5s"; a bare number is seconds.
 * Returns 0 and milliseconds (up to 10 years), or -1.
 */
int parse_time_ms(const char *s, int64_t *ms);
/* "4096", "64k", "10M", "1G" (powers of 1024).  0, or -1. */
int parse_size(const char *s, uint64_t *bytes);
/* A whole decimal number in [min, max].  0, or -1. */
int parse_int(const char *s, long long min, long long max, long long *n);
/* So many, or a share of them. */
struct share {
	long long n;
	bool percent;
	bool given;	/* by parse_share */
};
/* "20", or "5%" (1 to 100, or from 0 where min is 0).  0, or -1. */
int parse_share(const char *s, long long min, struct share *out);
/* Of total: a percentage is rounded up, or down where it is the most there may be. */
size_t share_of(struct share s, size_t total);
size_t share_at_most(struct share s, size_t total);
/* "10s", "250ms", "2m": the shortest exact way to say a time. */
void format_time_ms(int64_t ms, char *out, size_t size);

/* A growable list of strings; items are owned, the array is NULL-terminated. */
struct strs {
	char **v;	/* NULL while empty */
	size_t n, cap;
};
int strs_add(struct strs *l, const char *s);		/* 0, or -1: no memory */
int strs_addn(struct strs *l, const char *s, size_t len);
void strs_sort(struct strs *l);	/* by strcmp(3) */
/* The place of a string in a sorted list, or NULL. */
char **strs_find(const struct strs *l, const char *s);
bool strs_has(const struct strs *l, const char *s);
void strs_release(struct strs *l);

/* NULL-tolerant equality. */
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/*
 * A whole file (or any descriptor up to its end) of at most b->max bytes,
 * added to b.  0, or -1 with ERR_USAGE "PATH: reason".
 */
int read_file(const char *path, struct buf *b, struct dt_err *err);
/* Opens one to read; a named pipe, which might never be written, is refused.  A descriptor, or -1. */
int open_file(const char *path, struct dt_err *err);
int read_fd(int fd, const char *name, struct buf *b, struct dt_err *err);

/*
 * DIR/NAME where dir is an XDG variable or its default below $HOME
 * (xdg_path("XDG_CONFIG_HOME", ".config", "dt/dt.conf", ...)).
 * A malloced path, or NULL (no memory, or no home: *err says so).
 */
char *xdg_path(const char *var, const char *def, const char *name, struct dt_err *err);
/* $HOME, else the password database's; NULL where there is none. */
const char *home_dir(void);
/* "~/x" as HOME/x, else a copy; malloced, NULL when out of memory. */
char *expand_tilde(const char *path);
/* Makes the folders above path, mode 0700.  0, or -1. */
int make_parents(const char *path, struct dt_err *err);
/* The folder above the running binary's folder: /usr for /usr/bin/dt.  Malloced or NULL. */
char *install_prefix(void);

/* len random bytes from the kernel; cannot fail (aborts if the kernel has none). */
void random_bytes(void *out, size_t len);
/* A random lower-case hexadecimal string of 2*bytes characters and a NUL. */
void random_hex(char *out, size_t bytes);

#endif
