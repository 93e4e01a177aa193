/*
 * word_trust - dt trust SELECTION: host keys fetched in parallel, shown, asked for, written.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/cli/app.h"
#include "dt/report/format.h"
#include "dt/report/result.h"
#include "dt/run/pool.h"
#include "dt/ssh/hostkey.h"
#include "dt/ssh/keyscan.h"
#include "dt/ssh/session.h"

/* One host: the keys that it shows, and which of them are to be written. */
struct fetched {
	struct message message;
	size_t index;
	const struct target *target;
	struct shown_keys keys;
	bool unknown[SHOWN_MAX];
	bool settled;		/* its outcome is told */
	int r;
	struct dt_err err;
};

struct trust {
	struct app *app;
	struct fetched **v;	/* by host */
	size_t n, hosts, keys;	/* of the selection; with unknown keys, and how many those are */
	struct tally tally;
	struct buf out;
};

static void fetch(struct pool *p, void *ctx, void *item)
{
	struct trust *t = ctx;
	struct fetched *f = item;

	f->r = keyscan(&t->app->env, f->target, 0, &f->keys, &f->err);
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

/* Its one outcome. */
static int settle(struct trust *t, struct fetched *f, enum outcome outcome, const char *text)
{
	f->settled = true;
	t->tally.by[outcome]++;
	return say(t, outcome == OUTCOME_OK ? "okay" : "fail", f, text);
}

/* "new ssh-ed25519 SHA256:..., known ssh-rsa SHA256:...", with what is new called otherwise. */
static int describe(const struct fetched *f, const char *what, struct buf *text)
{
	char words[HOSTKEY_WORDS];
	int r = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < f->keys.n; i++) {
			if (f->unknown[i] != (pass == 0))
				continue;
			hostkey_words(f->keys.v[i].data, f->keys.v[i].len, words);
			r |= buf_addf(text, "%s%s %s", text->len ? ", " : "", pass == 0 ? what : "known", words);
		}
	return r;
}

static int tell_fetch_error(struct trust *t, struct fetched *f)
{
	struct result res;
	struct buf reason;
	int r;

	result_init(&res, 0);
	buf_init(&reason, 8192);
	result_error(&res, &f->err);
	tally_add(&t->tally, &res);
	f->settled = true;
	r = result_reason(&res, &reason) || say(t, "fail", f, reason.data);
	buf_release(&reason);
	result_release(&res);
	return r;
}

static int add_fault(struct buf *faults, enum hostkey_verdict verdict, const struct buf *key, const struct kh_where *where)
{
	char shown[HOSTKEY_WORDS], known[HOSTKEY_WORDS];

	hostkey_words(key->data, key->len, shown);
	hostkey_words(where->blob, where->len, known);
	if (buf_addf(faults, "%s%s%s; ", verdict == HOSTKEY_REVOKED ? "the key " : "KEY CHANGED: the host shows ", shown,
		     verdict == HOSTKEY_REVOKED ? " is revoked" : "") != 0)
		return -1;
	/* a key of its own type is the one that it was */
	return buf_addf(faults, "%s:%zu %s %s; ", where->path, where->line,
			verdict == HOSTKEY_REVOKED ? "revokes" : "has", known);
}

/* Marks the keys that are new; adds to faults what speaks against the host. */
static int judge_keys(struct fetched *f, struct buf *faults)
{
	enum hostkey_verdict verdicts[SHOWN_MAX];
	struct kh_where where[SHOWN_MAX];
	bool known = false;
	int r = 0;

	for (size_t i = 0; i < f->keys.n; i++) {
		verdicts[i] = hostkey_check(f->target, f->keys.v[i].data, f->keys.v[i].len, &where[i]);
		known |= verdicts[i] == HOSTKEY_OK;
	}
	for (size_t i = 0; i < f->keys.n; i++) {
		enum hostkey_verdict v = verdicts[i];

		f->unknown[i] = v == HOSTKEY_UNKNOWN || v == HOSTKEY_CA || v == HOSTKEY_OTHER_TYPE;
		/* with none of its known keys it is not the host that was known: ssh(1) says changed, too */
		if (v == HOSTKEY_CHANGED || v == HOSTKEY_REVOKED || (v == HOSTKEY_OTHER_TYPE && !known))
			r |= add_fault(faults, v, &f->keys.v[i], &where[i]);
	}
	return r || !*f->keys.revoked ? r : buf_addf(faults, "%s; ", f->keys.revoked);
}

/* Why a key cannot be written, or NULL. */
static const char *no_place(const struct target *t)
{
	struct stat st;

	if (t->known_hosts_because)
		return t->known_hosts_because;
	if (!t->first_known_hosts)
		return "no known_hosts file to write to (UserKnownHostsFile none)";
	if (stat(t->first_known_hosts, &st) == 0 && !S_ISREG(st.st_mode))
		return "what is written there is not kept";
	return NULL;
}

static int judge_host(struct trust *t, struct fetched *f)
{
	struct buf text;
	size_t unknown = 0;
	const char *fault;
	int r;

	if (f->r != 0)
		return tell_fetch_error(t, f);
	buf_init(&text, 65536);
	r = buf_adds(&text, "hostkey: ");
	if (r == 0)
		r = judge_keys(f, &text);
	for (size_t i = 0; i < f->keys.n; i++)
		unknown += f->unknown[i];
	if (r == 0 && text.len > strlen("hostkey: ")) {
		r = buf_adds(&text, "nothing was written; take the old lines out first if this is right") ||
		    settle(t, f, OUTCOME_HOSTKEY, text.data);
	} else if (r == 0 && unknown && (fault = no_place(f->target)) != NULL) {
		r = buf_addf(&text, "%s%s%s; --known-hosts names a file", f->target->first_known_hosts ? f->target->first_known_hosts : "",
			     f->target->first_known_hosts ? ": " : "", fault) || settle(t, f, OUTCOME_HOSTKEY, text.data);
	} else if (r == 0) {
		buf_clear(&text);
		r = describe(f, "new", &text) || (unknown ? say(t, "info", f, text.data) : settle(t, f, OUTCOME_OK, text.data));
		t->hosts += unknown > 0;
		t->keys += unknown;
	}
	buf_release(&text);
	return r;
}

/* Says what is known of each host; unknown keys are left for the question. */
static int judge(struct trust *t)
{
	int r = 0;

	for (size_t i = 0; i < t->n; i++)
		r |= judge_host(t, t->v[i]);
	t->tally.total = t->n;
	return r;
}

/* Writes the keys of all hosts that share a known_hosts file at once. */
static int write_file(struct trust *t, const struct target *like, struct dt_err *err)
{
	const char *path = like->first_known_hosts;
	struct known_host_line *lines = calloc(t->keys, sizeof(*lines));
	size_t n = 0, added;
	struct buf text;
	int r;

	if (!lines)
		return err_nomem(err);
	for (size_t i = 0; i < t->n; i++) {
		struct fetched *f = t->v[i];

		if (f->settled || f->target->hash_names != like->hash_names || strcmp(f->target->first_known_hosts, path) != 0)
			continue;
		for (size_t k = 0; k < f->keys.n; k++)
			if (f->unknown[k])
				lines[n++] = (struct known_host_line){ f->target->known_as, f->keys.v[k].data, f->keys.v[k].len };
	}
	r = known_hosts_write(path, lines, n, like->hash_names, false, &added, err);
	free(lines);
	buf_init(&text, 65536);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		struct fetched *f = t->v[i];

		if (f->settled || f->target->hash_names != like->hash_names || strcmp(f->target->first_known_hosts, path) != 0)
			continue;
		buf_clear(&text);
		if (describe(f, "added", &text) != 0 || buf_addf(&text, " (%.1000s)", path) != 0 || settle(t, f, OUTCOME_OK, text.data) != 0)
			r = err_nomem(err);
	}
	buf_release(&text);
	return r;
}

static int write_all(struct trust *t, struct dt_err *err)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->v[i]->settled && write_file(t, t->v[i]->target, err) != 0)
			return -1;
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
	for (size_t i = 0; i < t->n; i++)
		if (!t->v[i]->settled &&
		    settle(t, t->v[i], OUTCOME_HOSTKEY, "hostkey: not trusted; nothing was written (--yes trusts it)") != 0)
			return err_nomem(err);
	return 0;
}

/* -p: whom it would ask. */
static int pretend(struct trust *t, struct dt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n; i++) {
		char text[400];

		(void)snprintf(text, sizeof(text), "would fetch the keys of %.200s port %d", t->v[i]->target->hostname,
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
	if (t->keys) {
		(void)snprintf(question, sizeof(question), "Trust %zu new host key%s of %zu host%s?", t->keys,
			       t->keys == 1 ? "" : "s", t->hosts, t->hosts == 1 ? "" : "s");
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
			shown_keys_release(&t.v[k]->keys);
		free(t.v[k]);
	}
	free(t.v);
	buf_release(&t.out);
	return r;
}
