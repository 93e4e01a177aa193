/*
 * help - dt's texts about itself, made from its tables.
 *
 * Each adds to out, as text that is safe on a terminal, and returns 0, or -1:
 * no memory, or over out->max.
 */
#ifndef DT_CLI_HELP_H
#define DT_CLI_HELP_H

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "modules/dt_module.h"

/* dt --help. */
int help_usage(struct buf *out);
/* A module's verbs and parameters. */
int help_module(struct buf *out, const struct dt_module *m);
/* Its line in "dt modules"; m NULL: why it does not load. */
int help_module_line(struct buf *out, const char *name, const struct dt_module *m, const struct dt_err *why);
/*
 * A topic: selection, output, exit, conf, a word of dt, or an option (-C,
 * --coproc, coproc).  1: it is one and was added; 0: it is none; -1.
 * Where a module has the name of a topic, ask for the module first.
 */
int help_topic(struct buf *out, const char *topic);
/* The topic that a mistyped one is nearest to, or NULL. */
const char *help_nearest(const char *topic);

#endif
