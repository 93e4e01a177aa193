#include "dt/ssh/known_hosts_line.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/ssh/pattern.h"

#define SHA1_BLOCK 64

/* Six bits of a base64 character, or -1. */
static int b64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Strict base64: whole groups, '=' only at the end, no bits left over, so
 * that there is just one text for each run of bytes.  Works in place.
 */
static int b64_decode(char *text, size_t len, size_t *out_len)
{
	unsigned char *out = (unsigned char *)text;
	size_t n = 0, pad = 0;

	if (!len || len % 4)
		return -1;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		size_t chars = i + 4 == len ? 4 - pad : 4;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int v = k < chars ? b64_value((unsigned char)text[i + k]) : 0;

			if (v < 0)
				return -1;
			bits = bits << 6 | (uint32_t)v;
		}
		if ((chars == 3 && bits & 0xff) || (chars == 2 && bits & 0xffff))
			return -1;
		out[n++] = (unsigned char)(bits >> 16);
		if (chars > 2)
			out[n++] = (unsigned char)(bits >> 8);
		if (chars > 3)
			out[n++] = (unsigned char)bits;
	}
	*out_len = n;
	return 0;
}

/* Takes one RFC 4251 string off the front. */
static int take_string(const unsigned char **p, size_t *left, const unsigned char **s, size_t *len)
{
	if (*left < 4)
		return -1;
	*len = (size_t)(*p)[0] << 24 | (size_t)(*p)[1] << 16 | (size_t)(*p)[2] << 8 | (*p)[3];
	if (*len > *left - 4)
		return -1;
	*s = *p + 4;
	*p += 4 + *len;
	*left -= 4 + *len;
	return 0;
}

const char *kh_blob_type(const void *blob, size_t len, size_t *type_len)
{
	const unsigned char *p = blob, *s;

	if (take_string(&p, &len, &s, type_len) != 0) {
		*type_len = 0;
		return "";
	}
	return (const char *)s;
}

/*
 * The key types that ssh reads; a line of another is junk to it.
 * sizes: the length of each string behind the type, 0 for any.
 */
static const struct key_format {
	const char *name;
	size_t strings, sizes[4];
} key_formats[] = {
	{ "ssh-ed25519", 1, { 32 } },
	{ "ssh-rsa", 2, { 0 } },
	{ "ecdsa-sha2-nistp256", 2, { 8, 65 } },
	{ "ecdsa-sha2-nistp384", 2, { 8, 97 } },
	{ "ecdsa-sha2-nistp521", 2, { 8, 133 } },
	{ "sk-ssh-ed25519@openssh.com", 2, { 32, 0 } },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", 3, { 8, 65, 0 } },
	{ "ssh-dss", 4, { 0 } },
};

/* ssh also takes the names of RSA's newer signatures for the key's. */
static bool names_format(const struct key_format *f, const char *text)
{
	return strcmp(f->name, text) == 0 ||
	       (strcmp(f->name, "ssh-rsa") == 0 &&
		(strcmp(text, "rsa-sha2-256") == 0 || strcmp(text, "rsa-sha2-512") == 0));
}

/* Is it a whole key of the type that the text before it names? */
static bool blob_sound(const char *type, const unsigned char *blob, size_t len)
{
	const struct key_format *f = NULL;
	const unsigned char *s;
	size_t n;

	if (take_string(&blob, &len, &s, &n) != 0)
		return false;
	if (str_ends(type, "-cert-v01@openssh.com"))
		return n == strlen(type) && memcmp(s, type, n) == 0;
	for (size_t i = 0; i < ARRAY_LEN(key_formats); i++)
		if (n == strlen(key_formats[i].name) && memcmp(s, key_formats[i].name, n) == 0)
			f = &key_formats[i];
	if (!f || !names_format(f, type))
		return false;
	for (size_t i = 0; i < f->strings; i++) {
		if (take_string(&blob, &len, &s, &n) != 0 || (f->sizes[i] && n != f->sizes[i]))
			return false;
	}
	/* RSA's modulus: ssh takes none below 1024 bits; the top bit of such a one brings a zero byte. */
	if (strcmp(f->name, "ssh-rsa") == 0 && n < 129)
		return false;
	return len == 0;
}

/* The end of a word, which is cut off there; *rest is what follows the white space behind it. */
static void cut_word(char *word, char **rest)
{
	word += strcspn(word, " \t");
	if (*word)
		*word++ = '\0';
	*rest = word + strspn(word, " \t");
}

/*
 * ssh wants a space behind a marker: "@revoked<tab>" is junk to it, and the
 * key is not revoked.  Here it is: a wrong refusal is the smaller harm.
 */
static int take_marker(char **p, enum kh_marker *marker)
{
	char *word = *p;

	*marker = KH_KEY;
	if (*word != '@')
		return 0;
	cut_word(word, p);
	if (strcmp(word, "@revoked") == 0)
		*marker = KH_REVOKED;
	else if (strcmp(word, "@cert-authority") == 0)
		*marker = KH_CA;
	else
		return -1;
	return **p == '@' ? -1 : 0;
}

/* "|1|salt|hash" */
static int take_hashed(char *names, struct kh_line *out)
{
	char *salt = names + 3, *hash;
	size_t n;

	if (strncmp(names, "|1|", 3) != 0)
		return -1;
	hash = strchr(salt, '|');
	if (!hash)
		return -1;
	*hash++ = '\0';
	if (b64_decode(salt, strlen(salt), &n) != 0 || n != KH_HASH_LEN)
		return -1;
	if (b64_decode(hash, strlen(hash), &n) != 0 || n != KH_HASH_LEN)
		return -1;
	out->salt = (unsigned char *)salt;
	out->hash = (unsigned char *)hash;
	return 0;
}

int kh_line_parse(char *text, size_t len, struct kh_line *out)
{
	char *names, *type, *key, *comment;

	memset(out, 0, sizeof(*out));
	text[len] = '\0';
	len = strlen(text);
	while (len && text[len - 1] == '\r')
		text[--len] = '\0';
	names = text + strspn(text, " \t");
	if (!*names || *names == '#')
		return 0;
	if (take_marker(&names, &out->marker) != 0)
		return -1;
	cut_word(names, &type);
	if (!*names || !*type || *type == '#')
		return -1;
	cut_word(type, &key);
	cut_word(key, &comment);
	if (*names == '|') {
		if (take_hashed(names, out) != 0)
			return -1;
	} else {
		pattern_lower(names);
		out->names = names;
		out->plain = pattern_list_is_plain(names);
	}
	if (b64_decode(key, strlen(key), &out->blob_len) != 0)
		return -1;
	out->blob = (unsigned char *)key;
	return blob_sound(type, out->blob, out->blob_len) ? 1 : -1;
}

bool kh_blob_equal(const struct kh_line *l, const void *blob, size_t len)
{
	return l->blob_len == len && memcmp(l->blob, blob, len) == 0;
}

/* One fetch for all: OpenSSL 3.0 takes a lock to find an algorithm by name. */
struct kh_hasher {
	EVP_MD *sha1;
};

struct kh_hasher *kh_hasher_new(void)
{
	struct kh_hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	if (!h->sha1) {
		free(h);
		return NULL;
	}
	return h;
}

void kh_hasher_free(struct kh_hasher *h)
{
	if (!h)
		return;
	EVP_MD_free(h->sha1);
	free(h);
}

/* HMAC by its definition (RFC 2104); the key is always shorter than a block. */
int kh_hash(const struct kh_hasher *h, const unsigned char *salt, const char *name,
	    unsigned char out[KH_HASH_LEN])
{
	unsigned char inner[SHA1_BLOCK + KH_NAME_MAX], outer[SHA1_BLOCK + KH_HASH_LEN];
	size_t len = strlen(name);

	if (len > KH_NAME_MAX)
		return -1;
	memset(inner, 0x36, SHA1_BLOCK);
	memset(outer, 0x5c, SHA1_BLOCK);
	for (size_t i = 0; i < KH_HASH_LEN; i++) {
		inner[i] ^= salt[i];
		outer[i] ^= salt[i];
	}
	memcpy(inner + SHA1_BLOCK, name, len);
	if (!EVP_Digest(inner, SHA1_BLOCK + len, outer + SHA1_BLOCK, NULL, h->sha1, NULL) ||
	    !EVP_Digest(outer, sizeof(outer), out, NULL, h->sha1, NULL))
		return -1;
	return 0;
}

int kh_line_is_for(const struct kh_line *l, const char *name, const struct kh_hasher *h)
{
	unsigned char hash[KH_HASH_LEN];

	if (l->names)
		return pattern_list_match(name, l->names) == 1;
	if (kh_hash(h, l->salt, name, hash) != 0)
		return -1;
	return memcmp(hash, l->hash, sizeof(hash)) == 0;
}
