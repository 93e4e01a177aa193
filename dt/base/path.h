/*
 * path - may a program or module found by name be run?
 *
 * Only where nobody but root and the user could have put it there: every
 * folder on the way, every symbolic link and what it leads to belong to one
 * of them, and others may write to none (but to a sticky folder of root).
 */
#ifndef DT_BASE_PATH_H
#define DT_BASE_PATH_H

#include "dt/base/err.h"
#include "dt/base/util.h"

/* Static text: NULL where the path is safe, else why not; *culprit gets the path at fault. */
const char *path_fault(const char *path, struct strs *culprit);

/* The same as ERR_MODULE "PATH: not safe: ...".  0, or -1. */
int path_check(const char *path, struct dt_err *err);

#endif
