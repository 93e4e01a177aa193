#include "dt/report/gather.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/sha256.h"
#include "dt/report/spool.h"

struct kept {
	struct group group;
	unsigned char sum[SHA256_SIZE];
	uint64_t at;		/* of its text in the spool */
	size_t len[2];
};

struct member {
	size_t order, group;
	char *host;
};

struct gather {
	struct kept *groups;
	size_t group_count, group_cap;
	struct member *members;
	size_t member_count, member_cap;
	uint32_t *slots;	/* of groups by their sum: number + 1, 0 is free; a power of two */
	size_t slot_count;
	const char **hosts;	/* of all groups, after gather_sort */
	struct sha256 *sha;
	struct spool spool;
};

struct gather *gather_new(size_t memory)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	spool_init(&g->spool, memory);
	g->sha = sha256_new();
	if (g->sha)
		return g;
	gather_free(g);
	return NULL;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->group_count; i++)
		free(g->groups[i].group.label);
	for (size_t i = 0; i < g->member_count; i++)
		free(g->members[i].host);
	free(g->groups);
	free(g->members);
	free(g->slots);
	free(g->hosts);
	sha256_free(g->sha);
	spool_release(&g->spool);
	free(g);
}

/* Each part behind its length, so that no two answers can look the same together. */
static void sum_part(struct gather *g, const char *data, size_t len)
{
	uint64_t n = len;

	sha256_add(g->sha, &n, sizeof(n));
	sha256_add(g->sha, data, len);
}

static void sum(struct gather *g, const struct answer *a, unsigned char out[SHA256_SIZE])
{
	sum_part(g, a->ok ? "o" : "f", 1);
	sum_part(g, a->label, strlen(a->label));
	for (int i = 0; i < 2; i++)
		sum_part(g, a->text[i], a->len[i]);
	sha256_end(g->sha, out);
}

/* The slot where a sum is, or would be. */
static uint32_t *slot_of(struct gather *g, const unsigned char *wanted)
{
	uint64_t hash;

	memcpy(&hash, wanted, sizeof(hash));
	for (size_t i = (size_t)hash & (g->slot_count - 1);; i = (i + 1) & (g->slot_count - 1)) {
		uint32_t *s = &g->slots[i];

		if (!*s || memcmp(g->groups[*s - 1].sum, wanted, SHA256_SIZE) == 0)
			return s;
	}
}

/* Makes room for one more group, with at least half of the slots free. */
static int grow(struct gather *g)
{
	size_t cap = g->group_cap ? g->group_cap * 2 : 16, slots = cap * 2;
	struct kept *groups;
	uint32_t *table;

	if (g->group_count < g->group_cap)
		return 0;
	groups = realloc(g->groups, cap * sizeof(*groups));
	if (!groups)
		return -1;
	g->groups = groups;
	table = calloc(slots, sizeof(*table));
	if (!table)
		return -1;
	free(g->slots);
	g->slots = table;
	g->slot_count = slots;
	g->group_cap = cap;
	for (size_t i = 0; i < g->group_count; i++)
		*slot_of(g, g->groups[i].sum) = (uint32_t)(i + 1);
	return 0;
}

static int new_group(struct gather *g, const struct answer *a, const unsigned char *s, uint32_t *slot)
{
	struct kept *k = &g->groups[g->group_count];

	*k = (struct kept){ .group = { .ok = a->ok, .label = strdup(a->label) }, .at = spool_end(&g->spool) };
	memcpy(k->sum, s, sizeof(k->sum));
	if (!k->group.label) {
		errno = ENOMEM;
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		k->len[i] = a->len[i];
		if (spool_add(&g->spool, a->text[i], a->len[i]) != 0) {
			free(k->group.label);
			return -1;
		}
	}
	*slot = (uint32_t)++g->group_count;
	return 0;
}

int gather_add(struct gather *g, const struct answer *a)
{
	unsigned char s[SHA256_SIZE];
	uint32_t *slot;
	struct member *m;

	if (g->member_count == g->member_cap) {
		size_t cap = g->member_cap ? g->member_cap * 2 : 64;

		m = realloc(g->members, cap * sizeof(*m));
		if (!m)
			goto nomem;
		g->members = m;
		g->member_cap = cap;
	}
	if (grow(g) != 0)
		goto nomem;
	sum(g, a, s);
	slot = slot_of(g, s);
	if (!*slot && new_group(g, a, s, slot) != 0)
		return -1;
	m = &g->members[g->member_count];
	*m = (struct member){ a->order, *slot - 1, strdup(a->host) };
	if (!m->host)
		goto nomem;
	g->member_count++;
	return 0;
nomem:
	errno = ENOMEM;
	return -1;
}

static int by_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

static int by_rank(const void *a, const void *b)
{
	const struct group *x = &((const struct kept *)a)->group, *y = &((const struct kept *)b)->group;

	if (x->ok != y->ok)
		return y->ok - x->ok;
	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

int gather_sort(struct gather *g)
{
	size_t at = 0;

	g->hosts = calloc(g->member_count + 1, sizeof(*g->hosts));
	if (!g->hosts)
		return -1;
	if (!g->member_count)
		return 0;
	qsort(g->members, g->member_count, sizeof(*g->members), by_order);
	for (size_t i = 0; i < g->member_count; i++)
		g->groups[g->members[i].group].group.n++;
	for (size_t i = 0; i < g->group_count; i++) {
		struct group *to = &g->groups[i].group;

		to->hosts = g->hosts + at;
		at += to->n;
		to->n = 0;
	}
	for (size_t i = 0; i < g->member_count; i++) {
		const struct member *m = &g->members[i];
		struct group *to = &g->groups[m->group].group;

		if (!to->n)
			to->first = m->order;
		to->hosts[to->n++] = m->host;
	}
	qsort(g->groups, g->group_count, sizeof(*g->groups), by_rank);
	return 0;
}

size_t gather_count(const struct gather *g)
{
	return g->group_count;
}

const struct group *gather_group(const struct gather *g, size_t i)
{
	return &g->groups[i].group;
}

int gather_text(struct gather *g, size_t i, int which, struct buf *out)
{
	const struct kept *k = &g->groups[i];

	return spool_read(&g->spool, k->at + (which ? k->len[0] : 0), k->len[which], out);
}
