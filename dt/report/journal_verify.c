/*
 * Is the journal what dt wrote?  Rows are walked in pieces, so that writers
 * come in between; what they add is walked too, and what they prune is let go.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/report/journal_impl.h"

#define PIECE 1000
#define SHOWN 100
#define ANCHORS_MAX (1UL << 20)	/* bytes of an anchor file */

struct anchor {
	int64_t seq;
	unsigned char hash[SHA256_SIZE];
	bool seen;
};

struct verifying {
	struct db *db;
	struct sha256 *sum;
	struct buf canon, content;
	struct chain chain;	/* as it was at the beginning of the piece */
	int64_t at;		/* the last row that was walked */
	unsigned char hash[SHA256_SIZE];	/* the one that is kept with it */
	bool broken;		/* no row is there to say what the next one follows */
	int64_t jobs;		/* the highest number */
	int64_t pruned;		/* what the last prune row says */
	unsigned char prune_hash[SHA256_SIZE];
	struct anchor *anchors;	/* by seq */
	size_t anchor_count, next_anchor;
	void (*found)(void *arg, const char *what);
	void *arg;
	struct journal_verdict *v;
};

static void fault(struct verifying *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct verifying *x, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (x->v->faults++ >= SHOWN || !x->found)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->found(x->arg, text);
}

static bool same(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, SHA256_SIZE) == 0;
}

/* ---- rows ---- */

static int canon_row(struct db_stmt *st, struct buf *out)
{
	int r = 0;

	buf_clear(out);
	for (int i = 0; i < JOURNAL_COLUMN_COUNT && r == 0; i++) {
		enum db_type type = db_type(st, i);
		const void *data;
		size_t len;

		if (type == DB_NULL) {
			r = canon_null(out);
		} else if (type == DB_INT) {
			r = canon_int(out, db_int(st, i));
		} else {
			data = db_blob(st, i, &len);
			r = canon_bytes(out, type == DB_TEXT ? 't' : type == DB_BLOB ? 'b' : 'r', data, len);
		}
	}
	return r;
}

static void look_at_anchors(struct verifying *x)
{
	for (; x->next_anchor < x->anchor_count && x->anchors[x->next_anchor].seq <= x->at; x->next_anchor++) {
		struct anchor *a = &x->anchors[x->next_anchor];

		a->seen = a->seq == x->at;
		if (a->seen && !same(a->hash, x->hash))
			fault(x, "entry %" PRId64 " is not the one of the anchor: the journal was written anew", a->seq);
	}
}

static void look_at_prune(struct verifying *x, struct db_stmt *st)
{
	char hex[SHA256_HEX + 1];

	if (sscanf(db_text(st, 10), "{\"through\":%" SCNd64 ",\"hash\":\"%64[0-9a-f]\"}", &x->pruned, hex) != 2 ||
	    sha256_parse(hex, x->prune_hash) != 0)
		x->pruned = -1;
}

static int walk_row(struct verifying *x, struct db_stmt *st, struct dt_err *err)
{
	unsigned char should[SHA256_SIZE];
	int64_t seq = db_int(st, 0);
	const void *hash;
	size_t len;

	if (seq != x->at + 1) {
		if (seq == x->at + 2)
			fault(x, "entry %" PRId64 " is missing", x->at + 1);
		else
			fault(x, "entries %" PRId64 " to %" PRId64 " are missing", x->at + 1, seq > INT64_MIN ? seq - 1 : seq);
		x->broken = true;
	}
	if (canon_row(st, &x->canon) != 0)
		return err_nomem(err);
	hash = db_blob(st, JOURNAL_COLUMN_COUNT, &len);
	canon_hash(x->sum, x->hash, &x->canon, should);
	x->at = seq;
	if (!hash || len != SHA256_SIZE) {
		fault(x, "entry %" PRId64 " was changed", seq);
		memcpy(x->hash, should, SHA256_SIZE);
	} else {
		if (!x->broken && memcmp(should, hash, SHA256_SIZE) != 0)
			fault(x, "entry %" PRId64 " was changed, or is not the one that followed", seq);
		memcpy(x->hash, hash, SHA256_SIZE);
	}
	x->broken = false;
	x->v->rows++;
	if (db_type(st, 1) == DB_INT && db_int(st, 1) > x->jobs)
		x->jobs = db_int(st, 1);
	if (strcmp(db_text(st, 2), "prune") == 0)
		look_at_prune(x, st);
	look_at_anchors(x);
	return 0;
}

static int walk_piece(struct verifying *x, bool *more, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	*more = false;
	/* one transaction, so that chain and rows belong together */
	if (db_exec(x->db, "BEGIN", err) != 0)
		return -1;
	r = chain_read(x->db, &x->chain, err);
	if (r == 0 && x->chain.base_seq > x->at) {	/* pruned meanwhile, or before */
		x->at = x->chain.base_seq;
		memcpy(x->hash, x->chain.base, SHA256_SIZE);
	}
	if (r == 0)
		r = db_prepare(x->db, "SELECT " JOURNAL_COLUMNS ", hash FROM entry WHERE seq > ? ORDER BY seq LIMIT 1000", &st, err);
	if (r == 0) {
		db_bind_int(st, 1, x->at);
		for (size_t n = 0; (r = db_step(st, err)) == 1; *more = ++n == PIECE)
			if (walk_row(x, st, err) != 0) {
				r = -1;
				break;
			}
		db_reset(st);
	}
	return db_exec(x->db, "COMMIT", err) == 0 ? r : -1;
}

/* One number; NULL is 0. */
static int ask(struct verifying *x, const char *sql, int64_t *out, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	*out = 0;
	if (db_prepare(x->db, sql, &st, err) != 0)
		return -1;
	r = db_step(st, err);
	if (r == 1)
		*out = db_int(st, 0);
	db_reset(st);
	return r < 0 ? -1 : 0;
}

/* The beginning and the end are where the chain says. */
static int walk_ends(struct verifying *x, struct dt_err *err)
{
	static const unsigned char zero[SHA256_SIZE];
	const struct chain *c = &x->chain;
	int64_t early;

	if (ask(x, "SELECT count(*) FROM entry WHERE seq <= (SELECT base_seq FROM chain)", &early, err) != 0)
		return -1;
	if (early)
		fault(x, "%" PRId64 " entries stand before the beginning", early);
	if (c->head_seq > x->at)
		fault(x, "entries %" PRId64 " to %" PRId64 " are missing at the end", x->at + 1, c->head_seq);
	else if (c->head_seq < x->at)
		fault(x, "entries %" PRId64 " to %" PRId64 " are behind the end", c->head_seq + 1, x->at);
	else if (!same(c->head, x->hash))
		fault(x, "entry %" PRId64 " is not the one that was the last", x->at);
	if (c->base_seq != x->pruned || !same(c->base, x->pruned ? x->prune_hash : zero))
		fault(x, "the beginning was removed, and not by dt: no entry tells of it");
	if (c->last_job != x->jobs)
		fault(x, "the last job is %" PRId64 ", and should be %" PRId64, x->jobs, c->last_job);
	x->v->pruned = c->base_seq;
	for (size_t i = 0; i < x->anchor_count; i++) {
		struct anchor *a = &x->anchors[i];

		if (a->seen)
			continue;
		if (a->seq < c->base_seq)
			x->v->too_old++;
		else if (a->seq == c->base_seq) {
			if (!same(a->hash, c->base))
				fault(x, "what was pruned is not what the anchor of entry %" PRId64 " knows", a->seq);
		} else {
			fault(x, "entry %" PRId64 ", which an anchor knows, is missing", a->seq);
		}
	}
	return 0;
}

/* ---- contents ---- */

static int walk_contents(struct verifying *x, unsigned char *after, size_t *after_len, bool *more, struct dt_err *err)
{
	unsigned char sum[SHA256_SIZE];
	struct db_stmt *st;
	int r;

	*more = false;
	if (db_prepare(x->db, "SELECT hash, packed, size, data, last FROM content WHERE hash > ? ORDER BY hash LIMIT 100", &st,
		       err) != 0)
		return -1;
	db_bind_blob(st, 1, after, *after_len);
	while ((r = db_step(st, err)) == 1) {
		size_t hash_len, len;
		const void *hash = db_blob(st, 0, &hash_len);
		const char *data;
		bool ok = hash && hash_len == SHA256_SIZE;

		*more = true;
		x->v->contents++;
		*after_len = ok ? hash_len : hash_len < SHA256_SIZE ? hash_len : SHA256_SIZE;
		if (hash)
			memcpy(after, hash, *after_len);
		buf_clear(&x->content);
		data = db_blob(st, 3, &len);
		/* one way to say each, so that every change shows */
		ok = ok && data && (db_int(st, 1) == 0 || db_int(st, 1) == 1);
		if (ok && db_int(st, 1))
			ok = unpack_bytes(data, len, &x->content) == 0;
		else if (ok)
			ok = buf_add(&x->content, data, len) == 0;
		sha256_add(x->sum, x->content.data, x->content.len);
		sha256_end(x->sum, sum);
		if (!ok || (int64_t)x->content.len != db_int(st, 2) || memcmp(sum, hash, SHA256_SIZE) != 0)
			fault(x, "a content of entry %" PRId64 " was changed", db_int(st, 4));
	}
	db_reset(st);
	return r;
}

/* Which rows name what is not there, and who is kept though no row names it. */
static int walk_names(struct verifying *x, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(x->db, "SELECT min(e.seq), e.job FROM entry e LEFT JOIN content c ON c.hash = e.output"
		       " WHERE e.output IS NOT NULL AND c.hash IS NULL GROUP BY e.output", &st, err) != 0)
		return -1;
	while ((r = db_step(st, err)) == 1)
		fault(x, "the content of entry %" PRId64 " (job %" PRId64 ") is missing", db_int(st, 0), db_int(st, 1));
	db_reset(st);
	if (r != 0 || db_prepare(x->db, "SELECT c.last FROM content c LEFT JOIN (SELECT output, max(seq) AS m FROM entry"
				 " WHERE output IS NOT NULL GROUP BY output) e ON e.output = c.hash WHERE c.last IS NOT e.m",
				 &st, err) != 0)
		return -1;
	while ((r = db_step(st, err)) == 1)
		fault(x, "a content is kept for entry %" PRId64 ", which does not name it", db_int(st, 0));
	db_reset(st);
	return r;
}

static int check_file(struct verifying *x, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(x->db, "PRAGMA integrity_check(10)", &st, err) != 0)
		return -1;
	while ((r = db_step(st, err)) == 1)
		if (strcmp(db_text(st, 0), "ok") != 0)
			fault(x, "the file is damaged: %s", db_text(st, 0));
	db_reset(st);
	return r;
}

/* ---- anchors ---- */

static int by_seq(const void *a, const void *b)
{
	const struct anchor *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int read_anchors(struct verifying *x, const char *path, struct dt_err *err)
{
	struct buf text;
	int line = 0, r;

	buf_init(&text, ANCHORS_MAX);
	r = read_file(path, &text, err);
	for (char *p = text.data, *nl; r == 0 && *p; p = nl + 1) {
		struct anchor a = { .seen = false }, *more;
		char hex[SHA256_HEX + 1];

		line++;
		nl = strchr(p, '\n');
		if (!nl || sscanf(p, "%" SCNd64 " %64[0-9a-f]", &a.seq, hex) != 2 || strlen(hex) != SHA256_HEX ||
		    sha256_parse(hex, a.hash) != 0 || a.seq < 0) {
			r = err_set(err, ERR_USAGE, "%s:%d: not a line of an anchor (NUMBER HASH)", path, line);
			break;
		}
		more = realloc(x->anchors, (x->anchor_count + 1) * sizeof(*more));
		if (!more) {
			r = err_nomem(err);
			break;
		}
		x->anchors = more;
		more[x->anchor_count++] = a;
	}
	if (x->anchor_count)
		qsort(x->anchors, x->anchor_count, sizeof(*x->anchors), by_seq);
	else if (r == 0)
		r = err_set(err, ERR_USAGE, "%s: no anchor is in it", path);
	x->v->anchors = x->anchor_count;
	buf_release(&text);
	return r;
}

static int open_journal(const char *path, struct db **out, struct dt_err *err)
{
	if (db_open(path, true, JOURNAL_APP, JOURNAL_VERSION, journal_schema, out, err) != 0)
		return -1;
	return *out ? 0 : err_set(err, ERR_USAGE, "%s: there is no journal", path);
}

static int walk(struct verifying *x, struct dt_err *err)
{
	unsigned char after[SHA256_SIZE] = { 0 };
	size_t after_len = 0;
	bool more = true;

	if (check_file(x, err) != 0)
		return -1;
	while (more)
		if (walk_piece(x, &more, err) != 0)
			return -1;
	if (walk_ends(x, err) != 0)
		return -1;
	for (more = true; more;)
		if (walk_contents(x, after, &after_len, &more, err) != 0)
			return -1;
	return walk_names(x, err);
}

int journal_verify(const char *path, const char *anchor, void (*found)(void *arg, const char *what), void *arg,
		   struct journal_verdict *v, struct dt_err *err)
{
	struct verifying x = { .found = found, .arg = arg, .v = v };
	int r = -1;

	memset(v, 0, sizeof(*v));
	if (open_journal(path, &x.db, err) != 0)
		return -1;
	buf_init(&x.canon, JOURNAL_ROW_MAX);
	buf_init(&x.content, JOURNAL_ROW_MAX);
	x.sum = sha256_new();
	if (!x.sum)
		(void)err_nomem(err);
	else if (!anchor || read_anchors(&x, anchor, err) == 0)
		r = walk(&x, err);
	sha256_free(x.sum);
	buf_release(&x.canon);
	buf_release(&x.content);
	free(x.anchors);
	db_close(x.db);
	return r;
}

int journal_anchor(const char *path, const char *anchor, struct dt_err *err)
{
	char hex[SHA256_HEX + 1], line[128];
	struct chain chain;
	struct db *db;
	int fd, n, r;

	if (open_journal(path, &db, err) != 0)
		return -1;
	r = chain_read(db, &chain, err);
	db_close(db);
	if (r != 0)
		return -1;
	sha256_hex(chain.head, hex);
	n = snprintf(line, sizeof(line), "%" PRId64 " %s\n", chain.head_seq, hex);
	fd = open(anchor, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return err_sys(err, ERR_USAGE, errno, "%s", anchor);
	errno = ENOSPC;	/* of a write that is cut short */
	r = write(fd, line, (size_t)n) == n && fsync(fd) == 0 ? 0 : err_sys(err, ERR_FAIL, errno, "%s", anchor);
	if (close(fd) != 0 && r == 0)
		r = err_sys(err, ERR_FAIL, errno, "%s", anchor);
	return r;
}
