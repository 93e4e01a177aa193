#include "dt/ssh/signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/blob.h"

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 16384
#define SIGNATURE_MAX (RSA_BITS_MAX / 8)
#define ED25519_LEN 32

/* The algorithms, each with the OpenSSL key it needs. */
struct algorithm {
	const char *name, *type;	/* of the signature, and of the key */
	int key;			/* EVP_PKEY_... */
	const char *group, *curve;	/* ECDSA: OpenSSL's name and SSH's */
	enum digest digest;
};

static const struct algorithm algorithms[] = {
	{ "ssh-ed25519", "ssh-ed25519", EVP_PKEY_ED25519, NULL, NULL, DIGESTS },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", EVP_PKEY_EC, "prime256v1", "nistp256", DIGEST_SHA256 },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", EVP_PKEY_EC, "secp384r1", "nistp384", DIGEST_SHA384 },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", EVP_PKEY_EC, "secp521r1", "nistp521", DIGEST_SHA512 },
	{ "rsa-sha2-256", "ssh-rsa", EVP_PKEY_RSA, NULL, NULL, DIGEST_SHA256 },
	{ "rsa-sha2-512", "ssh-rsa", EVP_PKEY_RSA, NULL, NULL, DIGEST_SHA512 },
	{ "ssh-rsa", "ssh-rsa", EVP_PKEY_RSA, NULL, NULL, DIGEST_SHA1 },
};

struct signer {
	EVP_PKEY *key;
	const char *type;
	const struct digests *digests;
	EVP_PKEY_CTX *ready[DIGESTS];	/* to be copied for a signature with that digest */
};

int digests_init(struct digests *d)
{
	static const char *const names[DIGESTS] = { "SHA1", "SHA256", "SHA384", "SHA512" };
	int r = 0;

	for (int i = 0; i < DIGESTS; i++) {
		d->md[i] = EVP_MD_fetch(NULL, names[i], NULL);
		if (!d->md[i] && i != DIGEST_SHA1)	/* a policy may forbid SHA-1 */
			r = -1;
	}
	ERR_clear_error();
	return r;
}

void digests_release(struct digests *d)
{
	for (int i = 0; i < DIGESTS; i++)
		EVP_MD_free(d->md[i]);
	memset(d, 0, sizeof(*d));
}

/* The first algorithm of a key's type. */
static const struct algorithm *algorithm_of(const EVP_PKEY *key)
{
	int id = EVP_PKEY_get_base_id(key);
	char group[64] = "";

	if (id == EVP_PKEY_EC)
		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].key == id && (!algorithms[i].group || strcmp(algorithms[i].group, group) == 0))
			return &algorithms[i];
	return NULL;
}

const char *signer_type(const EVP_PKEY *key)
{
	const struct algorithm *a = algorithm_of(key);

	return a ? a->type : NULL;
}

static int put_number(struct buf *out, const BIGNUM *n)
{
	unsigned char bytes[SIGNATURE_MAX];
	int len = BN_bn2binpad(n, bytes, (BN_num_bytes(n)));

	return len < 0 ? -1 : blob_put_mpint(out, bytes, (size_t)len);
}

static int put_rsa(struct buf *out, const EVP_PKEY *key)
{
	BIGNUM *e = NULL, *n = NULL;
	int r = -1;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && BN_num_bits(e) <= RSA_BITS_MAX &&
	    BN_num_bits(n) <= RSA_BITS_MAX && put_number(out, e) == 0)
		r = put_number(out, n);
	BN_free(e);
	BN_free(n);
	return r;
}

/* The point uncompressed, whatever form the file had. */
static int put_ecdsa(struct buf *out, const EVP_PKEY *key, const struct algorithm *a)
{
	unsigned char point[256];
	BIGNUM *x = NULL, *y = NULL;
	size_t half = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	int r = -1;

	if (1 + 2 * half > sizeof(point) || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1)
		goto out;
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	if (BN_bn2binpad(x, point + 1, (int)half) < 0 || BN_bn2binpad(y, point + 1 + half, (int)half) < 0)
		goto out;
	r = blob_put_string(out, a->curve, strlen(a->curve)) || blob_put_string(out, point, 1 + 2 * half);
out:
	BN_free(x);
	BN_free(y);
	return r;
}

int signer_public(const EVP_PKEY *key, struct buf *out)
{
	const struct algorithm *a = algorithm_of(key);
	unsigned char raw[ED25519_LEN];
	size_t len = sizeof(raw);

	if (!a || blob_put_string(out, a->type, strlen(a->type)) != 0)
		return -1;
	switch (a->key) {
	case EVP_PKEY_RSA:
		return put_rsa(out, key);
	case EVP_PKEY_EC:
		return put_ecdsa(out, key, a);
	default:
		return EVP_PKEY_get_raw_public_key(key, raw, &len) == 1 ? blob_put_string(out, raw, len) : -1;
	}
}

/* A context that is ready to sign a digest. */
static EVP_PKEY_CTX *prepare(EVP_PKEY *key, const EVP_MD *md)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	    (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1))
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

/* What was signed can be verified: both halves of the key belong together. */
static int try_signature(const struct signer *s, const struct algorithm *a)
{
	static const unsigned char text[64] = "dt";
	unsigned char raw[SIGNATURE_MAX];
	size_t len = sizeof(raw);
	const EVP_MD *md = a->digest == DIGESTS ? NULL : s->digests->md[a->digest];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -1;

	if (ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, s->key) == 1 &&
	    EVP_DigestSign(ctx, raw, &len, text, sizeof(text)) == 1 && EVP_MD_CTX_reset(ctx) == 1 &&
	    EVP_DigestVerifyInit(ctx, NULL, md, NULL, s->key) == 1 &&
	    EVP_DigestVerify(ctx, raw, len, text, sizeof(text)) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

struct signer *signer_new(EVP_PKEY *key, const struct digests *d, const char **why)
{
	const struct algorithm *first = algorithm_of(key);
	struct signer *s = calloc(1, sizeof(*s));

	if (!s) {
		*why = "out of memory";
		EVP_PKEY_free(key);
		return NULL;
	}
	s->key = key;
	s->digests = d;
	*why = NULL;
	if (!first) {
		*why = "a kind of key that SSH does not use";
	} else if (first->key == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
		*why = "an RSA key of fewer than 1024 bits";
	} else if (first->key == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) > RSA_BITS_MAX) {
		*why = "an RSA key of more than 16384 bits";
	} else if (try_signature(s, first) != 0) {
		*why = "a broken key: its signature cannot be verified";
	} else {
		s->type = first->type;
		for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
			if (algorithms[i].digest != DIGESTS && strcmp(algorithms[i].type, s->type) == 0 &&
			    d->md[algorithms[i].digest])
				s->ready[algorithms[i].digest] = prepare(key, d->md[algorithms[i].digest]);
	}
	ERR_clear_error();
	if (*why) {
		signer_free(s);
		return NULL;
	}
	return s;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	for (int i = 0; i < DIGESTS; i++)
		EVP_PKEY_CTX_free(s->ready[i]);
	EVP_PKEY_free(s->key);
	free(s);
}

/* Ed25519 takes the data whole, and OpenSSL 3.0 cannot copy a context for it. */
static int sign_whole(EVP_PKEY *key, const void *data, size_t len, unsigned char *out, size_t *out_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -1;

	if (ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(ctx, out, out_len, data, len) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

static int sign_digest(const EVP_PKEY_CTX *ready, const EVP_MD *md, const void *data, size_t len,
		       unsigned char *out, size_t *out_len)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned sum_len = 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(ready);
	int r = -1;

	if (ctx && EVP_Digest(data, len, sum, &sum_len, md, NULL) == 1 &&
	    EVP_PKEY_sign(ctx, out, out_len, sum, sum_len) == 1)
		r = 0;
	EVP_PKEY_CTX_free(ctx);
	return r;
}

/* OpenSSL gives the two numbers in DER. */
static int put_ecdsa_signature(struct buf *sig, const unsigned char *der, size_t len)
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	size_t before = sig->len;
	int r = -1;

	if (pair)
		r = put_number(sig, ECDSA_SIG_get0_r(pair)) || put_number(sig, ECDSA_SIG_get0_s(pair));
	ECDSA_SIG_free(pair);
	if (r != 0)
		sig->len = before;
	return r;
}

int signer_sign(const struct signer *s, const char *algorithm, const void *data, size_t len, struct buf *sig,
		struct dt_err *err)
{
	unsigned char raw[SIGNATURE_MAX];
	size_t raw_len = sizeof(raw);
	const struct algorithm *a = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(algorithms) && !a; i++)
		if (strcmp(algorithms[i].name, algorithm) == 0 && strcmp(algorithms[i].type, s->type) == 0)
			a = &algorithms[i];
	if (!a || (a->digest != DIGESTS && !s->ready[a->digest]))
		return err_set(err, ERR_AUTH, "a key of type %s cannot sign with %s here", s->type, algorithm);
	if (a->digest == DIGESTS)
		r = sign_whole(s->key, data, len, raw, &raw_len);
	else
		r = sign_digest(s->ready[a->digest], s->digests->md[a->digest], data, len, raw, &raw_len);
	if (r != 0) {
		ERR_clear_error();
		return err_set(err, ERR_AUTH, "OpenSSL could not sign with %s", algorithm);
	}
	r = a->key == EVP_PKEY_EC ? put_ecdsa_signature(sig, raw, raw_len) : buf_add(sig, raw, raw_len);
	return r == 0 ? 0 : err_nomem(err);
}
