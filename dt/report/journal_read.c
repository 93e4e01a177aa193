#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/report/journal_reader.h"

static int make_reader(struct db *db, struct journal_reader **out, struct dt_err *err)
{
	struct journal_reader *r;

	if (!db)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r) {
		db_close(db);
		return err_nomem(err);
	}
	r->db = db;
	*out = r;
	return 0;
}

int journal_read(const char *path, struct journal_reader **out, struct dt_err *err)
{
	struct db *db;

	*out = NULL;
	return db_open(path, true, JOURNAL_APP, JOURNAL_VERSION, journal_schema, &db, err) != 0 ? -1 : make_reader(db, out, err);
}

int journal_read_soon(const char *path, int wait_ms, struct journal_reader **out, struct dt_err *err)
{
	struct db *db;

	*out = NULL;
	return db_open_soon(path, wait_ms, JOURNAL_APP, JOURNAL_VERSION, &db, err) != 0 ? -1 : make_reader(db, out, err);
}

static void forget_hosts(struct journal_reader *r)
{
	strs_release(&r->hosts);
	job_release(&r->job);
}

void journal_reader_free(struct journal_reader *r)
{
	if (!r)
		return;
	forget_hosts(r);
	db_close(r->db);
	free(r);
}

const char *job_state_name(enum job_state s)
{
	static const char *const names[] = { "ended", "running", "died", "elsewhere" };

	return names[s];
}

/* ---- numbers ---- */

/* What no clock and no run says is a damaged row's: it is not to be reckoned with. */
#define MS_MAX (INT64_C(1) << 53)
#define COUNT_MAX (INT64_C(1) << 24)

int64_t row_ms(struct db_stmt *st, int col)
{
	int64_t ms = db_int(st, col);

	return ms < 0 ? 0 : ms > MS_MAX ? MS_MAX : ms;
}

size_t row_count(struct db_stmt *st, int col)
{
	int64_t n = db_int(st, col);

	return n < 0 ? 0 : (size_t)(n > COUNT_MAX ? COUNT_MAX : n);
}

/* ---- JSON ---- */

int json_value(struct db_stmt *st, int value, int type, struct buf *out, struct dt_err *err)
{
	static const char head[] = "{\"base64\":\"";
	const char *text;
	size_t len;
	int r;

	text = db_blob(st, value, &len);
	/* bytes outside UTF-8, as json_bytes has written them */
	if (strcmp(db_text(st, type), "object") == 0 && text && len > sizeof(head) &&
	    memcmp(text, head, sizeof(head) - 1) == 0)
		r = blob_base64(out, text + sizeof(head) - 1, len - sizeof(head) - 1);
	else
		r = len ? buf_add(out, text, len) : 0;
	return r == 0 ? 0 : err_nomem(err);
}

static int list_value(struct db *db, const char *json, struct strs *out, struct dt_err *err)
{
	struct db_stmt *st;
	struct buf text;
	int r;

	if (db_prepare(db, "SELECT value, type FROM json_each(?)", &st, err) != 0)
		return -1;
	buf_init(&text, JOURNAL_ROW_MAX);
	db_bind_text(st, 1, json);
	while ((r = db_step(st, err)) == 1) {
		buf_clear(&text);
		if (json_value(st, 0, 1, &text, err) != 0 || (strs_add(out, text.data) != 0 && err_nomem(err) != 0)) {
			r = -1;
			break;
		}
	}
	db_reset(st);
	buf_release(&text);
	return r;
}

/* ---- jobs ---- */

static const struct {
	const char *key;
	size_t at;
} job_texts[] = {
	{ "user", offsetof(struct job, user) }, { "tty", offsetof(struct job, tty) },
	{ "sudo_user", offsetof(struct job, sudo_user) }, { "machine", offsetof(struct job, machine) },
	{ "from", offsetof(struct job, from) }, { "cwd", offsetof(struct job, cwd) },
	{ "version", offsetof(struct job, version) }, { "boot", offsetof(struct job, boot) },
	{ "space", offsetof(struct job, pid_space) }, { "selection", offsetof(struct job, selection) },
	{ "module", offsetof(struct job, module) }, { "verb", offsetof(struct job, verb) },
	{ "kind", offsetof(struct job, kind) },
};

static char **job_text(struct job *j, size_t i)
{
	return (char **)(void *)((char *)j + job_texts[i].at);
}

bool job_kept(const struct job *j)
{
	for (size_t i = 0; i < j->options.n; i++)
		if (str_starts(j->options.v[i], "--keep"))
			return true;
	return false;
}

bool job_tally_is_whole(const struct job *j)
{
	return j->state == JOB_ENDED && j->tally.total == j->hosts && !job_kept(j);
}

void job_release(struct job *j)
{
	for (size_t i = 0; i < ARRAY_LEN(job_texts); i++)
		free(*job_text(j, i));
	strs_release(&j->args);
	strs_release(&j->options);
	memset(j, 0, sizeof(*j));
}

static int set_text(char **at, const char *text, struct dt_err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_nomem(err);
	free(*at);
	*at = copy;
	return 0;
}

/* One key of a job row's data; unknown ones are a newer dt's. */
static int take_key(struct journal_reader *r, struct job *j, struct db_stmt *st, struct buf *text, struct dt_err *err)
{
	const char *key = db_text(st, 0);

	if (strcmp(key, "uid") == 0)
		j->uid = db_int(st, 1);
	else if (strcmp(key, "pid") == 0)
		j->pid = db_int(st, 1);
	else if (strcmp(key, "start") == 0)
		j->pid_start = db_int(st, 1);
	else if (strcmp(key, "hosts") == 0)
		j->hosts = row_count(st, 1);
	else if (strcmp(key, "args") == 0)
		return list_value(r->db, db_text(st, 1), &j->args, err);
	else if (strcmp(key, "options") == 0)
		return list_value(r->db, db_text(st, 1), &j->options, err);
	for (size_t i = 0; i < ARRAY_LEN(job_texts); i++) {
		if (strcmp(key, job_texts[i].key) != 0)
			continue;
		buf_clear(text);
		return json_value(st, 1, 2, text, err) != 0 ? -1 : set_text(job_text(j, i), text->data, err);
	}
	return 0;
}

static int take_job(struct journal_reader *r, struct job *j, const char *data, struct dt_err *err)
{
	struct db_stmt *st;
	struct buf text;
	int got = 0;

	for (size_t i = 0; i < ARRAY_LEN(job_texts); i++)
		if (set_text(job_text(j, i), "", err) != 0)
			return -1;
	if (db_prepare(r->db, "SELECT key, value, type FROM json_each(?)", &st, err) != 0)
		return -1;
	buf_init(&text, JOURNAL_ROW_MAX);
	db_bind_text(st, 1, data);
	while ((got = db_step(st, err)) == 1)
		if (take_key(r, j, st, &text, err) != 0) {
			got = -1;
			break;
		}
	db_reset(st);
	buf_release(&text);
	return got;
}

enum outcome outcome_by(const char *status, enum err_code code)
{
	/* two have one word */
	if (code == ERR_LOCAL && strcmp(status, outcome_name(OUTCOME_LOCAL)) == 0)
		return OUTCOME_LOCAL;
	for (int o = OUTCOME_OK; o < OUTCOME_UNKNOWN; o++)
		if (strcmp(outcome_name((enum outcome)o), status) == 0)
			return (enum outcome)o;
	return OUTCOME_UNKNOWN;
}

static int take_done(struct journal_reader *r, struct job *j, struct dt_err *err)
{
	struct db_stmt *st;
	int got;

	if (db_prepare(r->db, "SELECT e.at, e.rc, json_extract(e.data, '$.signal'), c.key, c.value"
		       " FROM entry e LEFT JOIN json_each(e.data, '$.counts') c WHERE e.seq ="
		       " (SELECT max(seq) FROM entry WHERE kind = 'done' AND job = ?)", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, j->number);
	j->state = JOB_ELSEWHERE;
	while ((got = db_step(st, err)) == 1) {
		j->state = JOB_ENDED;
		j->ended_ms = row_ms(st, 0);
		j->exit_status = (int)db_int(st, 1);
		j->signal = (int)db_int(st, 2);
		if (db_type(st, 3) == DB_TEXT) {
			j->tally.by[outcome_by(db_text(st, 3), ERR_NONE)] = row_count(st, 4);
			j->tally.total += row_count(st, 4);
		}
	}
	db_reset(st);
	return got;
}

static void find_state(struct job *j)
{
	struct process p = { .pid = j->pid, .start = j->pid_start };

	(void)snprintf(p.boot, sizeof(p.boot), "%s", j->boot);
	(void)snprintf(p.space, sizeof(p.space), "%s", j->pid_space);
	(void)snprintf(p.machine, sizeof(p.machine), "%s", j->machine);
	j->state = process_state(&p);
}

int journal_get(struct journal_reader *r, int64_t number, struct job *out, struct dt_err *err)
{
	struct db_stmt *st;
	int got;

	memset(out, 0, sizeof(*out));
	if (db_prepare(r->db, "SELECT at, data FROM entry WHERE kind = 'job' AND job = ?", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, number);
	got = db_step(st, err);
	if (got == 1) {
		out->number = number;
		out->at_ms = row_ms(st, 0);
		got = take_job(r, out, db_text(st, 1), err) == 0 ? 1 : -1;
	} else if (got == 0) {
		(void)err_set(err, ERR_USAGE, "no job %" PRId64 " in the journal", number);
		got = -1;
	}
	db_reset(st);
	if (got == 1)
		got = take_done(r, out, err) == 0 ? 1 : -1;
	if (got == 1 && out->state != JOB_ENDED) {
		enum job_state alive;

		/* in this order: who ends between the two has its done row */
		find_state(out);
		alive = out->state;
		got = take_done(r, out, err) == 0 ? 1 : -1;
		if (out->state != JOB_ENDED)
			out->state = alive;
	}
	if (got == 1)
		return 0;
	job_release(out);
	return -1;
}

int journal_last(struct journal_reader *r, int64_t *number, struct dt_err *err)
{
	struct db_stmt *st;
	int got;

	*number = 0;
	if (db_prepare(r->db, "SELECT job FROM entry WHERE kind = 'job' AND json_extract(data, '$.kind') <> 'inventory'"
		       " ORDER BY job DESC LIMIT 1", &st, err) != 0)
		return -1;
	got = db_step(st, err);
	if (got == 1)
		*number = db_int(st, 0);
	db_reset(st);
	return got < 0 ? -1 : 0;
}

int journal_hosts_hash(struct journal_reader *r, int64_t number, unsigned char hash[SHA256_SIZE], struct dt_err *err)
{
	struct db_stmt *st;
	const void *data;
	size_t len;
	int got;

	memset(hash, 0, SHA256_SIZE);
	if (db_prepare(r->db, "SELECT output FROM entry WHERE kind = 'job' AND job = ?", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, number);
	got = db_step(st, err);
	data = got == 1 ? db_blob(st, 0, &len) : NULL;
	if (data && len == SHA256_SIZE)
		memcpy(hash, data, SHA256_SIZE);
	db_reset(st);
	if (got == 0)
		got = err_set(err, ERR_USAGE, "no job %" PRId64 " in the journal", number);
	return got < 0 ? -1 : 0;
}

int journal_hosts(struct journal_reader *r, int64_t number, struct strs *out, struct dt_err *err)
{
	static const unsigned char none[SHA256_SIZE];
	unsigned char hash[SHA256_SIZE];
	struct buf text;
	int got = journal_hosts_hash(r, number, hash, err);

	buf_init(&text, JOURNAL_ROW_MAX);
	if (got == 0 && memcmp(hash, none, sizeof(hash)) != 0)
		got = content_get(r->db, hash, &text, err);
	for (char *p = text.data, *nl; got == 0 && (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		if (strs_addn(out, p, (size_t)(nl - p)) != 0)
			got = err_nomem(err);
	buf_release(&text);
	return got;
}

int reader_about(struct journal_reader *r, int64_t number, struct dt_err *err)
{
	if (r->job.number == number)
		return 0;
	forget_hosts(r);
	if (journal_get(r, number, &r->job, err) != 0)
		return -1;
	if (journal_hosts(r, number, &r->hosts, err) == 0)
		return 0;
	forget_hosts(r);
	return -1;
}

/* ---- states ---- */

static void mark(void *arg, size_t index)
{
	struct job_host *v = arg;

	if (v[index].state == HOST_WAITING)
		v[index].state = HOST_BEGUN;
}

static int take_states(struct journal_reader *r, int64_t number, struct job_host *v, struct dt_err *err)
{
	struct db_stmt *st;
	int got;

	if (db_prepare(r->db, "SELECT kind, host, CASE kind WHEN 'begin' THEN data END, status, rc,"
		       " CASE status WHEN 'failed' THEN json_extract(data, '$.code') END FROM entry"
		       " WHERE kind IN ('begin', 'end') AND job = ? ORDER BY kind, host, seq", &st, err) != 0)
		return -1;
	db_bind_int(st, 1, number);
	while ((got = db_step(st, err)) == 1) {
		int64_t host = db_int(st, 1);

		if (strcmp(db_text(st, 0), "begin") == 0)
			ranges_each(db_text(st, 2), r->hosts.n, mark, v);
		else if (host >= 0 && (uint64_t)host < r->hosts.n)
			v[host] = (struct job_host){
				.state = HOST_ENDED, .outcome = outcome_by(db_text(st, 3), code_of(db_text(st, 5))),
				.rc = db_type(st, 4) == DB_NULL ? -1 : (int)db_int(st, 4),
			};
	}
	db_reset(st);
	return got;
}

int journal_states(struct journal_reader *r, int64_t number, struct job_host **out, size_t *n, struct dt_err *err)
{
	struct job_host *v;

	*out = NULL;
	*n = 0;
	if (reader_about(r, number, err) != 0)
		return -1;
	v = calloc(r->hosts.n + 1, sizeof(*v));
	if (!v)
		return err_nomem(err);
	for (size_t i = 0; i < r->hosts.n; i++)
		v[i] = (struct job_host){ HOST_WAITING, OUTCOME_UNKNOWN, -1 };
	if (take_states(r, number, v, err) != 0) {
		free(v);
		return -1;
	}
	*out = v;
	*n = r->hosts.n;
	return 0;
}
