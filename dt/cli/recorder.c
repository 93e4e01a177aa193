#include "dt/cli/recorder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/log.h"

/* Once: from then on nothing is recorded. */
static int give_up(struct recorder *r, const struct dt_err *why, struct dt_err *err)
{
	journal_close(r->journal);
	r->journal = NULL;
	if (r->required) {
		*err = *why;
		err_prefix(err, "the journal is required");
		return -1;
	}
	log_warn("not in the journal: %s", why->msg);
	return 0;
}

static int open_journal(struct recorder *r, const struct options *o, struct dt_err *err)
{
	const char *home = home_dir();
	char *path = journal_path(err);
	int ret = path ? 0 : -1;

	/* folders below a home are made; a home is not */
	if (ret == 0 && home && str_starts(path, home) && access(home, F_OK) != 0)
		ret = err_set(err, ERR_FAIL, "%s: there is no home", home);
	if (ret == 0)
		ret = journal_open(path, (size_t)o->journal_output, &r->journal, err);
	free(path);
	return ret;
}

int recorder_init(struct recorder *r, const struct app *a, struct dt_err *err)
{
	const struct options *o = &a->opt;
	struct dt_err why = DT_ERR_INIT;

	r->wanted = !o->no_journal && strcmp(o->journal, "no") != 0;
	r->required = strcmp(o->journal, "required") == 0;
	(void)journal_keep_parse(o->journal_keep, &r->keep);
	if (!r->wanted || !r->required || open_journal(r, o, &why) == 0)
		return 0;
	why.code = ERR_FAIL;
	return give_up(r, &why, err);
}

int recorder_start(struct recorder *r, const struct app *a, const struct journal_run *run, struct dt_err *err)
{
	struct journal_run whole = *run;
	struct dt_err why = DT_ERR_INIT;
	const char **names;
	int ret;

	if (!r->wanted)
		return 0;
	names = calloc(a->hosts.n + 1, sizeof(*names));
	if (!names)
		return err_nomem(err);
	for (size_t i = 0; i < a->hosts.n; i++)
		names[i] = host_named(a->hosts.v[i]);
	whole.hosts = names;
	whole.host_count = a->hosts.n;
	ret = r->journal ? 0 : open_journal(r, &a->opt, &why);
	if (ret == 0)
		ret = journal_start(r->journal, &whole, &why);
	free(names);
	if (ret != 0) {
		why.code = ERR_FAIL;
		return give_up(r, &why, err);
	}
	log_info(2, "job %" PRId64, journal_job(r->journal));
	return 0;
}

void recorder_hurry(struct recorder *r, int fd)
{
	if (r->journal)
		journal_hurry(r->journal, fd);
}

int64_t recorder_job(const struct recorder *r)
{
	return r->journal ? journal_job(r->journal) : 0;
}

bool recorder_is_on(const struct recorder *r)
{
	return r->journal != NULL;
}

int recorder_round(struct recorder *r, const size_t *begins, size_t begin_count, const struct result *ends,
		   size_t end_count, struct dt_err *err)
{
	struct dt_err why = DT_ERR_INIT;

	if (!r->journal)
		return 0;
	if (journal_round(r->journal, begins, begin_count, ends, end_count, &why) != 0)
		return give_up(r, &why, err);
	for (size_t i = 0; i < end_count; i++)
		tally_add(&r->tally, &ends[i]);
	return 0;
}

void recorder_done(struct recorder *r, int exit_status, int signal)
{
	struct dt_err why = DT_ERR_INIT;

	if (!r->journal || !journal_job(r->journal)) {
		journal_close(r->journal);
		r->journal = NULL;
		return;
	}
	if (journal_done(r->journal, exit_status, signal, &r->tally, &why) != 0 ||
	    journal_prune(r->journal, &r->keep, &why) != 0)
		log_warn("the journal: %s", why.msg);
	journal_close(r->journal);
	r->journal = NULL;
}
