/*
 * service - what glibc calls: _nss_map_*, found by these names in libnss_map.so.2.
 *
 * Each returns as map.h says, and TRYAGAIN with ERANGE where the caller's buffer is too
 * small.  The types are glibc's nss/nss_files/files-XXX.c; it has no header for them.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <shadow.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contrib/nss_map/map.h"
#include "contrib/nss_map/service.h"

/* ---- the caller's buffer ---- */

struct room {
	char *at;
	size_t left;
};

static enum nss_status too_small(int *errnop)
{
	*errnop = ERANGE;
	return NSS_STATUS_TRYAGAIN;
}

/* The strings one behind the other; NULL: no room. */
static char *put(struct room *r, const char *a, const char *b, const char *c)
{
	size_t la = strlen(a), lb = strlen(b), lc = strlen(c), len = la + lb + lc + 1;
	char *s = r->at;

	if (len > r->left)
		return NULL;
	memcpy(s, a, la);
	memcpy(s + la, b, lb);
	memcpy(s + la + lb, c, lc + 1);
	r->at += len;
	r->left -= len;
	return s;
}

/* ---- passwd ---- */

static enum nss_status fill_passwd(const struct map_user *u, struct passwd *pw, char *buffer, size_t len,
				   int *errnop)
{
	struct room r = { buffer, len };

	pw->pw_name = put(&r, u->name, "", "");
	pw->pw_passwd = put(&r, "x", "", "");
	pw->pw_gecos = put(&r, u->rule->gecos, "", "");
	pw->pw_dir = put(&r, u->rule->home, "/", u->name);
	pw->pw_shell = put(&r, u->rule->shell, "", "");
	pw->pw_uid = u->uid;
	pw->pw_gid = u->rule->gid;
	if (!pw->pw_name || !pw->pw_passwd || !pw->pw_gecos || !pw->pw_dir || !pw->pw_shell)
		return too_small(errnop);
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_map_getpwnam_r(const char *name, struct passwd *pw, char *buffer, size_t len,
				    int *errnop)
{
	struct map_user u;
	struct map_conf c;
	enum nss_status s = map_by_name(&c, name, &u, errnop);

	return s == NSS_STATUS_SUCCESS ? fill_passwd(&u, pw, buffer, len, errnop) : s;
}

enum nss_status _nss_map_getpwuid_r(uid_t uid, struct passwd *pw, char *buffer, size_t len, int *errnop)
{
	struct map_user u;
	struct map_conf c;
	enum nss_status s = map_by_uid(&c, uid, &u, errnop);

	return s == NSS_STATUS_SUCCESS ? fill_passwd(&u, pw, buffer, len, errnop) : s;
}

/* Where the next getpwent(3) and getgrent(3) go on: like them, one for the process. */
static atomic_size_t next_user, next_group;

enum nss_status _nss_map_setpwent(int stay_open)
{
	(void)stay_open;
	atomic_store(&next_user, 0);
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_map_endpwent(void)
{
	return _nss_map_setpwent(0);
}

enum nss_status _nss_map_getpwent_r(struct passwd *pw, char *buffer, size_t len, int *errnop)
{
	size_t at = atomic_load(&next_user);
	struct map_user u;
	struct map_conf c;
	enum nss_status s = map_next(&c, &at, &u, errnop);

	if (s == NSS_STATUS_SUCCESS)
		s = fill_passwd(&u, pw, buffer, len, errnop);
	if (s == NSS_STATUS_SUCCESS)
		atomic_store(&next_user, at);
	return s;
}

/* ---- shadow ---- */

enum nss_status _nss_map_getspnam_r(const char *name, struct spwd *sp, char *buffer, size_t len, int *errnop)
{
	struct room r = { buffer, len };
	struct map_user u;
	struct map_conf c;
	enum nss_status s;

	/* as if it were in a file that only root may read */
	if (geteuid() != 0) {
		*errnop = EACCES;
		return NSS_STATUS_UNAVAIL;
	}
	s = map_by_name(&c, name, &u, errnop);
	if (s != NSS_STATUS_SUCCESS)
		return s;
	*sp = (struct spwd){
		.sp_lstchg = -1, .sp_min = -1, .sp_max = -1, .sp_warn = -1, .sp_inact = -1, .sp_expire = -1,
		.sp_flag = ~0UL,
	};
	sp->sp_namp = put(&r, u.name, "", "");
	/* no password fits; with a "!" sshd(8) would not take a key either */
	sp->sp_pwdp = put(&r, "*", "", "");
	return sp->sp_namp && sp->sp_pwdp ? NSS_STATUS_SUCCESS : too_small(errnop);
}

/* ---- group ---- */

/* Of the members those that are names: whom a pattern fits, nobody can list. */
static enum nss_status fill_group(const struct map_group *g, struct group *gr, char *buffer, size_t len,
				  int *errnop)
{
	size_t pad = -(size_t)buffer % _Alignof(char *), count = 1, n = 0;
	char *rest = g->members, *one;
	struct room r;

	for (const char *m = g->members; *m; m++)
		count += *m == ',';
	count++;
	if (len < pad + count * sizeof(char *))
		return too_small(errnop);
	gr->gr_mem = (char **)(void *)(buffer + pad);
	r = (struct room){ buffer + pad + count * sizeof(char *), len - pad - count * sizeof(char *) };
	gr->gr_gid = g->gid;
	gr->gr_name = put(&r, g->name, "", "");
	gr->gr_passwd = put(&r, "x", "", "");
	if (!gr->gr_name || !gr->gr_passwd)
		return too_small(errnop);
	while ((one = strsep(&rest, ",")) != NULL) {
		if (!*one || *one == '@')
			continue;
		gr->gr_mem[n] = put(&r, one, "", "");
		if (!gr->gr_mem[n++])
			return too_small(errnop);
	}
	gr->gr_mem[n] = NULL;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_map_getgrnam_r(const char *name, struct group *gr, char *buffer, size_t len, int *errnop)
{
	const struct map_group *g;
	struct map_conf c;
	enum nss_status s = map_group(&c, name, 0, &g, errnop);

	return s == NSS_STATUS_SUCCESS ? fill_group(g, gr, buffer, len, errnop) : s;
}

enum nss_status _nss_map_getgrgid_r(gid_t gid, struct group *gr, char *buffer, size_t len, int *errnop)
{
	const struct map_group *g;
	struct map_conf c;
	enum nss_status s = map_group(&c, NULL, gid, &g, errnop);

	return s == NSS_STATUS_SUCCESS ? fill_group(g, gr, buffer, len, errnop) : s;
}

enum nss_status _nss_map_setgrent(int stay_open)
{
	(void)stay_open;
	atomic_store(&next_group, 0);
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_map_endgrent(void)
{
	return _nss_map_setgrent(0);
}

enum nss_status _nss_map_getgrent_r(struct group *gr, char *buffer, size_t len, int *errnop)
{
	size_t at = atomic_load(&next_group);
	const struct map_group *g;
	struct map_conf c;
	enum nss_status s;

	do {
		s = map_nth_group(&c, at++, &g, errnop);
	} while (s == NSS_STATUS_NOTFOUND && g);
	if (s == NSS_STATUS_SUCCESS)
		s = fill_group(g, gr, buffer, len, errnop);
	if (s == NSS_STATUS_SUCCESS)
		atomic_store(&next_group, at);
	return s;
}

/* ---- initgroups ---- */

/* One more; glibc's own array, which each service may have to make larger.  limit: at most so many, if above 0. */
static enum nss_status add_gid(gid_t gid, long *start, long *size, gid_t **groups, long limit, int *errnop)
{
	for (long i = 0; i < *start; i++)
		if ((*groups)[i] == gid)
			return NSS_STATUS_SUCCESS;
	if (limit > 0 && *start >= limit)
		return NSS_STATUS_SUCCESS;
	if (*start == *size) {
		long more = *size > 0 ? 2 * *size : 16;
		gid_t *v;

		if (limit > 0 && more > limit)
			more = limit;
		v = realloc(*groups, (size_t)more * sizeof(*v));
		if (!v) {
			*errnop = ENOMEM;
			return NSS_STATUS_TRYAGAIN;
		}
		*groups = v;
		*size = more;
	}
	(*groups)[(*start)++] = gid;
	return NSS_STATUS_SUCCESS;
}

/*
 * glibc asks every service, of every user.  group is the primary one: of a user that another
 * service knows, it is rarely ours, and then the groups here are none of his.
 */
enum nss_status _nss_map_initgroups_dyn(const char *name, gid_t group, long *start, long *size,
					gid_t **groups, long limit, int *errnop)
{
	struct map_user u;
	struct map_conf c;
	enum nss_status s = map_by_name(&c, name, &u, errnop);
	bool any = false;

	if (s == NSS_STATUS_SUCCESS && u.rule->gid != group) {
		*errnop = ENOENT;
		s = NSS_STATUS_NOTFOUND;
	}
	for (size_t i = 0; s == NSS_STATUS_SUCCESS && i < c.group_count; i++) {
		if (c.groups[i].gid == group || !map_is_member(&c.groups[i], name))
			continue;
		s = map_group_is_ours(&c.groups[i], errnop);
		if (s == NSS_STATUS_SUCCESS) {
			s = add_gid(c.groups[i].gid, start, size, groups, limit, errnop);
			any = true;
		} else if (s == NSS_STATUS_NOTFOUND) {
			/* who is a member of a group of this machine, its own file says alone */
			s = NSS_STATUS_SUCCESS;
		}
	}
	if (s != NSS_STATUS_SUCCESS || any)
		return s;
	*errnop = ENOENT;
	return NSS_STATUS_NOTFOUND;
}
