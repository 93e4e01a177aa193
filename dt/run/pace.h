/*
 * pace - which host of a run begins next, and when.
 *
 * A run goes over its hosts in stages (the canaries, then batches); within
 * one, hosts begin in the order of the selection as the limits let them.  No
 * thread, no clock and no SSH: the engine asks, and tells how hosts ended.
 */
#ifndef DT_RUN_PACE_H
#define DT_RUN_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero is "no such limit" everywhere but in coproc. */
struct pace_options {
	size_t coproc;			/* hosts at a time */
	size_t canary;			/* the first ones; the others only if all of these are okay */
	size_t batch;			/* hosts in a batch: the next begins when the last one has ended */
	int64_t pause_ms;		/* between stages */
	bool has_max_fail;
	size_t max_fail;		/* so many may fail; one more stops the run */
	double rate;			/* hosts a second */
	int64_t random_delay_ms;	/* each host begins up to so much after its stage */
};

struct pace;

/* NULL: no memory. */
struct pace *pace_new(const struct pace_options *opt, size_t hosts);
void pace_free(struct pace *p);

/*
 * At most "most" hosts of a group at a time; a host may be in several.  Both
 * before the first pace_next.  pace_group gives its number; both -1: no memory.
 */
int pace_group(struct pace *p, size_t most);
int pace_join(struct pace *p, size_t host, int group);

/*
 * The stage of host i: 0 for the canaries where there are some, then a number
 * for each batch.  *stages (may be NULL) gets how many there are.
 */
size_t pace_stage(const struct pace_options *opt, size_t hosts, size_t i, size_t *stages);

enum pace_answer {
	PACE_GO,	/* *host begins now */
	PACE_WAIT,	/* for *wake (as now; 0: never by time), or for a host to end */
	PACE_END	/* all have begun, or the run has stopped */
};
enum pace_answer pace_next(struct pace *p, int64_t now, size_t *host, int64_t *wake);
/* A host that had begun has ended. */
void pace_ended(struct pace *p, size_t host, bool ok);
/* Why the run stopped ("2 hosts failed, and --max-fail is 1"), or NULL; as long as p. */
const char *pace_stopped(const struct pace *p);
/* Takes out a host that has not begun: true, until there is none left. */
bool pace_take_back(struct pace *p, size_t *host);

#endif
