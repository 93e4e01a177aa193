/*
 * rerun - an earlier run as the words of a new one.
 */
#ifndef DT_CLI_RERUN_H
#define DT_CLI_RERUN_H

#include "dt/cli/past.h"

struct rerun {
	struct strs words;	/* options, selection, module, arguments */
	size_t options;		/* so many of them */
};

/*
 * dt's options among words (n of them), which are taken apart already, or all
 * of them are options; the others are passed over.  0, or -1.
 */
int rerun_given(char *const *words, int n, struct strs *out, struct dt_err *err);
/* The options of an earlier run, but those that are given anew, and these behind them; then goes to its folder. */
int rerun_options(const struct job *j, const struct strs *given, struct strs *out, struct dt_err *err);
/*
 * dt rerun JOB: args are the words behind it.
 * Leaves the process in the folder of that run.  0, or -1; release the words.
 */
int rerun_words(struct app *a, char *const *args, int n, struct rerun *out, struct dt_err *err);

#endif
