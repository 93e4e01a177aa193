/* Which jobs there are: the list with its filters, and numbers for completion. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/report/journal_reader.h"

/* ---- filters ---- */

/* Job numbers that are looked through in one statement: a writer waits so long. */
#define PIECE 1000
#define KNOWN 64

/* Lists of hosts by their hash: most runs are about the same ones. */
struct known {
	unsigned char hash[SHA256_SIZE];
	bool is, has;
};

/* Is the host one of a job's?  1, 0 or -1. */
static int has_host(struct journal_reader *r, int64_t number, const char *host, struct known *known, struct dt_err *err)
{
	unsigned char hash[SHA256_SIZE] = { 0 };
	struct strs names = { 0 };
	struct known *k;

	if (journal_hosts_hash(r, number, hash, err) != 0)
		return -1;
	k = &known[hash[0] % KNOWN];
	if (k->is && memcmp(k->hash, hash, sizeof(hash)) == 0)
		return k->has;
	if (journal_hosts(r, number, &names, err) != 0)
		return -1;
	memcpy(k->hash, hash, sizeof(hash));
	k->is = true;
	k->has = strs_has(&names, host);
	strs_release(&names);
	return k->has;
}

/* Has it a host that ended so?  1, 0 or -1. */
static int has_status(struct journal_reader *r, const struct job *j, const char *status, struct dt_err *err)
{
	struct db_stmt *st;
	struct job_host *v;
	size_t n;
	int got;

	if (job_tally_is_whole(j))
		return j->tally.by[outcome_by(status, ERR_NONE)] > 0;
	if (db_prepare(r->db, "SELECT 1 FROM entry WHERE kind = 'end' AND job = ? AND status = ? LIMIT 1", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, j->number);
	db_bind_text(st, 2, status);
	got = db_step(st, err);
	db_reset(st);
	if (got != 0 || strcmp(status, outcome_name(OUTCOME_UNKNOWN)) != 0 || j->state != JOB_DIED)
		return got;
	if (journal_states(r, j->number, &v, &n, err) != 0)
		return -1;
	while (n && v[n - 1].state != HOST_BEGUN)
		n--;
	free(v);
	return n > 0;
}

/* ---- the list ---- */

struct list {
	struct journal_reader *r;
	const struct job_filter *f;
	int64_t first;		/* no job before it fits */
	struct known known[KNOWN];
};

static int two_numbers(struct db_stmt *st, int64_t *a, int64_t *b, struct dt_err *err)
{
	int got = db_step(st, err);

	*a = got == 1 ? db_int(st, 0) : 0;
	*b = got == 1 ? db_int(st, 1) : 0;
	db_reset(st);
	return got < 0 ? -1 : 0;
}

/* The first and the last of the jobs that may fit. */
static int find_ends(struct list *l, int64_t *last, struct dt_err *err)
{
	struct db *db = l->r->db;
	struct db_stmt *st;
	int64_t has_index, none;

	/* an index that a dt before this one has not made */
	if (db_prepare(db, "SELECT count(*), 0 FROM sqlite_master WHERE name = 'entry_began'", &st, err) != 0 ||
	    two_numbers(st, &has_index, &none, err) != 0)
		return -1;
	if (has_index && (l->f->since_ms || l->f->until_ms)) {
		if (db_prepare(db, "SELECT min(job), max(job) FROM entry INDEXED BY entry_began"
			       " WHERE kind = 'job' AND at >= ? AND at < ?", &st, err) != 0)
			return -1;
		db_bind_int(st, 1, l->f->since_ms);
		db_bind_int(st, 2, l->f->until_ms ? l->f->until_ms : INT64_MAX);
	} else if (db_prepare(db, "SELECT (SELECT job FROM entry WHERE kind = 'job' ORDER BY job LIMIT 1),"
			      " (SELECT job FROM entry WHERE kind = 'job' ORDER BY job DESC LIMIT 1)", &st, err) != 0) {
		return -1;
	}
	if (two_numbers(st, &l->first, last, err) != 0)
		return -1;
	if (l->first < 1)
		l->first = 1; /* none has a smaller number */
	return 0;
}

/*
 * The next older job that may fit.  What is left out for sure: another user
 * or module (what is no text is looked at later), one about the inventory, and
 * one whose done row counts all of its hosts, none of that status.
 */
#define OLDER \
	"SELECT job FROM entry j WHERE kind = 'job' AND job <= ?1 AND job >= ?2 AND at >= ?3 AND at < ?4" \
	" AND (?5 IS NULL OR json_extract(data, '$.user') = ?5 OR json_type(data, '$.user') = 'object')" \
	" AND (?6 IS NULL OR json_extract(data, '$.module') = ?6 OR json_type(data, '$.module') = 'object')" \
	" AND (?7 = 0 OR json_extract(data, '$.kind') <> 'inventory')" \
	" AND (?8 IS NULL OR instr(ifnull(json_extract(data, '$.options'), ''), '--keep') OR NOT EXISTS" \
	" (SELECT 1 FROM entry d WHERE d.kind = 'done' AND d.job = j.job AND json_extract(d.data, '$.counts.' || ?8) IS NULL" \
	" AND (SELECT sum(value) FROM json_each(d.data, '$.counts')) = json_extract(j.data, '$.hosts')))" \
	" ORDER BY job DESC LIMIT 1"

/* *number, or where there is no such job the next smaller one; 0: none. */
static int at_or_before(struct list *l, int64_t *number, struct dt_err *err)
{
	struct db_stmt *st;
	int got;

	if (db_prepare(l->r->db, "SELECT job FROM entry WHERE kind = 'job' AND job <= ? ORDER BY job DESC LIMIT 1", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, *number);
	got = db_step(st, err);
	*number = got == 1 ? db_int(st, 0) : 0;
	db_reset(st);
	return got < 0 ? -1 : 0;
}

/* The newest job from *number down; 0: none. */
static int before(struct list *l, int64_t *number, struct dt_err *err)
{
	const struct job_filter *f = l->f;
	struct db_stmt *st;
	int got = 0;

	while (got == 0 && *number >= l->first) {
		int64_t from;

		/* a gap, however wide, is one step */
		if (at_or_before(l, number, err) != 0)
			return -1;
		if (*number < l->first)
			break;
		from = *number - l->first > PIECE ? *number - PIECE : l->first;
		if (db_prepare(l->r->db, OLDER, &st, err) != 0)
			return -1;
		db_bind_int(st, 1, *number);
		db_bind_int(st, 2, from);
		db_bind_int(st, 3, f->since_ms);
		db_bind_int(st, 4, f->until_ms ? f->until_ms : INT64_MAX);
		db_bind_text(st, 5, f->user);
		db_bind_text(st, 6, f->module);
		db_bind_int(st, 7, f->hosts_only);
		db_bind_text(st, 8, f->status);
		got = db_step(st, err);
		*number = got == 1 ? db_int(st, 0) : from - 1;
		db_reset(st);
	}
	if (got != 1)
		*number = 0;
	return got < 0 ? -1 : 0;
}

/* 1: it fits, 0, or -1. */
static int look(struct list *l, int64_t number, struct job *j, struct dt_err *err)
{
	const struct job_filter *f = l->f;
	int yes = f->host ? has_host(l->r, number, f->host, l->known, err) : 1;

	if (yes != 1)
		return yes;
	if (journal_get(l->r, number, j, err) != 0)
		return -1;
	if ((f->user && strcmp(f->user, j->user) != 0) || (f->module && strcmp(f->module, j->module) != 0) ||
	    (f->hosts_only && strcmp(j->kind, "inventory") == 0))
		return 0;
	return f->status ? has_status(l->r, j, f->status, err) : 1;
}

/* One statement a job, so that a long list keeps no writer waiting. */
int journal_jobs(struct journal_reader *r, const struct job_filter *f,
		 int (*fn)(void *arg, const struct job *j, struct dt_err *err), void *arg, struct dt_err *err)
{
	struct list l = { .r = r, .f = f };
	int64_t last, number;
	size_t n = 0;

	if (find_ends(&l, &last, err) != 0)
		return -1;
	for (; !f->limit || n < f->limit; last = number - 1) {
		struct job j = { .number = 0 };
		int yes;

		number = last;
		if (before(&l, &number, err) != 0)
			return -1;
		if (!number)
			break;
		yes = look(&l, number, &j, err);
		if (yes == 1 && fn(arg, &j, err) != 0)
			yes = -1;
		job_release(&j);
		if (yes < 0)
			return -1;
		n += (size_t)yes;
	}
	return 0;
}

/* ---- numbers ---- */

struct numbers {
	struct journal_reader *r;
	int (*fn)(void *arg, const struct job *j, struct dt_err *err);
	void *arg;
	bool running;
};

static int tell_number(const struct numbers *n, int64_t number, struct dt_err *err)
{
	struct job j;
	int r = journal_get(n->r, number, &j, err);

	if (r == 0 && (!n->running || j.state == JOB_RUNNING))
		r = n->fn(n->arg, &j, err);
	job_release(&j);
	return r;
}

/* Up to most numbers from first to last, the highest ones first; they are told when all are read. */
static int tell_range(const struct numbers *n, const char *sql, int64_t first, int64_t last, size_t most, size_t *count,
		      int64_t *lowest, struct dt_err *err)
{
	int64_t *v = calloc(most, sizeof(*v));
	struct db_stmt *st;
	int r;

	*count = 0;
	if (!v)
		return err_nomem(err);
	r = db_prepare(n->r->db, sql, &st, err);
	if (r == 0) {
		db_bind_int(st, 1, first);
		db_bind_int(st, 2, last);
		db_bind_int(st, 3, (int64_t)most);
		while (*count < most && (r = db_step(st, err)) == 1)
			v[(*count)++] = db_int(st, 0);
		db_reset(st);
	}
	for (size_t i = 0; i < *count && r >= 0; i++) {
		*lowest = v[i];
		r = tell_number(n, v[i], err);
	}
	free(v);
	return r < 0 ? -1 : 0;
}

static int tell_running(const struct numbers *n, int64_t first, int64_t last, size_t limit, struct dt_err *err)
{
	size_t count;
	int64_t lowest;

	/* one that has ended said so; who has died did not */
	return tell_range(n, "SELECT job FROM (SELECT job FROM entry WHERE kind = 'job' ORDER BY job DESC LIMIT 1000) AS j"
			  " WHERE job >= ? AND job <= ? AND NOT EXISTS"
			  " (SELECT 1 FROM entry d WHERE d.kind = 'done' AND d.job = j.job) ORDER BY job DESC LIMIT ?",
			  first, last, limit, &count, &lowest, err);
}

/* Of one length; *left: how many more. */
static int tell_length(const struct numbers *n, int64_t first, int64_t last, size_t *left, struct dt_err *err)
{
	size_t most = *left ? *left : 1, count;
	int64_t lowest = 0;

	if (tell_range(n, "SELECT job FROM entry WHERE kind = 'job' AND job >= ? AND job <= ? ORDER BY job DESC LIMIT ?", first, last,
		       most, &count, &lowest, err) != 0)
		return -1;
	*left -= count < *left ? count : *left;
	if (count < most)
		return 0;
	return tell_range(n, "SELECT job FROM entry WHERE kind = 'job' AND job >= ? AND job <= ? ORDER BY job LIMIT ?", first,
			  lowest - 1, 1, &count, &lowest, err);
}

int journal_numbers(struct journal_reader *r, const char *prefix, bool running, size_t limit,
		    int (*fn)(void *arg, const struct job *j, struct dt_err *err), void *arg, struct dt_err *err)
{
	const struct numbers n = { .r = r, .fn = fn, .arg = arg, .running = running };
	int64_t first[20], last[20];
	long long typed = 0;
	size_t k = 0;

	if (*prefix && (*prefix == '0' || parse_int(prefix, 1, INT64_MAX, &typed) != 0))
		return 0;
	/* of each length: all that begin with what is typed */
	for (int64_t low = typed ? typed : 1, size = typed ? 1 : 9; k < ARRAY_LEN(first); k++) {
		first[k] = low;
		last[k] = size - 1 > INT64_MAX - low ? INT64_MAX : low + (size - 1);
		if (low > INT64_MAX / 10 || size > INT64_MAX / 10) {
			k++;
			break;
		}
		low *= 10;
		size *= 10;
	}
	while (k-- > 0)
		if (running ? tell_running(&n, first[k], last[k], limit, err) != 0 :
			      tell_length(&n, first[k], last[k], &limit, err) != 0)
			return -1;
	return 0;
}
