/*
 * known_hosts - host keys as sshd(8), SSH_KNOWN_HOSTS FILE FORMAT, has them.
 *
 * Understood: patterns with wildcards and negation, [host]:port, hashed
 * names (|1|salt|hash, HMAC-SHA1), @revoked, @cert-authority, several files.
 * A line it cannot read is skipped, as ssh does, and counted.
 * Plain names are found by hash table; hashed ones by key blob first, so
 * that HMAC is computed only for lines that hold the offered key; a full
 * search happens only when that finds nothing.  Lookups are thread-safe.
 */
#ifndef DT_SSH_KNOWN_HOSTS_H
#define DT_SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/util.h"

struct known_hosts;

/*
 * Reads files in order; a missing one is fine, an unreadable one is
 * ERR_USAGE "PATH: reason".  NULL: error.
 */
struct known_hosts *known_hosts_load(const char *const *paths, size_t n, struct dt_err *err);
void known_hosts_free(struct known_hosts *kh);

enum hostkey_verdict {
	HOSTKEY_OK,
	HOSTKEY_UNKNOWN,	/* no line for this name */
	HOSTKEY_CHANGED,	/* a line for this name and key type holds another key */
	HOSTKEY_OTHER_TYPE,	/* lines for this name, none of this key type: to ssh, changed too */
	HOSTKEY_REVOKED,
	HOSTKEY_CA		/* not known by itself; a @cert-authority line is for this name: only ssh(1) can judge */
};

/*
 * The name as known_hosts has it: host, or [host]:port where port is not 22
 * (nor 0); lower case.  "" where it does not fit, which is no host's name.
 */
void known_hosts_name(const char *host, int port, char *out, size_t size);

/*
 * Judges the key that a host (name as from known_hosts_name, or its
 * HostKeyAlias) offered, as ssh with StrictHostKeyChecking=yes does: it
 * accepts where this is HOSTKEY_OK.  So a key that is known for host is
 * right for [host]:port too where no line is for that.  A revocation counts
 * before all else.  exactly: the name is a HostKeyAlias, and no other stands
 * for it.  *where (may be NULL) is the line that decided and the key in it,
 * path NULL where none did; it lives as long as kh.
 */
struct kh_where {
	const char *path;
	size_t line;
	const void *blob;
	size_t len;
};
enum hostkey_verdict known_hosts_check(const struct known_hosts *kh, const char *name, bool exactly, const void *blob,
				       size_t len, struct kh_where *where);

/*
 * The key types of plain (unhashed) lines for a name, in file order, without
 * doubles and those whose first key is revoked; with hashed set, hashed lines are searched too (slow: an HMAC a
 * line).  *ca tells whether a @cert-authority line is for it.  0, or -1: memory.
 */
int known_hosts_types(const struct known_hosts *kh, const char *name, bool hashed, struct strs *types,
		      bool *ca);
/* Are there hashed lines at all? */
bool known_hosts_hashed(const struct known_hosts *kh);

/*
 * Adds lines to a file (made with its folder, 0600/0700, where missing)
 * under a lock, by writing a new file beside it and renaming; hashed where
 * hash is 1, or is -1 and the file has hashed lines.  A name and key that is there
 * already is not added again.  With replace, lines of that plain or hashed
 * name (keys that changed) are dropped first; marked lines and those with
 * wildcards stay.  All other bytes, owner and mode stay as they are; symbolic
 * links are followed.  Waits up to 10 s for another dt.
 * 0, or -1: ERR_USAGE (cannot be opened, a name or key that no line can
 * hold), ERR_FAIL (disk, lock).
 */
struct known_host_line {
	const char *name;	/* as from known_hosts_name */
	const void *blob;
	size_t len;
};
int known_hosts_write(const char *path, const struct known_host_line *lines, size_t n, int hash,
		      bool replace, size_t *added, struct dt_err *err);

#endif
