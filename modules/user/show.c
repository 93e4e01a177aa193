#include "user/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY 86400

/* Nobody gets in: its password is locked, or it is expired as "lock" does it. */
static bool is_locked(const struct account *a)
{
	return a->shadow_known && ((a->locked && a->password == 'h') || a->expire == EXPIRE_LOCKED);
}

/* The groups that it is a member of, besides its own. */
static char *groups_of(const struct found *f, const char *name)
{
	char *text = NULL;
	size_t len, n = 0;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; out && i < f->group_count; i++)
		if (in_list(f->groups[i].members, name))
			(void)fprintf(out, "%s%s", n++ ? "," : "", f->groups[i].name);
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

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

static bool one_account(struct dt_task *task, const struct dt_services *dt, const struct found *f,
			const struct account *a, FILE *out, bool first)
{
	char *groups = groups_of(f, a->name), date[16];
	const char *expire = expiry(a, date);

	if (!groups)
		return false;
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
	free(groups);
	return true;
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
	bool first = true, fine = out;

	for (size_t i = 0; fine && i < f->account_count; i++)
		if (is_shown(w, f, &f->accounts[i], names, n)) {
			fine = one_account(task, dt, f, &f->accounts[i], out, first);
			first = false;
		}
	if (out && fclose(out) == 0 && fine)
		dt->message(task, "%s", text);
	free(text);
	if (!fine)
		return dt->fail(task, 1, "out of memory");
	for (size_t i = 0; names && i < n; i++)
		if (!found_account(f, names[i]))
			return dt->fail(task, 1, "%sno user %s", first ? "" : "; ", names[i]);
	return DT_OK;
}
