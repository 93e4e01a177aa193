/*
 * supervise - what a supervisor's file supervise/status says of its service.
 *
 * It needs nothing of dt: bytes in, a struct out.  Three formats, told apart
 * by their length; a time is TAI64N (8 bytes big endian, 2^62 + seconds; 4
 * bytes nanoseconds):
 *
 *	runit, 20 bytes: since (TAI64N), pid (4 bytes little endian, 0: no
 *	process), paused (0 or 1), want (u or d), term (1: told to end), state
 *	(0 down, 1 run, 2 finish).  runit 2.1.2, runsv.c, update_status().
 *
 *	daemontools, 18 bytes: the same up to want, which may be 0: once, and
 *	then no more.  daemontools 0.76, supervise.c, announce().
 *
 *	s6, 35 bytes: since (TAI64N), ready since (TAI64N), pid (8 bytes big
 *	endian), wait status (2), flags: 1 paused, 2 finishing, 4 want up, 8
 *	ready, 16 throttled.  s6 2.11, s6_svstatus_pack().  Later ones have 43
 *	bytes, with the process group (8 bytes) behind the pid.
 *
 * The seconds are those of the clock plus 10 for runit and daemontools.  s6
 * counts leap seconds: plus 37 since 2017 (where skalibs is built for a clock
 * in TAI, it is 10; ages are then 27 seconds too great).
 */
#ifndef SERVICE_SUPERVISE_H
#define SERVICE_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>

enum supervise_kind { SUPERVISE_RUNIT, SUPERVISE_DAEMONTOOLS, SUPERVISE_S6 };
enum supervise_state {
	SUPERVISE_DOWN,		/* no process */
	SUPERVISE_RUN,
	SUPERVISE_FINISH	/* it ended, and its finish script runs */
};
enum supervise_want { SUPERVISE_WANT_DOWN, SUPERVISE_WANT_UP, SUPERVISE_WANT_ONCE };

struct supervise {
	enum supervise_kind kind;
	enum supervise_state state;
	enum supervise_want want;	/* ONCE is told by daemontools alone; else that is DOWN */
	bool paused;			/* only where there is a process */
	bool term;			/* it was told to end; runit alone says so */
	long pid;			/* 0: none */
	long long age;			/* seconds that it has been in its state; not below 0 */
};

/* A start that is further ahead of the clock than this is nonsense. */
#define SUPERVISE_AHEAD_MAX (24 * 3600)

/*
 * len: of the whole file, or more than 43 of it.  now: the clock of the
 * host whose file it is, in seconds since 1970.  NULL, and *s is set; or
 * static text that says what is wrong with it, and *s is zeroed.
 */
const char *supervise_decode(const unsigned char *bytes, size_t len, long long now, struct supervise *s);

#endif
