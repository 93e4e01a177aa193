/* Hosts by what became of them in an earlier run, for the selector job:. */
#include <stdlib.h>
#include <string.h>

#include "dt/cli/past.h"
#include "inventory/match.h"

struct choice {
	const struct select_job *q;
	struct journal_reader *r;
	struct job job;
	struct strs names;
	struct job_host *hosts;
	size_t n;
	bool *said;	/* the output matches; NULL where nobody asks */
	bool here;
};

/* The word of a host's end, as it stands now; NULL: the run lives, and it has none. */
static const char *word_of(const struct choice *c, size_t i, struct dt_err *err)
{
	struct result end;
	bool known = c->hosts[i].state == HOST_ENDED;
	enum outcome o = c->hosts[i].outcome;

	if (!known) {
		known = past_open_host(&c->job, &c->hosts[i], i, c->names.v[i], &end, err);
		o = end.outcome;
		result_release(&end);
	}
	return known ? outcome_name(o) : NULL;
}

static bool fits(const struct choice *c, size_t i, const char *word)
{
	const char *wanted = c->q->result;
	bool okay = word && strcmp(word, outcome_name(OUTCOME_OK)) == 0;

	if (c->q->rc >= 0 && (c->hosts[i].state != HOST_ENDED || c->hosts[i].rc != c->q->rc))
		return false;
	if (c->said && !c->said[i])
		return false;
	if (!wanted)
		return true;
	if (!word)
		return false;
	if (strcmp(wanted, "fail") == 0)
		return !okay;
	return strcmp(wanted, "okay") == 0 ? okay : strcmp(wanted, word) == 0;
}

static int on_output(void *arg, const struct result *r, struct dt_err *err)
{
	struct choice *c = arg;
	int m = match_bytes(c->q->output, r->output.bytes.data, r->output.bytes.len, err);

	c->said[r->index] = m > 0;
	return m < 0 ? -1 : 0;
}

static int on_transport(void *arg, const struct result *r, struct dt_err *err)
{
	struct choice *c = arg;

	(void)err;
	c->here = str_eq(r->transport, "local");
	return 0;
}

/* local: gives this machine under a name that means another way elsewhere. */
static int find_here(struct choice *c, size_t i, struct dt_err *err)
{
	const struct job_events e = { .end = on_transport, .arg = c };
	bool found;

	c->here = false;
	return strcmp(c->names.v[i], "localhost") == 0 ? journal_end_of(c->r, c->job.number, i, &e, &found, err) : 0;
}

static int choose(struct choice *c, select_found_fn *found, void *to, struct dt_err *err)
{
	const struct job_events e = { .end = on_output, .arg = c };

	if (past_open(&c->r, err) != 0 || past_job(c->r, c->q->job, &c->job, err) != 0 ||
	    journal_hosts(c->r, c->job.number, &c->names, err) != 0 ||
	    journal_states(c->r, c->job.number, &c->hosts, &c->n, err) != 0)
		return -1;
	if (c->q->output) {
		c->said = calloc(c->n + 1, sizeof(*c->said));
		if (!c->said)
			return err_nomem(err);
		if (journal_ends(c->r, c->job.number, &e, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < c->n; i++)
		if (fits(c, i, word_of(c, i, err)) &&
		    (find_here(c, i, err) != 0 || found(to, c->names.v[i], c->here, err) != 0))
			return -1;
	return 0;
}

int past_select(void *arg, const struct select_job *q, select_found_fn *found, void *to, struct dt_err *err)
{
	struct choice c = { .q = q };
	int r;

	(void)arg;
	r = choose(&c, found, to, err);
	free(c.said);
	free(c.hosts);
	strs_release(&c.names);
	job_release(&c.job);
	journal_reader_free(c.r);
	return r;
}
