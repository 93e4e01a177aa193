#include "dt/report/journal_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One after the other writes; who waits longer than that goes without. */
#define LOCK_MS 60000
#define HURRY_MS 2000
#define LOCK_STEP_MS 20
/* SQLite takes no value above 1,000,000,000 bytes. */
#define OUTPUT_MAX (512U << 20)
/* Shorter contents do not shrink. */
#define PACK_MIN 200

const char journal_schema[] =
	"CREATE TABLE entry (seq INTEGER PRIMARY KEY, job INTEGER, kind TEXT NOT NULL, at INTEGER NOT NULL, host INTEGER,"
	" status TEXT, rc INTEGER, signal TEXT, began INTEGER, ended INTEGER, data TEXT, output BLOB, runs BLOB,"
	" hash BLOB NOT NULL) STRICT;"
	"CREATE INDEX entry_job ON entry (kind, job, host);"
	"CREATE TABLE content (hash BLOB PRIMARY KEY, size INTEGER NOT NULL, packed INTEGER NOT NULL,"
	" last INTEGER NOT NULL, data BLOB NOT NULL) STRICT;"
	"CREATE TABLE chain (id INTEGER PRIMARY KEY CHECK (id = 1), base_seq INTEGER NOT NULL, base_hash BLOB NOT NULL,"
	" head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL, last_job INTEGER NOT NULL) STRICT;"
	"INSERT INTO chain VALUES (1, 0, zeroblob(32), 0, zeroblob(32), 0);";

/* Runs by their time; a journal that an older dt has made gets it later.  No row changes by it, nor the chain. */
static const char journal_index[] =
	"CREATE INDEX IF NOT EXISTS entry_began ON entry (at, job) WHERE kind = 'job'";

char *journal_path(struct dt_err *err)
{
	return xdg_path("XDG_STATE_HOME", ".local/state", "dt/journal.db", err);
}

int64_t wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the chain ---- */

int canon_null(struct buf *b)
{
	return buf_addc(b, 'n');
}

static int add_u64(struct buf *b, char tag, uint64_t n)
{
	char bytes[9] = { tag };

	for (int i = 8; i > 0; i--, n >>= 8)
		bytes[i] = (char)(n & 0xff);
	return buf_add(b, bytes, sizeof(bytes));
}

int canon_int(struct buf *b, int64_t n)
{
	return add_u64(b, 'i', (uint64_t)n);
}

int canon_bytes(struct buf *b, char tag, const void *data, size_t len)
{
	return add_u64(b, tag, len) != 0 || (len && buf_add(b, data, len) != 0) ? -1 : 0;
}

void canon_hash(struct sha256 *sum, const unsigned char before[SHA256_SIZE], const struct buf *bytes,
		unsigned char hash[SHA256_SIZE])
{
	sha256_add(sum, before, SHA256_SIZE);
	sha256_add(sum, bytes->data, bytes->len);
	sha256_end(sum, hash);
}

static void take_hash(struct db_stmt *st, int col, unsigned char hash[SHA256_SIZE])
{
	size_t len;
	const void *data = db_blob(st, col, &len);

	memset(hash, 0, SHA256_SIZE);
	if (data && len == SHA256_SIZE)
		memcpy(hash, data, SHA256_SIZE);
}

#define CHAIN_MAX (INT64_C(1) << 62)

int chain_read(struct db *db, struct chain *c, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(db, "SELECT base_seq, base_hash, head_seq, head_hash, last_job FROM chain WHERE id = 1", &st, err) != 0)
		return -1;
	r = db_step(st, err);
	if (r == 1) {
		c->base_seq = db_int(st, 0);
		take_hash(st, 1, c->base);
		c->head_seq = db_int(st, 2);
		take_hash(st, 3, c->head);
		c->last_job = db_int(st, 4);
	}
	db_reset(st);
	/* each entry and each job adds one */
	if (r == 1 && (c->base_seq < 0 || c->head_seq < c->base_seq || c->head_seq > CHAIN_MAX || c->last_job < 0 ||
		       c->last_job > CHAIN_MAX))
		return err_set(err, ERR_USAGE, "the journal's chain is damaged: it names numbers that it cannot have come to");
	return r == 1 ? 0 : r == 0 ? err_set(err, ERR_USAGE, "a journal without its chain") : -1;
}

/* A database's errors are about what the user gave; here it is dt's own file. */
static int as_own(const struct journal *j, struct dt_err *err)
{
	err->code = ERR_FAIL;
	if (!strstr(err->msg, j->path))
		err_prefix(err, "%s", j->path);
	return -1;
}

/* ---- turns ---- */

/*
 * SQLite's own waiting is not fair: among many writers one may wait for ever.
 * A writer that is stopped inside its transaction holds up the others, but
 * not for ever.
 */
static int lock(struct journal *j, struct dt_err *err)
{
	struct pollfd hurry = { .fd = j->hurry_fd, .events = POLLIN };
	int64_t end = now_ms() + LOCK_MS;

	while (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		unsigned char random;
		struct timespec t = { 0, 0 };

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, ERR_FAIL, errno, "%s: lock", j->path);
		if (hurry.fd >= 0 && poll(&hurry, 1, 0) > 0) {
			end = deadline_min(end, now_ms() + HURRY_MS);
			hurry.fd = -1;
		}
		if (now_ms() >= end)
			return err_set(err, ERR_FAIL, "%s: another dt has been writing for %d s", j->path,
				       (hurry.fd == j->hurry_fd ? LOCK_MS : HURRY_MS) / 1000);
		random_bytes(&random, sizeof(random));
		t.tv_nsec = 1000000L + random * (LOCK_STEP_MS - 1) * 1000000L / 255;
		(void)nanosleep(&t, NULL);
	}
	return 0;
}

static void unlock(struct journal *j)
{
	(void)flock(j->lock_fd, LOCK_UN);
}

int journal_begin(struct journal *j, struct dt_err *err)
{
	if (lock(j, err) != 0)
		return -1;
	if (db_exec(j->db, "BEGIN IMMEDIATE", err) != 0) {
		unlock(j);
		return as_own(j, err);
	}
	if (chain_read(j->db, &j->chain, err) == 0)
		return 0;
	journal_rollback(j);
	return as_own(j, err);
}

void journal_rollback(struct journal *j)
{
	struct dt_err ignored;

	/* SQLite may have done it already */
	(void)db_exec(j->db, "ROLLBACK", &ignored);
	unlock(j);
}

int journal_commit(struct journal *j, struct dt_err *err)
{
	const struct chain *c = &j->chain;
	struct db_stmt *st;
	int r = db_prepare(j->db, "UPDATE chain SET base_seq = ?, base_hash = ?, head_seq = ?, head_hash = ?, last_job = ?",
			   &st, err);

	if (r == 0) {
		db_bind_int(st, 1, c->base_seq);
		db_bind_blob(st, 2, c->base, SHA256_SIZE);
		db_bind_int(st, 3, c->head_seq);
		db_bind_blob(st, 4, c->head, SHA256_SIZE);
		db_bind_int(st, 5, c->last_job);
		r = db_step(st, err);
		db_reset(st);
	}
	if (r == 0 && db_exec(j->db, "COMMIT", err) == 0) {
		unlock(j);
		return 0;
	}
	journal_rollback(j);
	return as_own(j, err);
}

/* ---- rows ---- */

/* A row on its way into the table and, as bytes, into the chain. */
struct filling {
	struct db_stmt *st;
	struct buf *canon;
	int i, r;
};

static void put_int(struct filling *f, bool is, int64_t n)
{
	if (is)
		db_bind_int(f->st, ++f->i, n);
	else
		db_bind_text(f->st, ++f->i, NULL);
	f->r |= is ? canon_int(f->canon, n) : canon_null(f->canon);
}

static void put_text(struct filling *f, const char *text)
{
	db_bind_text(f->st, ++f->i, text);
	f->r |= text ? canon_bytes(f->canon, 't', text, strlen(text)) : canon_null(f->canon);
}

static void put_blob(struct filling *f, const void *data, size_t len)
{
	db_bind_blob(f->st, ++f->i, data, len);
	f->r |= data ? canon_bytes(f->canon, 'b', data, len) : canon_null(f->canon);
}

int journal_append(struct journal *j, const struct entry *e, struct dt_err *err)
{
	struct filling f = { .canon = &j->canon };
	unsigned char hash[SHA256_SIZE];
	int r;

	if (db_prepare(j->db, "INSERT INTO entry (" JOURNAL_COLUMNS ", hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &f.st,
		       err) != 0)
		return -1;
	buf_clear(&j->canon);
	put_int(&f, true, j->chain.head_seq + 1);
	put_int(&f, e->job != 0, e->job);
	put_text(&f, e->kind);
	put_int(&f, true, wall_ms());
	put_int(&f, e->host >= 0, e->host);
	put_text(&f, e->status);
	put_int(&f, e->rc >= 0, e->rc);
	put_text(&f, e->signal && *e->signal ? e->signal : NULL);
	put_int(&f, e->began != 0, e->began);
	put_int(&f, e->ended != 0, e->ended);
	put_text(&f, e->data);
	put_blob(&f, e->output, SHA256_SIZE);
	put_blob(&f, e->runs, e->runs_len);
	canon_hash(j->sum, j->chain.head, &j->canon, hash);
	db_bind_blob(f.st, ++f.i, hash, sizeof(hash));
	r = f.r ? err_nomem(err) : db_step(f.st, err);
	db_reset(f.st);
	if (r != 0)
		return -1;
	j->chain.head_seq++;
	j->written++;
	memcpy(j->chain.head, hash, sizeof(hash));
	return 0;
}

/* Known already: from now on the next row is the last one that names it. */
static int touch_content(struct journal *j, const unsigned char *hash, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(j->db, "UPDATE content SET last = ? WHERE hash = ?", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, j->chain.head_seq + 1);
	db_bind_blob(st, 2, hash, SHA256_SIZE);
	r = db_step(st, err);
	db_reset(st);
	return r == 0 ? db_changes(j->db) > 0 : -1;
}

int journal_content(struct journal *j, const void *data, size_t len, unsigned char hash[SHA256_SIZE],
		    struct dt_err *err)
{
	struct db_stmt *st;
	bool packed;
	int r;

	sha256_add(j->sum, data, len);
	sha256_end(j->sum, hash);
	r = touch_content(j, hash, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	buf_clear(&j->packed);
	packed = len >= PACK_MIN && pack_bytes(j->pack, data, len, &j->packed) == 0 && j->packed.len < len - len / 8;
	if (db_prepare(j->db, "INSERT INTO content (hash, size, packed, last, data) VALUES (?,?,?,?,?)", &st, err) != 0)
		return -1;
	db_bind_blob(st, 1, hash, SHA256_SIZE);
	db_bind_int(st, 2, (int64_t)len);
	db_bind_int(st, 3, packed);
	db_bind_int(st, 4, j->chain.head_seq + 1);
	db_bind_blob(st, 5, packed ? j->packed.data : data, packed ? j->packed.len : len);
	r = db_step(st, err);
	db_reset(st);
	return r;
}

int content_get(struct db *db, const void *hash, struct buf *out, struct dt_err *err)
{
	struct db_stmt *st;
	size_t len, before = out->len;
	const char *data;
	int r;

	if (db_prepare(db, "SELECT data, packed, size FROM content WHERE hash = ?", &st, err) != 0)
		return -1;
	db_bind_blob(st, 1, hash, SHA256_SIZE);
	r = db_step(st, err);
	if (r == 1) {
		data = db_blob(st, 0, &len);
		r = !data ? -1 : db_int(st, 1) ? unpack_bytes(data, len, out) : buf_add(out, data, len);
		if (r != 0 || (int64_t)(out->len - before) != db_int(st, 2))
			r = err_set(err, ERR_FAIL, "a content of the journal is damaged");
	} else if (r == 0) {
		r = err_set(err, ERR_FAIL, "a content of the journal is missing");
	}
	db_reset(st);
	return r;
}

/* ---- open, close ---- */

static int open_files(struct journal *j, struct dt_err *err)
{
	char *lock_path;
	int r;

	if (make_parents(j->path, err) != 0)
		return -1;
	if (asprintf(&lock_path, "%.*s.lock", (int)(strlen(j->path) - (str_ends(j->path, ".db") ? 3 : 0)), j->path) < 0)
		return err_nomem(err);
	j->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
	r = j->lock_fd < 0 ? err_sys(err, ERR_FAIL, errno, "%s", lock_path) : 0;
	free(lock_path);
	if (r != 0 || lock(j, err) != 0)
		return -1;
	/*
	 * No WAL: SQLite 3.7.0 to 3.51.2 can damage such a file where two write at
	 * once (sqlite.org/wal.html, "The WAL-reset bug").
	 */
	r = db_open(j->path, false, JOURNAL_APP, JOURNAL_VERSION, journal_schema, &j->db, err);
	if (r == 0)
		/* a reader that takes long may keep us from committing: as long as another writer may */
		r = db_exec(j->db, "PRAGMA journal_mode = PERSIST; PRAGMA journal_size_limit = 1048576;"
			    "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 60000", err);
	if (r == 0)
		r = db_exec(j->db, journal_index, err);
	unlock(j);
	return r;
}

int journal_open(const char *path, size_t max_output, struct journal **out, struct dt_err *err)
{
	struct journal *j = calloc(1, sizeof(*j));

	*out = NULL;
	if (!j)
		return err_nomem(err);
	j->lock_fd = j->hurry_fd = -1;
	j->max_output = max_output < OUTPUT_MAX ? max_output : OUTPUT_MAX;
	buf_init(&j->canon, JOURNAL_ROW_MAX);
	buf_init(&j->data, JOURNAL_ROW_MAX);
	buf_init(&j->packed, JOURNAL_ROW_MAX);
	j->wall = wall_ms() - now_ms();
	j->path = strdup(path);
	j->sum = sha256_new();
	j->pack = pack_new();
	if (!j->path || !j->sum || !j->pack) {
		journal_close(j);
		return err_nomem(err);
	}
	if (open_files(j, err) != 0) {
		(void)as_own(j, err);
		journal_close(j);
		return -1;
	}
	*out = j;
	return 0;
}

void journal_hurry(struct journal *j, int fd)
{
	j->hurry_fd = fd;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	db_close(j->db);
	if (j->lock_fd >= 0)
		(void)close(j->lock_fd);
	sha256_free(j->sum);
	pack_free(j->pack);
	buf_release(&j->canon);
	buf_release(&j->data);
	buf_release(&j->packed);
	free(j->path);
	free(j);
}

int64_t journal_job(const struct journal *j)
{
	return j->job;
}

void journal_adopt(struct journal *j, int64_t job)
{
	j->job = job;
}
