#include "dt/base/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

static void begin(struct sha256 *s)
{
	/* it fails only where OpenSSL has no SHA-256, and then nothing of dt works */
	if (EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1)
		abort();
}

struct sha256 *sha256_new(void)
{
	struct sha256 *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx) {
		free(s);
		return NULL;
	}
	begin(s);
	return s;
}

void sha256_free(struct sha256 *s)
{
	if (s)
		EVP_MD_CTX_free(s->ctx);
	free(s);
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	(void)EVP_DigestUpdate(s->ctx, data, len);
}

void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE])
{
	(void)EVP_DigestFinal_ex(s->ctx, out, NULL);
	begin(s);
}

void sha256_hex(const unsigned char sum[SHA256_SIZE], char out[SHA256_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_SIZE; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[SHA256_HEX] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sha256_parse(const char *hex, unsigned char out[SHA256_SIZE])
{
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);

		if (low < 0)
			return -1;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}
