#include "dt/run/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"

#define NONE SIZE_MAX
/* Who is woken late catches up so much: else --rate would lose some of it at each host. */
#define LATE_MS 10

struct group {
	size_t most, running;
};

/* One membership; those of a host are a list. */
struct member {
	size_t group, next;
};

struct pace {
	struct pace_options opt;
	size_t hosts;
	size_t *order;		/* hosts not begun, from first on; NONE where one went out of turn */
	int64_t *starts;	/* by place in order: not before; NULL without a random delay */
	size_t first, stage_end;/* places: what waits, and where the stage ends */
	size_t running, failed;
	bool canaries, stopped, asked;
	int64_t resume;		/* of the next stage */
	double launch;		/* when the rate lets the next one begin */
	struct group *groups;
	size_t group_count;
	struct member *members;
	size_t member_count, member_cap;
	size_t *first_member;	/* by host; NULL without groups */
	bool blocked;		/* by groups: nothing can begin until a host ends */
	char why[160];
};

struct pace *pace_new(const struct pace_options *opt, size_t hosts)
{
	struct pace *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->opt = *opt;
	p->hosts = hosts;
	p->order = calloc(hosts + 1, sizeof(*p->order));
	if (opt->random_delay_ms)
		p->starts = calloc(hosts + 1, sizeof(*p->starts));
	if (!p->order || (opt->random_delay_ms && !p->starts)) {
		pace_free(p);
		return NULL;
	}
	for (size_t i = 0; i < hosts; i++)
		p->order[i] = i;
	return p;
}

void pace_free(struct pace *p)
{
	if (!p)
		return;
	free(p->order);
	free(p->starts);
	free(p->groups);
	free(p->members);
	free(p->first_member);
	free(p);
}

int pace_group(struct pace *p, size_t most)
{
	struct group *v = realloc(p->groups, (p->group_count + 1) * sizeof(*v));

	if (!v)
		return -1;
	p->groups = v;
	v[p->group_count] = (struct group){ .most = most };
	return (int)p->group_count++;
}

int pace_join(struct pace *p, size_t host, int group)
{
	if (!p->first_member) {
		p->first_member = malloc(p->hosts * sizeof(*p->first_member));
		if (!p->first_member)
			return -1;
		for (size_t i = 0; i < p->hosts; i++)
			p->first_member[i] = NONE;
	}
	if (p->member_count == p->member_cap) {
		size_t cap = p->member_cap ? p->member_cap * 2 : 64;
		struct member *v = realloc(p->members, cap * sizeof(*v));

		if (!v)
			return -1;
		p->members = v;
		p->member_cap = cap;
	}
	p->members[p->member_count] = (struct member){ (size_t)group, p->first_member[host] };
	p->first_member[host] = p->member_count++;
	return 0;
}

size_t pace_stage(const struct pace_options *opt, size_t hosts, size_t i, size_t *stages)
{
	size_t canary = opt->canary < hosts ? opt->canary : hosts, batch = opt->batch ? opt->batch : hosts;
	size_t behind = hosts - canary, first = canary ? 1 : 0;

	if (stages)
		*stages = first + (behind + batch - 1) / batch;
	return i < canary ? 0 : first + (i - canary) / batch;
}

/* ---- stages ---- */

static int by_start(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Each host of the stage gets its moment: the order stays, the moments are random ones in their order. */
static void draw_starts(struct pace *p, int64_t now)
{
	for (size_t i = p->first; i < p->stage_end; i++) {
		uint32_t random;

		random_bytes(&random, sizeof(random));
		p->starts[i] = now + (int64_t)((double)random / UINT32_MAX * (double)p->opt.random_delay_ms);
	}
	qsort(p->starts + p->first, p->stage_end - p->first, sizeof(*p->starts), by_start);
}

static void begin_stage(struct pace *p, int64_t now)
{
	size_t left = p->hosts - p->first, n = p->opt.batch && p->opt.batch < left ? p->opt.batch : left;

	p->canaries = !p->asked && p->opt.canary;
	if (p->canaries)
		n = p->opt.canary < left ? p->opt.canary : left;
	p->asked = true;
	p->stage_end = p->first + n;
	p->resume = 0;
	if (p->starts)
		draw_starts(p, now);
}

/* The last stage is over: is it time for the next one?  false: not yet, or never. */
static bool next_stage(struct pace *p, int64_t now, int64_t *wake)
{
	if (p->running)
		return false;
	if (p->asked && p->opt.pause_ms) {
		if (!p->resume)
			p->resume = now + p->opt.pause_ms;
		if (now < p->resume) {
			*wake = p->resume;
			return false;
		}
	}
	begin_stage(p, now);
	return true;
}

/* ---- one host ---- */

static bool has_room(const struct pace *p, size_t host)
{
	for (size_t m = p->first_member ? p->first_member[host] : NONE; m != NONE; m = p->members[m].next) {
		const struct group *g = &p->groups[p->members[m].group];

		if (g->running >= g->most)
			return false;
	}
	return true;
}

static void count_groups(struct pace *p, size_t host, bool begins)
{
	for (size_t m = p->first_member ? p->first_member[host] : NONE; m != NONE; m = p->members[m].next) {
		struct group *g = &p->groups[p->members[m].group];

		g->running += begins ? 1 : (size_t)-1;
	}
}

/* Passes over the places that are empty. */
static void trim(struct pace *p)
{
	while (p->first < p->hosts && p->order[p->first] == NONE)
		p->first++;
}

/* A place of the stage whose host may begin, or NONE. */
static size_t find(struct pace *p, int64_t now, int64_t *wake)
{
	for (size_t i = p->first; i < p->stage_end; i++) {
		if (p->order[i] == NONE)
			continue;
		if (p->starts && p->starts[i] > now) {
			*wake = p->starts[i];
			return NONE;
		}
		if (has_room(p, p->order[i]))
			return i;
	}
	p->blocked = true;
	return NONE;
}

enum pace_answer pace_next(struct pace *p, int64_t now, size_t *host, int64_t *wake)
{
	size_t at;

	*wake = 0;
	if (p->stopped || p->first == p->hosts)
		return PACE_END;
	if (p->running >= p->opt.coproc || p->blocked)
		return PACE_WAIT;
	if (p->first >= p->stage_end && !next_stage(p, now, wake))
		return PACE_WAIT;
	if (p->opt.rate > 0 && p->launch > (double)now) {
		*wake = (int64_t)p->launch + ((double)(int64_t)p->launch < p->launch);
		return PACE_WAIT;
	}
	at = find(p, now, wake);
	if (at == NONE)
		return PACE_WAIT;
	if (p->opt.rate > 0)
		p->launch = (p->launch > (double)now - LATE_MS ? p->launch : (double)now) + 1000 / p->opt.rate;
	*host = p->order[at];
	p->order[at] = NONE;
	p->running++;
	count_groups(p, *host, true);
	trim(p);
	return PACE_GO;
}

void pace_ended(struct pace *p, size_t host, bool ok)
{
	p->running--;
	p->blocked = false;
	count_groups(p, host, false);
	if (ok)
		return;
	p->failed++;
	if (p->stopped || p->first == p->hosts)
		return;
	if (p->canaries) {
		p->stopped = true;
		(void)snprintf(p->why, sizeof(p->why), "a canary failed");
	} else if (p->opt.has_max_fail && p->failed > p->opt.max_fail) {
		p->stopped = true;
		(void)snprintf(p->why, sizeof(p->why), "%zu host%s failed, and --max-fail is %zu", p->failed,
			       p->failed == 1 ? "" : "s", p->opt.max_fail);
	}
}

const char *pace_stopped(const struct pace *p)
{
	return p->stopped ? p->why : NULL;
}

bool pace_take_back(struct pace *p, size_t *host)
{
	if (p->first == p->hosts)
		return false;
	*host = p->order[p->first];
	p->order[p->first] = NONE;
	trim(p);
	return true;
}
