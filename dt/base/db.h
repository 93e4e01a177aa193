/*
 * db - SQLite behind a few calls; the only room that sees <sqlite3.h>.
 *
 * Rollback journal, foreign keys on, busy timeout 10 s, extended errors.  A
 * struct db belongs to the thread that opened it (the main thread).
 */
#ifndef DT_BASE_DB_H
#define DT_BASE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"

struct db;
struct db_stmt;

/*
 * Opens (and, unless read_only, creates with mode 0600) a database whose
 * application_id is app and whose user_version is version; runs schema on a
 * new one.  A file that is not ours, or of a newer version, is ERR_USAGE
 * "PATH: reason".  read_only on a missing file returns 0 and *out NULL; it
 * changes nothing, but for the rest of a writer that was killed, which is
 * rolled back.
 */
int db_open(const char *path, bool read_only, int app, int version, const char *schema, struct db **out,
	    struct dt_err *err);
/* The same to read; it waits for a writer wait_ms, now and later. */
int db_open_soon(const char *path, int wait_ms, int app, int version, struct db **out, struct dt_err *err);
void db_close(struct db *db);
/* SQL without result: BEGIN IMMEDIATE, COMMIT, ROLLBACK, ... */
int db_exec(struct db *db, const char *sql, struct dt_err *err);

/* Statements; prepared ones are kept by the database and found again by text. */
int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct dt_err *err);
void db_bind_text(struct db_stmt *st, int i, const char *text); /* i from 1; NULL is SQL NULL; copied */
void db_bind_int(struct db_stmt *st, int i, int64_t n);
void db_bind_blob(struct db_stmt *st, int i, const void *data, size_t len); /* NULL is SQL NULL; copied */
/* 1: a row, 0: done, -1: error (db_reset it in each case when finished). */
int db_step(struct db_stmt *st, struct dt_err *err);
const char *db_text(struct db_stmt *st, int col); /* from 0; "" for NULL; valid until the next step */
int64_t db_int(struct db_stmt *st, int col);
double db_real(struct db_stmt *st, int col);
/* The bytes of a blob or text, NUL or not; NULL for SQL NULL and for no bytes; valid as db_text's. */
const void *db_blob(struct db_stmt *st, int col, size_t *len);
/* What the row has there, whatever is asked for next. */
enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };
enum db_type db_type(struct db_stmt *st, int col);
void db_reset(struct db_stmt *st);
int64_t db_changes(struct db *db);	/* rows the last statement changed */

/* "SQLite 3.40.1", as it runs. */
const char *db_library(void);

#endif
