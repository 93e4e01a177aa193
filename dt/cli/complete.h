/*
 * complete - candidates for the word of a command line that is being typed, made from dt's tables.
 *
 * One engine for all: the scripts of complete_script.h ask it by "dt
 * completion words LINE", and dtsh calls it.
 */
#ifndef DT_CLI_COMPLETE_H
#define DT_CLI_COMPLETE_H

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/cli/options.h"
#include "modules/dt_module.h"

/*
 * Adds names that begin with prefix, in the order in which they are to be
 * shown, and to about what each is, or nothing at all.  What it cannot find
 * out it leaves out: a completion has nobody to complain to.  Of too many it
 * gives some, among them the first and the last of all by strcmp(3), so that
 * what these have in common is what all have in common.
 */
typedef void complete_fn(void *arg, const char *prefix, struct strs *names, struct strs *about);

/* What is known outside of the tables.  Each may be NULL: nothing. */
struct complete_source {
	complete_fn *tags, *hosts, *modules;
	complete_fn *selectors;		/* external ones: "ec2" */
	complete_fn *jobs;		/* numbers of earlier runs, newest first */
	complete_fn *running;		/* of these, those that run */
	/* hosts of a job ("last", "42") */
	void (*job_hosts)(void *arg, const char *job, const char *prefix, struct strs *names);
	const struct dt_module *(*module)(void *arg, const char *name);	/* NULL: none */
	void *arg;
};

/*
 * Candidates for the last word of line, a command line up to the cursor ("dt
 * tag:li"), as whole words without quotes, each once, in the order to be
 * shown: sorted by strcmp(3), numbers of jobs behind the others and the newest
 * first.  about[i] is what words[i] is, on one line, or "".  A candidate that
 * ends in one of ":=~/" is not the end of its word.
 *
 * All is text that may be shown: what holds a control character, or bytes
 * outside UTF-8, is no candidate.  A shell may still read more in a name than
 * a name ("$(x)"): who puts one into a command line quotes it.
 *
 * Options that stand in the line (-D FILE) are set in o before src is asked;
 * what is wrong with them does not matter.  NULL: they are stepped over, as
 * is right for one whose src is to stay as it is.  0, or -1: no memory.
 */
int complete_line(const char *line, struct options *o, const struct complete_source *src, struct strs *words,
		  struct strs *about, struct dt_err *err);

/*
 * The place in line where its last word begins, as a shell reads words: what
 * complete_line's candidates stand for.  *quote (may be NULL): the quote that
 * is open at the line's end, or 0.
 */
size_t complete_word_start(const char *line, char *quote);

#endif
