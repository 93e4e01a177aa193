/*
 * journal_impl - the rows of a journal and their chain, shared by journal*.c.
 */
#ifndef DT_REPORT_JOURNAL_IMPL_H
#define DT_REPORT_JOURNAL_IMPL_H

#include "dt/base/db.h"
#include "dt/base/pack.h"
#include "dt/base/sha256.h"
#include "dt/report/journal.h"

#define JOURNAL_APP 0x64746a6e	/* "dtjn" */
#define JOURNAL_VERSION 1
/* The columns that are hashed, in this order; hash follows. */
#define JOURNAL_COLUMNS "seq, job, kind, at, host, status, rc, signal, began, ended, data, output, runs"
#define JOURNAL_COLUMN_COUNT 13
/* No row's bytes come near it. */
#define JOURNAL_ROW_MAX (2UL << 30)

extern const char journal_schema[];

/* Where the chain begins and ends. */
struct chain {
	int64_t base_seq, head_seq, last_job;
	unsigned char base[SHA256_SIZE], head[SHA256_SIZE];
};
int chain_read(struct db *db, struct chain *c, struct dt_err *err);

/* The bytes of a row that go into its hash: a tag, and what the value needs. */
int canon_null(struct buf *b);
int canon_int(struct buf *b, int64_t n);
int canon_bytes(struct buf *b, char tag, const void *data, size_t len);	/* 't' text, 'b' blob */
/* hash = SHA-256 of the hash before it and those bytes. */
void canon_hash(struct sha256 *sum, const unsigned char before[SHA256_SIZE], const struct buf *bytes,
		unsigned char hash[SHA256_SIZE]);

struct journal {
	char *path;
	struct db *db;
	int lock_fd;
	int hurry_fd;		/* journal_hurry; or -1 */
	size_t max_output;
	struct sha256 *sum;
	struct pack *pack;
	struct buf canon, data, packed;
	struct chain chain;	/* inside a transaction */
	int64_t job, written;	/* the job, rows by this process */
	int64_t wall;		/* to be added to CLOCK_MONOTONIC */
};

/* One row to be written; zero, NULL and -1 are NULL where said. */
struct entry {
	int64_t job;		/* 0: NULL */
	const char *kind;
	int64_t host;		/* -1: NULL */
	const char *status;
	int rc;			/* -1: NULL */
	const char *signal;	/* "": NULL */
	int64_t began, ended;	/* wall; 0: NULL */
	const char *data;
	const unsigned char *output;	/* hash of a content, or NULL */
	const void *runs;
	size_t runs_len;
};

int64_t wall_ms(void);
/* A transaction: the lock, BEGIN, the chain.  begin 0: end it with journal_commit or journal_rollback. */
int journal_begin(struct journal *j, struct dt_err *err);
int journal_commit(struct journal *j, struct dt_err *err);
void journal_rollback(struct journal *j);
/* Inside a transaction. */
int journal_append(struct journal *j, const struct entry *e, struct dt_err *err);
/* Keeps a content that the next row names, once. */
int journal_content(struct journal *j, const void *data, size_t len, unsigned char hash[SHA256_SIZE],
		    struct dt_err *err);
/* Adds a content to out.  0, or -1: ERR_FAIL, it is missing or damaged. */
int content_get(struct db *db, const void *hash, struct buf *out, struct dt_err *err);

/* Names of err_code in data's "code"; NULL for the action's own end. */
const char *code_name(enum err_code code);
enum err_code code_of(const char *name);

/* Adds the begin data: "[[0,99],[120,120]]". */
int ranges_add(struct buf *b, const size_t *v, size_t n);
/* A moment, and a count, of a row: none that later sums could not hold. */
int64_t row_ms(struct db_stmt *st, int col);
size_t row_count(struct db_stmt *st, int col);

/* Calls fn for each index below limit in such a text, once. */
void ranges_each(const char *text, size_t limit, void (*fn)(void *arg, size_t index), void *arg);

/* Who writes, and does who wrote still live? */
struct process {
	int64_t pid, start;
	char boot[40], space[40], machine[256];
};
void process_self(struct process *p);
enum job_state process_state(const struct process *p);

#endif
