/*
 * word_why - dt why HOST [SELECTION]: where a host comes from, how it is reached.
 */
#include <string.h>

#include "dt/base/escape.h"
#include "dt/cli/past.h"
#include "inventory/select.h"

struct why {
	struct buf out;
	int r;
};

static void add(struct why *w, const char *key, const char *value, const char *origin)
{
	w->r |= buf_addf(&w->out, "%-16s ", key) || escape(&w->out, value, strlen(value));
	if (*origin)
		w->r |= buf_adds(&w->out, "  (") || escape(&w->out, origin, strlen(origin)) || buf_addc(&w->out, ')');
	w->r |= buf_addc(&w->out, '\n');
}

static void on_setting(void *arg, const char *key, const char *value, const char *origin)
{
	add(arg, key, value, origin);
}

static void on_link(void *arg, const char *link, bool matches)
{
	add(arg, matches ? "matches" : "does not match", link, "");
}

/* Each link of the selection, and what comes of them together. */
static int explain_selection(struct app *a, const struct host *h, const char *selection, struct why *w,
			     struct dt_err *err)
{
	struct strs dirs = { 0 };
	struct select_options opt = { .selector_dirs = &dirs, .stdin_fd = -1, .job = past_select };
	struct hostset hosts = { 0 };
	bool selected = false;
	int r = app_selector_dirs(a, &dirs, err);

	if (r == 0)
		r = select_explain(a->inv, selection, &opt, h, on_link, w, err);
	if (r == 0)
		r = select_hosts(a->inv, selection, &opt, &hosts, err);
	for (size_t i = 0; r == 0 && i < hosts.n; i++)
		selected |= hosts.v[i] == h;
	if (r == 0)
		add(w, selected ? "selected by" : "not selected by", selection, "");
	hostset_release(&hosts);
	strs_release(&dirs);
	return r;
}

static int explain(struct app *a, size_t i, const char *selection, struct why *w, struct dt_err *err)
{
	const struct host *h = a->hosts.v[i];

	add(w, "host", h->pub.name, h->source ? h->source : "");
	for (size_t k = 0; h->pub.tags && h->pub.tags[k]; k++)
		add(w, "tag", h->pub.tags[k], "");
	if (selection && explain_selection(a, h, selection, w, err) != 0)
		return -1;
	return plan_explain(a->plan, i, on_setting, w, err);
}

int word_why(struct app *a, char *const *args, int n, struct dt_err *err)
{
	struct why w = { .r = 0 };
	int r = 0;

	if (n < 1 || n > 2)
		return err_set(err, ERR_USAGE, "dt why HOST [SELECTION]");
	buf_init(&w.out, 1UL << 24);
	a->ask_ssh = true;
	if (app_select(a, args[0], err) != 0 || app_plan(a, err) != 0)
		r = -1;
	for (size_t i = 0; r == 0 && i < a->hosts.n; i++)
		r = explain(a, i, n > 1 ? args[1] : NULL, &w, err);
	if (r == 0)
		r = w.r ? err_nomem(err) : app_print(&w.out, err);
	buf_release(&w.out);
	return r;
}
