/*
 * word_trust - dt trust SELECTION: host keys fetched in parallel, shown, asked for, written.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/cli/app.h"
#include "dt/report/format.h"
#include "dt/report/result.h"
#include "dt/run/pool.h"
#include "dt/ssh/session.h"

struct fetched {
	struct message message;
	size_t index;
	const struct target *target;
	struct buf key;
	int r;
	struct dt_err err;
};

struct trust {
	struct app *app;
	struct fetched **v;	/* by host */
	size_t n, unknown;
	struct tally tally;
	struct buf out;
};

static void fetch(struct pool *p, void *ctx, void *item)
{
	struct trust *t = ctx;
	struct fetched *f = item;

	f->r = session_fetch_key(&t->app->env, f->target, 0, &f->key, &f->err);
	f->message.bytes = sizeof(*f);
	pool_send(p, &f->message);
}

/* All keys, or as many as there are when interrupted. */
static int fetch_all(struct trust *t, struct dt_err *err)
{
	const struct options *o = &t->app->opt;
	struct pool *pool = pool_new((size_t)o->coproc < t->n ? (size_t)o->coproc : t->n, 1UL << 20, fetch, t, err);
	size_t begun = 0, done = 0;
	bool interrupted = false;
	int r = 0;

	if (!pool)
		return -1;
	for (; begun < t->n && r == 0; begun += r == 0)
		r = pool_put(pool, t->v[begun], err);
	while (done < begun) {
		struct pollfd fds[] = { { pool_fd(pool), POLLIN, 0 }, { interrupted ? -1 : t->app->signals->signal_fd, POLLIN, 0 } };

		(void)poll(fds, 2, -1);
		interrupted |= fds[1].revents != 0;
		while (pool_receive(pool))
			done++;
	}
	pool_free(pool);
	if (interrupted && r == 0)
		r = err_set(err, ERR_FAIL, "interrupted; nothing was written");
	return r;
}

static int say(struct trust *t, const char *status, const struct fetched *f, const char *text)
{
	return omni_line(&t->out, status, "", "dt", "trust", t->app->hosts.v[f->index]->pub.name, text, strlen(text),
			 false);
}

static int describe(const struct fetched *f, const char *what, char *out, size_t size)
{
	char type[64], print[64];

	key_type(f->key.data, f->key.len, type);
	key_fingerprint(f->key.data, f->key.len, print);
	(void)snprintf(out, size, "%s %s %s", what, type, print);
	return 0;
}

/* Says what is known of each host; unknown keys are left for the question. */
static int judge(struct trust *t)
{
	int r = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct fetched *f = t->v[i];
		enum hostkey_verdict verdict;
		struct kh_where where;
		char text[600];

		if (f->r != 0) {
			struct result res;
			struct buf reason;

			result_init(&res, 0);
			buf_init(&reason, 8192);
			result_error(&res, &f->err);
			tally_add(&t->tally, &res);
			r |= result_reason(&res, &reason) || say(t, "fail", f, reason.data);
			buf_release(&reason);
			result_release(&res);
			continue;
		}
		verdict = known_hosts_check(f->target->known_hosts, f->target->known_as, f->key.data, f->key.len, &where);
		if (verdict == HOSTKEY_OK) {
			(void)describe(f, "known", text, sizeof(text));
			t->tally.by[OUTCOME_OK]++;
			r |= say(t, "okay", f, text);
		} else if (verdict == HOSTKEY_UNKNOWN || verdict == HOSTKEY_OTHER_TYPE || verdict == HOSTKEY_CA) {
			(void)describe(f, "new", text, sizeof(text));
			t->unknown++;
			r |= say(t, "info", f, text);
			continue;
		} else {
			(void)snprintf(text, sizeof(text), "hostkey: %s by %s:%zu; remove that line first if this is right",
				       verdict == HOSTKEY_REVOKED ? "the key is revoked" : "KEY CHANGED: another is known",
				       where.path ? where.path : "known_hosts", where.line);
			t->tally.by[OUTCOME_HOSTKEY]++;
			r |= say(t, "fail", f, text);
		}
		f->r = 1; /* settled */
	}
	t->tally.total = t->n;
	return r;
}

/* Writes the keys of all hosts that share a known_hosts file at once. */
static int write_file(struct trust *t, const char *path, struct dt_err *err)
{
	struct known_host_line *lines = calloc(t->n, sizeof(*lines));
	size_t n = 0, added;
	int r;

	if (!lines)
		return err_nomem(err);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->r == 0 && strcmp(t->v[i]->target->first_known_hosts, path) == 0)
			lines[n++] = (struct known_host_line){ t->v[i]->target->known_as, t->v[i]->key.data, t->v[i]->key.len };
	r = known_hosts_write(path, lines, n, false, false, &added, err);
	free(lines);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		struct fetched *f = t->v[i];
		char text[600], what[400];

		if (f->r != 0 || strcmp(f->target->first_known_hosts, path) != 0)
			continue;
		(void)snprintf(what, sizeof(what), "added to %.380s:", path);
		(void)describe(f, what, text, sizeof(text));
		t->tally.by[OUTCOME_OK]++;
		if (say(t, "okay", f, text) != 0)
			r = err_nomem(err);
		f->r = 1;
	}
	return r;
}

static int write_all(struct trust *t, struct dt_err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i]->r != 0)
			continue;
		if (!t->v[i]->target->first_known_hosts)
			return err_set(err, ERR_USAGE, "no known_hosts file to write to");
		if (write_file(t, t->v[i]->target->first_known_hosts, err) != 0)
			return -1;
	}
	return 0;
}

static int prepare(struct trust *t, struct dt_err *err)
{
	t->n = t->app->hosts.n;
	t->v = calloc(t->n, sizeof(*t->v));
	if (!t->v)
		return err_nomem(err);
	for (size_t i = 0; i < t->n; i++) {
		t->v[i] = calloc(1, sizeof(*t->v[i]));
		if (!t->v[i])
			return err_nomem(err);
		t->v[i]->index = i;
		t->v[i]->target = plan_target(t->app->plan, i);
		buf_init(&t->v[i]->key, 65536);
	}
	return 0;
}

static int print(struct trust *t, struct dt_err *err)
{
	int r = app_print(&t->out, err);

	buf_clear(&t->out);
	return r;
}

/* Nobody said yes: each unknown key's host ends so. */
static int refuse_all(struct trust *t, struct dt_err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i]->r != 0)
			continue;
		t->tally.by[OUTCOME_HOSTKEY]++;
		if (say(t, "fail", t->v[i], "hostkey: not trusted; nothing was written (--yes trusts it)") != 0)
			return err_nomem(err);
	}
	return 0;
}

/* -p: whom it would ask. */
static int pretend(struct trust *t, struct dt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n; i++) {
		char text[400];

		(void)snprintf(text, sizeof(text), "would fetch the key of %.200s port %d", t->v[i]->target->hostname,
			       t->v[i]->target->port);
		r |= say(t, "info", t->v[i], text);
	}
	return r ? err_nomem(err) : print(t, err);
}

static int run(struct trust *t, struct dt_err *err)
{
	char question[120];

	if (prepare(t, err) != 0)
		return -1;
	if (t->app->opt.pretend)
		return pretend(t, err);
	if (signals_watch(false, err) != 0 || fetch_all(t, err) != 0)
		return -1;
	if (judge(t) != 0)
		return err_nomem(err);
	if (print(t, err) != 0)
		return -1;
	if (t->unknown) {
		(void)snprintf(question, sizeof(question), "Trust %zu new host key%s?", t->unknown,
			       t->unknown == 1 ? "" : "s");
		if (app_confirm(t->app, question) ? write_all(t, err) != 0 : refuse_all(t, err) != 0)
			return -1;
		if (print(t, err) != 0)
			return -1;
	}
	return tally_status(&t->tally, false);
}

int word_trust(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct trust t = { .app = a };
	int i = 0, r;

	r = options_parse(&a->opt, args, &i, err);
	log_set_level((int)a->opt.verbose);
	if (r == 0 && n - i < 1)
		r = err_set(err, ERR_USAGE, "dt trust SELECTION [--yes]");
	if (r == 0) {
		const char *selection = args[i++];

		/* the question's answer may stand last, as people type it */
		r = options_parse(&a->opt, args, &i, err);
		if (r == 0 && i < n)
			r = err_set(err, ERR_USAGE, "dt trust takes one selection; \"%s\" is too much", args[i]);
		if (r == 0 && app_select(a, selection, err) != 0)
			r = -1;
	}
	a->ask_ssh = true;
	if (r == 0 && app_plan(a, err) != 0)
		r = -1;
	if (r != 0)
		return -1;
	buf_init(&t.out, 1UL << 30);
	r = run(&t, err);
	for (size_t k = 0; t.v && k < t.n; k++) {
		if (t.v[k])
			buf_release(&t.v[k]->key);
		free(t.v[k]);
	}
	free(t.v);
	buf_release(&t.out);
	return r;
}
