/*
 * help - dt's texts about itself, made from its tables.
 *
 * Each adds to out, as text that is safe on a terminal, and returns 0, or -1:
 * no memory, or over out->max.
 */
#ifndef DT_CLI_HELP_H
#define DT_CLI_HELP_H

#include "dt/base/buf.h"
#include "modules/dt_module.h"

/* dt --help. */
int help_usage(struct buf *out);
/* A module's verbs and parameters. */
int help_module(const struct dt_module *m, struct buf *out);
/*
 * A topic: selection, output, exit, conf, a word of dt, or an option (-C,
 * --coproc, coproc).  Also -1 where it is none of these; nothing was added
 * then.
 */
int help_topic(const char *topic, struct buf *out);
/* The topic that a mistyped one is nearest to, or NULL. */
const char *help_nearest(const char *topic);

#endif
