/*
 * hostkey - the verdict on the key that a host shows, and a refusal in words for the user.
 */
#ifndef DT_SSH_HOSTKEY_H
#define DT_SSH_HOSTKEY_H

#include <stddef.h>

#include "dt/base/err.h"
#include "dt/ssh/env.h"
#include "dt/ssh/target.h"

/* known_hosts_check for a target. */
enum hostkey_verdict hostkey_check(const struct target *t, const void *blob, size_t len, struct kh_where *where);

/*
 * Sets ERR_HOSTKEY for a verdict that is neither HOSTKEY_OK nor HOSTKEY_CA, with
 * the fingerprint (that of the known key too), and the command that trusts the
 * key where it is only new.  where is hostkey_check's.  Returns -1.
 */
int hostkey_refuse(const struct ssh_env *env, const struct target *t, enum hostkey_verdict verdict,
		   const struct kh_where *where, const void *blob, size_t len, struct dt_err *err);
/* The same where only words about the key are there: "TYPE FINGERPRINT", and the known one's place ("FILE:LINE"). */
int hostkey_refuse_words(const struct ssh_env *env, const struct target *t, enum hostkey_verdict verdict,
			 const char *shown, const char *place, struct dt_err *err);

/* "ssh-ed25519 SHA256:..." */
#define HOSTKEY_WORDS 128
void hostkey_words(const void *blob, size_t len, char out[HOSTKEY_WORDS]);

#endif
