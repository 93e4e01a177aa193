#include "dt/base/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/util.h"

#define BUSY_MS 10000

struct db_stmt {
	sqlite3_stmt *st;
	struct db *db;
	struct db_stmt *next;
};

struct db {
	sqlite3 *sql;
	char *path;
	struct db_stmt *kept;
};

static int fail(struct db *db, struct dt_err *err)
{
	return err_set(err, ERR_USAGE, "%s: %s", db->path, db->sql ? sqlite3_errmsg(db->sql) : "no memory");
}

int db_exec(struct db *db, const char *sql, struct dt_err *err)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, err);
}

static int pragma(struct db *db, const char *name, int64_t *value, struct dt_err *err)
{
	struct db_stmt *st;
	char sql[64];
	int r;

	(void)snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	if (db_prepare(db, sql, &st, err) != 0)
		return -1;
	r = db_step(st, err);
	*value = r == 1 ? db_int(st, 0) : 0;
	db_reset(st);
	return r < 0 ? -1 : 0;
}

/* A new database gets the schema; an old one must be ours and not from the future. */
static int check(struct db *db, bool read_only, int app, int version, const char *schema, struct dt_err *err)
{
	int64_t has_app, has_version, tables;
	char sql[96];

	if (pragma(db, "application_id", &has_app, err) != 0 || pragma(db, "user_version", &has_version, err) != 0 ||
	    pragma(db, "schema_version", &tables, err) != 0)
		return -1;
	if (has_app == app && has_version > version)
		return err_set(err, ERR_USAGE, "%s: written by a newer dt (format %lld, this one knows %d)", db->path,
			       (long long)has_version, version);
	if (has_app == app)
		return 0;
	if (tables || has_app)
		return err_set(err, ERR_USAGE, "%s: a database, but not one of dt's", db->path);
	if (read_only)
		return err_set(err, ERR_USAGE, "%s: an empty database", db->path);
	/* two dt may find it empty at once: look again inside the transaction */
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", app, version);
	if (db_exec(db, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	if (pragma(db, "application_id", &has_app, err) == 0 && has_app == app)
		return db_exec(db, "COMMIT", err);
	if (db_exec(db, schema, err) == 0 && db_exec(db, sql, err) == 0)
		return 0;
	(void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

static int open_within(const char *path, int wait_ms, bool read_only, int app, int version, const char *schema,
		       struct db **out, struct dt_err *err)
{
	/* where a writer was killed, also a reader must be able to roll back */
	int flags = SQLITE_OPEN_READWRITE | (read_only ? 0 : SQLITE_OPEN_CREATE), fd;
	struct db *db;

	*out = NULL;
	if (read_only && access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!read_only) {
		/*
		 * SQLite would make it with the umask's mode.  One that is there is not opened:
		 * to close it would end all locks that this process has on it.
		 */
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd >= 0)
			(void)close(fd);
		else if (errno != EEXIST || access(path, R_OK | W_OK) != 0)
			return err_sys(err, ERR_USAGE, errno, "%s", path);
	}
	db = calloc(1, sizeof(*db));
	if (!db || !(db->path = strdup(path))) {
		free(db);
		return err_nomem(err);
	}
	if (sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		(void)fail(db, err);
		goto bad;
	}
	(void)sqlite3_extended_result_codes(db->sql, 1);
	(void)sqlite3_busy_timeout(db->sql, wait_ms);
	if (db_exec(db, "PRAGMA foreign_keys=ON", err) != 0 ||
	    (read_only && db_exec(db, "PRAGMA query_only=ON", err) != 0) ||
	    check(db, read_only, app, version, schema, err) != 0)
		goto bad;
	*out = db;
	return 0;
bad:
	db_close(db);
	return -1;
}

int db_open(const char *path, bool read_only, int app, int version, const char *schema, struct db **out,
	    struct dt_err *err)
{
	return open_within(path, BUSY_MS, read_only, app, version, schema, out, err);
}

int db_open_soon(const char *path, int wait_ms, int app, int version, struct db **out, struct dt_err *err)
{
	return open_within(path, wait_ms, true, app, version, "", out, err);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	while (db->kept) {
		struct db_stmt *st = db->kept;

		db->kept = st->next;
		(void)sqlite3_finalize(st->st);
		free(st);
	}
	(void)sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct dt_err *err)
{
	struct db_stmt *st;

	for (st = db->kept; st; st = st->next)
		if (strcmp(sqlite3_sql(st->st), sql) == 0) {
			*out = st;
			return 0;
		}
	*out = NULL;
	st = calloc(1, sizeof(*st));
	if (!st)
		return err_nomem(err);
	if (sqlite3_prepare_v2(db->sql, sql, -1, &st->st, NULL) != SQLITE_OK) {
		free(st);
		return fail(db, err);
	}
	st->db = db;
	st->next = db->kept;
	db->kept = st;
	*out = st;
	return 0;
}

void db_bind_text(struct db_stmt *st, int i, const char *text)
{
	if (text)
		(void)sqlite3_bind_text(st->st, i, text, -1, SQLITE_TRANSIENT);
	else
		(void)sqlite3_bind_null(st->st, i);
}

void db_bind_int(struct db_stmt *st, int i, int64_t n)
{
	(void)sqlite3_bind_int64(st->st, i, n);
}

int db_step(struct db_stmt *st, struct dt_err *err)
{
	int rc = sqlite3_step(st->st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(st->db, err);
}

const char *db_text(struct db_stmt *st, int col)
{
	const unsigned char *text = sqlite3_column_text(st->st, col);

	return text ? (const char *)text : "";
}

int64_t db_int(struct db_stmt *st, int col)
{
	return sqlite3_column_int64(st->st, col);
}

void db_bind_blob(struct db_stmt *st, int i, const void *data, size_t len)
{
	if (data)
		(void)sqlite3_bind_blob64(st->st, i, data, len, SQLITE_TRANSIENT);
	else
		(void)sqlite3_bind_null(st->st, i);
}

const void *db_blob(struct db_stmt *st, int col, size_t *len)
{
	const void *data = sqlite3_column_blob(st->st, col);

	*len = (size_t)sqlite3_column_bytes(st->st, col);
	return data;
}

enum db_type db_type(struct db_stmt *st, int col)
{
	switch (sqlite3_column_type(st->st, col)) {
	case SQLITE_INTEGER:
		return DB_INT;
	case SQLITE_FLOAT:
		return DB_REAL;
	case SQLITE_TEXT:
		return DB_TEXT;
	case SQLITE_BLOB:
		return DB_BLOB;
	default:
		return DB_NULL;
	}
}

double db_real(struct db_stmt *st, int col)
{
	return sqlite3_column_double(st->st, col);
}

void db_reset(struct db_stmt *st)
{
	(void)sqlite3_reset(st->st);
	(void)sqlite3_clear_bindings(st->st);
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes(db->sql);
}

const char *db_library(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "SQLite %s", sqlite3_libversion());
	return text;
}
