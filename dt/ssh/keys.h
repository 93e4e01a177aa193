/*
 * keys - identities: public keys that can sign, from files and agents.
 *
 * Filled on the main thread before the run, then read by all threads.  A
 * private key is read and parsed once per run into memory and signs there.
 * An encrypted one is added by ssh-add(1), which asks for its passphrase
 * itself, to a private ssh-agent(1) that lives as long as the keyring.
 *
 * Sources: openssh-key-v1 is PROTOCOL.key of OpenSSH; PEM and PKCS#8 are
 * read by OpenSSL; the agent protocol is draft-miller-ssh-agent;
 * signature blobs are RFC 4253 6.6, RFC 5656 3.1.2, RFC 8332, RFC 8709.
 */
#ifndef DT_SSH_KEYS_H
#define DT_SSH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/ssh/env.h"

struct keyring;

struct identity {
	const char *name;		/* path, or the agent's comment */
	const char *type;		/* "ssh-ed25519", "ssh-rsa", "sk-...", "...-cert-v01@openssh.com" */
	const unsigned char *blob;	/* the public key, RFC 4253 6.6 */
	size_t blob_len;
	bool from_agent;
	bool certificate, fido;		/* only ssh(1) can log in with it */
};

/* NULL: no memory. */
struct keyring *keyring_new(void);
/* Also ends the private agent and removes its folder. */
void keyring_free(struct keyring *ring);

/*
 * The keys of an agent: a socket path, or NULL for $SSH_AUTH_SOCK.  No agent
 * there, or one that does not answer within wait_ms, is no error, but a fault.
 * 0, or -1.
 */
int keyring_add_agent(struct keyring *ring, const char *path, int64_t wait_ms, struct dt_err *err);
/* "SSH agent at PATH: reason" of the last agent that gave no keys, or NULL. */
const char *keyring_agent_fault(const struct keyring *ring);
/* It took a request and did not answer, as it would not answer ssh(1). */
bool keyring_agent_hangs(const struct keyring *ring);
/* What agents hold, in their order, also where a file was read before. */
size_t keyring_agent_count(const struct keyring *ring);
const struct identity *keyring_agent_get(const struct keyring *ring, size_t i);

enum key_demand {
	KEY_REQUIRED,	/* -I FILE: a missing, unreadable or broken file is ERR_USAGE */
	KEY_CONFIGURED,	/* IdentityFile: missing is skipped; encrypted: asks */
	KEY_DEFAULT	/* ~/.ssh/id_*: missing, or encrypted with no terminal, is skipped */
};
/*
 * One private key file.  The same path is read once.  Where FILE.pub (or the file itself, when it
 * is a public key) names a key that an agent added before holds, that one
 * is used and nothing is asked.  *out is NULL where it was skipped; then
 * *why (may be NULL) is a static text.  A passphrase is asked at most once.
 */
int keyring_add_file(struct keyring *ring, const char *path, enum key_demand demand,
		     const struct identity **out, const char **why, struct dt_err *err);

/* All identities, agent keys first, as added. */
size_t keyring_count(const struct keyring *ring);
const struct identity *keyring_get(const struct keyring *ring, size_t i);
/*
 * The certificate beside a key file, FILE-cert.pub, as an identity that only
 * ssh(1) can use.  *out is NULL where there is none.  0, or -1: no memory.
 */
int keyring_add_certificate(struct keyring *ring, const char *path, const struct identity **out,
			    struct dt_err *err);

/*
 * Signs data with the algorithm ("ssh-ed25519", "ecdsa-sha2-nistp256",
 * "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa") and adds the signature, without
 * the algorithm's name before it, to sig.  Thread-safe.  0, or -1 with
 * ERR_AUTH, ERR_TIMEOUT, ERR_SKIPPED (cancelled).
 */
int identity_sign(const struct keyring *ring, const struct identity *id, const char *algorithm,
		  const void *data, size_t len, struct buf *sig, const struct ssh_env *env, int64_t deadline,
		  struct dt_err *err);

/* "SHA256:base64" of a public key blob (as ssh-keygen -l prints it), at least 64 bytes of room. */
void key_fingerprint(const void *blob, size_t len, char out[64]);
/* The type's name inside a blob, copied; "" for nonsense. */
void key_type(const void *blob, size_t len, char out[64]);

#endif
