#include "dt/report/result.h"

#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"

/* A run's length has 31 bits; a longer one goes on in the next run. */
#define RUN_MAX UINT32_C(0x7fffffff)

const char *outcome_name(enum outcome o)
{
	static const char *const names[] = {
		[OUTCOME_OK] = "ok",
		[OUTCOME_FAILED] = "failed",
		[OUTCOME_UNREACHABLE] = "unreachable",
		[OUTCOME_AUTH] = "auth",
		[OUTCOME_HOSTKEY] = "hostkey",
		[OUTCOME_TIMEOUT] = "timeout",
		[OUTCOME_LOST] = "lost",
		[OUTCOME_KILLED] = "killed",
		[OUTCOME_SKIPPED] = "skipped",
		[OUTCOME_LOCAL] = "failed",
		[OUTCOME_UNKNOWN] = "unknown",
	};

	return (size_t)o < ARRAY_LEN(names) ? names[o] : "unknown";
}

void output_init(struct output *o, size_t max)
{
	memset(o, 0, sizeof(*o));
	buf_init(&o->bytes, max);
}

void output_release(struct output *o)
{
	buf_release(&o->bytes);
	free(o->runs);
	o->runs = NULL;
	o->run_count = o->run_cap = 0;
	o->total = 0;
}

static bool runs_reserve(struct output *o, size_t n)
{
	size_t cap = o->run_cap ? o->run_cap : 4;
	uint32_t *runs;

	while (cap < o->run_count + n)
		cap *= 2;
	if (cap == o->run_cap)
		return true;
	runs = realloc(o->runs, cap * sizeof(*runs));
	if (!runs)
		return false;
	o->runs = runs;
	o->run_cap = cap;
	return true;
}

int output_add(struct output *o, int stream, const char *data, size_t len)
{
	uint32_t is_err = stream == STREAM_ERR;
	size_t room = o->bytes.max - o->bytes.len, keep;

	/* once something was dropped all is dropped: what is kept has no hole */
	if (output_truncated(o))
		room = 0;
	o->total += len;
	keep = len < room ? len : room;
	if (!keep)
		return 0;
	if (!runs_reserve(o, keep / RUN_MAX + 2) || buf_add(&o->bytes, data, keep) != 0)
		return -1;
	while (keep) {
		uint32_t *last = o->run_count ? &o->runs[o->run_count - 1] : NULL;
		size_t n;

		if (!last || (*last & 1) != is_err || *last >> 1 == RUN_MAX) {
			last = &o->runs[o->run_count++];
			*last = is_err;
		}
		n = RUN_MAX - (*last >> 1);
		if (n > keep)
			n = keep;
		*last += (uint32_t)n << 1;
		keep -= n;
	}
	return 0;
}

bool output_truncated(const struct output *o)
{
	return o->total > o->bytes.len;
}

int output_stream(const struct output *o, int stream, struct buf *out)
{
	const char *p = o->bytes.data;

	for (size_t i = 0; i < o->run_count; i++) {
		size_t n = o->runs[i] >> 1;

		if ((o->runs[i] & 1) == (stream == STREAM_ERR) && buf_add(out, p, n) != 0)
			return -1;
		p += n;
	}
	return 0;
}

void result_init(struct result *r, size_t max_output)
{
	memset(r, 0, sizeof(*r));
	r->outcome = OUTCOME_UNKNOWN;
	r->rc = -1;
	output_init(&r->output, max_output);
	r->rows.max = max_output;
}

void result_release(struct result *r)
{
	free(r->reason);
	r->reason = NULL;
	output_release(&r->output);
	for (size_t i = 0; i < r->rows.n; i++)
		free(r->rows.v[i].fields);
	free(r->rows.v);
	r->rows.v = NULL;
	r->rows.n = 0;
}

void result_row(struct result *r, const struct dt_field *fields, size_t n)
{
	struct rows *rows = &r->rows;
	size_t bytes = n * sizeof(*fields);
	struct dt_field *copy;
	struct row *v;
	char *text;

	for (size_t i = 0; i < n; i++)
		bytes += fields[i].text ? strlen(fields[i].text) + 1 : 0;
	rows->truncated |= rows->bytes + bytes > rows->max;
	v = rows->truncated ? NULL : realloc(rows->v, (rows->n + 1) * sizeof(*v));
	if (v)
		rows->v = v;
	copy = v ? malloc(bytes) : NULL;
	if (!copy) {
		rows->truncated = true;
		return;
	}
	memcpy(copy, fields, n * sizeof(*fields));
	text = (char *)(copy + n);
	for (size_t i = 0; i < n; i++)
		if (fields[i].text) {
			size_t len = strlen(fields[i].text) + 1;

			copy[i].text = memcpy(text, fields[i].text, len);
			text += len;
		}
	rows->bytes += bytes + sizeof(*v);
	rows->v[rows->n++] = (struct row){ copy, n };
}

/* Has the result an end already that must stand? */
static bool not_ok(const struct result *r)
{
	return r->outcome != OUTCOME_UNKNOWN && r->outcome != OUTCOME_OK;
}

static enum outcome outcome_of(enum err_code code)
{
	switch (code) {
	case ERR_RESOLVE:
	case ERR_CONNECT:
	case ERR_UNSUPPORTED:
		return OUTCOME_UNREACHABLE;
	case ERR_HOSTKEY:
		return OUTCOME_HOSTKEY;
	case ERR_AUTH:
		return OUTCOME_AUTH;
	case ERR_TIMEOUT:
		return OUTCOME_TIMEOUT;
	case ERR_LOST:
		return OUTCOME_LOST;
	case ERR_KILLED:
		return OUTCOME_KILLED;
	case ERR_SKIPPED:
		return OUTCOME_SKIPPED;
	default:
		return OUTCOME_LOCAL;
	}
}

void result_error(struct result *r, const struct dt_err *err)
{
	if (not_ok(r))
		return;
	r->outcome = outcome_of(err->code);
	r->code = err->code;
	r->rc = -1;
	r->signal[0] = '\0';
	free(r->reason);
	r->reason = strdup(err->msg);
	/* one line, so that the output behind it can be told apart */
	for (char *p = r->reason; p && *p; p++)
		if (*p == '\n')
			*p = ' ';
}

void result_exit(struct result *r, int rc, const char *signal)
{
	if (not_ok(r))
		return;
	if (!signal)
		signal = "";
	if (!*signal && rc < 0) {
		struct dt_err err;

		(void)err_set(&err, ERR_LOST, "no exit status came");
		result_error(r, &err);
		return;
	}
	r->code = ERR_NONE;
	free(r->reason);
	r->reason = NULL;
	r->rc = *signal ? -1 : rc;
	memset(r->signal, 0, sizeof(r->signal));
	memcpy(r->signal, signal, strnlen(signal, sizeof(r->signal) - 1));
	r->outcome = *signal ? OUTCOME_KILLED : rc ? OUTCOME_FAILED : OUTCOME_OK;
}

/* 128 and the signal's usual number, as a shell says it; the names are those of RFC 4254, 6.10. */
static int signal_status(const char *name)
{
	static const struct { const char *name; int number; } signals[] = {
		{ "HUP", 1 }, { "INT", 2 }, { "QUIT", 3 }, { "ILL", 4 }, { "ABRT", 6 }, { "FPE", 8 }, { "KILL", 9 },
		{ "USR1", 10 }, { "SEGV", 11 }, { "USR2", 12 }, { "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 },
	};

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcmp(signals[i].name, name) == 0)
			return 128 + signals[i].number;
	return 128;
}

void tally_add(struct tally *t, const struct result *r)
{
	int rc = r->signal[0] ? signal_status(r->signal) : r->rc;

	t->total++;
	t->by[(size_t)r->outcome < ARRAY_LEN(t->by) ? r->outcome : OUTCOME_UNKNOWN]++;
	/* an exit status has 8 bits: 256 must not come out as 0 */
	if (rc > 255)
		rc = 255;
	if (rc > t->max_rc)
		t->max_rc = rc;
}

int tally_status(const struct tally *t, bool max_status)
{
	static const enum outcome far[] = {
		OUTCOME_UNREACHABLE, OUTCOME_AUTH, OUTCOME_HOSTKEY, OUTCOME_TIMEOUT,
		OUTCOME_LOST, OUTCOME_SKIPPED, OUTCOME_UNKNOWN,
	};

	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		if (t->by[far[i]])
			return 4;
	if (max_status && t->max_rc)
		return t->max_rc;
	return t->by[OUTCOME_OK] == t->total ? 0 : 5;
}
