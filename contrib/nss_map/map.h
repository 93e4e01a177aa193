/*
 * map - what /etc/nssmap.conf says of a name or a number (nssmap.conf(5)).
 *
 * It runs in every process that asks for a user: nothing is kept between two
 * calls, no descriptor and no memory; nothing is allocated, locked or logged.
 * Every call reads the files afresh, so each stands for itself, in any thread.
 *
 * What a function returns is what an NSS service says (<nss.h>), with *error:
 *	SUCCESS		found
 *	NOTFOUND	no such name or number, or not one for us; *error ENOENT
 *	UNAVAIL		a file is missing, broken, or others may write it; *error ENOENT
 *	TRYAGAIN	no descriptor or no memory just now; *error says which
 */
#ifndef CONTRIB_NSS_MAP_MAP_H
#define CONTRIB_NSS_MAP_MAP_H

#include <nss.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAP_NAME_MAX 32			/* bytes of a user's or group's name, as useradd(8) takes them */
#define MAP_CONF_MAX 8192		/* bytes of nssmap.conf */
#define MAP_LIST_MAX (256 * 1024)	/* bytes of the file that "allow" names */
#define MAP_ENTRIES_MAX (32 * 1024)	/* the same for map_next, of which each goes through all of the list */
#define MAP_RULES_MAX 64
#define MAP_GROUPS_MAX 64
#define MAP_FLOOR 1000			/* no uid or gid below it, where "floor" says nothing else */

/* Where the files are, and who has to own ours; paths.c, and a test has its own. */
struct map_paths {
	const char *conf, *passwd, *group;
	uid_t owner;
};
const struct map_paths *map_paths(void);

/* NAME:x:UID:GID:GECOS:HOME:SHELL */
struct map_rule {
	const char *name;	/* a pattern, or who answers to the uid where all share it */
	const char *gecos, *home, *shell;	/* home: the part before the login name, without its last slash */
	uint32_t lo, hi, gid;	/* uid: one number, or a range in which each name has its own */
	bool pattern;
};

/* group NAME:x:GID:MEMBER,MEMBER */
struct map_group {
	const char *name;
	char *members;		/* names and @patterns with commas between them */
	uint32_t gid;
};

struct map_conf {
	char text[MAP_CONF_MAX + 1];	/* all strings are in here */
	struct map_rule rules[MAP_RULES_MAX];
	struct map_group groups[MAP_GROUPS_MAX];
	size_t rule_count, group_count;
	const char *allow;	/* the path of the list, or NULL: every name */
	uint32_t floor;
};

struct map_user {
	char name[MAP_NAME_MAX + 1];
	const struct map_rule *rule;	/* in the map_conf */
	uint32_t uid;
};

/* What an errno of open(2) or read(2) means, or EBADMSG, a broken file: UNAVAIL or TRYAGAIN. */
enum nss_status map_failed(int e, int *error);

/* SUCCESS, UNAVAIL or TRYAGAIN. */
enum nss_status map_conf_read(struct map_conf *c, int *error);

/* A name that useradd(8) would take: [a-z_][a-z0-9_.-]*, at most MAP_NAME_MAX bytes. */
bool map_is_name(const char *s);

/* "*" fits any bytes, "?" one, all else itself. */
bool map_fits(const char *pattern, const char *name);

/* Is the name one of a group's members, or does it fit a pattern there? */
bool map_is_member(const struct map_group *g, const char *name);

/* The number of a name in lo to hi: FNV-1a (64 bits, folded to 32) modulo hi - lo + 1. */
uint32_t map_hash(const char *name, uint32_t lo, uint32_t hi);

/* c is filled in by these: a user's strings are in it. */
enum nss_status map_by_name(struct map_conf *c, const char *name, struct map_user *u, int *error);
enum nss_status map_by_uid(struct map_conf *c, uint32_t uid, struct map_user *u, int *error);

/*
 * The users of the list, one after the other: *at is 0 at first and moves on to the
 * byte behind this one's line.  Where u could not be used after all, ask again with
 * the old *at.  NOTFOUND: no more, or there is no list; UNAVAIL also: it is too large for this.
 */
enum nss_status map_next(struct map_conf *c, size_t *at, struct map_user *u, int *error);

/* SUCCESS: /etc/group has neither its name nor its number; else NOTFOUND, or what the file's fault is. */
enum nss_status map_group_is_ours(const struct map_group *g, int *error);

/* A group of the configuration that /etc/group has neither by name nor by number; name NULL: by gid. */
enum nss_status map_group(struct map_conf *c, const char *name, uint32_t gid, const struct map_group **g,
			  int *error);

/* The n-th of them; where this machine has it, NOTFOUND and *g is set; behind the last, *g is NULL. */
enum nss_status map_nth_group(struct map_conf *c, size_t n, const struct map_group **g, int *error);

#endif
