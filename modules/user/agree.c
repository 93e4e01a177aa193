#include "user/agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_SYSTEM_BOTTOM 101	/* SYS_UID_MIN */
#define NOBODY 65534
#define REASON_MAX 300
#define TEXT_MAX 1500
#define HOSTS_NAMED 5

long long lowest_uid(const struct wants *w, const struct found *f)
{
	return w->min_uid != ID_ANY ? w->min_uid : f->min_uid;
}

bool is_system_id(const struct wants *w, const struct found *f, long long id)
{
	return id < lowest_uid(w, f) || id == NOBODY;
}

static bool has_answer(const struct found *f)
{
	return f->whole && !f->fault;
}

/* ---- what cannot be on one host ---- */

static bool is_declared_group(const struct wants *w, const char *name, long long gid)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].is_group && w->v[i].state != STATE_ABSENT &&
		    ((name && strcmp(w->v[i].name, name) == 0) || (gid != ID_ANY && w->v[i].id == gid)))
			return true;
	return false;
}

static bool group_fault(const struct wants *w, const struct want *u, const struct found *f, char *reason)
{
	const char *text = u->groups ? u->groups : "";
	long long gid = u->group ? parse_id(u->group) : ID_ANY;

	if (u->group && !(gid != ID_ANY ? found_gid(f, gid) != NULL : found_group(f, u->group) != NULL) &&
	    !is_declared_group(w, u->group, gid)) {
		(void)snprintf(reason, REASON_MAX, "no group %s", u->group);
		return true;
	}
	while (*text) {
		int len = (int)strcspn(text, ",");
		const char *name = text + (*text == '+' || *text == '-');
		char one[NAME_SIZE];

		(void)snprintf(one, sizeof(one), "%.*s", len - (int)(name - text), name);
		if (*text != '-' && !found_group(f, one) && !is_declared_group(w, one, ID_ANY)) {
			(void)snprintf(reason, REASON_MAX, "no group %s", one);
			return true;
		}
		text += len + (text[len] == ',');
	}
	return false;
}

/* Has the id that it shall have, and one that may be touched? */
static void id_fault(const struct wants *w, const struct want *u, const struct found *f, long long id, char *reason)
{
	const char *kind = u->is_group ? "gid" : "uid";

	if (id == 0)
		(void)snprintf(reason, REASON_MAX, "%s 0 is never touched", kind);
	else if (is_system_id(w, f, id) && !w->system)
		(void)snprintf(reason, REASON_MAX, "%s %lld is the system's, which needs --system", kind, id);
	else if (u->id != ID_ANY && u->id != id)
		(void)snprintf(reason, REASON_MAX, "it has %s %lld, and not %lld", kind, id, u->id);
}

/* Is the id free for it? */
static void taken_fault(const struct wants *w, const struct want *u, const struct found *f, char *reason)
{
	const struct account *a = u->is_group ? NULL : found_uid(f, u->new_id);
	const struct group *g = found_gid(f, u->is_group ? u->new_id : u->new_gid);
	const struct group *own = u->is_group || u->group ? NULL : found_group(f, u->name);
	const char *kind = u->is_group ? "gid" : "uid";

	if (is_system_id(w, f, u->new_id) && !w->system)
		(void)snprintf(reason, REASON_MAX, "%s %lld is the system's, which needs --system", kind, u->new_id);
	else if (a)
		(void)snprintf(reason, REASON_MAX, "uid %lld is %.100s's", u->new_id, a->name);
	else if (g && strcmp(g->name, u->name) != 0)
		(void)snprintf(reason, REASON_MAX, "gid %lld is %.100s's", g->gid, g->name);
	else if (own && own->gid != u->new_gid)
		(void)snprintf(reason, REASON_MAX, "its group has gid %lld, and not %lld", own->gid, u->new_gid);
}

/* An empty reason: there is none. */
static void fault_on(const struct wants *w, const struct want *u, const struct found *f, char *reason)
{
	const struct account *a = u->is_group ? NULL : found_account(f, u->name);
	const struct group *g = u->is_group ? found_group(f, u->name) : NULL;

	*reason = '\0';
	if (strcmp(u->name, "root") == 0)
		(void)snprintf(reason, REASON_MAX, "root is never touched");
	else if ((a && a->foreign) || (g && g->foreign))
		(void)snprintf(reason, REASON_MAX, "it comes from the name service, and is no local one");
	else if (a || g)
		id_fault(w, u, f, a ? a->uid : g->gid, reason);
	else if (u->make && u->state != STATE_ABSENT && check_new_name(u->name))
		(void)snprintf(reason, REASON_MAX, "it is not there, and for a new one %s", check_new_name(u->name));
	else if (u->make && u->state != STATE_ABSENT)
		taken_fault(w, u, f, reason);
	if (*reason || u->is_group || u->state == STATE_ABSENT || (!a && !u->make))
		return;
	if (!group_fault(w, u, f, reason) && u->shell && (!a || strcmp(a->shell, u->shell) != 0) &&
	    !found_shell(f, u->shell))
		(void)snprintf(reason, REASON_MAX, "no program %.200s", u->shell);
}

/* ---- what the hosts have in common ---- */

/* Its id there, or ID_ANY. */
static long long id_on(const struct want *u, const struct found *f)
{
	const struct account *a = u->is_group ? NULL : found_account(f, u->name);
	const struct group *g = u->is_group ? found_group(f, u->name) : NULL;

	return a ? a->uid : g ? g->gid : ID_ANY;
}

/* Names the first of these hosts, and counts the others. */
static void name_hosts(FILE *out, const struct fleet *hosts, const bool *these)
{
	size_t named = 0, all = 0;

	for (size_t i = 0; i < hosts->n; i++)
		all += these[i];
	for (size_t i = 0; i < hosts->n && named < HOSTS_NAMED; i++)
		if (these[i])
			(void)fprintf(out, "%s%s", named++ ? ", " : "", hosts->names[i]);
	if (all > named)
		(void)fprintf(out, " and %zu more", all - named);
}

/* Different ids of one name; those that are equal are named together. */
static void tell_different(FILE *out, const struct want *u, const struct fleet *hosts, bool *these)
{
	const char *kind = u->is_group ? "gid" : "uid";
	bool first = true;
	size_t i;

	for (i = 0; i < hosts->n && ftell(out) < TEXT_MAX; i++) {
		long long id = has_answer(&hosts->found[i]) ? id_on(u, &hosts->found[i]) : ID_ANY;
		bool told = false;

		for (size_t k = 0; id != ID_ANY && !told && k < hosts->n; k++) {
			these[k] = has_answer(&hosts->found[k]) && id_on(u, &hosts->found[k]) == id;
			told = k < i && these[k];
		}
		if (id == ID_ANY || told)
			continue;
		(void)fprintf(out, "%s%s %lld on ", first ? "" : ", ", kind, id);
		name_hosts(out, hosts, these);
		first = false;
	}
	if (i < hosts->n)
		(void)fputs(", ...", out);
}

/* Each reason once, with its hosts. */
static bool tell_faults(FILE *out, const struct wants *w, const struct want *u, const struct fleet *hosts, bool *these,
			bool first)
{
	char reason[REASON_MAX], other[REASON_MAX];

	for (size_t i = 0; i < hosts->n && ftell(out) < TEXT_MAX; i++) {
		bool told = false;

		if (!has_answer(&hosts->found[i]))
			continue;
		fault_on(w, u, &hosts->found[i], reason);
		if (!*reason)
			continue;
		for (size_t k = 0; k < hosts->n; k++) {
			*other = '\0';
			if (has_answer(&hosts->found[k]))
				fault_on(w, u, &hosts->found[k], other);
			these[k] = strcmp(reason, other) == 0;
			told = told || (k < i && these[k]);
			if (told)
				break;
		}
		if (told)
			continue;
		(void)fprintf(out, "%s%s%s: %s on ", first ? "" : "; ", u->from, u->name, reason);
		name_hosts(out, hosts, these);
		first = false;
	}
	return first;
}

/* ---- ids for new ones ---- */

struct taken {
	bool uid[IDS_TOP + 1], gid[IDS_TOP + 1];
};

static void take(bool *ids, long long id)
{
	if (id >= 0 && id <= IDS_TOP)
		ids[id] = true;
}

/* A free one: the lowest of people's, the highest of the system's (below lowest); ID_ANY: none. */
static long long pick(const struct wants *w, const struct taken *t, long long lowest, bool as_uid, bool as_gid)
{
	long long top = w->system && lowest <= IDS_TOP ? lowest - 1 : IDS_TOP;
	long long bottom = w->system ? IDS_SYSTEM_BOTTOM : lowest;

	for (long long i = 0; i <= top - bottom; i++) {
		long long id = w->system ? top - i : bottom + i;

		if (!(as_uid && t->uid[id]) && !(as_gid && t->gid[id]))
			return id;
	}
	return ID_ANY;
}

/* The gid of a group on the first host that has it, or that it is given in the same run. */
static long long gid_of(const struct wants *w, const struct fleet *hosts, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].is_group && w->v[i].state != STATE_ABSENT && strcmp(w->v[i].name, name) == 0)
			return w->v[i].new_id;
	for (size_t i = 0; i < hosts->n; i++) {
		const struct group *g = has_answer(&hosts->found[i]) ? found_group(&hosts->found[i], name) : NULL;

		if (g)
			return g->gid;
	}
	return ID_ANY;
}

/* False: there is none left. */
static bool choose(struct wants *w, struct want *u, const struct fleet *hosts, struct taken *t, long long lowest)
{
	bool own = !u->is_group && !u->group;
	long long gid = own ? gid_of(w, hosts, u->name) : ID_ANY;

	for (size_t i = 0; u->new_id == ID_ANY && i < hosts->n; i++)
		if (has_answer(&hosts->found[i]))
			u->new_id = id_on(u, &hosts->found[i]);
	if (u->new_id == ID_ANY)
		u->new_id = pick(w, t, lowest, !u->is_group, u->is_group || (own && gid == ID_ANY));
	if (u->new_id == ID_ANY)
		return false;
	take(u->is_group ? t->gid : t->uid, u->new_id);
	if (own) {
		if (gid == ID_ANY)
			gid = u->new_id > IDS_TOP || !t->gid[u->new_id] ? u->new_id : pick(w, t, lowest, false, true);
		u->new_gid = gid;
		take(t->gid, gid);
	}
	return !own || gid != ID_ANY;
}

static bool choose_all(struct wants *w, const struct fleet *hosts, FILE *out)
{
	struct taken *t = calloc(1, sizeof(*t));
	long long lowest = w->system ? IDS_TOP + 1 : 0;
	bool fine = t;

	for (size_t i = 0; t && i < hosts->n; i++) {
		const struct found *f = &hosts->found[i];

		if (!has_answer(f))
			continue;
		/* what is the system's, or people's, on all of them */
		if (w->system ? lowest_uid(w, f) < lowest : lowest_uid(w, f) > lowest)
			lowest = lowest_uid(w, f);
		for (size_t k = 0; k < f->account_count; k++)
			take(t->uid, f->accounts[k].uid);
		for (size_t k = 0; k < f->group_count; k++)
			take(t->gid, f->groups[k].gid);
	}
	for (size_t i = 0; t && i < w->n; i++) {
		w->v[i].new_id = w->v[i].id;
		take(w->v[i].is_group ? t->gid : t->uid, w->v[i].id);
	}
	/* groups before the users who need them */
	for (size_t k = 0; fine && k < 2 * w->n; k++) {
		struct want *u = &w->v[k % w->n];

		if (u->is_group != (k < w->n) || !u->make || u->state == STATE_ABSENT)
			continue;
		fine = choose(w, u, hosts, t, lowest);
		if (!fine)
			(void)fprintf(out, "%s: no %s is free on all hosts", u->name, u->is_group ? "gid" : "uid");
	}
	if (!t)
		(void)fprintf(out, "out of memory");
	free(t);
	return fine;
}

static bool differs(const struct want *u, const struct fleet *hosts)
{
	long long seen = ID_ANY;

	for (size_t i = 0; i < hosts->n; i++) {
		long long id = has_answer(&hosts->found[i]) ? id_on(u, &hosts->found[i]) : ID_ANY;

		if (id != ID_ANY && seen != ID_ANY && id != seen)
			return true;
		seen = id != ID_ANY ? id : seen;
	}
	return false;
}

char *agree_ids(struct wants *w, const struct fleet *hosts)
{
	bool *these = calloc(hosts->n + 1, sizeof(*these)), first = true;
	char *text = NULL;
	size_t len;
	FILE *out = these ? open_memstream(&text, &len) : NULL;

	if (!out) {
		free(these);
		return strdup("out of memory");
	}
	if (!choose_all(w, hosts, out))
		first = false;
	for (size_t i = 0; first && i < w->n; i++)
		if (w->v[i].make && w->v[i].state != STATE_ABSENT && w->v[i].id == ID_ANY && differs(&w->v[i], hosts)) {
			(void)fprintf(out, "%s%s has ", w->v[i].from, w->v[i].name);
			tell_different(out, &w->v[i], hosts, these);
			first = false;
		}
	for (size_t i = 0; (first || ftell(out) < TEXT_MAX) && i < w->n; i++)
		first = tell_faults(out, w, &w->v[i], hosts, these, first);
	if (!first)
		(void)fprintf(out, "; nothing was changed anywhere");
	free(these);
	if (fclose(out) != 0 || !first)
		return text ? text : strdup("out of memory");
	free(text);
	return NULL;
}
