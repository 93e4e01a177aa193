/*
 * placeholder - what stands for a host in the path of a file.
 *
 *	{host}		its name in the inventory
 *	{name}		that up to the first dot
 *	{KEY}		an attribute of the inventory (address, user, rack, ...)
 *	{tag:PATTERN}	its first tag that fits a glob(7) pattern
 *	{{		a brace
 */
#ifndef DT_FILES_PLACEHOLDER_H
#define DT_FILES_PLACEHOLDER_H

#include <stdbool.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "modules/dt_module.h"

/* Where the first one begins, or NULL; "{{" is none. */
const char *placeholder_in(const char *text);
/*
 * Adds the text with its placeholders filled in.  0, or -1: ERR_MODULE
 * "HOST: no attribute rack (in PATH)"; a value that is no part of a path ("..", "a/b").
 */
int placeholder_fill(const char *text, const struct dt_host *h, struct buf *out, struct dt_err *err);

#endif
