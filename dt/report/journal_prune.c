/*
 * The oldest rows go where they are more or older than is to be kept.  A job
 * is gone when its first row is; what is left of one that overlapped with
 * younger ones goes with these, and no reader finds it before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/report/journal_impl.h"

/*
 * How many rows go at a time, beside twice as many as this run has written:
 * others wait meanwhile, and a short run is not to pay for long ones.
 */
#define PRUNE_ROWS 2000
#define DAY_MS (24 * 3600 * INT64_C(1000))

const char *journal_keep_parse(const char *text, struct journal_keep *out)
{
	static const char what[] = "is neither all nor days and a size such as 365d, 1G or \"90d 500M\"";
	char word[32];
	int at = 0, n;

	*out = (struct journal_keep){ 0, 0 };
	if (strcmp(text, "all") == 0)
		return NULL;
	while (sscanf(text + at, " %31s%n", word, &n) == 1) {
		size_t len = strlen(word);
		long long days;

		at += n;
		if (word[len - 1] == 'd') {
			word[len - 1] = '\0';
			if (out->age_ms || parse_int(word, 1, 100000, &days) != 0)
				return what;
			out->age_ms = days * DAY_MS;
		} else if (out->bytes || parse_size(word, &out->bytes) != 0 || !out->bytes) {
			return what;
		}
	}
	return out->age_ms || out->bytes ? NULL : what;
}

/* One number of one row; NULL is 0. */
static int ask(struct journal *j, const char *sql, int64_t a, int64_t b, int64_t *out, struct dt_err *err)
{
	struct db_stmt *st;
	int r = db_prepare(j->db, sql, &st, err);

	*out = 0;
	if (r != 0)
		return -1;
	db_bind_int(st, 1, a);
	db_bind_int(st, 2, b);
	r = db_step(st, err);
	if (r == 1)
		*out = db_int(st, 0);
	db_reset(st);
	return r < 0 ? -1 : 0;
}

/* The first row of the oldest job that must stay: ours, and those that run. */
static int first_running(struct journal *j, int64_t *seq, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	*seq = j->chain.head_seq;
	if (db_prepare(j->db, "SELECT seq, json_extract(data, '$.pid'), json_extract(data, '$.start'),"
		       " json_extract(data, '$.boot'), json_extract(data, '$.space'), json_extract(data, '$.machine'), job"
		       " FROM entry e WHERE kind = 'job' AND (job = ? OR NOT EXISTS"
		       " (SELECT 1 FROM entry d WHERE d.kind = 'done' AND d.job = e.job)) ORDER BY seq", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, j->job);
	while ((r = db_step(st, err)) == 1) {
		struct process p = { .pid = db_int(st, 1), .start = db_int(st, 2) };

		(void)snprintf(p.boot, sizeof(p.boot), "%s", db_text(st, 3));
		(void)snprintf(p.space, sizeof(p.space), "%s", db_text(st, 4));
		(void)snprintf(p.machine, sizeof(p.machine), "%s", db_text(st, 5));
		if (db_int(st, 6) == j->job || process_state(&p) == JOB_RUNNING) {
			*seq = db_int(st, 0);
			break;
		}
	}
	db_reset(st);
	return r < 0 ? -1 : 0;
}

/*
 * The last row to go, for a file of so many bytes: rows and contents of the
 * oldest jobs until what is left fits.  Contents that younger jobs name too
 * stay, so this may free less than it counts; the next run goes on.
 */
static int oldest_by_size(struct journal *j, uint64_t over, int64_t limit, int64_t *last, struct dt_err *err)
{
	struct db_stmt *st;
	uint64_t sum = 0;
	int r;

	*last = j->chain.base_seq;
	if (db_prepare(j->db, "SELECT e.seq, e.kind, 250 + ifnull(length(e.data), 0) + ifnull(length(e.runs), 0) +"
		       " CASE WHEN c.last = e.seq THEN length(c.data) + 80 ELSE 0 END"
		       " FROM entry e LEFT JOIN content c ON c.hash = e.output WHERE e.seq <= ? ORDER BY e.seq", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, limit);
	while ((r = db_step(st, err)) == 1) {
		if (sum >= over && strcmp(db_text(st, 1), "job") == 0)
			break;	/* whole jobs, but for what overlaps */
		sum += (uint64_t)db_int(st, 2);
		*last = db_int(st, 0);
	}
	db_reset(st);
	return r < 0 ? -1 : 0;
}

static int last_to_go(struct journal *j, const struct journal_keep *keep, int64_t *last, struct dt_err *err)
{
	int64_t pages, page, free_pages, by_age = 0, by_size = 0, running;
	int64_t most = j->chain.base_seq + PRUNE_ROWS + 2 * j->written;
	uint64_t size;

	*last = j->chain.base_seq;
	if (ask(j, "PRAGMA page_count", 0, 0, &pages, err) != 0 || ask(j, "PRAGMA page_size", 0, 0, &page, err) != 0 ||
	    ask(j, "PRAGMA freelist_count", 0, 0, &free_pages, err) != 0)
		return -1;
	size = (uint64_t)(pages - free_pages) * (uint64_t)page;
	if (keep->age_ms &&
	    ask(j, "SELECT ifnull((SELECT seq - 1 FROM entry WHERE seq > ? AND kind = 'job' AND at >= ? ORDER BY seq LIMIT 1),"
		" (SELECT head_seq FROM chain))", j->chain.base_seq, wall_ms() - keep->age_ms, &by_age, err) != 0)
		return -1;
	if (by_age <= j->chain.base_seq && (!keep->bytes || size <= keep->bytes))
		return 0;
	if (first_running(j, &running, err) != 0)
		return -1;
	if (keep->bytes && size > keep->bytes &&
	    oldest_by_size(j, size - keep->bytes + keep->bytes / 10, running - 1, &by_size, err) != 0)
		return -1;
	*last = by_age > by_size ? by_age : by_size;
	if (*last >= running)
		*last = running - 1;
	if (*last > most)
		*last = most;
	return 0;
}

static int run(struct journal *j, const char *sql, int64_t last, struct dt_err *err)
{
	int64_t ignored;

	return ask(j, sql, last, last, &ignored, err);
}

/* The hash of the last row to go, which the chain begins behind from now on. */
static int move_base(struct journal *j, int64_t last, struct dt_err *err)
{
	struct db_stmt *st;
	size_t len;
	const void *hash;
	int r;

	if (db_prepare(j->db, "SELECT hash FROM entry WHERE seq = ?", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, last);
	r = db_step(st, err);
	hash = r == 1 ? db_blob(st, 0, &len) : NULL;
	if (hash && len == SHA256_SIZE) {
		memcpy(j->chain.base, hash, SHA256_SIZE);
		j->chain.base_seq = last;
	} else if (r >= 0) {
		r = err_set(err, ERR_FAIL, "%s: row %" PRId64 " is missing", j->path, last);
	}
	db_reset(st);
	return r < 0 ? -1 : 0;
}

static int remove_to(struct journal *j, int64_t last, struct dt_err *err)
{
	struct entry e = { .kind = "prune", .host = -1, .rc = -1 };
	char hex[SHA256_HEX + 1];

	if (move_base(j, last, err) != 0)
		return -1;
	sha256_hex(j->chain.base, hex);
	buf_clear(&j->data);
	/* in the chain itself, so that a beginning that somebody else removed shows */
	if (buf_addf(&j->data, "{\"through\":%" PRId64 ",\"hash\":\"%s\"}", last, hex) != 0)
		return err_nomem(err);
	e.data = j->data.data;
	if (run(j, "DELETE FROM content WHERE last <= ? AND hash IN (SELECT output FROM entry WHERE seq <= ?)", last,
		err) != 0 ||
	    run(j, "DELETE FROM entry WHERE seq <= ?", last, err) != 0)
		return -1;
	return journal_append(j, &e, err);
}

int journal_prune(struct journal *j, const struct journal_keep *keep, struct dt_err *err)
{
	int64_t last;

	if (!keep->age_ms && !keep->bytes)
		return 0;
	if (journal_begin(j, err) != 0)
		return -1;
	if (last_to_go(j, keep, &last, err) == 0) {
		if (last <= j->chain.base_seq) {
			journal_rollback(j);
			return 0;
		}
		if (remove_to(j, last, err) == 0)
			return journal_commit(j, err);
	}
	journal_rollback(j);
	err->code = ERR_FAIL;
	return -1;
}
