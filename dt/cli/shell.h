/*
 * shell - dtsh(1): lines on one context, whose sessions stay open.
 *
 * A context is a selection, evaluated and planned once, and maybe the first
 * words of each line.  How lines are read is dt/cli/lineedit's.
 */
#ifndef DT_CLI_SHELL_H
#define DT_CLI_SHELL_H

#include <poll.h>

#include "dt/cli/app.h"

struct context;

struct shell {
	struct context *now;	/* NULL: none yet */
	struct strs options;	/* dt's own, as typed */
	struct strs first_options; /* of its command line */
	char *filter;		/* a command that gets what lines print; or NULL */
	bool over;		/* it is to end */
	int status;		/* exit status of the last line */
};

/* A command of the shell: ".context".  The words of dt are some too. */
struct shell_command {
	const char *name, *args, *help;
	int (*run)(struct shell *sh, const char *rest, struct dt_err *err);
};
/* Ends with a NULL name. */
extern const struct shell_command shell_commands[];
/* dt itself, with the shell's options, this word and the words of rest, as a process of its own; its exit status. */
int shell_word(struct shell *sh, const char *word, const char *rest, struct dt_err *err);
/* Where a line is a command of the shell (".name", ":name" or "@name"), its name's length; else 0. */
size_t shell_command_length(const char *line);

/*
 * Options and then words, SELECTION [MODULE [ARGUMENTS]], take the place of
 * what there was; no words: the same ones.  Where that fails, -1, all is as it was.
 */
int shell_set(struct shell *sh, const struct strs *options, const struct strs *words, struct dt_err *err);
/* More of dt's options, behind those that there are. */
int shell_add_options(struct shell *sh, const struct strs *more, struct dt_err *err);
void shell_release(struct shell *sh);

/* Runs a line to its end and says what is wrong.  Sets sh->status. */
void shell_line(struct shell *sh, const char *line);
/* The context as text: "tag:web", "tag:web ssh". */
int shell_context_text(const struct shell *sh, struct buf *out);
size_t shell_hosts(const struct shell *sh);
const struct hostset *shell_hostset(const struct shell *sh);
/* "tag:web 18/20> ", safe on a terminal.  0, or -1: no memory. */
int shell_prompt(const struct shell *sh, struct buf *out);
/* As complete_line, for a line of the shell. */
int shell_complete(struct shell *sh, const char *line, struct strs *words, struct strs *about, struct dt_err *err);

/* While nobody types: see kept_poll and kept_serve. */
size_t shell_poll(const struct shell *sh, struct pollfd *fds, size_t room);
void shell_serve(struct shell *sh, const struct pollfd *fds, size_t n);

#endif
