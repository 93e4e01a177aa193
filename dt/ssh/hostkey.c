#include "dt/ssh/hostkey.h"

#include <stdio.h>

#include "dt/base/quote.h"

enum hostkey_verdict hostkey_check(const struct target *t, const void *blob, size_t len, struct kh_where *where)
{
	return known_hosts_check(t->known_hosts, t->known_as, t->known_exactly, blob, len, where);
}

void hostkey_words(const void *blob, size_t len, char out[HOSTKEY_WORDS])
{
	char type[64], print[64];

	key_type(blob, len, type);
	key_fingerprint(blob, len, print);
	(void)snprintf(out, HOSTKEY_WORDS, "%s %s", type, print);
}

static int refuse_new(const struct ssh_env *env, const struct target *t, const char *shown, struct dt_err *err)
{
	const char *way = t->pump ? env->trust_hop_options : env->trust_options;
	struct buf command;
	int r;

	buf_init(&command, 16384);
	r = buf_addf(&command, "dt trust %s", way ? way : "");
	if (r == 0 && t->pump && t->told.port)
		r = buf_addf(&command, "--port %d ", t->told.port);
	if (r != 0 || quote_arg(&command, t->name) != 0)
		(void)err_nomem(err);
	else
		(void)err_set(err, ERR_HOSTKEY, "unknown key %s; \"%s\" shows it and trusts it", shown, command.data);
	buf_release(&command);
	return -1;
}

int hostkey_refuse_words(const struct ssh_env *env, const struct target *t, enum hostkey_verdict verdict,
			 const char *shown, const char *place, struct dt_err *err)
{
	const char *strict = t->unchecked ? t->unchecked : "";
	const char *but = t->unchecked ? ", which only ssh(1) lets pass, and without -K" : "", *sep = t->unchecked ? "; " : "";

	switch (verdict) {
	case HOSTKEY_CHANGED:
	case HOSTKEY_OTHER_TYPE:
		return err_set(err, ERR_HOSTKEY, "KEY CHANGED: the host shows %s, %s%s%s%s", shown, place, sep, strict, but);
	case HOSTKEY_REVOKED:
		return err_set(err, ERR_HOSTKEY, "the key %s is revoked by %s%s%s%s", shown, place, sep, strict, but);
	default:
		return refuse_new(env, t, shown, err);
	}
}

int hostkey_refuse(const struct ssh_env *env, const struct target *t, enum hostkey_verdict verdict,
		   const struct kh_where *where, const void *blob, size_t len, struct dt_err *err)
{
	char shown[HOSTKEY_WORDS], known[HOSTKEY_WORDS] = "another", place[400] = "known_hosts";

	hostkey_words(blob, len, shown);
	if (where->path) {
		hostkey_words(where->blob, where->len, known);
		(void)snprintf(place, sizeof(place), "%.200s:%zu%s%s", where->path, where->line,
			       verdict == HOSTKEY_REVOKED ? "" : " has ", verdict == HOSTKEY_REVOKED ? "" : known);
	}
	return hostkey_refuse_words(env, t, verdict, shown, place, err);
}
