/*
 * known_hosts_line - one line of a known_hosts file, for known_hosts*.c only.
 *
 * Sources: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; key blobs: RFC 4253 6.6,
 * RFC 5656 3.1, RFC 8709, PROTOCOL.u2f of OpenSSH.
 */
#ifndef DT_SSH_KNOWN_HOSTS_LINE_H
#define DT_SSH_KNOWN_HOSTS_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define KH_HASH_LEN 20	/* SHA-1 */
#define KH_NAME_MAX 1024

enum kh_marker { KH_KEY, KH_REVOKED, KH_CA };

struct kh_line {
	enum kh_marker marker;
	const char *names;		/* lower case, with commas; NULL where hashed */
	const unsigned char *salt, *hash;	/* KH_HASH_LEN bytes each, or NULL */
	bool plain;			/* names without wildcard and negation */
	const unsigned char *blob;
	size_t blob_len;
};

/*
 * Reads one line (without its newline; text[len] may be written to) in
 * place: what *out points to lies in text.  1: a key; 0: blank or comment;
 * -1: junk, which ssh skips too.
 */
int kh_line_parse(char *text, size_t len, struct kh_line *out);

/* HMAC-SHA1(salt, name), computed without any lookup of algorithms.  NULL: no memory. */
struct kh_hasher;
struct kh_hasher *kh_hasher_new(void);
void kh_hasher_free(struct kh_hasher *h);
/* 0, or -1: out of memory, or the name is longer than KH_NAME_MAX.  Thread-safe. */
int kh_hash(const struct kh_hasher *h, const unsigned char *salt, const char *name,
	    unsigned char out[KH_HASH_LEN]);

/* Does the line speak of this (lower-case) name?  1, 0, or -1: no memory. */
int kh_line_is_for(const struct kh_line *l, const char *name, const struct kh_hasher *h);

bool kh_blob_equal(const struct kh_line *l, const void *blob, size_t len);
/* The type inside a blob: its start and length; length 0 for nonsense. */
const char *kh_blob_type(const void *blob, size_t len, size_t *type_len);

#endif
