/*
 * public_key - lines of public keys, as in files *.pub and authorized_keys.
 *
 * The format is that of sshd(8), AUTHORIZED_KEYS FILE FORMAT; a key is known
 * by its type and base64 text, whatever options or comment stand beside it.
 * Blobs are those of RFC 4253, 6.6.
 */
#ifndef MODULES_LIB_PUBLIC_KEY_H
#define MODULES_LIB_PUBLIC_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "dt_module.h"

/* The parts of a line, which they point into. */
struct public_key {
	const char *options, *type, *blob;	/* not terminated */
	size_t options_len, type_len, blob_len;	/* options_len 0: none */
	const char *comment;			/* to the end of the line; may be "" */
};

/*
 * Reads a line without its newline: "TYPE BASE64 [COMMENT]", with_options also
 * behind options.  NULL, or static text that says what is wrong.
 */
const char *public_key_parse(struct public_key *k, const char *line, bool with_options);

/*
 * The key in a line of a host's authorized_keys, as sshd finds it: its type is
 * known, its blob not looked into.  False for comments and all else.
 */
bool public_key_find(struct public_key *k, const char *line);

/*
 * prepare: hands each line of a file that is not empty and no comment to
 * take, which says what is wrong with it, or NULL.  DT_OK, or DT_FAIL after
 * refuse(), also where there is no such line.
 */
typedef const char *public_key_fn(void *arg, const char *line);
int public_key_file(struct dt_call *call, const struct dt_services *dt, const char *path, public_key_fn *take, void *arg);

/* The same key? */
bool public_key_same(const struct public_key *a, const struct public_key *b);

#endif
