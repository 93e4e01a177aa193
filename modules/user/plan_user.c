#include "user/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUPS_MAX 8000 /* bytes of the names of one account's groups */

static const char *word(bool yes, const char *text)
{
	return yes ? text : "";
}

/* "2030-12-31"; "" where it never does. */
static void date(long long days, char out[16])
{
	time_t t = days > 0 ? (time_t)days * 86400 : 0;
	struct tm tm;

	*out = '\0';
	if (days >= 0 && gmtime_r(&t, &tm))
		(void)strftime(out, 16, "%Y-%m-%d", &tm);
}

/* ---- groups ---- */

/* Adds "name," to a list of them. */
static void list_add(char **list, const char *name)
{
	char *grown = NULL;

	if (*list && !in_list(*list, name) && asprintf(&grown, "%s%s%s", *list, **list ? "," : "", name) < 0)
		grown = NULL;
	else if (!grown)
		return;
	free(*list);
	*list = grown;
}

/*
 * The groups that it is a member of, "a,b"; to be freed.  NULL: why is told.
 * What is done with lists takes longer than they are long.
 */
static char *groups_now(const struct job *j)
{
	char *list = strdup("");
	size_t len = 0;

	for (size_t i = 0; list && i < j->f->group_count && len <= GROUPS_MAX; i++)
		if (!j->f->groups[i].foreign && in_list(j->f->groups[i].members, j->u->name)) {
			len += strlen(j->f->groups[i].name) + 1;
			if (len <= GROUPS_MAX)
				list_add(&list, j->f->groups[i].name);
		}
	if (list && len <= GROUPS_MAX)
		return list;
	(void)plan_fault(j->p, list ? "%s: a member of too many groups" : "out of memory", j->u->name);
	free(list);
	return NULL;
}

/* Those that it shall be a member of. */
static char *groups_wanted(const struct want *u, const char *now)
{
	bool changes = strchr("+-", *u->groups) && *u->groups;
	char *list = strdup(""), *copy, *rest, *one;

	/* what stays, in its order */
	copy = rest = strdup(changes ? now : "");
	while (list && rest && (one = strsep(&rest, ",")) != NULL) {
		char less[NAME_SIZE + 1];

		(void)snprintf(less, sizeof(less), "-%s", one);
		if (*one && !in_list(u->groups, less))
			list_add(&list, one);
	}
	free(copy);
	copy = rest = strdup(u->groups);
	while (list && rest && (one = strsep(&rest, ",")) != NULL)
		if (*one && *one != '-')
			list_add(&list, one + (*one == '+'));
	free(copy);
	return list;
}

/* Are all of one in the other? */
static bool within(const char *list, const char *other)
{
	char *copy = strdup(list), *rest = copy, *one;
	bool all = copy;

	while (all && rest && (one = strsep(&rest, ",")) != NULL)
		all = !*one || in_list(other, one);
	free(copy);
	return all;
}

static int set_groups(const struct job *j)
{
	char *now, *wanted;

	if (!j->u->groups)
		return 0;
	now = groups_now(j);
	if (!now)
		return -1;
	wanted = groups_wanted(j->u, now);
	if (!wanted) {
		free(now);
		return plan_fault(j->p, "out of memory");
	}
	if (!(within(wanted, now) && within(now, wanted))) {
		plan_step(j->p, j->u->name, "groups=%s", wanted);
		PLAN_CALL(j->p, "set_groups", j->u->name, wanted, now);
	}
	free(now);
	free(wanted);
	return 0;
}

/* ---- its fields ---- */

static void set_field(const struct job *j, const char *what, const char *value, const char *option, const char *field)
{
	plan_step(j->p, j->u->name, "%s=%s", what, value);
	PLAN_CALL(j->p, "set_field", j->u->name, option, field, value);
}

long long plan_gid(const struct wants *w, const struct found *f, const char *group)
{
	const struct group *g = found_group(f, group);

	if (parse_id(group) != ID_ANY || g)
		return g ? g->gid : parse_id(group);
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].is_group && w->v[i].state != STATE_ABSENT && strcmp(w->v[i].name, group) == 0)
			return w->v[i].new_id;
	return ID_ANY;
}

static void set_expire(const struct job *j, long long days)
{
	char text[16], number[24] = "";

	date(days, text);
	if (days >= 0)
		(void)snprintf(number, sizeof(number), "%lld", days);
	PLAN_CALL(j->p, "set_expire", j->u->name, number, text);
}

/* What it is when it is locked, for unlock; EXPIRE_NEVER: nothing is kept any longer. */
static void keep_expire(const struct job *j, long long days)
{
	char number[24] = "";

	if (days >= 0)
		(void)snprintf(number, sizeof(number), "%lld", days);
	plan_step(j->p, j->u->name, "%s", "");
	PLAN_CALL(j->p, "keep_expire", j->u->name, j->uid, number);
}

static int set_fields(const struct job *j)
{
	const struct want *u = j->u;
	const struct account *a = j->a;
	char text[16], gid[24];
	long long id = u->group ? plan_gid(j->w, j->f, u->group) : ID_ANY;

	if (id != ID_ANY && id != a->gid) {
		(void)snprintf(gid, sizeof(gid), "%lld", id);
		plan_step(j->p, u->name, "group=%s", u->group);
		PLAN_CALL(j->p, "set_field", u->name, "-g", "4", gid);
	}
	if (u->comment && strcmp(u->comment, a->comment) != 0)
		set_field(j, "comment", u->comment, "-c", "5");
	if (u->shell && strcmp(u->shell, a->shell) != 0)
		set_field(j, "shell", u->shell, "-s", "7");
	if (u->home && strcmp(u->home, a->home) != 0) {
		const struct home *h = found_home(j->f, u->name);

		if (!j->w->no_home && plan_home(j, h, true) != 0)
			return -1;
		if (h && h->kind == 'n' && !j->w->no_home) {
			plan_step(j->p, u->name, "%s", "");
			PLAN_CALL(j->p, "make_home", u->name, j->uid, j->gid, u->home);
		}
		set_field(j, "home", u->home, "-d", "6");
	}
	if (u->expire != EXPIRE_AS_IS && u->expire != a->expire) {
		date(u->expire, text);
		plan_step(j->p, u->name, "expire=%s", *text ? text : "never");
		set_expire(j, u->expire);
		if (a->kept != EXPIRE_AS_IS)
			keep_expire(j, EXPIRE_NEVER);
	}
	return 0;
}

/* ---- password and lock ---- */

static void lock(const struct job *j, const char *words)
{
	plan_step(j->p, j->u->name, "%s", words);
	PLAN_CALL(j->p, "lock", j->u->name);
}

static int set_access(const struct job *j)
{
	const struct want *u = j->u;
	const struct account *a = j->a;
	char text[16];
	bool was_locked = a && a->locked && (a->password == 'h' || a->expire == EXPIRE_LOCKED);

	if (!j->f->shadow) {
		if (u->hash || u->state == STATE_LOCKED || u->expire > 0)
			return plan_fault(j->p, "%s: no /etc/shadow for a password, a lock or an expire date", u->name);
		return 0;
	}
	if (u->hash && !(a && a->same_hash)) {
		plan_step(j->p, u->name, "password");
		PLAN_CALL(j->p, "set_hash", u->name, u->hash);
		if (was_locked && u->state == STATE_AS_IS)
			lock(j, "");
	}
	if (u->state == STATE_LOCKED && !(a && account_closed(a))) {
		lock(j, "locked");
		if (a && a->expire != EXPIRE_LOCKED)
			keep_expire(j, a->expire);
		plan_step(j->p, u->name, "%s", "");
		set_expire(j, EXPIRE_LOCKED);
	}
	if (u->state == STATE_UNLOCKED && a && (was_locked || a->expire == EXPIRE_LOCKED)) {
		plan_step(j->p, u->name, "unlocked");
		PLAN_CALL(j->p, "unlock", u->name);
		if (a->expire == EXPIRE_LOCKED && u->expire == EXPIRE_AS_IS) {
			date(a->kept, text);
			plan_step(j->p, u->name, "%s%s", *text ? "expire=" : "", text);
			set_expire(j, a->kept == EXPIRE_AS_IS ? EXPIRE_NEVER : a->kept);
			if (a->kept != EXPIRE_AS_IS)
				keep_expire(j, EXPIRE_NEVER);
		}
	}
	return 0;
}

/* ---- the whole account ---- */

static int add_user(struct job *j)
{
	const struct want *u = j->u;
	const struct home *h = found_home(j->f, u->name);
	const char *system = word(is_system_id(j->w, j->f, u->new_id), "system");
	char days[24] = "", expire[16], gid[24];
	char *groups = u->groups ? groups_wanted(u, "") : strdup("");
	bool make_home = !j->w->no_home && !(h && h->kind == 'd');

	if (!groups)
		return plan_fault(j->p, "out of memory");
	if (!j->w->no_home && h && plan_home(j, h, true) != 0) {
		free(groups);
		return -1;
	}
	if (!u->group && plan_gid(j->w, j->f, u->name) == ID_ANY) {
		(void)snprintf(gid, sizeof(gid), "%lld", u->new_gid);
		plan_step(j->p, u->name, "%s", "");
		PLAN_CALL(j->p, "add_group", u->name, gid, system);
	}
	date(u->expire, expire);
	if (u->expire > 0)
		(void)snprintf(days, sizeof(days), "%lld", u->expire);
	plan_step(j->p, u->name, "added uid=%s", j->uid);
	PLAN_CALL(j->p, "add_user", u->name, j->uid, j->gid, j->home, word(u->shell, u->shell),
		  word(u->comment, u->comment), days, expire, system, word(make_home, "home"));
	if (*groups) {
		plan_step(j->p, u->name, "groups=%s", groups);
		PLAN_CALL(j->p, "set_groups", u->name, groups, "");
	}
	free(groups);
	return 0;
}

/* The next part of a path, without what changes nothing; its length, 0 at the end. */
static size_t next_part(const char **path)
{
	size_t len;

	do {
		*path += strspn(*path, "/");
		len = strcspn(*path, "/");
		if (len != 1 || **path != '.')
			return len;
		*path += len;
	} while (true);
}

/* Is a path the folder, or in it?  One with .. may be. */
static bool lies_in(const char *path, const char *folder)
{
	bool inside = true;
	size_t len, other;

	while ((len = next_part(&path)) > 0) {
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return true;
		other = next_part(&folder);
		inside = inside && (!other || (other == len && memcmp(path, folder, len) == 0));
		path += len;
		folder += other;
	}
	return inside && !next_part(&folder);
}

/* Would another account lose its home with this one? */
static const struct account *lives_in(const struct found *f, const struct account *a)
{
	for (size_t i = 0; i < f->account_count; i++) {
		const struct account *o = &f->accounts[i];

		if (o != a && strcmp(o->name, a->name) != 0 && lies_in(o->home, a->home))
			return o;
	}
	return NULL;
}

static int del_user(struct job *j)
{
	const struct home *h = found_home(j->f, j->u->name);
	const struct group *own = found_group(j->f, j->u->name);
	const struct account *o = j->w->remove_home ? lives_in(j->f, j->a) : NULL;
	bool remove = j->w->remove_home && h && h->kind != 'n';
	char *groups;

	if (remove && check_home(j->home))
		return plan_fault(j->p, "%s: its home %s is none to remove", j->u->name, j->home);
	if (remove && plan_home(j, h, false) != 0)
		return -1;
	if (remove && o)
		return plan_fault(j->p, "%s: %.100s lives in its home %s", j->u->name, o->name, j->home);
	if (own && own->gid != j->a->gid)
		own = NULL;
	for (size_t i = 0; own && i < j->f->account_count; i++)
		if (&j->f->accounts[i] != j->a && strcmp(j->f->accounts[i].name, j->a->name) != 0 &&
		    j->f->accounts[i].gid == own->gid)
			own = NULL;
	groups = groups_now(j);
	if (!groups)
		return -1;
	plan_step(j->p, j->u->name, "removed");
	PLAN_CALL(j->p, "del_user", j->u->name, j->uid, j->gid, word(remove, j->home), groups,
		  word(own && (!*own->members || strcmp(own->members, j->u->name) == 0), "group"));
	free(groups);
	return 0;
}

int plan_user(struct plan *p, const struct wants *w, const struct want *u, const struct found *f)
{
	struct job j = { .p = p, .w = w, .u = u, .f = f, .a = found_account(f, u->name) };
	char path[NAME_SIZE + 8];
	long long gid;

	if (!j.a && u->state == STATE_ABSENT)
		return 0;
	if (!j.a && !u->make)
		return plan_fault(p, "no user %s", u->name);
	(void)snprintf(path, sizeof(path), "/home/%s", u->name);
	j.home = u->home ? u->home : j.a ? j.a->home : path;
	(void)snprintf(j.uid, sizeof(j.uid), "%lld", j.a ? j.a->uid : u->new_id);
	gid = u->group ? plan_gid(w, f, u->group) : j.a ? j.a->gid : u->new_gid;
	(void)snprintf(j.gid, sizeof(j.gid), "%lld", gid);
	if (u->state == STATE_ABSENT)
		return del_user(&j);
	if (!j.a ? add_user(&j) != 0 : set_fields(&j) != 0 || set_groups(&j) != 0)
		return -1;
	return set_access(&j) != 0 ? -1 : plan_keys(&j);
}
