/*
 * complete_script - completion for shells: a thin script for each, and what it asks for.
 */
#ifndef DT_CLI_COMPLETE_SCRIPT_H
#define DT_CLI_COMPLETE_SCRIPT_H

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"

/* The script for "bash", "zsh" or "fish".  0, or -1: ERR_USAGE where the shell is none of them. */
int complete_script(const char *shell, struct buf *out, struct dt_err *err);

/* Candidates (complete_line), one a line; with about: a tab and what it is behind it.  0, or -1. */
int complete_print(const struct strs *words, const struct strs *about, struct buf *out);

/*
 * The same for bash(1), which replaces what it takes for the word (typed, $2
 * of a completion function: the end of line, begun behind a quote, ':', '=' or
 * '@' maybe) by what it is given: so much of each candidate as stands for
 * that, quoted as the quote that is open there asks for.  0, or -1.
 */
int complete_print_bash(const struct strs *words, const char *line, const char *typed, struct buf *out);

#endif
