#include "user/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY 86400
#define GROUPS_MAX (16 << 20) /* bytes of all lists of groups of one host */

/* Nobody gets in: its password is locked, or it is expired as "lock" does it. */
static bool is_locked(const struct account *a)
{
	return a->shadow_known && ((a->locked && a->password == 'h') || a->expire == EXPIRE_LOCKED);
}

/* ---- who is in what, in one pass: a host may have many of both ---- */

/* An account, and the groups that it is a member of besides its own: "a,b", or NULL. */
struct member {
	const char *name;
	char *groups;
	size_t len, size;
	const struct group *last;
};

struct members {
	struct member *v;	/* by name, each once */
	size_t n, bytes;
	const char *fault;	/* static text; NULL: none */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* The one whose name is the first len bytes of text, or NULL. */
static struct member *find_member(const struct members *m, const char *text, size_t len)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *name = m->v[middle].name;
		int r = strncmp(name, text, len);

		if (r == 0 && !name[len])
			return &m->v[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void add_group(struct members *m, struct member *one, const struct group *g)
{
	size_t len = strlen(g->name), need = one->len + len + 2;

	if (one->last == g)
		return;
	one->last = g;
	m->bytes += len + 1;
	if (m->bytes > GROUPS_MAX) {
		m->fault = "its users are members of too many groups";
		return;
	}
	if (need > one->size) {
		char *groups = realloc(one->groups, 2 * need);

		if (!groups) {
			m->fault = "out of memory";
			return;
		}
		one->groups = groups;
		one->size = 2 * need;
	}
	one->len += (size_t)snprintf(one->groups + one->len, one->size - one->len, "%s%s", one->len ? "," : "", g->name);
}

static void add_members(struct members *m, const struct group *g)
{
	const char *text = g->members;

	while (*text && !m->fault) {
		size_t len = strcspn(text, ",");
		struct member *one = find_member(m, text, len);

		if (one)
			add_group(m, one, g);
		text += len + (text[len] == ',');
	}
}

static void find_members(struct members *m, const struct found *f)
{
	size_t n = 0;

	*m = (struct members){ .v = calloc(f->account_count + 1, sizeof(*m->v)) };
	if (!m->v) {
		m->fault = "out of memory";
		return;
	}
	for (size_t i = 0; i < f->account_count; i++)
		m->v[i].name = f->accounts[i].name;
	qsort(m->v, f->account_count, sizeof(*m->v), by_name);
	for (size_t i = 0; i < f->account_count; i++)
		if (!n || strcmp(m->v[n - 1].name, m->v[i].name) != 0)
			m->v[n++] = m->v[i];
	m->n = n;
	for (size_t i = 0; i < f->group_count && !m->fault; i++)
		add_members(m, &f->groups[i]);
}

static void forget_members(struct members *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].groups);
	free(m->v);
}

/* ---- one account ---- */

static const char *expiry(const struct account *a, char date[16])
{
	time_t t = (time_t)a->expire * DAY;
	struct tm tm;

	if (!a->shadow_known)
		return NULL;
	if (a->expire == EXPIRE_NEVER)
		return "never";
	if (a->expire > 100000000 || !gmtime_r(&t, &tm) || strftime(date, 16, "%Y-%m-%d", &tm) == 0)
		return "never";
	return date;
}

static void one_row(struct dt_task *task, const struct dt_services *dt, const struct account *a, const char *groups,
		    const char *expire)
{
	const struct dt_field fields[] = {
		{ .name = "name", .text = a->name },
		{ .name = "uid", .type = DT_INT, .number = a->uid },
		{ .name = "gid", .type = DT_INT, .number = a->gid },
		{ .name = "comment", .text = a->comment },
		{ .name = "home", .text = a->home },
		{ .name = "shell", .text = a->shell },
		{ .name = "groups", .text = groups },
		{ .name = "locked", .type = DT_BOOL, .number = is_locked(a), .unknown = !a->shadow_known },
		{ .name = "expire", .text = expire },
		{ .name = "keys", .type = DT_INT, .number = a->keys, .unknown = a->keys < 0 },
	};

	dt->row(task, fields, sizeof(fields) / sizeof(*fields));
}

static void one_account(struct dt_task *task, const struct dt_services *dt, const struct members *m,
			const struct account *a, FILE *out, bool first)
{
	const struct member *one = find_member(m, a->name, strlen(a->name));
	const char *groups = one && one->groups ? one->groups : "";
	char date[16];
	const char *expire = expiry(a, date);

	(void)fprintf(out, "%s%s uid=%lld gid=%lld home=%s shell=%s", first ? "" : "\n", a->name, a->uid, a->gid,
		      a->home, a->shell);
	if (*groups)
		(void)fprintf(out, " groups=%s", groups);
	if (is_locked(a))
		(void)fputs(" locked", out);
	else if (expire && strcmp(expire, "never") != 0)
		(void)fprintf(out, " expire=%s", expire);
	if (a->keys >= 0)
		(void)fprintf(out, " keys=%lld", a->keys);
	one_row(task, dt, a, groups, expire);
}

static bool is_shown(const struct wants *w, const struct found *f, const struct account *a, const char *const *names,
		     size_t n)
{
	if (!names)
		return w->system || !is_system_id(w, f, a->uid);
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], a->name) == 0)
			return found_account(f, a->name) == a;
	return false;
}

int show_accounts(struct dt_task *task, const struct dt_services *dt, const struct wants *w, const struct found *f,
		  const char *const *names, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct members m;
	bool first = true;

	find_members(&m, f);
	for (size_t i = 0; out && !m.fault && i < f->account_count; i++)
		if (is_shown(w, f, &f->accounts[i], names, n)) {
			one_account(task, dt, &m, &f->accounts[i], out, first);
			first = false;
		}
	if ((!out || fclose(out) != 0) && !m.fault)
		m.fault = "out of memory";
	if (!m.fault)
		dt->message(task, "%s", text);
	free(text);
	forget_members(&m);
	if (m.fault)
		return dt->fail(task, 1, "%s", m.fault);
	for (size_t i = 0; names && i < n; i++)
		if (!found_account(f, names[i]))
			return dt->fail(task, 1, "%sno user %s", first ? "" : "; ", names[i]);
	return DT_OK;
}
