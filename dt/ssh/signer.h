/*
 * signer - a private key in memory, prepared once so that many threads can sign with it.
 *
 * OpenSSL 3 looks algorithms up by name under a lock, which does not scale
 * over threads: digests are fetched once, and each signature starts from a
 * copy of a prepared context.
 */
#ifndef DT_SSH_SIGNER_H
#define DT_SSH_SIGNER_H

#include <openssl/evp.h>
#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"

enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGESTS };

/* Fetched once, for a keyring. */
struct digests {
	EVP_MD *md[DIGESTS];
};
int digests_init(struct digests *d);	/* 0, or -1 */
void digests_release(struct digests *d);

struct signer;

/*
 * Takes over key.  It signs once for a trial, and the signature is verified,
 * so that a broken key is found here.  NULL with *why (a static text)
 * otherwise; then key is freed.
 */
struct signer *signer_new(EVP_PKEY *key, const struct digests *d, const char **why);
void signer_free(struct signer *s);
/* As identity_sign, from memory.  Thread-safe.  0, or -1 with ERR_AUTH or ERR_LOCAL. */
int signer_sign(const struct signer *s, const char *algorithm, const void *data, size_t len, struct buf *sig,
		struct dt_err *err);

/* The name of a key's type ("ssh-ed25519"), or NULL for one that SSH does not use. */
const char *signer_type(const EVP_PKEY *key);
/* Adds the public key as RFC 4253 6.6 wants it.  0, or -1. */
int signer_public(const EVP_PKEY *key, struct buf *out);

#endif
