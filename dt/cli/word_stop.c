/*
 * word_stop - dt stop JOB: the first Ctrl-C for a run of another terminal.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <unistd.h>

#include "dt/base/log.h"
#include "dt/cli/past.h"

#define USAGE "dt stop JOB"
#define WAIT_MS 20000	/* ending remote process groups takes a few seconds */

static int refuse(const struct job *j, struct dt_err *err)
{
	switch (j->state) {
	case JOB_ENDED:
		return err_set(err, ERR_USAGE, "job %" PRId64 " has ended already", j->number);
	case JOB_DIED:
		return err_set(err, ERR_USAGE, "job %" PRId64 ": its dt has died already", j->number);
	case JOB_ELSEWHERE:
		return err_set(err, ERR_USAGE, "job %" PRId64 " runs on %s or in another container, if it does: not to be stopped from here",
			       j->number, *j->machine ? j->machine : "another machine");
	default:
		break;
	}
	if (getuid() != 0 && (int64_t)getuid() != j->uid)
		return err_set(err, ERR_USAGE, "job %" PRId64 " is of %s, not yours", j->number, j->user);
	return 0;
}

/* One that was started to ignore SIGINT, as by a shell in the background, takes SIGTERM. */
static int taken_signal(int64_t pid)
{
	unsigned long long ignored = 0;
	char path[64], *line;
	struct dt_err none;
	struct buf text;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/status", pid);
	buf_init(&text, 65536);
	if (read_file(path, &text, &none) == 0 && (line = strstr(text.data, "\nSigIgn:")) != NULL)
		ignored = strtoull(line + strlen("\nSigIgn:"), NULL, 16);
	buf_release(&text);
	if (!(ignored & 1ULL << (SIGINT - 1)))
		return SIGINT;
	return ignored & 1ULL << (SIGTERM - 1) ? 0 : SIGTERM;
}

/* Holds the process, looks again whether it is the one, and only then sends: a number may be another's meanwhile. */
static int stop(struct journal_reader *r, struct job *j, int *held, struct dt_err *err)
{
	int64_t number = j->number;
	int signo;

	if (refuse(j, err) != 0)
		return -1;
	*held = pidfd_open((pid_t)j->pid, 0);
	if (*held < 0 && errno != ESRCH)
		return err_sys(err, ERR_FAIL, errno, "job %" PRId64 ", process %" PRId64, number, j->pid);
	job_release(j);
	if (journal_get(r, number, j, err) != 0 || refuse(j, err) != 0)
		return -1;
	signo = taken_signal(j->pid);
	if (!signo)
		return err_set(err, ERR_FAIL, "job %" PRId64 ": process %" PRId64 " ignores SIGINT and SIGTERM", number, j->pid);
	if (pidfd_send_signal(*held, signo, NULL, 0) != 0)
		return err_sys(err, ERR_FAIL, errno, "job %" PRId64 ", process %" PRId64, number, j->pid);
	log_info(1, "sent %s to process %" PRId64, signo == SIGINT ? "SIGINT" : "SIGTERM", j->pid);
	return 0;
}

static int report(struct journal_reader *r, struct job *j, int held, struct dt_err *err)
{
	struct pollfd ended = { .fd = held, .events = POLLIN };
	int64_t number = j->number, deadline = now_ms() + WAIT_MS;
	struct past_counts c;

	while (poll(&ended, 1, deadline_poll_ms(deadline)) < 0 && errno == EINTR)
		;
	job_release(j);
	if (journal_get(r, number, j, err) != 0 || past_count(r, j, &c, err) != 0)
		return -1;
	if (!ended.revents && j->state != JOB_ENDED)
		log_info(0, "job %" PRId64 " was told to stop, and is still ending its hosts: dt follow %" PRId64, number, number);
	else if (j->state != JOB_ENDED)
		log_info(0, "job %" PRId64 " has ended without a word: %zu of %zu hosts are unknown", number, c.by[OUTCOME_UNKNOWN],
			 j->hosts);
	else
		log_info(0, "job %" PRId64 " has ended: %zu of %zu hosts okay, exit status %d", number, c.by[OUTCOME_OK], j->hosts,
			 j->exit_status);
	return 0;
}

int word_stop(struct app *a, char *const *args, int n, struct dt_err *err)
{
	const char *words[1] = { NULL };
	struct journal_reader *r = NULL;
	struct job j = { .number = 0 };
	int held = -1, count, ret = -1;

	if (word_take(a, args, n, NULL, 0, words, 1, &count, USAGE, err) != 0)
		return -1;
	if (count != 1)
		return err_set(err, ERR_USAGE, USAGE);
	log_set_level((int)a->opt.verbose);
	if (past_open(&r, err) == 0 && past_job(r, words[0], &j, err) == 0 && stop(r, &j, &held, err) == 0)
		ret = report(r, &j, held, err);
	if (held >= 0)
		(void)close(held);
	job_release(&j);
	journal_reader_free(r);
	return ret;
}
