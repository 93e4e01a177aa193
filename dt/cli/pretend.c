#include "dt/cli/pretend.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/quote.h"
#include "dt/report/format.h"
#include "dt/report/json.h"

/* A jump host, and how many of the hosts are behind it. */
struct gate {
	const char *name;
	size_t hosts;
};

struct preview {
	const struct app *a;
	const char *module;
	const struct strs *args;
	const struct pace_options *pace;
	size_t stages, by_openssh;
	void *gates;	/* tsearch(3) */
	struct buf out, text;
};

static int compare(const void *x, const void *y)
{
	return strcmp(((const struct gate *)x)->name, ((const struct gate *)y)->name);
}

static int count_gate(struct preview *v, const char *name)
{
	struct gate probe = { .name = name }, **at = tfind(&probe, &v->gates, compare);

	if (!at) {
		struct gate *g = calloc(1, sizeof(*g));

		if (!g)
			return -1;
		g->name = name;
		at = tsearch(g, &v->gates, compare);
		if (!at) {
			free(g);
			return -1;
		}
	}
	(*at)->hosts++;
	return 0;
}

static bool through_ssh(const struct target *t)
{
	return t->transport == TRANSPORT_OPENSSH || (t->transport == TRANSPORT_AUTO && t->openssh_because);
}

static const char *transport(const struct target *t)
{
	return t->transport == TRANSPORT_LOCAL ? "local" : through_ssh(t) ? "openssh" : "libssh2";
}

static int count(struct preview *v)
{
	int r = 0;

	for (size_t i = 0; v->pace && i < v->a->hosts.n; i++) {
		const struct target *t = plan_target(v->a->plan, i);

		v->by_openssh += through_ssh(t);
		for (const struct target *via = t->via; via; via = via->via)
			r |= count_gate(v, via->name);
	}
	if (v->pace)
		(void)pace_stage(v->pace, v->a->hosts.n, 0, &v->stages);
	return r;
}

/* ---- status lines ---- */

static int add_way(const struct preview *v, struct buf *text, size_t i)
{
	const struct target *t = plan_target(v->a->plan, i);
	size_t stage = pace_stage(v->pace, v->a->hosts.n, i, NULL), first = v->pace->canary ? 1 : 0;
	int r = t->transport == TRANSPORT_LOCAL ? buf_adds(text, " (on this machine")
						: buf_addf(text, " (%s@%s port %d", t->user, t->hostname, t->port);

	for (const struct target *via = t->via; via; via = via->via)
		r |= buf_addf(text, " via %s", via->name);
	if (through_ssh(t))
		r |= buf_addf(text, ", through ssh%s%s", t->openssh_because ? ": " : "",
			      t->openssh_because ? t->openssh_because : "");
	if (first && !stage)
		r |= buf_adds(text, ", canary");
	else if (v->stages - first > 1)
		r |= buf_addf(text, ", batch %zu of %zu", stage - first + 1, v->stages - first);
	return r | buf_addc(text, ')');
}

static int text_host(struct preview *v, size_t i)
{
	int r = buf_addf(&v->text, "would run: %s", v->module);

	for (size_t k = 0; k < v->args->n; k++)
		r |= buf_addc(&v->text, ' ') || quote_arg(&v->text, v->args->v[k]);
	if (v->pace)
		r |= add_way(v, &v->text, i);
	return r | omni_line(&v->out, "info", "", "dt", v->module, v->a->hosts.v[i]->pub.name, v->text.data, v->text.len,
			     false);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int text_summary(struct preview *v)
{
	size_t n = v->a->hosts.n, first = v->pace->canary ? 1 : 0, batches = v->stages - first;
	int r = buf_addf(&v->text, "%zu host%s, %zu at a time", n, plural(n), v->pace->coproc);

	if (first)
		r |= buf_addf(&v->text, ", %zu canar%s first", v->pace->canary, v->pace->canary == 1 ? "y" : "ies");
	if (v->pace->batch)
		r |= buf_addf(&v->text, ", %zu batch%s of %zu", batches, batches == 1 ? "" : "es", v->pace->batch);
	if (v->by_openssh)
		r |= buf_addf(&v->text, ", %zu through ssh", v->by_openssh);
	return r;
}

/* ---- JSON ---- */

static int json_pair(struct buf *out, const char *key, const char *text)
{
	return buf_addf(out, ",\"%s\":", key) || json_text(out, text);
}

static int json_args(const struct preview *v, struct buf *out)
{
	int r = buf_adds(out, ",\"args\":[");

	for (size_t k = 0; k < v->args->n; k++)
		r |= (k ? buf_addc(out, ',') : 0) || json_text(out, v->args->v[k]);
	return r | buf_addc(out, ']');
}

static int json_host(struct preview *v, size_t i)
{
	struct buf *out = &v->out;
	const struct target *t = v->pace ? plan_target(v->a->plan, i) : NULL;
	int r = buf_adds(out, "{\"event\":\"plan\",\"host\":") || json_text(out, v->a->hosts.v[i]->pub.name);

	r |= json_pair(out, "module", v->module) || json_args(v, out);
	if (t) {
		r |= json_pair(out, "address", t->hostname) || json_pair(out, "user", t->user);
		r |= buf_addf(out, ",\"port\":%d,\"via\":[", t->port);
		for (const struct target *via = t->via; via; via = via->via)
			r |= (via != t->via ? buf_addc(out, ',') : 0) || json_text(out, via->name);
		r |= buf_addc(out, ']') || json_pair(out, "transport", transport(t));
		r |= json_pair(out, "because", through_ssh(t) ? t->openssh_because : NULL);
		r |= buf_addf(out, ",\"stage\":%zu,\"canary\":%s", pace_stage(v->pace, v->a->hosts.n, i, NULL) + !v->pace->canary,
			      i < v->pace->canary ? "true" : "false");
	}
	return r | buf_adds(out, "}\n");
}

static int json_summary(struct preview *v)
{
	return buf_addf(&v->out, "{\"event\":\"plan-summary\",\"hosts\":%zu,\"at_a_time\":%zu,\"canaries\":%zu,\"stages\":%zu,"
			"\"through_ssh\":%zu,\"jump_hosts\":[", v->a->hosts.n, v->pace->coproc, v->pace->canary, v->stages,
			v->by_openssh);
}

/* ---- both ---- */

struct walk {
	struct preview *v;
	bool json, more;
	int r;
};

static void add_gate(const void *node, VISIT visit, void *arg)
{
	const struct gate *g = *(struct gate *const *)node;
	struct walk *w = arg;
	struct buf *to = w->json ? &w->v->out : &w->v->text;

	if (visit != postorder && visit != leaf)
		return;
	if (w->json)
		w->r |= buf_adds(to, w->more ? ",{\"host\":" : "{\"host\":") || json_text(to, g->name) ||
			buf_addf(to, ",\"hosts\":%zu}", g->hosts);
	else
		w->r |= buf_addf(to, ", jump host %s for %zu", g->name, g->hosts);
	w->more = true;
}

static int summary(struct preview *v, bool json)
{
	struct walk w = { .v = v, .json = json };

	w.r = json ? json_summary(v) : text_summary(v);
	twalk_r(v->gates, add_gate, &w);
	return w.r | (json ? buf_adds(&v->out, "]}\n")
			   : omni_line(&v->out, "info", "", "dt", v->module, "", v->text.data, v->text.len, false));
}

int pretend(const struct app *a, const char *module, const struct strs *args, const struct pace_options *pace,
	    struct dt_err *err)
{
	struct preview v = { .a = a, .module = module, .args = args, .pace = pace };
	bool json = strcmp(a->opt.output, "jsonl") == 0;
	int r;

	buf_init(&v.out, 1UL << 30);
	buf_init(&v.text, 1UL << 20);
	r = count(&v);
	for (size_t i = 0; i < a->hosts.n && r == 0; i++) {
		buf_clear(&v.text);
		r = json ? json_host(&v, i) : text_host(&v, i);
	}
	buf_clear(&v.text);
	if (r == 0 && pace)
		r = summary(&v, json);
	r = r ? err_nomem(err) : app_print(&v.out, err);
	tdestroy(v.gates, free);
	buf_release(&v.out);
	buf_release(&v.text);
	return r;
}
