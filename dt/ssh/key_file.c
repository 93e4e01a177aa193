#include "dt/ssh/key_file.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/blob.h"
#include "dt/ssh/keys.h"
#include "dt/ssh/signer.h"

#define BEGIN_OPENSSH "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END_OPENSSH "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1"	/* with its NUL byte */
#define NUMBER_MAX 2048		/* bytes of a number: RSA of 16384 bits */
#define BLOCK 8			/* padding of what is not encrypted */

static const char broken[] = "a broken private key";

/* A buffer of fixed room, so that no copy of a secret is left where it grew. */
static int secret_buf(struct buf *b, size_t room)
{
	buf_init(b, room);
	return buf_reserve(b, room) ? 0 : -1;
}

static void secret_release(struct buf *b)
{
	if (b->cap)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

static int push_number(OSSL_PARAM_BLD *bld, BIGNUM **keep, const char *name, const struct blob *bytes)
{
	/* a secure number, so that the parameters too are zeroed when freed */
	*keep = BN_secure_new();
	if (!*keep || bytes->left > NUMBER_MAX || !BN_bin2bn(bytes->p, (int)bytes->left, *keep))
		return -1;
	return OSSL_PARAM_BLD_push_BN(bld, name, *keep) == 1 ? 0 : -1;
}

static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *read_ed25519(struct blob *in)
{
	struct blob public, private;

	/* the private part is the seed, and the public key again */
	if (blob_string(in, &public) != 0 || blob_string(in, &private) != 0 || public.left != 32 ||
	    private.left != 64 || memcmp(private.p + 32, public.p, 32) != 0)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private.p, 32);
}

static EVP_PKEY *read_ecdsa(struct blob *in, const char *curve, const char *group)
{
	struct blob point, number;
	OSSL_PARAM_BLD *bld = NULL;
	BIGNUM *d = NULL;
	EVP_PKEY *key = NULL;

	if (blob_expect(in, curve) != 0 || blob_string(in, &point) != 0 || blob_mpint(in, &number) != 0 || !point.left)
		return NULL;
	bld = OSSL_PARAM_BLD_new();
	if (bld && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.left) == 1 &&
	    push_number(bld, &d, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 0)
		key = build("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	return key;
}

/* d modulo a prime less one, which the file leaves to be computed. */
static int push_exponent(OSSL_PARAM_BLD *bld, BIGNUM **keep, const char *name, const BIGNUM *d,
			 const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *less = BN_secure_new(), *secret = BN_secure_new();
	int r = -1;

	*keep = BN_secure_new();
	if (less && secret && *keep && BN_copy(secret, d) && BN_sub(less, prime, BN_value_one()) == 1 &&
	    !BN_is_zero(less) && !BN_is_negative(less)) {
		BN_set_flags(secret, BN_FLG_CONSTTIME);
		if (BN_mod(*keep, secret, less, ctx) == 1 && OSSL_PARAM_BLD_push_BN(bld, name, *keep) == 1)
			r = 0;
	}
	BN_clear_free(less);
	BN_clear_free(secret);
	return r;
}

static EVP_PKEY *read_rsa(struct blob *in)
{
	/* in the order of the file */
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	};
	enum { N, E, D, COEFFICIENT, P, Q, EXP_P, EXP_Q, NUMBERS };
	BIGNUM *n[NUMBERS] = { NULL };
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	struct blob bytes;
	EVP_PKEY *key = NULL;

	if (!bld || !ctx)
		goto out;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (blob_mpint(in, &bytes) != 0 || push_number(bld, &n[i], names[i], &bytes) != 0)
			goto out;
	if (push_exponent(bld, &n[EXP_P], OSSL_PKEY_PARAM_RSA_EXPONENT1, n[D], n[P], ctx) != 0 ||
	    push_exponent(bld, &n[EXP_Q], OSSL_PKEY_PARAM_RSA_EXPONENT2, n[D], n[Q], ctx) != 0)
		goto out;
	key = build("RSA", bld);
out:
	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(n[i]);
	BN_CTX_free(ctx);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* The part that would be encrypted. */
static EVP_PKEY *read_private(struct blob in)
{
	struct blob type, comment;
	uint32_t check, again;
	EVP_PKEY *key;

	if (in.left % BLOCK || blob_u32(&in, &check) != 0 || blob_u32(&in, &again) != 0 || check != again ||
	    blob_string(&in, &type) != 0)
		return NULL;
	if (blob_is(&type, "ssh-ed25519"))
		key = read_ed25519(&in);
	else if (blob_is(&type, "ecdsa-sha2-nistp256"))
		key = read_ecdsa(&in, "nistp256", "prime256v1");
	else if (blob_is(&type, "ecdsa-sha2-nistp384"))
		key = read_ecdsa(&in, "nistp384", "secp384r1");
	else if (blob_is(&type, "ecdsa-sha2-nistp521"))
		key = read_ecdsa(&in, "nistp521", "secp521r1");
	else if (blob_is(&type, "ssh-rsa"))
		key = read_rsa(&in);
	else
		return NULL;
	if (!key)
		return NULL;
	/* a comment, and 1, 2, 3, ... up to the block's end */
	if (blob_string(&in, &comment) == 0 && in.left < BLOCK) {
		size_t i = 0;

		while (i < in.left && in.p[i] == i + 1)
			i++;
		if (i == in.left)
			return key;
	}
	EVP_PKEY_free(key);
	return NULL;
}

static int is_broken(const char **why)
{
	*why = broken;
	return -1;
}

static int read_openssh(struct blob in, struct key_file *out, const char **why)
{
	struct blob magic, cipher, kdf, options, public, private;
	struct buf computed;
	char type[64];
	uint32_t keys;
	int r = 0;

	if (blob_bytes(&in, sizeof(MAGIC), &magic) != 0 || memcmp(magic.p, MAGIC, sizeof(MAGIC)) != 0 ||
	    blob_string(&in, &cipher) != 0 || blob_string(&in, &kdf) != 0 || blob_string(&in, &options) != 0 ||
	    blob_u32(&in, &keys) != 0 || keys != 1 || blob_string(&in, &public) != 0 ||
	    blob_string(&in, &private) != 0)
		return is_broken(why);
	key_type(public.p, public.left, type);
	if (!*type || buf_add(&out->blob, public.p, public.left) != 0)
		return is_broken(why);
	out->kind = KEY_FILE_FIDO;
	if (str_starts(type, "sk-"))
		return 0;
	out->kind = KEY_FILE_ENCRYPTED;
	if (!blob_is(&cipher, "none"))
		return 0;
	out->kind = KEY_FILE_PRIVATE;
	if (!blob_is(&kdf, "none") || options.left || in.left)
		return is_broken(why);
	out->key = read_private(private);
	if (!out->key)
		return is_broken(why);
	/* the public key is the one that belongs to the private one, not what the file says */
	buf_init(&computed, KEY_BLOB_MAX);
	if (signer_public(out->key, &computed) != 0 || computed.len != out->blob.len ||
	    memcmp(computed.data, out->blob.data, computed.len) != 0)
		r = is_broken(why);
	buf_release(&computed);
	return r;
}

static int parse_openssh(const char *text, size_t len, struct key_file *out, const char **why)
{
	const char *body = text + strlen(BEGIN_OPENSSH), *end;
	size_t body_len = len - strlen(BEGIN_OPENSSH);
	struct buf raw;
	int r;

	end = memmem(body, body_len, END_OPENSSH, strlen(END_OPENSSH));
	if (!end)
		return is_broken(why);
	if (secret_buf(&raw, len) != 0) {
		*why = "out of memory";
		return -1;
	}
	if (blob_base64(&raw, body, (size_t)(end - body)) == 0)
		r = read_openssh((struct blob){ (const unsigned char *)raw.data, raw.len }, out, why);
	else
		r = is_broken(why);
	secret_release(&raw);
	return r;
}

/* OpenSSL asks for a passphrase: note it, and give none. */
static int refuse_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing;
	*(bool *)arg = true;
	return -1;
}

static int parse_pem(const char *text, size_t len, struct key_file *out, const char **why)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	bool asked = false;
	int r = 0;

	if (!bio) {
		*why = "out of memory";
		return -1;
	}
	out->key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &asked);
	(void)BIO_free(bio);
	if (out->key && !signer_type(out->key)) {
		*why = "a kind of key that SSH does not use";
		return -1;
	}
	out->kind = out->key ? KEY_FILE_PRIVATE : KEY_FILE_ENCRYPTED;
	if (out->key)
		r = signer_public(out->key, &out->blob);
	else if (!asked)
		r = -1;
	return r == 0 ? 0 : is_broken(why);
}

/* "ssh-ed25519 AAAA... comment" */
static int parse_public(const char *text, size_t len, struct key_file *out, const char **why)
{
	const char *end = text + len, *p = text, *type, *data;
	char inside[64];
	size_t type_len;

	*why = "not a key file";
	for (;;) {	/* past blank lines and comments */
		const char *newline;

		while (p < end && strchr(" \t\r\n", *p) && *p)
			p++;
		if (p == end)
			return -1;
		if (*p != '#')
			break;
		newline = memchr(p, '\n', (size_t)(end - p));
		if (!newline)
			return -1;
		p = newline;
	}
	type = p;
	while (p < end && *p > ' ')
		p++;
	type_len = (size_t)(p - type);
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	data = p;
	while (p < end && *p > ' ')
		p++;
	if (blob_base64(&out->blob, data, (size_t)(p - data)) != 0)
		return -1;
	key_type(out->blob.data, out->blob.len, inside);
	if (!*inside || strlen(inside) != type_len || memcmp(inside, type, type_len) != 0)
		return -1;
	out->kind = KEY_FILE_PUBLIC;
	return 0;
}

int key_file_parse(const char *text, size_t len, struct key_file *out, const char **why)
{
	int r;

	memset(out, 0, sizeof(*out));
	buf_init(&out->blob, KEY_BLOB_MAX);
	*why = "not a key file";
	if (len > KEY_FILE_MAX)
		return -1;
	if (len >= strlen(BEGIN_OPENSSH) && memcmp(text, BEGIN_OPENSSH, strlen(BEGIN_OPENSSH)) == 0)
		r = parse_openssh(text, len, out, why);
	else if (memmem(text, len, "-----BEGIN ", 11) && memmem(text, len, "PRIVATE KEY-----", 16))
		r = parse_pem(text, len, out, why);
	else
		r = parse_public(text, len, out, why);
	ERR_clear_error();
	return r;
}

void key_file_release(struct key_file *f)
{
	EVP_PKEY_free(f->key);
	f->key = NULL;
	buf_release(&f->blob);
}
