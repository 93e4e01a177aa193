/*
 * found - what a host has: the answer of survey.sh, which says its form.
 *
 * passwd(5), group(5), shadow(5).  A host may send anything: lines that are
 * no such ones are left out, and what is too much is a fault.
 */
#ifndef MODULES_USER_FOUND_H
#define MODULES_USER_FOUND_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of one host's answer. */
#define FOUND_MAX ((size_t)4 << 20)
/* Accounts, groups, homes, ... of one host, of each kind. */
#define FOUND_COUNT_MAX 40000
/* Bytes of an authorized_keys that we change; look.sh has the same number. */
#define KEYS_MAX 1000000

#define IDS_TOP 60000		/* UID_MAX of login.defs(5) */
#define ID_UNKNOWN (-1LL)

struct account {
	const char *name, *comment, *home, *shell;
	long long uid, gid;
	bool foreign;		/* from the name service, and not in /etc/passwd */
	/* of shadow(5) */
	bool shadow_known;	/* else nothing of these */
	bool locked;		/* a ! before the password */
	char password;		/* 'h' a hash, 'e' empty, 'n' neither: no password fits */
	bool same_hash;		/* it is the one that was asked for */
	long long expire;	/* days since 1970; -1: never */
	long long keys;		/* how many; -1: not known */
	long long kept;		/* the end date that lock took; EXPIRE_AS_IS: none */
};

struct group {
	const char *name, *members;
	long long gid;
	bool foreign;
};

/* A home that was asked about. */
struct home {
	const char *name;	/* of the account */
	char kind;		/* 'd' folder, 'l' link, 'n' none, 'o' other */
	long long uid;		/* of its owner */
	bool second;		/* there is an authorized_keys2 */
	const char *word;	/* of look.sh; NULL: it was not asked */
	char *keys;		/* behind "file": the text */
	size_t keys_len;
};

struct name;		/* of found.c */
struct found {
	bool whole;		/* the answer came to its end */
	const char *fault;	/* static text; NULL: none */
	char *text;		/* of the answer; all else points into it */
	size_t len, size;
	char said[400];		/* what came on stderr */
	size_t said_len;
	long long uid;		/* who we are there */
	long long min_uid;
	bool shadow;		/* there is an /etc/shadow */
	struct account *accounts;
	size_t account_count;
	struct group *groups;
	size_t group_count;
	struct home *homes;
	size_t home_count;
	const char **shells;	/* those asked for that can be run */
	size_t shell_count;
	/* for found_read() alone: is the line of the home before it; and lines about accounts, until all are known */
	bool in_home;
	char **later;
	size_t later_count;
	struct name *names;	/* of the accounts, sorted */
};

/* An answer as it arrives; false: it is too much. */
bool found_add(struct found *f, const char *data, size_t len);
void found_said(struct found *f, const char *data, size_t len);
/* Behind its end.  fault is set where the answer is none. */
void found_read(struct found *f);
void found_free(struct found *f);

/* NULL: there is none.  Local ones come before foreign ones. */
const struct account *found_account(const struct found *f, const char *name);
/* Takes over from another answer of the host whether an account has the hash that was asked for. */
void found_compare(struct found *f, const struct found *other, const char *name);
const struct account *found_uid(const struct found *f, long long uid);
const struct group *found_group(const struct found *f, const char *name);
const struct group *found_gid(const struct found *f, long long gid);
/* The last one that was told of: the home that it shall have, where that is another. */
const struct home *found_home(const struct found *f, const char *name);
bool found_shell(const struct found *f, const char *path);
/* Is it closed: a locked password or none, and expired as "lock" does it? */
bool account_closed(const struct account *a);

#endif
