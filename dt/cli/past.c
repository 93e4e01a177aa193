#include "dt/cli/past.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dt/base/escape.h"
#include "dt/base/nearest.h"
#include "dt/base/quote.h"
#include "dt/report/json.h"

int past_open(struct journal_reader **out, struct dt_err *err)
{
	char *path = journal_path(err);
	int r = path ? journal_read(path, out, err) : -1;

	if (r == 0 && !*out)
		r = err_set(err, ERR_USAGE, "there is no journal of runs yet (%s)", path);
	free(path);
	return r;
}

/* ---- which job ---- */

struct nth {
	size_t left;
	int64_t number;
};

static int count_down(void *arg, const struct job *j, struct dt_err *err)
{
	struct nth *n = arg;

	(void)err;
	n->number = n->left ? 0 : j->number;
	n->left -= n->left > 0;
	return 0;
}

int past_number(struct journal_reader *r, const char *text, int64_t *number, struct dt_err *err)
{
	struct nth n = { 0 };
	struct job_filter f = { .hosts_only = true };
	long long back = 0;

	*number = 0;
	if (parse_int(text, 1, INT64_MAX, &back) == 0) {
		*number = back;
		return 0;
	}
	if (!str_starts(text, "last") || (text[4] && (text[4] != '-' || parse_int(text + 5, 0, 1000000, &back) != 0)))
		return err_set(err, ERR_USAGE, "\"%.100s\" is no job: a number, last, or last-1; dt jobs lists them", text);
	n.left = (size_t)back;
	f.limit = n.left + 1;
	if (journal_jobs(r, &f, count_down, &n, err) != 0)
		return -1;
	*number = n.number;
	return *number ? 0 : err_set(err, ERR_USAGE, "%s: the journal has no such run", text);
}

int past_job(struct journal_reader *r, const char *text, struct job *out, struct dt_err *err)
{
	int64_t number;

	memset(out, 0, sizeof(*out));
	return past_number(r, text, &number, err) == 0 ? journal_get(r, number, out, err) : -1;
}

/* ---- a job in words ---- */

/*
 * A word for a shell, on one line: as it is, in quotes, or, where it holds
 * what a terminal must not see, as $'...' of bash(1), whose escapes are ours.
 */
static int add_word(struct buf *out, const char *word)
{
	struct buf text;
	size_t slashes = 0, len = strlen(word);
	bool odd;
	int r;

	buf_init(&text, 1UL << 30);
	r = quote_arg(&text, word);
	if (r == 0 && strcmp(text.data, word) == 0) {
		r = buf_add(out, text.data, text.len);
		buf_release(&text);
		return r;
	}
	buf_clear(&text);
	r |= escape(&text, word, len);
	for (const char *p = word; *p; p++)
		slashes += *p == '\\';
	odd = text.len != len + slashes;
	r |= buf_adds(out, odd ? "$'" : "'");
	for (const char *p = odd ? text.data : word; *p && r == 0; p++)
		r = *p == '\'' ? buf_adds(out, odd ? "\\'" : "'\\''") : buf_addc(out, *p);
	buf_release(&text);
	return r | buf_addc(out, '\'');
}

int past_command(const struct job *j, struct buf *out)
{
	int r = add_word(out, j->selection) || buf_addc(out, ' ') || add_word(out, j->module);

	for (size_t i = 0; i < j->args.n; i++)
		r |= buf_addc(out, ' ') || add_word(out, j->args.v[i]);
	return r ? -1 : 0;
}

const char *past_time(int64_t at_ms, char *out, size_t size)
{
	time_t t = (time_t)(at_ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm))
		(void)snprintf(out, size, "?");
	return out;
}

static int pair(struct buf *out, const char *key, const char *value)
{
	return !*value ? 0 : buf_addf(out, ",\"%s\":", key) || json_text(out, value);
}

static int list(struct buf *out, const char *key, const struct strs *l)
{
	int r = buf_addf(out, ",\"%s\":[", key);

	for (size_t i = 0; i < l->n; i++)
		r |= (i ? buf_addc(out, ',') : 0) || json_text(out, l->v[i]);
	return r | buf_addc(out, ']');
}

int past_json(const struct job *j, const struct past_counts *c, struct buf *out)
{
	int r = buf_addf(out, "{\"event\":\"job\",\"job\":%" PRId64 ",\"state\":\"%s\",\"at\":", j->number,
			 job_state_name(j->state)) || json_seconds(out, j->at_ms);

	if (j->state == JOB_ENDED) {
		r |= buf_adds(out, ",\"ended\":") || json_seconds(out, j->ended_ms) || buf_addf(out, ",\"exit\":%d", j->exit_status);
		if (j->signal)
			r |= buf_addf(out, ",\"signal\":%d", j->signal);
	}
	r |= pair(out, "user", j->user) || pair(out, "sudo_user", j->sudo_user) || pair(out, "tty", j->tty) ||
	     pair(out, "machine", j->machine) || pair(out, "from", j->from) || pair(out, "cwd", j->cwd) ||
	     pair(out, "version", j->version) || buf_addf(out, ",\"pid\":%" PRId64, j->pid) || pair(out, "kind", j->kind) ||
	     list(out, "options", &j->options) || pair(out, "selection", j->selection) || pair(out, "module", j->module) ||
	     pair(out, "verb", j->verb) || list(out, "args", &j->args) || buf_addf(out, ",\"hosts\":%zu,\"counts\":{", j->hosts);
	for (int o = OUTCOME_OK; o <= OUTCOME_UNKNOWN; o++)
		if (o != OUTCOME_LOCAL)
			r |= buf_addf(out, "%s\"%s\":%zu", o ? "," : "", outcome_name((enum outcome)o),
				      c->by[o] + (o == OUTCOME_FAILED ? c->by[OUTCOME_LOCAL] : 0));
	r |= buf_addf(out, "},\"open\":%zu}\n", c->open);
	return r ? -1 : 0;
}

/* ---- what became of its hosts ---- */

bool past_open_host(const struct job *j, const struct job_host *h, size_t index, const char *name, struct result *r,
		    struct dt_err *err)
{
	const char *why;

	result_init(r, 0);
	if (h->state == HOST_ENDED || j->state == JOB_RUNNING)
		return false;
	r->index = index;
	r->host = name;
	r->module = j->module;
	if (h->state == HOST_BEGUN || j->state == JOB_ELSEWHERE) {
		r->outcome = OUTCOME_UNKNOWN;
		why = j->state == JOB_ELSEWHERE ? "no end is known here: its dt may still run on another machine"
		      : job_kept(j) ? "it may have begun, and has no end here: dt died, or could not write; dt reconcile asks"
				    : "it may have begun, and has no end here: dt died, or could not write";
	} else {
		r->outcome = OUTCOME_SKIPPED;
		r->code = ERR_SKIPPED;
		why = j->state == JOB_DIED ? "it has no beginning here: dt died, or could not write" : "it did not begin";
	}
	r->reason = strdup(why);
	if (!r->reason)
		(void)err_nomem(err);
	return true;
}

void past_count_hosts(const struct job *j, const struct job_host *v, size_t n, struct past_counts *out)
{
	struct dt_err ignored = DT_ERR_INIT;
	struct result end;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n; i++) {
		if (v[i].state == HOST_ENDED) {
			out->by[v[i].outcome]++;
			continue;
		}
		if (past_open_host(j, &v[i], i, "", &end, &ignored))
			out->by[end.outcome]++;
		else
			out->open++;
		result_release(&end);
	}
}

int past_count(struct journal_reader *r, const struct job *j, struct past_counts *out, struct dt_err *err)
{
	struct job_host *v;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (journal_states(r, j->number, &v, &n, err) != 0)
		return -1;
	past_count_hosts(j, v, n, out);
	free(v);
	return 0;
}

int past_count_soon(struct journal_reader *r, const struct job *j, struct past_counts *out, struct dt_err *err)
{
	int ret = 0;

	memset(out, 0, sizeof(*out));
	if (job_tally_is_whole(j))
		memcpy(out->by, j->tally.by, sizeof(out->by));
	else
		ret = past_count(r, j, out, err);
	out->by[OUTCOME_FAILED] += out->by[OUTCOME_LOCAL];
	out->by[OUTCOME_LOCAL] = 0;
	return ret;
}

size_t past_not_ok(const struct past_counts *c)
{
	size_t n = 0;

	for (int o = OUTCOME_OK + 1; o <= OUTCOME_UNKNOWN; o++)
		n += c->by[o];
	return n;
}

/* ---- the arguments of a word ---- */

static int unknown(const char *word, const struct word_option *own, size_t own_count, struct dt_err *err)
{
	const char *names[16], *near;
	size_t n = 0;

	for (; n < own_count && n < ARRAY_LEN(names); n++)
		names[n] = own[n].name;
	near = nearest(word, names, n);
	if (near)
		return err_set(err, ERR_USAGE, "unknown option %.200s; did you mean %s?", word, near);
	return err_set(err, ERR_USAGE, "unknown option %.200s; dt --help lists them", word);
}

/* 1: it was one of the word's own, 0, or -1. */
static int take_own(const struct word_option *own, size_t own_count, char *const *args, int n, int *i, struct dt_err *err)
{
	for (size_t k = 0; k < own_count; k++) {
		size_t len = strlen(own[k].name);

		if (strncmp(args[*i], own[k].name, len) != 0 || (args[*i][len] && (!own[k].value || args[*i][len] != '=')))
			continue;
		if (own[k].flag) {
			*own[k].flag = true;
			return 1;
		}
		if (!args[*i][len] && *i + 1 >= n)
			return err_set(err, ERR_USAGE, "%s needs a value", own[k].name);
		*own[k].value = args[*i][len] ? args[*i] + len + 1 : args[++*i];
		return 1;
	}
	return 0;
}

int word_take(struct app *a, char *const *args, int n, const struct word_option *own, size_t own_count,
	      const char **words, int max, int *count, const char *usage, struct dt_err *err)
{
	bool plain = false;

	*count = 0;
	for (int i = 0; i < n; i++) {
		size_t at = (size_t)i;
		int r;

		if (plain || args[i][0] != '-' || !args[i][1]) {
			if (*count == max)
				return err_set(err, ERR_USAGE, "%s; \"%.100s\" is too much", usage, args[i]);
			words[(*count)++] = args[i];
			continue;
		}
		if (strcmp(args[i], "--") == 0) {
			plain = true;
			continue;
		}
		r = take_own(own, own_count, args, n, &i, err);
		if (r == 0) {
			r = options_take(&a->opt, args, (size_t)n, &at, err);
			i = (int)at;
		}
		if (r <= 0)
			return r < 0 ? -1 : unknown(args[i], own, own_count, err);
	}
	return 0;
}
