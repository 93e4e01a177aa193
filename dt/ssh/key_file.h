/*
 * key_file - the text of a key file: what kind it is, and the key in it.
 *
 * Sources: PROTOCOL.key and PROTOCOL.u2f of OpenSSH (openssh-key-v1); PEM
 * and PKCS#8 are read by OpenSSL; public key files are sshd(8),
 * AUTHORIZED_KEYS FILE FORMAT, without options.
 */
#ifndef DT_SSH_KEY_FILE_H
#define DT_SSH_KEY_FILE_H

#include <openssl/evp.h>
#include <stddef.h>

#include "dt/base/buf.h"

enum key_file_kind {
	KEY_FILE_PRIVATE,	/* key and blob */
	KEY_FILE_ENCRYPTED,	/* blob, but not where the form is PEM */
	KEY_FILE_FIDO,		/* blob; the key itself is in a token */
	KEY_FILE_PUBLIC		/* blob */
};

struct key_file {
	enum key_file_kind kind;
	EVP_PKEY *key;		/* who takes it sets it to NULL */
	struct buf blob;	/* the public key */
};

#define KEY_FILE_MAX 65536
#define KEY_BLOB_MAX 16384

/* 0; or -1 with *why, a static text.  Release it in both cases. */
int key_file_parse(const char *text, size_t len, struct key_file *out, const char **why);
void key_file_release(struct key_file *f);

#endif
