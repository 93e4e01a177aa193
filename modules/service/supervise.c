#include "service/supervise.h"

#include <stdint.h>
#include <string.h>

/* 2^62 is 1970 (TAI64); later labels than 2^63 are reserved. */
#define TAI_1970 ((uint64_t)1 << 62)
#define TAI_SIZE 12
/* Of Linux it is 2^22 at most; elsewhere pid_t has 31 bits too. */
#define PID_LAST 0x7fffffff

static uint64_t big_endian(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | *p++;
	return value;
}

/* skew: how far the label's seconds are ahead of the clock's. */
static const char *take_time(const unsigned char *p, long long now, int skew, struct supervise *s)
{
	uint64_t label = big_endian(p, 8);
	long long since;

	if (label < TAI_1970 || label >= TAI_1970 * 2 || big_endian(p + 8, 4) > 999999999)
		return "its time is no time";
	since = (long long)(label - TAI_1970) - skew;
	/* the clock of a host is never negative, so that this cannot overflow */
	if (now < 0 || since > now + SUPERVISE_AHEAD_MAX)
		return "its time lies in the future";
	s->age = since < now ? now - since : 0;
	return NULL;
}

static const char *take_pid(uint64_t pid, struct supervise *s)
{
	s->pid = pid <= PID_LAST ? (long)pid : 0;
	return pid <= PID_LAST ? NULL : "its pid is none";
}

static const char *take_runit(const unsigned char *p, struct supervise *s)
{
	if (p[16] > 1 || (p[17] != 'u' && p[17] != 'd') || p[18] > 1 || p[19] > 2)
		return "it makes no sense";
	s->state = (enum supervise_state)p[19];
	s->want = p[17] == 'u' ? SUPERVISE_WANT_UP : SUPERVISE_WANT_DOWN;
	/* for an instant, a finish script has no process yet */
	if (s->pid ? s->state == SUPERVISE_DOWN : s->state == SUPERVISE_RUN)
		return s->pid ? "it is down and has a process" : "it runs and has no process";
	s->paused = p[16] && s->pid;
	s->term = p[18] && s->pid;
	return NULL;
}

static const char *take_daemontools(const unsigned char *p, struct supervise *s)
{
	if (p[16] > 1 || (p[17] != 'u' && p[17] != 'd' && p[17] != 0))
		return "it makes no sense";
	s->state = s->pid ? SUPERVISE_RUN : SUPERVISE_DOWN;
	s->want = p[17] == 'u' ? SUPERVISE_WANT_UP : p[17] == 'd' ? SUPERVISE_WANT_DOWN : SUPERVISE_WANT_ONCE;
	s->paused = p[16] && s->pid;
	return NULL;
}

static const char *take_s6(unsigned flags, struct supervise *s)
{
	if (flags > 31)
		return "it makes no sense";
	if ((flags & 2) && !s->pid)
		return "it finishes and has no process";
	s->state = flags & 2 ? SUPERVISE_FINISH : s->pid ? SUPERVISE_RUN : SUPERVISE_DOWN;
	s->want = flags & 4 ? SUPERVISE_WANT_UP : SUPERVISE_WANT_DOWN;
	s->paused = (flags & 1) && s->state == SUPERVISE_RUN;
	return NULL;
}

const char *supervise_decode(const unsigned char *bytes, size_t len, long long now, struct supervise *s)
{
	const char *wrong;

	memset(s, 0, sizeof(*s));
	switch (len) {
	case 20:
	case 18:
		s->kind = len == 20 ? SUPERVISE_RUNIT : SUPERVISE_DAEMONTOOLS;
		wrong = take_pid((uint64_t)bytes[15] << 24 | (uint64_t)bytes[14] << 16 | (uint64_t)bytes[13] << 8 | bytes[12], s);
		break;
	case 35:
	case 43:
		s->kind = SUPERVISE_S6;
		wrong = take_pid(big_endian(bytes + (size_t)2 * TAI_SIZE, 8), s);
		break;
	default:
		return "it is of no known length";
	}
	if (!wrong)
		wrong = take_time(bytes, now, s->kind == SUPERVISE_S6 ? 37 : 10, s);
	if (!wrong)
		wrong = s->kind == SUPERVISE_RUNIT ? take_runit(bytes, s) :
			s->kind == SUPERVISE_S6 ? take_s6(bytes[len - 1], s) : take_daemontools(bytes, s);
	if (wrong)
		memset(s, 0, sizeof(*s));
	return wrong;
}
