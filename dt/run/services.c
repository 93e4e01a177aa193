/*
 * services - the table that modules get, and the life of a call.
 */
#include "dt/run/services.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/ask.h"
#include "dt/base/ini.h"
#include "dt/base/quote.h"
#include "dt/base/util.h"
#include "dt/run/services_impl.h"

#define FILE_MAX (64UL << 20)

/* ---- arguments ---- */

static const char *service_arg(const struct dt_call *c, const char *name)
{
	const struct argument *a = arguments_get(c->args, name);

	return a ? a->text : NULL;
}

static long long service_number(const struct dt_call *c, const char *name)
{
	const struct argument *a = arguments_get(c->args, name);

	return a ? a->number : 0;
}

static const char *const *service_list(const struct dt_call *c, const char *name, size_t *n)
{
	static const char *const none[] = { NULL };
	const struct argument *a = arguments_get(c->args, name);

	*n = a ? a->list.n : 0;
	return *n ? (const char *const *)a->list.v : none;
}

/* ---- prepare and finish ---- */

static size_t service_host_count(const struct dt_call *c)
{
	return c->hosts->n;
}

static const struct dt_host *service_host(const struct dt_call *c, size_t i)
{
	return i < c->hosts->n ? &c->hosts->v[i]->pub : NULL;
}

static void service_set_state(struct dt_call *c, void *state)
{
	c->state = state;
}

static void *service_state(const struct dt_call *c)
{
	return c->state;
}

static __attribute__((format(printf, 2, 3))) void service_refuse(struct dt_call *c, const char *fmt, ...)
{
	va_list ap;

	free(c->refusal);
	va_start(ap, fmt);
	if (vasprintf(&c->refusal, fmt, ap) < 0)
		c->refusal = NULL;
	va_end(ap);
}

static const char *service_read_file(struct dt_call *c, const char *path, size_t *len)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf b;
	char **v, *text;

	*len = 0;
	buf_init(&b, FILE_MAX);
	if (read_file(path, &b, &err) != 0) {
		service_refuse(c, "%s", err.msg);
		buf_release(&b);
		return NULL;
	}
	*len = b.len;
	text = buf_steal(&b);
	/* kept as it is: it may hold NUL bytes */
	v = text ? realloc(c->scratch.v, (c->scratch.n + 2) * sizeof(*v)) : NULL;
	if (!v) {
		free(text);
		service_refuse(c, "out of memory");
		return NULL;
	}
	c->scratch.v = v;
	v[c->scratch.n++] = text;
	v[c->scratch.n] = NULL;
	c->scratch.cap = c->scratch.n + 1;
	return text;
}

static const char *service_read_stdin(struct dt_call *c, size_t *len)
{
	struct dt_err err = DT_ERR_INIT;

	*len = 0;
	if (!c->input) {
		if (c->stdin_fd < 0) {
			service_refuse(c, "standard input was read already");
			return NULL;
		}
		c->input = calloc(1, sizeof(*c->input));
		if (!c->input) {
			service_refuse(c, "out of memory");
			return NULL;
		}
		buf_init(c->input, FILE_MAX);
		if (read_fd(c->stdin_fd, "standard input", c->input, &err) != 0) {
			service_refuse(c, "%s", err.msg);
			return NULL;
		}
	}
	*len = c->input->len;
	return c->input->data;
}

static int service_stdin_for_hosts(struct dt_call *c, long long apart)
{
	struct dt_err err = DT_ERR_INIT;

	if (c->stdin_fd < 0)
		(void)err_set(&err, ERR_USAGE, "standard input was read already");
	else if (apart < INPUT_APART_MIN)
		(void)err_set(&err, ERR_USAGE, "hosts must be able to be a megabyte apart in standard input");
	else if (!c->stream)
		c->stream = input_new(c->stdin_fd, c->hosts->n, (uint64_t)apart, &err);
	if (c->stream)
		return DT_OK;
	service_refuse(c, "%s", err.msg);
	return DT_FAIL;
}

/* One key is handed on when all its lines are there. */
struct ini_call {
	dt_ini_fn *each;
	void *arg;
	char *section, *key;	/* of the one under way, or NULL */
	struct buf value;
	int line;
	char *wrong;		/* "key: reason", at line */
};

static int ini_flush(struct ini_call *c, struct dt_err *err)
{
	const char *wrong = c->key ? c->each(c->arg, c->section, c->key, c->value.data, c->line) : NULL;

	if (wrong) {
		(void)err_set(err, ERR_USAGE, "%s", wrong);
		if (asprintf(&c->wrong, "%s: %s", c->key, wrong) < 0)
			c->wrong = NULL;
	}
	free(c->key);
	free(c->section);
	c->key = c->section = NULL;
	buf_clear(&c->value);
	return wrong ? -1 : 0;
}

static int ini_line(void *arg, const char *section, const char *name, const char *value, int line, bool more,
		    struct dt_err *err)
{
	struct ini_call *c = arg;
	const char *wrong;

	if (more && c->key)
		return buf_addc(&c->value, ' ') || buf_adds(&c->value, value) ? err_set(err, ERR_USAGE, "the value is too long") : 0;
	if (ini_flush(c, err) != 0)
		return -1;
	if (!name) {
		wrong = c->each(c->arg, section, NULL, NULL, line);
		return wrong ? err_set(err, ERR_USAGE, "[%s]: %s", section, wrong) : 0;
	}
	c->section = strdup(section);
	c->key = strdup(name);
	c->line = line;
	return c->section && c->key && buf_adds(&c->value, value) == 0 ? 0 : err_nomem(err);
}

static int service_read_ini(struct dt_call *c, const char *path, dt_ini_fn *each, void *arg)
{
	struct ini_call ini = { .each = each, .arg = arg };
	struct dt_err err = DT_ERR_INIT;
	size_t len;
	const char *text = service_read_file(c, path, &len);
	int r;

	if (!text)
		return DT_FAIL;
	buf_init(&ini.value, 65536);
	r = ini_read(path, text, len, ini_line, &ini, &err);
	if (r == 0)
		r = ini_flush(&ini, &err);
	free(ini.key);
	free(ini.section);
	buf_release(&ini.value);
	/* it was told one line later than it was read */
	if (ini.wrong)
		service_refuse(c, "%s:%d: %s", path, ini.line, ini.wrong);
	else if (r != 0)
		service_refuse(c, "%s", err.msg);
	free(ini.wrong);
	return r == 0 ? DT_OK : DT_FAIL;
}

static __attribute__((format(printf, 4, 5))) void service_report(struct dt_call *c, size_t i, int outcome,
								 const char *fmt, ...)
{
	va_list ap;

	if (!c->reports || i >= c->hosts->n)
		return;
	free(c->reports[i].text);
	c->reports[i].outcome = outcome;
	c->reports[i].given = true;
	va_start(ap, fmt);
	if (vasprintf(&c->reports[i].text, fmt, ap) < 0)
		c->reports[i].text = NULL;
	va_end(ap);
}

/* ---- the store ---- */

static const char *service_store_fault(const struct dt_call *c, const char *key_or_tag, const char *value)
{
	(void)c;
	if (!value)
		return tag_fault(key_or_tag);
	/* an empty value deletes, whatever the key's values are */
	return *value ? attr_fault(key_or_tag, value) : attr_key_fault(key_or_tag);
}

static int editing(struct dt_call *c, struct dt_err *err)
{
	if (c->editing)
		return 0;
	if (inventory_begin(c->inv, err) != 0)
		return -1;
	c->editing = true;
	return 0;
}

static int edited(struct dt_call *c, int r, const struct dt_err *err)
{
	if (r == 0)
		return DT_OK;
	service_refuse(c, "%s", err->msg);
	return DT_FAIL;
}

static int service_store_add(struct dt_call *c, const char *host, bool *changed)
{
	struct dt_err err = DT_ERR_INIT;

	return edited(c, editing(c, &err) != 0 ? -1 : inventory_host_add(c->inv, host, changed, &err), &err);
}

static int service_store_del(struct dt_call *c, const char *host, bool *changed)
{
	struct dt_err err = DT_ERR_INIT;

	return edited(c, editing(c, &err) != 0 ? -1 : inventory_host_del(c->inv, host, changed, &err), &err);
}

static int service_store_tag(struct dt_call *c, const char *host, const char *tag, bool on, bool *changed)
{
	struct dt_err err = DT_ERR_INIT;

	return edited(c, editing(c, &err) != 0 ? -1 : inventory_host_tag(c->inv, host, tag, on, changed, &err), &err);
}

static int service_store_set(struct dt_call *c, const char *host, const char *key, const char *value, bool *changed)
{
	struct dt_err err = DT_ERR_INIT;

	return edited(c, editing(c, &err) != 0 ? -1 : inventory_host_set(c->inv, host, key, value, changed, &err),
		      &err);
}

/* ---- run ---- */

static const struct dt_host *service_task_host(const struct dt_task *t)
{
	return &t->call->hosts->v[t->index]->pub;
}

static __attribute__((format(printf, 2, 3))) void service_message(struct dt_task *t, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	(void)output_add(&t->result->output, STREAM_OUT, text, (size_t)n);
	free(text);
}

static __attribute__((format(printf, 3, 4))) int service_fail(struct dt_task *t, int status, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		(void)output_add(&t->result->output, STREAM_OUT, text, (size_t)n);
		free(text);
	}
	t->last.status = status ? status : 1;
	t->last.signal[0] = '\0';
	return DT_FAIL;
}

static const char *keep(struct dt_task *t, const char *s)
{
	struct dt_err err = DT_ERR_INIT;

	if (strs_add(&t->scratch, s) == 0)
		return t->scratch.v[t->scratch.n - 1];
	(void)err_nomem(&err);
	(void)task_error(t, &err);
	return NULL;
}

static const char *service_quote(struct dt_task *t, const char *const *argv, size_t n)
{
	struct dt_err err = DT_ERR_INIT;
	const char *text = NULL;
	struct buf b;

	buf_init(&b, 4UL << 20);
	if (quote_argv(&b, argv, n) == 0) {
		text = keep(t, b.data);
	} else {
		(void)err_set(&err, ERR_LOCAL, "the command is too long");
		(void)task_error(t, &err);
	}
	buf_release(&b);
	return text;
}

static __attribute__((format(printf, 2, 3))) const char *service_format(struct dt_task *t, const char *fmt, ...)
{
	const char *kept;
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	kept = keep(t, text);
	free(text);
	return kept;
}

static const char *service_ask(struct dt_call *c, const char *name)
{
	struct secret **v = realloc(c->asked, (c->asked_count + 1) * sizeof(struct secret *));
	struct dt_err err = DT_ERR_INIT;

	if (v) {
		c->asked = v;
		v[c->asked_count] = ask_secret(name, &err);
	} else {
		(void)err_nomem(&err);
	}
	if (!v || !v[c->asked_count]) {
		service_refuse(c, "%s", err.msg);
		return NULL;
	}
	return secret_bytes(v[c->asked_count++]);
}

static size_t service_task_index(const struct dt_task *t)
{
	return t->index;
}

static void service_row(struct dt_task *t, const struct dt_field *fields, size_t n)
{
	result_row(t->result, fields, n);
}

static void service_waits_in_services(struct dt_call *c)
{
	c->waits_in_services = true;
}

const struct dt_services services = {
	.abi = DT_MODULE_ABI,
	.size = sizeof(services),
	.arg = service_arg,
	.arg_number = service_number,
	.arg_list = service_list,
	.host_count = service_host_count,
	.host = service_host,
	.set_state = service_set_state,
	.state = service_state,
	.refuse = service_refuse,
	.read_file = service_read_file,
	.read_stdin = service_read_stdin,
	.report = service_report,
	.store_fault = service_store_fault,
	.store_add = service_store_add,
	.store_del = service_store_del,
	.store_tag = service_store_tag,
	.store_set = service_store_set,
	.task_host = service_task_host,
	.exec = service_exec,
	.local = service_local,
	.message = service_message,
	.fail = service_fail,
	.quote = service_quote,
	.format = service_format,
	.push_files = service_push_files,
	.pull_files = service_pull_files,
	.push = service_push,
	.pull = service_pull,
	.undo = service_undo,
	.read_ini = service_read_ini,
	.waits_in_services = service_waits_in_services,
	.ask = service_ask,
	.task_index = service_task_index,
	.row = service_row,
	.sh = service_sh,
	.stdin_for_hosts = service_stdin_for_hosts,
};

/* ---- the call ---- */

struct dt_call *call_new(const struct module *m, const struct arguments *args, struct inventory *inv,
			 const struct hostset *hosts, int stdin_fd)
{
	struct dt_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->module = m;
	c->args = args;
	c->inv = inv;
	c->hosts = hosts;
	c->stdin_fd = stdin_fd;
	return c;
}

void call_free(struct dt_call *c)
{
	if (!c)
		return;
	/* of a run that was shown alone, or could not begin; that of an inventory verb is the action itself */
	if (c->prepared && c->args->verb->run && c->args->verb->finish)
		(void)c->args->verb->finish(c, &services);
	for (size_t i = 0; c->reports && i < c->hosts->n; i++)
		free(c->reports[i].text);
	free(c->reports);
	if (c->input)
		buf_release(c->input);
	free(c->input);
	input_free(c->stream);
	filesets_free(c->filesets);
	for (size_t i = 0; i < c->asked_count; i++)
		secret_free(c->asked[i]);
	free(c->asked);
	strs_release(&c->scratch);
	free(c->refusal);
	free(c);
}

bool call_is_inventory(const struct dt_call *c)
{
	return !c->args->verb->run && !c->module->script;
}

bool call_waits_in_services(const struct dt_call *c)
{
	return c->module->script || c->waits_in_services;
}

int call_prepare(struct dt_call *c, struct dt_err *err)
{
	const struct dt_verb *v = c->args->verb;

	if (call_is_inventory(c)) {
		c->reports = calloc(c->hosts->n + 1, sizeof(*c->reports));
		if (!c->reports)
			return err_nomem(err);
	}
	c->prepared = !v->prepare || v->prepare(c, &services) == DT_OK;
	if (c->prepared)
		return 0;
	(void)err_set(err, ERR_MODULE, "%s: %s", c->module->mod->name,
		      c->refusal ? c->refusal : "refuses its arguments");
	if (v->finish)
		(void)v->finish(c, &services);
	return -1;
}

bool call_surveys(const struct dt_call *c)
{
	return c->args->verb->survey != NULL;
}

int call_agree(struct dt_call *c, struct dt_err *err)
{
	const struct dt_verb *v = c->args->verb;

	if (!v->agree || v->agree(c, &services) == DT_OK)
		return 0;
	return err_set(err, ERR_SKIPPED, "%s", c->refusal ? c->refusal : "the module found a reason not to begin");
}

int call_finish(struct dt_call *c, struct dt_err *err)
{
	const struct dt_verb *v = c->args->verb;
	int r = v->finish ? v->finish(c, &services) : DT_OK;

	c->prepared = false;
	if (r != DT_OK) {
		if (c->editing)
			inventory_rollback(c->inv);
		c->editing = false;
		if (!c->refusal && call_is_inventory(c))
			return 0; /* the hosts' own outcomes tell */
		return err_set(err, call_is_inventory(c) ? ERR_USAGE : ERR_FAIL, "%s: %s", c->module->mod->name,
			       c->refusal ? c->refusal : "failed");
	}
	if (c->editing && inventory_commit(c->inv, err) != 0) {
		inventory_rollback(c->inv);
		r = -1;
	}
	c->editing = false;
	return r;
}

void call_describe(const struct dt_call *c, size_t index, struct result *r)
{
	r->index = index;
	r->host = c->hosts->v[index]->pub.name;
	r->module = c->module->mod->name;
}

void call_skip(const struct dt_call *c, size_t index, const struct dt_err *why, struct result *r)
{
	result_init(r, 0);
	call_describe(c, index, r);
	r->began_ms = r->ended_ms = now_ms();
	result_error(r, why);
}

void call_result(struct dt_call *c, size_t i, struct result *r)
{
	const struct report *p = &c->reports[i];

	result_init(r, 1UL << 20);
	call_describe(c, i, r);
	r->began_ms = r->ended_ms = now_ms();
	if (p->text)
		(void)output_add(&r->output, STREAM_OUT, p->text, strlen(p->text));
	if (!p->given)
		(void)output_add(&r->output, STREAM_OUT, "not reported", 12);
	result_exit(r, p->given && p->outcome == DT_OK ? 0 : 1, NULL);
}
