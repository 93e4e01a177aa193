#include "dt/files/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a ustar header has its fields. */
struct field {
	size_t at, len;
};
static const struct field f_name = { 0, 100 }, f_mode = { 100, 8 }, f_uid = { 108, 8 }, f_gid = { 116, 8 },
			  f_size = { 124, 12 }, f_mtime = { 136, 12 }, f_sum = { 148, 8 }, f_link = { 157, 100 },
			  f_prefix = { 345, 155 };
#define TYPE_AT 156
#define MAGIC_AT 257

/* ---- writing ---- */

static void put_number(char *block, struct field f, int64_t value)
{
	uint64_t n = (uint64_t)value;
	char *to = block + f.at;

	if (n >> (3 * (f.len - 1)) == 0) {
		for (size_t i = f.len - 1; i-- > 0; n >>= 3)
			to[i] = (char)('0' + (n & 7));
		return;
	}
	/* GNU's base-256 */
	for (size_t i = f.len; i-- > 1; n = value < 0 ? n >> 8 | (uint64_t)255 << 56 : n >> 8)
		to[i] = (char)(n & 255);
	to[0] = value < 0 ? (char)0xff : (char)0x80;
}

static unsigned checksum(const char *block)
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= f_sum.at && i < f_sum.at + f_sum.len ? ' ' : (unsigned char)block[i];
	return sum;
}

static int put_block(struct buf *out, const char *name, const char *link, char type, unsigned mode, uint64_t size,
		     int64_t mtime)
{
	char block[TAR_BLOCK] = { 0 };

	memcpy(block + f_name.at, name, strnlen(name, f_name.len));
	memcpy(block + f_link.at, link, strnlen(link, f_link.len));
	block[TYPE_AT] = type;
	put_number(block, f_mode, mode);
	put_number(block, f_uid, 0);
	put_number(block, f_gid, 0);
	put_number(block, f_size, (int64_t)size);
	put_number(block, f_mtime, mtime);
	memcpy(block + MAGIC_AT, "ustar\00000", 8);
	/* six digits, NUL, space */
	put_number(block, (struct field){ f_sum.at, 7 }, checksum(block));
	block[f_sum.at + 7] = ' ';
	return buf_add(out, block, sizeof(block));
}

static int put_zeros(struct buf *out, size_t n)
{
	static const char zeros[2 * TAR_BLOCK];

	return buf_add(out, zeros, n);
}

/* A name that the header has no room for goes before it. */
static int put_long(struct buf *out, char type, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > TAR_NAME_MAX || put_block(out, "././@LongLink", "", type, 0, len, 0) != 0 ||
	    buf_add(out, text, len) != 0)
		return -1;
	return put_zeros(out, tar_padding(len));
}

/* What is finer than seconds: "LEN mtime=-1.75\n", where LEN counts itself. */
static int put_time(struct buf *out, int64_t seconds, long nanoseconds)
{
	bool before = seconds < 0;
	unsigned long long whole = before ? (unsigned long long)-(seconds + 1) : (unsigned long long)seconds;
	long part = before ? 1000000000 - nanoseconds : nanoseconds;
	char text[64];
	int len = snprintf(text, sizeof(text), "00 mtime=%s%llu.%09ld\n", before ? "-" : "", whole, part);

	/* two digits of it: from 20 to 50 bytes */
	text[0] = (char)('0' + len / 10);
	text[1] = (char)('0' + len % 10);
	if (put_block(out, "././@PaxHeader", "", 'x', 0644, (uint64_t)len, 0) != 0 || buf_add(out, text, (size_t)len) != 0)
		return -1;
	return put_zeros(out, tar_padding((uint64_t)len));
}

int tar_header(struct buf *out, const struct tar_entry *e)
{
	if (e->nanoseconds && put_time(out, e->mtime, e->nanoseconds) != 0)
		return -1;
	if (strlen(e->link) > f_link.len && put_long(out, 'K', e->link) != 0)
		return -1;
	if (strlen(e->name) > f_name.len && put_long(out, 'L', e->name) != 0)
		return -1;
	return put_block(out, e->name, e->link, e->type, e->mode, e->size, e->mtime);
}

size_t tar_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

int tar_end(struct buf *out)
{
	return put_zeros(out, (size_t)2 * TAR_BLOCK);
}

/* ---- reading ---- */

struct tar_reader {
	const struct tar_events *events;
	void *arg;
	char block[TAR_BLOCK];
	size_t filled;		/* of block */
	uint64_t left;		/* content still to come */
	size_t padding;		/* then this */
	char content;		/* whose: 0 a header is next, 'L' 'K' 'x', '?' nobody's, or '0' a file's */
	struct buf text;	/* of 'L', 'K', 'x' */
	char name[TAR_NAME_MAX], link[TAR_NAME_MAX];	/* from 'L', 'K', 'x': of the next entry; "" none */
	uint64_t size;		/* from 'x' */
	int64_t mtime;
	bool has_size, has_mtime;
};

struct tar_reader *tar_reader_new(const struct tar_events *events, void *arg)
{
	struct tar_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->events = events;
	r->arg = arg;
	buf_init(&r->text, (size_t)4 * TAR_NAME_MAX);
	return r;
}

void tar_reader_free(struct tar_reader *r)
{
	if (r)
		buf_release(&r->text);
	free(r);
}

static int malformed(struct dt_err *err, const char *what)
{
	return err_set(err, ERR_FAIL, "malformed archive: %s", what);
}

/* Octal digits after blanks, up to a blank or NUL; or base-256.  0, or -1. */
static int get_number(const char *block, struct field f, uint64_t *out)
{
	const unsigned char *p = (const unsigned char *)block + f.at;
	size_t i = 0;
	uint64_t n = 0;

	if (p[0] == 0x80) {
		for (i = 1; i < f.len; i++) {
			if (n >> 55)
				return -1;
			n = n << 8 | p[i];
		}
		*out = n;
		return 0;
	}
	while (i < f.len && p[i] == ' ')
		i++;
	for (; i < f.len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (n >> 60)
			return -1;
		n = n << 3 | (uint64_t)(p[i] - '0');
	}
	if (i < f.len && p[i] != ' ' && p[i] != '\0')
		return -1;
	*out = n;
	return 0;
}

/* One record of pax: "LEN KEY=VALUE\n".  Its length, or 0 where there is none. */
static size_t pax_record(const char *text, size_t len, const char **key, const char **value, size_t *value_len)
{
	size_t n = 0, i = 0;
	const char *equal;

	for (; i < len && text[i] >= '0' && text[i] <= '9' && n < len; i++)
		n = n * 10 + (size_t)(text[i] - '0');
	if (i == len || text[i] != ' ' || n > len || n < i + 3 || text[n - 1] != '\n')
		return 0;
	*key = text + i + 1;
	equal = memchr(*key, '=', n - i - 2);
	if (!equal)
		return 0;
	*value = equal + 1;
	*value_len = (size_t)(text + n - 1 - *value);
	return n;
}

static int take_name(char to[TAR_NAME_MAX], const char *text, size_t len, struct dt_err *err)
{
	if (len >= TAR_NAME_MAX)
		return malformed(err, "a name is too long");
	if (memchr(text, '\0', len))
		return malformed(err, "a name with a NUL byte");
	memcpy(to, text, len);
	to[len] = '\0';
	return 0;
}

/* Digits up to the end or a point.  0, or -1. */
static int decimal(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		if (n > UINT64_MAX / 16)
			return -1;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*out = n;
	return i && (i == len || text[i] == '.') ? 0 : -1;
}

static bool is_key(const char *key, const char *value, const char *name)
{
	return (size_t)(value - 1 - key) == strlen(name) && memcmp(key, name, strlen(name)) == 0;
}

static int take_pax(struct tar_reader *r, struct dt_err *err)
{
	const char *key, *value;
	size_t len, n;
	uint64_t number;

	for (size_t at = 0; at < r->text.len; at += n) {
		n = pax_record(r->text.data + at, r->text.len - at, &key, &value, &len);
		if (!n)
			return malformed(err, "a pax record");
		if (is_key(key, value, "path") && take_name(r->name, value, len, err) != 0)
			return -1;
		if (is_key(key, value, "linkpath") && take_name(r->link, value, len, err) != 0)
			return -1;
		if (is_key(key, value, "size")) {
			if (decimal(value, len, &r->size) != 0 || r->size > INT64_MAX)
				return malformed(err, "a size");
			r->has_size = true;
		}
		/* one before 1970 is none */
		if (is_key(key, value, "mtime") && decimal(value, len, &number) == 0 && number < INT64_MAX) {
			r->mtime = (int64_t)number;
			r->has_mtime = true;
		}
	}
	return 0;
}

/* The content of 'L', 'K' or 'x' is there. */
static int take_text(struct tar_reader *r, struct dt_err *err)
{
	size_t len = strnlen(r->text.data, r->text.len);

	if (r->content == 'L')
		return take_name(r->name, r->text.data, len, err);
	if (r->content == 'K')
		return take_name(r->link, r->text.data, len, err);
	return take_pax(r, err);
}

static int end_content(struct tar_reader *r, struct dt_err *err)
{
	char was = r->content;

	if (r->left)
		return 0;
	if (was == TAR_FILE) {
		r->content = 0;
		return r->events->done(r->arg, err);
	}
	if (was != '?' && take_text(r, err) != 0)
		return -1;
	r->content = 0;
	return 0;
}

static void name_of(struct tar_reader *r)
{
	const char *b = r->block;
	size_t prefix = memcmp(b + MAGIC_AT, "ustar\0", 6) == 0 ? strnlen(b + f_prefix.at, f_prefix.len) : 0,
	       len = strnlen(b + f_name.at, f_name.len);

	if (!*r->name) {
		memcpy(r->name, b + f_prefix.at, prefix);
		if (prefix)
			r->name[prefix++] = '/';
		memcpy(r->name + prefix, b + f_name.at, len);
		r->name[prefix + len] = '\0';
	}
	if (!*r->link) {
		len = strnlen(b + f_link.at, f_link.len);
		memcpy(r->link, b + f_link.at, len);
		r->link[len] = '\0';
	}
}

/* An entry's header: tells of it. */
static int take_entry(struct tar_reader *r, uint64_t size, struct dt_err *err)
{
	struct tar_entry e = { .name = r->name, .link = r->link, .type = r->block[TYPE_AT] };
	uint64_t mode, mtime = 0;

	if (e.type == '\0' || e.type == '7')
		e.type = TAR_FILE;
	if (get_number(r->block, f_mode, &mode) != 0)
		return malformed(err, "a mode");
	if (get_number(r->block, f_mtime, &mtime) != 0 || mtime > INT64_MAX)
		mtime = 0;
	name_of(r);
	e.mode = (unsigned)(mode & 07777);
	e.size = e.type == TAR_FILE ? r->has_size ? r->size : size : 0;
	e.mtime = r->has_mtime ? r->mtime : (int64_t)mtime;
	/* what has no content here may still bring some that nobody wants */
	r->left = e.type == TAR_FILE ? e.size : e.type == TAR_HARDLINK || e.type == TAR_SYMLINK || e.type == TAR_FOLDER ? 0 : size;
	r->content = e.type == TAR_FILE ? TAR_FILE : '?';
	r->padding = tar_padding(r->left);
	if (r->events->entry(r->arg, &e, err) != 0)
		return -1;
	*r->name = *r->link = '\0';
	r->has_size = r->has_mtime = false;
	return end_content(r, err);
}

static int take_header(struct tar_reader *r, struct dt_err *err)
{
	static const char zeros[TAR_BLOCK];
	uint64_t size, sum;
	char type = r->block[TYPE_AT];

	/* an end; but another archive may follow */
	if (memcmp(r->block, zeros, sizeof(zeros)) == 0)
		return 0;
	if (get_number(r->block, f_sum, &sum) != 0 || sum != checksum(r->block))
		return malformed(err, "a wrong checksum");
	if (get_number(r->block, f_size, &size) != 0 || size > INT64_MAX)
		return malformed(err, "a size");
	if (type != 'L' && type != 'K' && type != 'x' && type != 'g')
		return take_entry(r, size, err);
	if (type != 'g' && size >= r->text.max)
		return malformed(err, "a name is too long");
	buf_clear(&r->text);
	r->left = size;
	r->padding = tar_padding(size);
	r->content = type == 'g' ? '?' : type;
	return end_content(r, err);
}

static int take_content(struct tar_reader *r, const char *data, size_t len, struct dt_err *err)
{
	r->left -= len;
	if (r->content == TAR_FILE && r->events->data(r->arg, data, len, err) != 0)
		return -1;
	if (r->content != TAR_FILE && r->content != '?' && buf_add(&r->text, data, len) != 0)
		return err_nomem(err);
	return end_content(r, err);
}

int tar_reader_add(struct tar_reader *r, const char *data, size_t len, struct dt_err *err)
{
	while (len) {
		size_t n = len;

		if (r->left) {
			n = n < r->left ? n : (size_t)r->left;
			if (take_content(r, data, n, err) != 0)
				return -1;
		} else if (r->padding) {
			n = n < r->padding ? n : r->padding;
			r->padding -= n;
		} else {
			n = n < TAR_BLOCK - r->filled ? n : TAR_BLOCK - r->filled;
			memcpy(r->block + r->filled, data, n);
			r->filled += n;
			if (r->filled == TAR_BLOCK) {
				r->filled = 0;
				if (take_header(r, err) != 0)
					return -1;
			}
		}
		data += n;
		len -= n;
	}
	return 0;
}
