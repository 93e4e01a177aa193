#include "dt/cli/rolling.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "dt/base/ask.h"
#include "dt/base/log.h"
#include "dt/run/limits.h"

/* Open files beside those of the hosts: the streams, the inventory, jump hosts, what a name lookup takes. */
#define FILES_OWN 64
#define FILES_LIBSSH2 3	/* its socket, and two while it is made or goes over a jump host */
#define FILES_OPENSSH 8	/* three pipes with both ends, ssh's messages, one to spare */

static size_t files_per_host(const struct app *a)
{
	for (size_t i = 0; i < a->hosts.n; i++) {
		const struct target *t = plan_target(a->plan, i);

		if (t->openssh_because || t->transport == TRANSPORT_OPENSSH || t->transport == TRANSPORT_LOCAL)
			return FILES_OPENSSH;
	}
	return FILES_LIBSSH2;
}

static size_t coproc(const struct app *a)
{
	size_t wanted = a->opt.interactive ? 1 : (size_t)a->opt.coproc, can;
	struct rlimit files;

	if (wanted > a->hosts.n)
		wanted = a->hosts.n;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return wanted;
	can = files.rlim_cur > FILES_OWN + kept_max(a->kept)
		      ? ((size_t)files.rlim_cur - FILES_OWN - kept_max(a->kept)) / files_per_host(a)
		      : 0;
	can = can ? can : 1;
	if (wanted <= can)
		return wanted;
	log_warn("%zu hosts at a time, not %zu: the limit of open files is %llu (ulimit -n)", can, wanted,
		 (unsigned long long)files.rlim_cur);
	return can;
}

int rolling_options(const struct app *a, struct pace_options *out, struct dt_err *err)
{
	const struct options *o = &a->opt;

	if (o->pause_ms && !o->batch.given && !o->canary.given)
		return err_set(err, ERR_USAGE, "--pause is between batches, or after canaries: it needs --batch or --canary");
	if (o->canary.given && share_of(o->canary, a->hosts.n) >= a->hosts.n && a->hosts.n > 1)
		return err_set(err, ERR_USAGE, "--canary %lld%s: all %zu hosts would be canaries", o->canary.n,
			       o->canary.percent ? "%" : "", a->hosts.n);
	*out = (struct pace_options){
		.coproc = coproc(a), .pause_ms = o->pause_ms, .rate = (double)o->rate,
		.random_delay_ms = o->random_delay_ms, .has_max_fail = o->max_fail.given,
	};
	if (o->canary.given)
		out->canary = share_of(o->canary, a->hosts.n);
	if (o->batch.given)
		out->batch = share_of(o->batch, a->hosts.n);
	if (o->max_fail.given)
		out->max_fail = share_at_most(o->max_fail, a->hosts.n);
	return 0;
}

/*
 * Where nothing but the number at a time holds hosts back, some wait in the
 * queue of the threads, so that none of these waits for the main thread, nor
 * that for a disk: a slow one takes 50 ms for each round of the journal.  Not
 * more of them than it takes: they count as begun.
 */
#define AHEAD_LEAST 32
#define AHEAD_MOST 256

bool rolling_is_plain(const struct app *a, const struct pace_options *o)
{
	return !o->canary && !o->batch && !o->has_max_fail && o->rate <= 0 && !o->random_delay_ms && !a->opt.max_per.n;
}

int rolling_pace(const struct app *a, const struct pace_options *opt, struct pace **out, struct dt_err *err)
{
	struct pace_options inner = *opt;

	if (rolling_is_plain(a, opt))
		inner.coproc += a->hosts.n < 32 * AHEAD_LEAST ? AHEAD_LEAST : a->hosts.n > 32 * AHEAD_MOST ? AHEAD_MOST
											       : a->hosts.n / 32;
	*out = pace_new(&inner, a->hosts.n);
	if (!*out)
		return err_nomem(err);
	/* what dt.conf limits need not be among these hosts */
	for (size_t i = 0; i < a->opt.max_per.n; i++) {
		if (limits_add(*out, a->opt.max_per.v[i], a->inv, &a->hosts, a->plan,
			       option_source(&a->opt, "max-per") == SOURCE_COMMAND, err) != 0) {
			pace_free(*out);
			*out = NULL;
			return -1;
		}
	}
	return 0;
}

int rolling_confirm(const struct app *a, const char *what, struct dt_err *err)
{
	const struct options *o = &a->opt;
	char question[300], answer[32], wanted[32];

	if (o->yes || !(o->confirm || (o->confirm_over && a->hosts.n > (size_t)o->confirm_over)))
		return 0;
	(void)snprintf(question, sizeof(question), "%s on %zu host%s.  To go on, type their number: ", what, a->hosts.n,
		       a->hosts.n == 1 ? "" : "s");
	(void)snprintf(wanted, sizeof(wanted), "%zu", a->hosts.n);
	if (!ask_line(question, answer, sizeof(answer)))
		return err_set(err, ERR_USAGE, "%s on %zu hosts is to be confirmed, and there is no terminal (--yes goes on without)",
			       what, a->hosts.n);
	for (size_t n = strlen(answer); n && answer[n - 1] == ' ';)
		answer[--n] = '\0';
	return strcmp(answer, wanted) == 0 ? 0 : err_set(err, ERR_USAGE, "not confirmed; no host was contacted");
}
