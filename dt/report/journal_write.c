#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/report/journal_impl.h"
#include "dt/report/json.h"

/* ---- small texts ---- */

static const char *const code_names[] = {
	[ERR_FAIL] = "fail", [ERR_USAGE] = "usage", [ERR_MODULE] = "module", [ERR_EMPTY] = "empty",
	[ERR_RESOLVE] = "resolve", [ERR_CONNECT] = "connect", [ERR_HOSTKEY] = "hostkey", [ERR_AUTH] = "auth",
	[ERR_UNSUPPORTED] = "unsupported", [ERR_TIMEOUT] = "timeout", [ERR_LOST] = "lost", [ERR_KILLED] = "killed",
	[ERR_SKIPPED] = "skipped", [ERR_LOCAL] = "local",
};

const char *code_name(enum err_code code)
{
	return (size_t)code < ARRAY_LEN(code_names) ? code_names[code] : NULL;
}

enum err_code code_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(code_names); i++)
		if (str_eq(code_names[i], name))
			return (enum err_code)i;
	return ERR_NONE;
}

static int by_value(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int ranges_add(struct buf *b, const size_t *v, size_t n)
{
	size_t *sorted = malloc((n + 1) * sizeof(*sorted)), i = 0, end;
	int r = sorted ? buf_addc(b, '[') : -1;

	if (sorted)
		memcpy(sorted, v, n * sizeof(*sorted));
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), by_value);
	while (r == 0 && i < n) {
		for (end = i; end + 1 < n && sorted[end + 1] <= sorted[end] + 1; end++)
			;
		r = buf_addf(b, "%s[%zu,%zu]", i ? "," : "", sorted[i], sorted[end]);
		i = end + 1;
	}
	free(sorted);
	return r == 0 ? buf_addc(b, ']') : -1;
}

/* ,"key":value; nothing for an empty text. */
static int pair(struct buf *b, const char *key, const char *value)
{
	if (!value || !*value)
		return 0;
	return buf_addf(b, "%s\"%s\":", b->data[b->len - 1] == '{' ? "" : ",", key) || json_text(b, value) ? -1 : 0;
}

static int number(struct buf *b, const char *key, int64_t n)
{
	return buf_addf(b, "%s\"%s\":%lld", b->data[b->len - 1] == '{' ? "" : ",", key, (long long)n);
}

static int list(struct buf *b, const char *key, const char *const *v)
{
	int r;

	if (!v || !*v)
		return 0;
	r = buf_addf(b, ",\"%s\":", key);
	for (size_t i = 0; r == 0 && v[i]; i++)
		r = buf_addc(b, i ? ',' : '[') || json_text(b, v[i]);
	return r || buf_addc(b, ']') ? -1 : 0;
}

/* Commits where all went well; r is what is to be returned. */
static int end_transaction(struct journal *j, int r, struct dt_err *err)
{
	if (r == 0)
		return journal_commit(j, err);
	journal_rollback(j);
	return -1;
}

/* ---- the job ---- */

static const char *terminal(char *out, size_t size)
{
	for (int fd = 0; fd < 3; fd++)
		if (ttyname_r(fd, out, size) == 0)
			return out;
	return "";
}

static int job_data(struct buf *b, const struct journal_run *run)
{
	char tty[128], from[128] = "", *cwd = getcwd(NULL, 0);
	const char *ssh = getenv("SSH_CONNECTION");	/* "client port server port", sshd(8) */
	const struct passwd *pw = getpwuid(getuid());
	struct process self;
	int r;

	process_self(&self);
	if (ssh)
		(void)snprintf(from, sizeof(from), "%.*s", (int)strcspn(ssh, " "), ssh);
	buf_clear(b);
	r = buf_addc(b, '{') || pair(b, "user", pw ? pw->pw_name : NULL) || number(b, "uid", (int64_t)getuid()) ||
	    pair(b, "tty", terminal(tty, sizeof(tty))) || pair(b, "sudo_user", getenv("SUDO_USER")) ||
	    pair(b, "machine", self.machine) || pair(b, "from", from) || pair(b, "cwd", cwd) ||
	    number(b, "pid", self.pid) || number(b, "start", self.start) || pair(b, "boot", self.boot) ||
	    pair(b, "space", self.space) || pair(b, "version", DT_VERSION) || pair(b, "selection", run->selection) ||
	    pair(b, "module", run->module) || pair(b, "verb", run->verb) || pair(b, "kind", run->kind) ||
	    number(b, "hosts", (int64_t)run->host_count) || list(b, "args", run->args) ||
	    list(b, "options", run->options) || buf_addc(b, '}');
	free(cwd);
	return r ? -1 : 0;
}

int journal_start(struct journal *j, const struct journal_run *run, struct dt_err *err)
{
	struct entry e = { .kind = "job", .host = -1, .rc = -1 };
	unsigned char hash[SHA256_SIZE];
	struct buf names;
	int r = 0;

	buf_init(&names, JOURNAL_ROW_MAX);
	for (size_t i = 0; i < run->host_count && r == 0; i++)
		r = buf_adds(&names, run->hosts[i]) || buf_addc(&names, '\n');
	if (r || job_data(&j->data, run) != 0) {
		buf_release(&names);
		return err_nomem(err);
	}
	r = journal_begin(j, err);
	if (r == 0) {
		e.job = ++j->chain.last_job;
		e.data = j->data.data;
		e.output = names.len ? hash : NULL;
		if (names.len)
			r = journal_content(j, names.data, names.len, hash, err);
		r = end_transaction(j, r == 0 ? journal_append(j, &e, err) : -1, err);
	}
	if (r == 0)
		j->job = e.job;
	buf_release(&names);
	return r;
}

/* ---- hosts ---- */

static int field(struct buf *b, const struct dt_field *f)
{
	if (f->type == DT_STRING)
		return json_text(b, f->text);
	if (f->unknown)
		return buf_adds(b, "null");
	if (f->type == DT_TIME)	/* a fraction tells it from DT_INT */
		return buf_addf(b, "%.3f", (double)f->number / 1000);
	if (f->type == DT_BOOL)
		return buf_adds(b, f->number ? "true" : "false");
	return buf_addf(b, "%lld", f->number);
}

/* As many of them as are to be kept. */
static int rows_data(struct buf *b, const struct rows *rows, size_t most)
{
	int r = buf_addf(b, "%s\"rows\":[", b->data[b->len - 1] == '{' ? "" : ",");
	size_t i;

	for (i = 0; r == 0 && i < rows->n && b->len < most; i++) {
		r = buf_adds(b, i ? ",{" : "{");
		for (size_t k = 0; r == 0 && k < rows->v[i].n; k++) {
			const struct dt_field *f = &rows->v[i].fields[k];

			r = (k && buf_addc(b, ',')) || json_text(b, f->name) || buf_addc(b, ':') || field(b, f);
		}
		r = r || buf_addc(b, '}');
	}
	if (r || buf_addc(b, ']') != 0)
		return -1;
	return rows->truncated || i < rows->n ? number(b, "rows_cut", 1) : 0;
}

/* What a result has beside the columns. */
static int end_data(struct buf *b, const struct result *r, size_t kept, size_t most)
{
	buf_clear(b);
	if (buf_addc(b, '{') || pair(b, "reason", r->reason) || pair(b, "code", code_name(r->code)) ||
	    pair(b, "address", r->address) || pair(b, "user", r->user) || pair(b, "transport", r->transport) ||
	    (r->output.total > kept && number(b, "total", (int64_t)r->output.total)) ||
	    ((r->rows.n || r->rows.truncated) && rows_data(b, &r->rows, most) != 0))
		return -1;
	return buf_addc(b, '}');
}

/* Which bytes of the first kept ones are stderr's: lengths with the lowest bit set there, as struct output has them. */
static int put_runs(struct buf *out, const struct output *o, size_t kept)
{
	bool any = false;

	for (size_t i = 0; i < o->run_count && kept; i++) {
		size_t n = o->runs[i] >> 1 < kept ? o->runs[i] >> 1 : kept;
		uint32_t v = (uint32_t)n << 1 | (o->runs[i] & 1);
		char bytes[4] = { (char)(v >> 24), (char)(v >> 16 & 0xff), (char)(v >> 8 & 0xff), (char)(v & 0xff) };

		any |= v & 1;
		kept -= n;
		if (buf_add(out, bytes, sizeof(bytes)) != 0)
			return -1;
	}
	if (!any)
		buf_clear(out);
	return 0;
}

static int append_end(struct journal *j, const struct result *r, struct buf *runs, struct dt_err *err)
{
	size_t kept = r->output.bytes.len < j->max_output ? r->output.bytes.len : j->max_output;
	unsigned char hash[SHA256_SIZE];
	struct entry e = {
		.job = j->job, .kind = "end", .host = (int64_t)r->index, .status = outcome_name(r->outcome), .rc = r->rc,
		.signal = r->signal, .began = r->began_ms + j->wall, .ended = r->ended_ms + j->wall,
	};

	buf_clear(runs);
	if (end_data(&j->data, r, kept, j->max_output) != 0 || put_runs(runs, &r->output, kept) != 0)
		return err_nomem(err);
	if (j->data.len > 2)
		e.data = j->data.data;
	if (kept && journal_content(j, r->output.bytes.data, kept, hash, err) != 0)
		return -1;
	e.output = kept ? hash : NULL;
	e.runs = runs->len ? runs->data : NULL;
	e.runs_len = runs->len;
	return journal_append(j, &e, err);
}

static int append_begin(struct journal *j, const size_t *v, size_t n, struct dt_err *err)
{
	struct entry e = { .job = j->job, .kind = "begin", .host = -1, .rc = -1 };

	buf_clear(&j->data);
	if (ranges_add(&j->data, v, n) != 0)
		return err_nomem(err);
	e.data = j->data.data;
	return journal_append(j, &e, err);
}

int journal_round(struct journal *j, const size_t *begins, size_t begin_count, const struct result *ends,
		  size_t end_count, struct dt_err *err)
{
	struct buf runs;
	int r = 0;

	if (!begin_count && !end_count)
		return 0;
	if (journal_begin(j, err) != 0)
		return -1;
	buf_init(&runs, JOURNAL_ROW_MAX);
	for (size_t i = 0; i < end_count && r == 0; i++)
		r = append_end(j, &ends[i], &runs, err);
	if (r == 0 && begin_count)
		r = append_begin(j, begins, begin_count, err);
	buf_release(&runs);
	return end_transaction(j, r, err);
}

int journal_done(struct journal *j, int exit_status, int signal, const struct tally *t, struct dt_err *err)
{
	struct entry e = { .job = j->job, .kind = "done", .host = -1, .rc = exit_status };
	struct buf *b = &j->data;
	bool first = true;
	int r;

	buf_clear(b);
	r = buf_addc(b, '{') || (signal && number(b, "signal", signal)) ||
	    buf_addf(b, "%s\"counts\":{", b->len > 1 ? "," : "");
	for (int o = OUTCOME_OK; r == 0 && o <= OUTCOME_UNKNOWN; o++) {
		/* one word, as in the rows: what failed here is "failed" */
		size_t n = t->by[o] + (o == OUTCOME_FAILED ? t->by[OUTCOME_LOCAL] : 0);

		if (n && o != OUTCOME_LOCAL) {
			r = buf_addf(b, "%s\"%s\":%zu", first ? "" : ",", outcome_name((enum outcome)o), n);
			first = false;
		}
	}
	if (r || buf_adds(b, "}}") != 0)
		return err_nomem(err);
	e.data = b->data;
	return journal_begin(j, err) == 0 ? end_transaction(j, journal_append(j, &e, err), err) : -1;
}
