/*
 * lib_hostkey - the host key of a libssh2 session: what to ask for, and the verdict.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/accept.h"
#include "dt/ssh/hostkey.h"
#include "dt/ssh/lib.h"

/* What libssh2 can verify, by the key type of known_hosts; SHA-1 is left out. */
static const struct { const char *type, *algorithms; } verifiable[] = {
	{ "ssh-ed25519", "ssh-ed25519" },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
#if LIBSSH2_VERSION_NUM >= 0x010b00
	{ "ssh-rsa", "rsa-sha2-512,rsa-sha2-256" },
#endif
};

bool lib_can_verify(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(verifiable); i++)
		if (strcmp(type, verifiable[i].type) == 0)
			return true;
	return false;
}

/*
 * Types that the file has for this host come first, so that the server shows
 * one we can judge; but as with ssh(1) all stay in their order where the first
 * of it is known.  Hashed lines are asked only where they can change that.
 */
int lib_hostkey_prefer(struct session *s, bool search_hashed, struct dt_err *err)
{
	const struct known_hosts *kh = s->t->known_hosts;
	const struct lib *l = s->state;
	const char *best = verifiable[0].type;
	struct strs known = { 0 };
	struct buf list;
	bool ca;
	int r = -1;

	if (l->key_algorithms && *l->key_algorithms)
		return lib_prefer(s, ALGORITHM_HOSTKEY, l->key_algorithms, err);
	/* ssh(1) takes such a list as it is, too */
	if (!l->key_algorithms && s->t->algorithms.hostkeys)
		return lib_prefer(s, ALGORITHM_HOSTKEY, s->t->algorithms.hostkeys, err);
	buf_init(&list, 1024);
	r = l->key_algorithms ? 0 : known_hosts_types(kh, s->t->known_as, search_hashed, &known, &ca);
	if (r == 0 && !search_hashed && known.n && !strs_has(&known, best) && known_hosts_hashed(kh)) {
		strs_release(&known);
		r = known_hosts_types(kh, s->t->known_as, true, &known, &ca);
	}
	if (r != 0) {
		(void)err_nomem(err);
		goto out;
	}
	r = -1;
	if (strs_has(&known, best))
		strs_release(&known);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < ARRAY_LEN(verifiable); i++)
			if (strs_has(&known, verifiable[i].type) == (pass == 0) &&
			    buf_addf(&list, "%s%s", list.len ? "," : "", verifiable[i].algorithms) != 0) {
				(void)err_nomem(err);
				goto out;
			}
	r = lib_prefer(s, ALGORITHM_HOSTKEY, list.data, err);
out:
	strs_release(&known);
	buf_release(&list);
	return r;
}

static int refuse(struct session *s, enum hostkey_verdict verdict, const struct kh_where *where, const void *blob,
		  size_t len, struct dt_err *err)
{
	return hostkey_refuse(s->env, s->t, verdict, where, blob, len, err);
}

static int accept_new(struct session *s, const void *blob, size_t len, struct dt_err *err)
{
	const struct target *t = s->t;
	char print[64];

	if (!t->first_known_hosts)
		return err_set(err, ERR_HOSTKEY, "a new key, and no known_hosts file to add it to (UserKnownHostsFile none)");
	if (accept_key(t->first_known_hosts, t->known_as, blob, len, t->hash_names, err) != 0)
		return -1;
	key_fingerprint(blob, len, print);
	session_note(s, 0, "new host key accepted: %s", print);
	return 0;
}

/*
 * Is the name without its port known?  Of a host that shows it a certificate
 * ssh(1) asks that before it judges the plain key under the name with the port.
 */
static bool bare_is_known(const struct target *t, const void *blob, size_t len)
{
	enum hostkey_verdict v = t->known_exactly ? HOSTKEY_UNKNOWN
						  : known_hosts_check(t->known_hosts, t->hostname, true, blob, len, NULL);

	return v == HOSTKEY_OK || v == HOSTKEY_CA;
}

/*
 * A key that is not the known one.  ssh(1) may be shown another: of a known
 * type that is in hashed lines, or that libssh2 cannot verify, or a certificate.
 */
static int not_known(struct session *s, enum hostkey_verdict verdict, bool searched, const struct kh_where *where,
		     const void *blob, size_t len, struct dt_err *err)
{
	struct strs known = { 0 };
	size_t verify = 0;
	bool ca = false;
	int r;

	if (known_hosts_types(s->t->known_hosts, s->t->known_as, true, &known, &ca) != 0)
		return err_nomem(err);
	for (size_t i = 0; i < known.n; i++)
		verify += lib_can_verify(known.v[i]);
	if (verdict == HOSTKEY_OTHER_TYPE && verify && !searched && known_hosts_hashed(s->t->known_hosts))
		r = 1;
	else if ((verify < known.n || ca || bare_is_known(s->t, blob, len)) && (s->t->transport != TRANSPORT_LIBSSH2 || verdict == HOSTKEY_OTHER_TYPE))
		r = err_set(err, ERR_UNSUPPORTED, "host key of a type that libssh2 cannot verify");
	else
		r = refuse(s, verdict, where, blob, len, err);
	strs_release(&known);
	return r;
}

int lib_hostkey_check(struct session *s, bool searched, struct dt_err *err)
{
	struct lib *l = s->state;
	enum hostkey_verdict verdict;
	struct kh_where where;
	const char *blob;
	size_t len;
	int type;

	if (s->t->known_hosts_because)
		return err_set(err, ERR_UNSUPPORTED, "%s", s->t->known_hosts_because);
	blob = libssh2_session_hostkey(l->session, &len, &type);
	if (!blob)
		return lib_error(s, ERR_CONNECT, "host key", err);
	verdict = hostkey_check(s->t, blob, len, &where);
	/* what ssh(1) lets pass then, and what it does not do over such a connection, it knows itself */
	if (s->t->strict == STRICT_NO && s->t->transport == TRANSPORT_AUTO && verdict != HOSTKEY_OK && verdict != HOSTKEY_UNKNOWN) {
		session_note(s, 0, "not the host key that is known; StrictHostKeyChecking no lets it pass");
		return err_set(err, ERR_UNSUPPORTED, "StrictHostKeyChecking no, and not the host key that is known");
	}
	switch (verdict) {
	case HOSTKEY_OK:
		return 0;
	case HOSTKEY_UNKNOWN:
		if (s->t->strict != STRICT_YES)
			return accept_new(s, blob, len, err);
		return refuse(s, verdict, &where, blob, len, err);
	case HOSTKEY_OTHER_TYPE:
	case HOSTKEY_CHANGED:
	case HOSTKEY_REVOKED:
		return not_known(s, verdict, searched, &where, blob, len, err);
	case HOSTKEY_CA:
		return err_set(err, ERR_UNSUPPORTED, "host certificate");
	}
	return err_set(err, ERR_HOSTKEY, "no verdict");
}
