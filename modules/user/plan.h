/*
 * plan - what is to be done on one host: from what was found and what is
 * wanted, the steps that change.sh takes there, and the words for them.
 *
 * A pure function; nothing is left to decide on the host.
 */
#ifndef MODULES_USER_PLAN_H
#define MODULES_USER_PLAN_H

#include "user/agree.h"

#include <stdio.h>

/* One step: a call of a function of change.sh. */
struct step {
	const char *subject;	/* whose it is: a name; borrowed from wants */
	char *words;		/* what it changes; "": its part of the next one */
};

struct plan {
	struct step *steps;
	size_t n;
	char *program;		/* a line each, for sh; it may hold a secret */
	size_t program_len;
	char fault[500];	/* why nothing can be done here; "": nothing is wrong */
	FILE *out;		/* the program, while it is written */
};

/* 0, or -1: fault says why. */
int plan_make(struct plan *p, const struct wants *w, const struct found *f);
/* "alice: added uid=1001, 2 keys added; bob: locked" of the first n steps; to be freed. */
char *plan_words(const struct plan *p, size_t n);
/* Wipes the program. */
void plan_free(struct plan *p);

/* ---- for its parts ---- */

/* Begins a step: its words, then PLAN_CALL.  words may be "". */
void plan_step(struct plan *p, const char *subject, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The call of the step, with words that are quoted. */
void plan_call(struct plan *p, const char *function, const char *const *words);
#define PLAN_CALL(p, function, ...) plan_call(p, function, (const char *const[]){ __VA_ARGS__, NULL })
/* Adds text as one word of sh's: it comes over stdin, and no login shell sees it. */
void plan_quote(FILE *out, const char *text);
/* -1, always. */
int plan_fault(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An account on a host, and what is to be done to it. */
struct job {
	struct plan *p;
	const struct wants *w;
	const struct want *u;
	const struct found *f;
	const struct account *a;	/* NULL: it has to be made */
	const char *home;		/* that it shall have */
	char uid[24], gid[24];
};

/* May root rely on the home that is there?  none: it may be missing.  0, or -1. */
int plan_home(const struct job *j, const struct home *h, bool none);
/* Its authorized_keys; so too. */
int plan_keys(const struct job *j);
/* The gid that a group, by name or gid, has or will have on a host; ID_ANY: there is none. */
long long plan_gid(const struct wants *w, const struct found *f, const char *group);

/* The account of u on this host, as it shall be. */
int plan_user(struct plan *p, const struct wants *w, const struct want *u, const struct found *f);

#endif
