/*
 * journal_reader - what journal_read.c and journal_events.c share.
 */
#ifndef DT_REPORT_JOURNAL_READER_H
#define DT_REPORT_JOURNAL_READER_H

#include "dt/report/journal_impl.h"
#include "dt/ssh/blob.h"

struct journal_reader {
	struct db *db;
	struct job job;		/* the one that was asked about last */
	struct strs hosts;	/* its hosts */
};

/* Makes r->job and r->hosts those of a job. */
int reader_about(struct journal_reader *r, int64_t number, struct dt_err *err);
/* The hash of the list of a job's hosts; zero: it has none. */
int journal_hosts_hash(struct journal_reader *r, int64_t number, unsigned char hash[SHA256_SIZE], struct dt_err *err);
/* A status by its word, and the code behind a failure. */
enum outcome outcome_by(const char *status, enum err_code code);
/* Adds the value of a json_each row, whose columns are given: a text, or bytes as {"base64":"..."}. */
int json_value(struct db_stmt *st, int value, int type, struct buf *out, struct dt_err *err);

#endif
