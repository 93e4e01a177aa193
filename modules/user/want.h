/*
 * want - accounts and groups as they shall be: what the command line or an
 * INI file says, checked before any host is asked.
 *
 * New names are of POSIX's portable kind (useradd(8), CAVEATS); those that
 * are there are what hosts have.  All text is owned by struct wants, or by dt until the call ends.
 */
#ifndef MODULES_USER_WANT_H
#define MODULES_USER_WANT_H

#include "lib/public_key.h"

enum state { STATE_AS_IS, STATE_ABSENT, STATE_LOCKED, STATE_UNLOCKED };

#define NAME_SIZE 256			/* of a name that is there, with its NUL */
#define ID_ANY (-1LL)			/* no uid or gid is asked for */
#define ID_MAX 4294967294LL		/* 32 bits; the last is chown(2)'s "as it is" */
#define EXPIRE_AS_IS (-2LL)
#define EXPIRE_NEVER (-1LL)
#define EXPIRE_LOCKED 1LL		/* 1970-01-02: what usermod(8) advises for an account that is closed */

struct key_line {
	const char *line;
	struct public_key key;		/* points into line */
};
struct key_list {
	struct key_line *v;
	size_t n;
};

struct want {
	const char *name;
	const char *from;		/* "FILE:LINE: ", or "" */
	bool is_group;
	bool make;			/* make it where it is missing; else that is a failure */
	enum state state;
	long long id;			/* uid, of a group gid; ID_ANY */
	const char *group;		/* name or gid; NULL: its own, or as it is */
	const char *groups;		/* "web,adm": these; "+web,-adm": these more and less; NULL: as they are */
	const char *shell, *home, *comment;	/* NULL: as it is */
	char *hash;			/* crypt(5); NULL: as it is */
	long long expire;		/* days since 1970, EXPIRE_* */
	struct key_list keys, dropped;	/* to add, to remove */
	bool keys_exclusive;		/* and no others */
	/* What agree() chose, where it has to be made. */
	long long new_id, new_gid;
};

struct wants {
	struct want *v;
	size_t n;
	long long min_uid;		/* ID_ANY: each host's own */
	bool system, no_home, remove_home;
	void **owned;
	size_t owned_count;
};

/* What was allocated, until wants_free(); NULL: no memory. */
void *wants_own(struct wants *w, void *memory);
/* A new one that asks for nothing; NULL: no memory. */
struct want *wants_add(struct wants *w, const char *name, bool is_group);
void wants_free(struct wants *w);

/* Adds a line of a key; options may stand before it.  NULL, or what is wrong. */
const char *wants_key(struct wants *w, struct key_list *list, const char *line);

/* Each says what is wrong with a value, in static text; NULL: nothing. */
const char *check_name(const char *name);	/* of what may be there */
const char *check_new_name(const char *name);
const char *check_id(const char *text);
const char *check_group(const char *text);	/* name or gid */
const char *check_groups(const char *text);
const char *check_shell(const char *text);
const char *check_home(const char *text);
const char *check_comment(const char *text);
const char *check_expire(const char *text);	/* YYYY-MM-DD or never */
const char *check_hash(const char *text);	/* crypt(5) */

long long parse_id(const char *text);		/* ID_ANY: it is none */
long long parse_expire(const char *text);	/* of a text that check_expire() likes */

/* Is name in a list "a,b"? */
bool in_list(const char *list, const char *name);

#endif
