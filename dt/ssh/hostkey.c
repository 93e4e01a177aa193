#include "dt/ssh/hostkey.h"

#include <stdio.h>

int hostkey_refuse(const struct target *t, enum hostkey_verdict verdict, const struct kh_where *where, const void *blob,
		   size_t len, struct dt_err *err)
{
	char type[64], print[64], line[24] = "";
	const char *file = where && where->path ? where->path : "known_hosts";

	key_type(blob, len, type);
	key_fingerprint(blob, len, print);
	if (where && where->path)
		(void)snprintf(line, sizeof(line), ":%zu", where->line);
	switch (verdict) {
	case HOSTKEY_CHANGED:
		return err_set(err, ERR_HOSTKEY, "KEY CHANGED: the host shows %s, %s%s has another", print, file, line);
	case HOSTKEY_REVOKED:
		return err_set(err, ERR_HOSTKEY, "the key %s is revoked by %s%s", print, file, line);
	default:
		return err_set(err, ERR_HOSTKEY, "%s %s %s; \"dt trust %s\" shows it and trusts it",
			       verdict == HOSTKEY_OTHER_TYPE ? "known by keys of other types only, not by" : "unknown key",
			       type, print, t->name);
	}
}
