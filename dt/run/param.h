/*
 * param - the types of parameters, and whether a module's table is well-formed.
 */
#ifndef DT_RUN_PARAM_H
#define DT_RUN_PARAM_H

#include "dt/base/err.h"
#include "modules/dt_module.h"

/* The type's word, as "# dt: param" lines and help have it: "string", "int", ... */
const char *param_type_name(enum dt_type type);
/* 0 and *type, or -1: no such word. */
int param_type_parse(const char *word, enum dt_type *type);

/*
 * Checks one value against type, choices and the parameter's own check.
 * *number (may be NULL) is its value where it has one (DT_INT, DT_TIME in
 * ms, DT_SIZE, DT_BOOL as 0 or 1), else 0.
 * 0, or -1: ERR_MODULE "NAME: reason" (--NAME for an option).
 */
int param_check(const struct dt_param *p, const char *value, long long *number, struct dt_err *err);

/*
 * Checks all that a module says of itself: names, verbs, parameters, hooks
 * and defaults.  0, or -1: ERR_MODULE "verb VERB: parameter NAME: reason".
 */
int param_check_module(const struct dt_module *m, struct dt_err *err);

#endif
