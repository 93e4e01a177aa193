/*
 * ssh_words - arguments of ssh(1) that an inventory carries, and the attribute ssh_options.
 *
 * ssh_options is a list of KEYWORD=VALUE for ssh's -o, parted by blanks;
 * quotes and backslashes are a shell's.  What dt has an attribute for (User,
 * Port, ProxyJump, ...) and what it decides itself is refused by name; the
 * rest is handed to ssh(1) as it stands.
 */
#ifndef INVENTORY_SSH_WORDS_H
#define INVENTORY_SSH_WORDS_H

#include <stdbool.h>

#include "dt/base/util.h"

/* Splits as shlex.split() of Python and sh(1) do.  0, -1: no memory, 1: a quote or backslash has no end. */
int shell_words(const char *text, struct strs *out);

/* The words of ssh_options; NULL, or what is wrong.  words (may be NULL) gets "KEYWORD=VALUE" each. */
const char *ssh_options_split(const char *value, struct strs *words);
const char *ssh_options_fault(const char *value);

/* Arguments of ssh(1), -o and others, as attributes of dt. */
struct ssh_args {
	struct strs keys, values;	/* user, port, via, identity, hostkey_alias, known_hosts, connect_timeout */
	struct strs options;		/* "KEYWORD=VALUE", for ssh_options */
	char told[200];			/* what dt does otherwise, a sentence; "" where nothing */
	char fault[200];		/* what it refuses, a sentence; "" where nothing */
};
/* As ssh does, the first of several counts.  0, or -1: no memory. */
int ssh_args_read(const char *text, struct ssh_args *out);
void ssh_args_release(struct ssh_args *a);
/* The value of a word "KEYWORD=VALUE" of this keyword; NULL: another one. */
const char *ssh_option_value(const char *word, const char *keyword);

#endif
