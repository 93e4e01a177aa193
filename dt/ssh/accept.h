/*
 * accept - records host keys seen for the first time (--accept-new).
 *
 * Each record rewrites the file; so what several threads accept at a time is
 * written together, by the first that comes.
 */
#ifndef DT_SSH_ACCEPT_H
#define DT_SSH_ACCEPT_H

#include <stddef.h>

#include "dt/base/err.h"

/*
 * As known_hosts_write, of one line; returns when it stands in the file.  Of a
 * name that showed another key before, while this process runs, it is not new.
 * 0, or -1: ERR_HOSTKEY.
 */
int accept_key(const char *file, const char *name, const void *blob, size_t len, int hash, struct dt_err *err);

#endif
