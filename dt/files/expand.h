/*
 * expand - sources of pull with wildcards, as the host expands them; expand.sh
 * is its other half.
 */
#ifndef DT_FILES_EXPAND_H
#define DT_FILES_EXPAND_H

#include <stdbool.h>

#include "dt/base/util.h"
#include "dt/files/pull.h"

/* Has a source *, ? or [ in it?  (A file of that very name wins over what fits.) */
bool expand_is_pattern(const char *source);
/*
 * Asks the host, where a source is a pattern, and adds all sources to out,
 * each once.  DT_OK, out being empty where none is; or DT_FAIL: with *err, or
 * with ERR_NONE where the host's outcome is recorded (nothing fits a pattern).
 */
int expand_run(const struct pull *p, const struct files_host *h, struct strs *out, struct dt_err *err);

#endif
