/*
 * hostkey - why the key that a host shows is refused, in words for the user.
 */
#ifndef DT_SSH_HOSTKEY_H
#define DT_SSH_HOSTKEY_H

#include <stddef.h>

#include "dt/base/err.h"
#include "dt/ssh/target.h"

/*
 * Sets ERR_HOSTKEY for a verdict that is neither HOSTKEY_OK nor HOSTKEY_CA, with
 * the fingerprint, and the command that trusts the key where it is only new.
 * where is known_hosts_check's (may be NULL).  Returns -1.
 */
int hostkey_refuse(const struct target *t, enum hostkey_verdict verdict, const struct kh_where *where, const void *blob,
		   size_t len, struct dt_err *err);

#endif
