#include "contrib/nss_map/map.h"

#include <errno.h>
#include <string.h>

#include "contrib/nss_map/lines.h"

enum nss_status map_failed(int e, int *error)
{
	bool again = e == EMFILE || e == ENFILE || e == ENOMEM || e == EAGAIN;

	/* ENOENT is also what glibc says of a service that is not installed: "no such user" to most programs */
	*error = again ? e : ENOENT;
	return again ? NSS_STATUS_TRYAGAIN : NSS_STATUS_UNAVAIL;
}

static enum nss_status not_found(int *error)
{
	*error = ENOENT;
	return NSS_STATUS_NOTFOUND;
}

/* Decimal, to its end; UINT32_MAX: none. */
static uint32_t number(const char *s)
{
	uint64_t n = 0;

	for (size_t i = 0; s[i]; i++) {
		if (s[i] < '0' || s[i] > '9' || i > 9)
			return UINT32_MAX;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	return *s && n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- what this machine has itself ---- */

/*
 * NOTFOUND: neither the name (NULL: any) nor the number (NULL: any) is in a passwd(5) or group(5);
 * SUCCESS: one is.  Asked here and not only by nsswitch.conf, which could name us first.
 */
static enum nss_status local(const char *path, const char *name, const uint32_t *id, int *error)
{
	enum nss_status s = NSS_STATUS_NOTFOUND;
	struct lines l;
	int e = lines_open(&l, path, NULL, 0);
	char *line;

	if (e)
		return map_failed(e, error);
	while (s == NSS_STATUS_NOTFOUND && (line = lines_next(&l)) != NULL) {
		const char *who = strsep(&line, ":"), *password = strsep(&line, ":"), *n = strsep(&line, ":");

		if ((name && strcmp(who, name) == 0) || (id && password && n && number(n) == *id))
			s = NSS_STATUS_SUCCESS;
	}
	lines_close(&l);
	return l.error ? map_failed(l.error, error) : s;
}

/* NOTFOUND where this machine has it, else SUCCESS. */
static enum nss_status not_local(const char *path, const char *name, const uint32_t *id, int *error)
{
	enum nss_status s = local(path, name, id, error);

	return s == NSS_STATUS_SUCCESS ? not_found(error) : s == NSS_STATUS_NOTFOUND ? NSS_STATUS_SUCCESS : s;
}

/* ---- the list ---- */

static const struct map_rule *rule_of(const struct map_conf *c, const char *name)
{
	for (size_t i = 0; i < c->rule_count; i++)
		if (!c->rules[i].pattern || map_fits(c->rules[i].name, name))
			return &c->rules[i];
	return NULL;
}

static bool shared(const struct map_rule *r)
{
	return r->lo == r->hi;
}

struct entry {
	const char *name;
	uint32_t uid; /* that stands there, or UINT32_MAX */
};

/* A line "NAME" or "NAME:UID"; false: none, or l->error.  Empty lines and comments are passed over. */
static bool next_entry(struct lines *l, struct entry *e)
{
	char *line;

	do {
		line = lines_next(l);
	} while (line && (!*line || *line == '#'));
	if (!line)
		return false;
	e->name = strsep(&line, ":");
	e->uid = line ? number(line) : UINT32_MAX;
	if (!map_is_name(e->name) || (line && e->uid == UINT32_MAX))
		l->error = EBADMSG;
	return !l->error;
}

/* The number an entry asks for; false: it gets none. */
static bool uid_of(const struct entry *e, const struct map_rule *r, uint32_t *uid)
{
	*uid = e->uid != UINT32_MAX ? e->uid : shared(r) ? r->lo : map_hash(e->name, r->lo, r->hi);
	return *uid >= r->lo && *uid <= r->hi;
}

/* The list is read to its end: a line that is wrong counts wherever it stands.  The name's first entry counts. */
static enum nss_status find_entry(struct lines *l, const char *name, uint32_t *uid, int *error)
{
	bool found = false;
	struct entry e;

	lines_seek(l, 0);
	while (next_entry(l, &e))
		if (!found && strcmp(e.name, name) == 0) {
			found = true;
			*uid = e.uid;
		}
	return l->error ? map_failed(l->error, error) : found ? NSS_STATUS_SUCCESS : not_found(error);
}

/*
 * Whose number it is, of those that have one of their own: who has it by the list, or else
 * by the hash, and of several the first.  owner: MAP_NAME_MAX + 1 bytes.
 */
static enum nss_status find_owner(const struct map_conf *c, struct lines *l, uint32_t uid, char *owner,
				  int *error)
{
	bool found = false, by_list = false;
	struct entry e;
	uint32_t his;

	lines_seek(l, 0);
	while (next_entry(l, &e)) {
		const struct map_rule *r = rule_of(c, e.name);
		bool listed = e.uid != UINT32_MAX;

		if ((found && (by_list || !listed)) || !r || shared(r) || !uid_of(&e, r, &his) || his != uid)
			continue;
		found = true;
		by_list = listed;
		memcpy(owner, e.name, strlen(e.name) + 1);
	}
	return l->error ? map_failed(l->error, error) : found ? NSS_STATUS_SUCCESS : not_found(error);
}

/* Is the name let in by the list, and with which number?  Both from one opened file. */
static enum nss_status ask_list(const struct map_conf *c, struct map_user *u, int *error)
{
	struct entry e = { .name = u->name };
	enum nss_status s;
	struct lines l;
	int bad = lines_open(&l, c->allow, &map_paths()->owner, MAP_LIST_MAX);

	if (bad)
		return map_failed(bad, error);
	s = find_entry(&l, u->name, &e.uid, error);
	if (s == NSS_STATUS_SUCCESS && !uid_of(&e, u->rule, &u->uid))
		s = not_found(error);
	if (s == NSS_STATUS_SUCCESS && !shared(u->rule)) {
		char owner[MAP_NAME_MAX + 1];

		s = find_owner(c, &l, u->uid, owner, error);
		if (s == NSS_STATUS_SUCCESS && strcmp(owner, u->name) != 0)
			s = not_found(error);
	}
	lines_close(&l);
	return s;
}

/* ---- users ---- */

/* With a configuration that was read. */
static enum nss_status by_name(const struct map_conf *c, const char *name, struct map_user *u, int *error)
{
	enum nss_status s = NSS_STATUS_SUCCESS;

	if (!map_is_name(name))
		return not_found(error);
	memcpy(u->name, name, strlen(name) + 1);
	u->rule = rule_of(c, name);
	if (!u->rule)
		return not_found(error);
	u->uid = u->rule->lo;
	if (c->allow)
		s = ask_list(c, u, error);
	if (s != NSS_STATUS_SUCCESS)
		return s;
	/* where all share one number, it may be a local account's: that is what was asked for */
	return not_local(map_paths()->passwd, name, shared(u->rule) ? NULL : &u->uid, error);
}

enum nss_status map_by_name(struct map_conf *c, const char *name, struct map_user *u, int *error)
{
	enum nss_status s;

	/* before any file is opened */
	if (!map_is_name(name))
		return not_found(error);
	s = map_conf_read(c, error);
	return s == NSS_STATUS_SUCCESS ? by_name(c, name, u, error) : s;
}

/* Who could have a number: the name that a rule of one number has, or the list's. */
static enum nss_status name_of(const struct map_conf *c, uint32_t uid, char *name, int *error)
{
	bool in_range = false;
	enum nss_status s;
	struct lines l;
	int bad;

	for (size_t i = 0; i < c->rule_count; i++) {
		const struct map_rule *r = &c->rules[i];

		if (shared(r) && r->lo == uid && !r->pattern) {
			memcpy(name, r->name, strlen(r->name) + 1);
			return NSS_STATUS_SUCCESS;
		}
		in_range |= !shared(r) && uid >= r->lo && uid <= r->hi;
	}
	if (!in_range)
		return not_found(error);
	bad = lines_open(&l, c->allow, &map_paths()->owner, MAP_LIST_MAX);
	if (bad)
		return map_failed(bad, error);
	s = find_owner(c, &l, uid, name, error);
	lines_close(&l);
	return s;
}

enum nss_status map_by_uid(struct map_conf *c, uint32_t uid, struct map_user *u, int *error)
{
	enum nss_status s = map_conf_read(c, error);
	char name[MAP_NAME_MAX + 1];

	if (s == NSS_STATUS_SUCCESS)
		s = name_of(c, uid, name, error);
	if (s == NSS_STATUS_SUCCESS)
		s = by_name(c, name, u, error);
	if (s == NSS_STATUS_SUCCESS && u->uid != uid)
		s = not_found(error);
	return s == NSS_STATUS_SUCCESS ? not_local(map_paths()->passwd, NULL, &uid, error) : s;
}

/* The entry that begins at *at or behind it. */
static enum nss_status name_at(const struct map_conf *c, size_t *at, char *name, int *error)
{
	struct entry e;
	struct lines l;
	bool found;
	int bad = lines_open(&l, c->allow, &map_paths()->owner, MAP_ENTRIES_MAX);

	if (bad)
		return map_failed(bad, error);
	lines_seek(&l, *at);
	found = next_entry(&l, &e);
	if (found)
		memcpy(name, e.name, strlen(e.name) + 1);
	*at = l.at;
	lines_close(&l);
	return l.error ? map_failed(l.error, error) : found ? NSS_STATUS_SUCCESS : not_found(error);
}

enum nss_status map_next(struct map_conf *c, size_t *at, struct map_user *u, int *error)
{
	enum nss_status s = map_conf_read(c, error), last = NSS_STATUS_NOTFOUND;
	char name[MAP_NAME_MAX + 1];

	if (s == NSS_STATUS_SUCCESS && !c->allow)
		return not_found(error);
	/* the next that is let in: of some names another has the number, or this machine the name */
	while (s == NSS_STATUS_SUCCESS && last == NSS_STATUS_NOTFOUND) {
		s = name_at(c, at, name, error);
		if (s == NSS_STATUS_SUCCESS)
			last = by_name(c, name, u, error);
	}
	return s == NSS_STATUS_SUCCESS ? last : s;
}

/* ---- groups ---- */

enum nss_status map_group_is_ours(const struct map_group *g, int *error)
{
	return not_local(map_paths()->group, g->name, &g->gid, error);
}

enum nss_status map_group(struct map_conf *c, const char *name, uint32_t gid, const struct map_group **g,
			  int *error)
{
	enum nss_status s;

	*g = NULL;
	if (name && !map_is_name(name))
		return not_found(error);
	s = map_conf_read(c, error);
	if (s != NSS_STATUS_SUCCESS)
		return s;
	for (size_t i = 0; i < c->group_count && !*g; i++)
		if (name ? strcmp(c->groups[i].name, name) == 0 : c->groups[i].gid == gid)
			*g = &c->groups[i];
	return *g ? map_group_is_ours(*g, error) : not_found(error);
}

enum nss_status map_nth_group(struct map_conf *c, size_t n, const struct map_group **g, int *error)
{
	enum nss_status s = map_conf_read(c, error);

	*g = s == NSS_STATUS_SUCCESS && n < c->group_count ? &c->groups[n] : NULL;
	if (s != NSS_STATUS_SUCCESS)
		return s;
	return *g ? map_group_is_ours(*g, error) : not_found(error);
}
