#include "dt/cli/complete_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/cli/past.h"

#define HOSTS_MAX 1000
#define JOBS_MAX 50
#define WAIT_MS 200	/* for a writer of the journal: a person waits */
#define ABOUT_MAX 160	/* bytes of a job's command */

/* ---- the inventory ---- */

/* Reads the terminal where it is "-". */
static bool has_inventory(struct app *a)
{
	struct dt_err err = DT_ERR_INIT;

	return !strs_has(&a->opt.db, "-") && app_inventory(a, &err) == 0;
}

static void hosts(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	(void)about;
	if (has_inventory(a))
		(void)inventory_names(a->inv, prefix, HOSTS_MAX, names, &err);
}

static void tags(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	(void)about;
	if (has_inventory(a))
		(void)inventory_tags(a->inv, prefix, names, &err);
}

static void selectors(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	struct dt_err err = DT_ERR_INIT;

	(void)about;
	(void)app_selectors(arg, prefix, names, &err);
}

/* ---- modules ---- */

struct listing {
	const char *prefix;
	struct strs *names, *about;
};

static void add_module(void *arg, const char *name, const struct module *m, const struct dt_err *why)
{
	const struct listing *l = arg;

	(void)why;
	if (m && str_starts(name, l->prefix) && strs_add(l->names, name) == 0)
		(void)strs_add(l->about, m->mod->summary);
}

static void modules(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	struct listing l = { prefix, names, about };
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;

	if (app_modules(a, &err) == 0)
		(void)modload_list(a->modules, add_module, &l, &err);
}

static const struct dt_module *module(void *arg, const char *name)
{
	struct dt_err err = DT_ERR_INIT;
	struct app *a = arg;
	const struct module *m = app_modules(a, &err) == 0 ? modload_get(a->modules, name, &err) : NULL;

	return m ? m->mod : NULL;
}

/* ---- the journal ---- */

/* Opened anew each time: it costs little, and the file may be another one by now.  NULL: nothing to be had. */
static struct journal_reader *open_past(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct journal_reader *r = NULL;
	char *path = journal_path(&err);

	if (path)
		(void)journal_read_soon(path, WAIT_MS, &r, &err);
	free(path);
	return r;
}

/* The first bytes of a text, and no piece of a character. */
static void cut(struct buf *b, size_t most)
{
	size_t n = b->len;

	if (n <= most)
		return;
	for (n = most; n && ((unsigned char)b->data[n] & 0xc0) == 0x80; n--)
		;
	b->len = n;
	(void)buf_adds(b, "...");
}

static int add_job(void *arg, const struct job *j, struct dt_err *err)
{
	const struct listing *l = arg;
	char number[24], when[32];
	struct buf command, b;
	int r;

	buf_init(&command, 1UL << 30);
	buf_init(&b, 1UL << 20);
	(void)snprintf(number, sizeof(number), "%" PRId64, j->number);
	r = past_command(j, &command);
	cut(&command, ABOUT_MAX);
	r |= buf_addf(&b, "%s %s%s%s", past_time(j->at_ms, when, sizeof(when)),
		      j->state == JOB_ENDED ? "" : job_state_name(j->state), j->state == JOB_ENDED ? "" : ": ", command.data);
	if (r == 0 && strs_add(l->names, number) == 0)
		(void)strs_add(l->about, b.data);
	buf_release(&command);
	buf_release(&b);
	return r == 0 ? 0 : err_nomem(err);
}

static void list_jobs(const char *prefix, bool running, struct strs *names, struct strs *about)
{
	struct listing l = { prefix, names, about };
	struct dt_err err = DT_ERR_INIT;
	struct journal_reader *r = open_past();

	if (r)
		(void)journal_numbers(r, prefix, running, JOBS_MAX, add_job, &l, &err);
	journal_reader_free(r);
}

static void jobs(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	(void)arg;
	list_jobs(prefix, false, names, about);
}

static void running(void *arg, const char *prefix, struct strs *names, struct strs *about)
{
	(void)arg;
	list_jobs(prefix, true, names, about);
}

static void job_hosts(void *arg, const char *job, const char *prefix, struct strs *names)
{
	struct dt_err err = DT_ERR_INIT;
	struct journal_reader *r = open_past();
	struct strs all = { 0 };
	int64_t number;
	size_t n = 0;

	(void)arg;
	if (r && past_number(r, job, &number, &err) == 0)
		(void)journal_hosts(r, number, &all, &err);
	strs_sort(&all);
	for (size_t i = 0; i < all.n; i++) {
		if (!str_starts(all.v[i], prefix))
			continue;
		/* the last one too, so that what they have in common is right */
		if (n++ < HOSTS_MAX || i + 1 == all.n || !str_starts(all.v[i + 1], prefix))
			(void)strs_add(names, all.v[i]);
	}
	strs_release(&all);
	journal_reader_free(r);
}

void complete_source_init(struct complete_source *s, struct app *a)
{
	*s = (struct complete_source){
		.tags = tags, .hosts = hosts, .modules = modules, .selectors = selectors, .jobs = jobs, .running = running,
		.job_hosts = job_hosts, .module = module, .arg = a,
	};
}
