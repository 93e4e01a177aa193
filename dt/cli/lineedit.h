/*
 * lineedit - a line typed at a terminal, with editing, history and completion.
 *
 * The only room that sees <histedit.h> (libedit; editline(3), editrc(5)).
 */
#ifndef DT_CLI_LINEEDIT_H
#define DT_CLI_LINEEDIT_H

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"

struct lineedit;

struct lineedit_hooks {
	/* Candidates for the last word of line; as complete_line. */
	int (*complete)(void *arg, const char *line, struct strs *words, struct strs *about, struct dt_err *err);
	/* Returns when something can be read from fd: 0; or -1: the line is to be given up. */
	int (*wait)(void *arg, int fd);
	void *arg;
};

/* history: a file, one line each, mode 0600, where older lines are and new ones go; or NULL. */
struct lineedit *lineedit_new(const char *program, const char *history, const struct lineedit_hooks *hooks,
			      struct dt_err *err);
void lineedit_free(struct lineedit *e);
/*
 * 1 and the line, without its newline, valid until the next call; 0: the end
 * of input; -1: wait gave it up.  A line of which bytes were lost, as they
 * make no character, is said to be no good, and comes as an empty one.
 */
int lineedit_read(struct lineedit *e, const char *prompt, const char **line);

#endif
