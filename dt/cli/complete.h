/*
 * complete - completion for bash, made from dt's tables.
 *
 * The script that complete_script prints asks "dt completion words LINE",
 * which is complete_words: one candidate a line.
 */
#ifndef DT_CLI_COMPLETE_H
#define DT_CLI_COMPLETE_H

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/cli/options.h"
#include "modules/dt_module.h"

/*
 * What only dt's main can know.  Each adds names that begin with prefix, and
 * what it cannot find out it leaves out: a completion has nobody to complain to.
 */
struct complete_source {
	void (*tags)(void *arg, const char *prefix, struct strs *out);
	void (*hosts)(void *arg, const char *prefix, struct strs *out);
	void (*modules)(void *arg, const char *prefix, struct strs *out);
	void (*selectors)(void *arg, const char *prefix, struct strs *out);	/* external ones: "ec2" */
	const struct dt_module *(*module)(void *arg, const char *name);		/* NULL: none */
	void *arg;
};

/* The script for a shell.  0, or -1: ERR_USAGE where the shell is none we know. */
int complete_script(const char *shell, struct buf *out, struct dt_err *err);

/*
 * Candidates for the last word of line, a command line up to the cursor
 * ("dt tag:li"), as whole words, one a line, sorted, each once.  Options that
 * stand in the line (-D FILE) are set in o before src is asked; what is
 * wrong with them does not matter.  0, or -1: no memory.
 */
int complete_words(const char *line, struct options *o, const struct complete_source *src, struct buf *out,
		   struct dt_err *err);

#endif
