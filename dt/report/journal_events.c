#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/report/journal_reader.h"

#define END_COLUMNS "kind, host, at, status, rc, signal, began, ended, data, output, runs"

void ranges_each(const char *text, size_t limit, void (*fn)(void *arg, size_t index), void *arg)
{
	size_t first, last, next = 0;

	if (!*text)
		return;
	/* in order and apart, as ranges_add writes them: so none is told twice, whatever the row says */
	for (const char *p = text + 1; (p = strchr(p, '[')) != NULL; p++) {
		if (sscanf(p, "[%zu,%zu]", &first, &last) != 2)
			continue;
		for (size_t i = first > next ? first : next; i <= last && i < limit; i++) {
			fn(arg, i);
			next = i + 1;
		}
	}
}

/* ---- one end ---- */

/* What a result borrows while it is shown. */
struct telling {
	struct journal_reader *r;
	const struct job_events *e;
	struct buf user, text;
	struct strs names;	/* of the fields of rows */
	struct dt_err *err;
};

static const char *transport_by(const char *name)
{
	static const char *const names[] = { "libssh2", "openssh", "local" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return NULL;
}

/* One field of a row; the type is what JSON has, and TIME what has a fraction. */
static int take_field(struct telling *t, struct db_stmt *st, struct dt_field *f, struct strs *texts)
{
	const char *type = db_text(st, 2);

	if (strs_add(&t->names, db_text(st, 0)) != 0)
		return err_nomem(t->err);
	*f = (struct dt_field){ .name = t->names.v[t->names.n - 1], .type = DT_STRING };
	if (strcmp(type, "integer") == 0) {
		f->type = DT_INT;
		f->number = db_int(st, 1);
	} else if (strcmp(type, "true") == 0 || strcmp(type, "false") == 0) {
		f->type = DT_BOOL;
		f->number = *type == 't';
	} else if (strcmp(type, "real") == 0) {
		f->type = DT_TIME;
		f->number = (long long)(db_real(st, 1) * 1000 + (db_real(st, 1) < 0 ? -0.5 : 0.5));
	} else if (strcmp(type, "null") == 0) {
		f->unknown = true;
	} else {
		buf_clear(&t->text);
		if (json_value(st, 1, 2, &t->text, t->err) != 0)
			return -1;
		if (strs_add(texts, t->text.data) != 0)
			return err_nomem(t->err);
		f->text = texts->v[texts->n - 1];
	}
	return 0;
}

static int take_row(struct telling *t, const char *json, struct result *out)
{
	struct strs texts = { 0 };
	struct dt_field *fields = NULL, *more;
	struct db_stmt *st;
	size_t n = 0;
	int got;

	if (db_prepare(t->r->db, "SELECT key, value, type FROM json_each(?) AS field", &st, t->err) != 0)
		return -1;
	db_bind_text(st, 1, json);
	while ((got = db_step(st, t->err)) == 1) {
		more = realloc(fields, (n + 1) * sizeof(*fields));
		if (more)
			fields = more;
		else
			(void)err_nomem(t->err);
		if (!more || take_field(t, st, &fields[n], &texts) != 0) {
			got = -1;
			break;
		}
		n++;
	}
	db_reset(st);
	if (got == 0)
		result_row(out, fields, n);
	free(fields);
	strs_release(&texts);
	return got;
}

static int take_rows(struct telling *t, const char *json, struct result *out)
{
	struct db_stmt *st;
	int got;

	if (db_prepare(t->r->db, "SELECT value FROM json_each(?) AS row", &st, t->err) != 0)
		return -1;
	db_bind_text(st, 1, json);
	while ((got = db_step(st, t->err)) == 1)
		if (take_row(t, db_text(st, 0), out) != 0) {
			got = -1;
			break;
		}
	db_reset(st);
	return got;
}

static int take_data(struct telling *t, const char *json, struct result *out, int64_t *total)
{
	struct db_stmt *st;
	int got = 0;

	if (!*json)
		return 0;
	if (db_prepare(t->r->db, "SELECT key, value, type FROM json_each(?) AS data", &st, t->err) != 0)
		return -1;
	db_bind_text(st, 1, json);
	while (got == 0 && (got = db_step(st, t->err)) == 1) {
		const char *key = db_text(st, 0);

		got = 0;
		buf_clear(&t->text);
		if (strcmp(key, "rows") == 0) {
			got = take_rows(t, db_text(st, 1), out);
		} else if (strcmp(key, "rows_cut") == 0) {
			out->rows.truncated = true;
		} else if (strcmp(key, "total") == 0) {
			*total = db_int(st, 1);
		} else if (json_value(st, 1, 2, &t->text, t->err) != 0) {
			got = -1;
		} else if (strcmp(key, "reason") == 0) {
			free(out->reason);
			out->reason = strdup(t->text.data);
			got = out->reason ? 0 : err_nomem(t->err);
		} else if (strcmp(key, "code") == 0) {
			out->code = code_of(t->text.data);
		} else if (strcmp(key, "address") == 0) {
			(void)snprintf(out->address, sizeof(out->address), "%s", t->text.data);
		} else if (strcmp(key, "user") == 0) {
			buf_clear(&t->user);
			got = buf_adds(&t->user, t->text.data) == 0 ? 0 : err_nomem(t->err);
			out->user = t->user.data;
		} else if (strcmp(key, "transport") == 0) {
			out->transport = transport_by(t->text.data);
		}
	}
	db_reset(st);
	return got;
}

/* The content, cut into both streams as it came. */
static int take_output(struct telling *t, struct db_stmt *st, int64_t total, struct result *out)
{
	const unsigned char *runs;
	const void *hash;
	const char *p;
	size_t len, left;
	struct buf text;
	int r = 0;

	hash = db_blob(st, 9, &len);
	if (!hash || len != SHA256_SIZE) {
		out->output.total = (uint64_t)total;
		return 0;
	}
	buf_init(&text, JOURNAL_ROW_MAX);
	if (content_get(t->r->db, hash, &text, t->err) != 0)
		r = -1;
	p = text.data;
	left = text.len;
	runs = db_blob(st, 10, &len);
	for (size_t i = 0; r == 0 && runs && i + 4 <= len; i += 4) {
		uint32_t v = (uint32_t)runs[i] << 24 | (uint32_t)runs[i + 1] << 16 | (uint32_t)runs[i + 2] << 8 | runs[i + 3];
		size_t n = v >> 1 < left ? v >> 1 : left;

		if (output_add(&out->output, v & 1 ? STREAM_ERR : STREAM_OUT, p, n) != 0)
			r = err_nomem(t->err);
		p += n;
		left -= n;
	}
	if (r == 0 && left && output_add(&out->output, STREAM_OUT, p, left) != 0)
		r = err_nomem(t->err);
	if (r == 0 && (uint64_t)total > out->output.total)
		out->output.total = (uint64_t)total;
	buf_release(&text);
	return r;
}

static int make_end(struct telling *t, struct db_stmt *st, struct result *out)
{
	int64_t host = db_int(st, 1), total = 0;

	if (host < 0 || (uint64_t)host >= t->r->hosts.n)
		return err_set(t->err, ERR_FAIL, "the journal names a host of job %" PRId64 " that is not in it", t->r->job.number);
	out->index = (size_t)host;
	out->host = t->r->hosts.v[host];
	out->module = t->r->job.module;
	out->rc = db_type(st, 4) == DB_NULL ? -1 : (int)db_int(st, 4);
	(void)snprintf(out->signal, sizeof(out->signal), "%s", db_text(st, 5));
	out->began_ms = row_ms(st, 6);
	out->ended_ms = row_ms(st, 7);
	if (take_data(t, db_text(st, 8), out, &total) != 0 || take_output(t, st, total, out) != 0)
		return -1;
	out->outcome = outcome_by(db_text(st, 3), out->code);
	return 0;
}

/* ---- many ---- */

struct beginning {
	struct telling *t;
	int64_t at;
	int r;
};

static void tell_begin(void *arg, size_t index)
{
	struct beginning *b = arg;
	const struct job_events *e = b->t->e;

	if (b->r == 0)
		b->r = e->begin(e->arg, index, b->t->r->hosts.v[index], b->at, b->t->err);
}

static int tell_done(struct telling *t)
{
	struct job j;
	int r;

	if (journal_get(t->r, t->r->job.number, &j, t->err) != 0)
		return -1;
	r = t->e->done(t->e->arg, &j, t->err);
	job_release(&j);
	return r;
}

/* One row.  It is read whole before it is told: who shows it may be slow, and a writer waits for readers. */
static int tell(struct telling *t, int64_t seq)
{
	struct beginning b = { .t = t };
	bool begins, ends, done;
	struct db_stmt *st;
	struct result end;
	struct buf ranges;
	int r;

	if (db_prepare(t->r->db, "SELECT " END_COLUMNS " FROM entry WHERE seq = ?", &st, t->err) != 0)
		return -1;
	db_bind_int(st, 1, seq);
	result_init(&end, JOURNAL_ROW_MAX);
	buf_init(&ranges, JOURNAL_ROW_MAX);
	r = db_step(st, t->err);
	begins = r == 1 && t->e->begin && strcmp(db_text(st, 0), "begin") == 0;
	ends = r == 1 && t->e->end && strcmp(db_text(st, 0), "end") == 0;
	done = r == 1 && t->e->done && strcmp(db_text(st, 0), "done") == 0;
	b.at = row_ms(st, 2);
	if (r >= 0)	/* 0: it was pruned since */
		r = ends ? make_end(t, st, &end) : begins && buf_adds(&ranges, db_text(st, 8)) != 0 ? err_nomem(t->err) : 0;
	db_reset(st);
	if (r == 0 && ends)
		r = t->e->end(t->e->arg, &end, t->err);
	if (r == 0 && begins) {
		ranges_each(ranges.data, t->r->hosts.n, tell_begin, &b);
		r = b.r;
	}
	if (r == 0 && done)
		r = tell_done(t);
	result_release(&end);
	buf_release(&ranges);
	strs_release(&t->names);
	return r;
}

#define PIECE 500

/* Tells up to PIECE rows, whose numbers a statement gives; *last is the last one's, *n how many there were. */
static int tell_all(struct journal_reader *r, struct db_stmt *st, const struct job_events *e, int64_t *last, size_t *n,
		    struct dt_err *err)
{
	struct telling t = { .r = r, .e = e, .err = err };
	int64_t seqs[PIECE];
	int got;

	for (*n = 0; (got = db_step(st, err)) == 1 && *n < PIECE; (*n)++)
		seqs[*n] = db_int(st, 0);
	db_reset(st);
	buf_init(&t.user, 4096);
	buf_init(&t.text, JOURNAL_ROW_MAX);
	for (size_t i = 0; i < *n && got >= 0; i++) {
		*last = seqs[i];
		got = tell(&t, seqs[i]);
	}
	buf_release(&t.user);
	buf_release(&t.text);
	return got < 0 ? -1 : 0;
}

int journal_ends(struct journal_reader *r, int64_t number, const struct job_events *e, struct dt_err *err)
{
	int64_t ignored;
	size_t n;

	if (reader_about(r, number, err) != 0)
		return -1;
	for (size_t from = 0; from < r->hosts.n; from += PIECE) {
		struct db_stmt *st;

		if (db_prepare(r->db, "SELECT max(seq) FROM entry WHERE kind = 'end' AND job = ? AND host >= ? AND host < ?"
			       " GROUP BY host ORDER BY host", &st, err) != 0)
			return -1;
		db_bind_int(st, 1, number);
		db_bind_int(st, 2, (int64_t)from);
		db_bind_int(st, 3, (int64_t)from + PIECE);
		if (tell_all(r, st, e, &ignored, &n, err) != 0)
			return -1;
	}
	return 0;
}

int journal_end_of(struct journal_reader *r, int64_t number, size_t index, const struct job_events *e, bool *found,
		   struct dt_err *err)
{
	struct db_stmt *st;
	int64_t ignored;
	size_t n = 0;
	int ret;

	*found = false;
	if (reader_about(r, number, err) != 0 ||
	    db_prepare(r->db, "SELECT seq FROM entry WHERE kind = 'end' AND job = ? AND host = ? ORDER BY seq DESC LIMIT 1",
		       &st, err) != 0)
		return -1;
	db_bind_int(st, 1, number);
	db_bind_int(st, 2, (int64_t)index);
	ret = tell_all(r, st, e, &ignored, &n, err);
	*found = n > 0;
	return ret;
}

int journal_follow(struct journal_reader *r, int64_t number, int64_t *after, const struct job_events *e,
		   struct dt_err *err)
{
	struct db_stmt *st;
	size_t n;

	if (reader_about(r, number, err) != 0)
		return -1;
	do {
		/* by number, not by job: what is new is few rows at the end */
		if (db_prepare(r->db, "SELECT seq FROM entry WHERE seq > ? AND +job = ? ORDER BY seq LIMIT 500", &st, err) != 0)
			return -1;
		db_bind_int(st, 1, *after);
		db_bind_int(st, 2, number);
		if (tell_all(r, st, e, after, &n, err) != 0)
			return -1;
	} while (n);
	return 0;
}
