/*
 * ssh_config_tree - configuration files as read, for ssh_config*.c only.
 *
 * Files become a tree of lines; which of them apply is found at each lookup
 * by walking it.  The keywords and what dt does for each are in one table.
 *
 * Source: ssh_config(5) of OpenSSH 9.2 and 10.0, and what ssh -G answers.
 */
#ifndef DT_SSH_SSH_CONFIG_TREE_H
#define DT_SSH_SSH_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"
#include "dt/base/err.h"
#include "dt/base/util.h"

/* What dt does for a keyword.  dt-ssh_config(5) has a section for each of the first three groups. */
enum conf_treat {
	/* HONOURED: by dt itself */
	CONF_READ,	/* its value goes to a slot of struct ssh_host_config */
	CONF_IDENTITY,	/* IdentityFile */
	CONF_HOSTS,	/* UserKnownHostsFile, GlobalKnownHostsFile */
	CONF_AGENT,	/* IdentityAgent */
	CONF_JUMP,	/* ProxyJump */
	CONF_IGNORE,	/* IgnoreUnknown */
	CONF_HOST,
	CONF_MATCH,
	CONF_INCLUDE,
	/* HANDED TO SSH(1) */
	CONF_FORCE,	/* its first value needs ssh(1), unless it is among .harmless */
	CONF_FORCE_EACH, /* the same, for each value: they accumulate */
	CONF_FORCE_TICKET, /* the same as CONF_FORCE, but only where there is a Kerberos ticket */
	CONF_FORCE_AGENT, /* the same, but only where there is an agent to forward */
	CONF_FORCE_ENV,	/* SendEnv */
	CONF_CANONICAL,	/* CanonicalizeHostname: ssh(1) finds the name, and reads the files again */
	CONF_COMMAND,	/* ProxyCommand */
	CONF_SESSION,	/* SessionType */
	/* NOT USED: with the reason in the manual */
	CONF_UNUSED
};

/* How its value is written, and checked. */
enum conf_form {
	FORM_ANY,	/* by ssh(1) alone */
	FORM_STRING,	/* one argument */
	FORM_LOWER,	/* one argument, in lower case */
	FORM_FLAG,	/* yes or no */
	FORM_STRICT,	/* yes, no, ask, accept-new */
	FORM_TTY,	/* yes, no, auto, force */
	FORM_PORT,	/* a number, or a name of /etc/services */
	FORM_NUMBER,	/* from 0 */
	FORM_TIME,	/* 90, 1h30m; or none */
	FORM_FILES,	/* several arguments; or none, alone */
	FORM_REST	/* the rest of the line */
};

struct conf_keyword {
	const char *name;	/* as the manual page writes it */
	enum conf_treat treat;
	enum conf_form form;
	size_t slot;		/* CONF_READ, CONF_HOSTS, ...: offset of the struct ssh_value, else 0 */
	const char *harmless;	/* values in lower case, with commas; NULL: every value forces */
	const char *alias_of;	/* the same keyword under another name; or NULL */
};

/* Ends with a NULL name. */
extern const struct conf_keyword conf_keywords[];
#define CONF_KEYWORDS_MAX 160
/* In any case; NULL: not a keyword of OpenSSH.  An alias is found as itself. */
const struct conf_keyword *conf_keyword_find(const char *name);
/* What it is an alias of, or itself. */
const struct conf_keyword *conf_keyword_plain(const struct conf_keyword *k);

struct conf_file;

struct conf_line {
	const struct conf_keyword *keyword;	/* NULL: unknown, args.v[0] is its name */
	char *where;		/* "PATH:LINE" */
	struct strs args;	/* with quotes and escapes undone; CONF_MATCH: name and argument in turn */
	char *value;		/* checked and in its plain form: yes, 22, seconds, ...; or NULL */
	struct conf_file **files;	/* CONF_INCLUDE */
	size_t file_count;
	bool system;		/* in a system-wide file */
	bool odd;		/* CONF_INCLUDE: a path with tokens, which are for ssh(1) to expand */
};

struct conf_file {
	struct conf_line *lines;
	size_t n, cap;
};

/* Does the value of a CONF_FORCE* line need ssh(1), here and now? */
bool conf_line_forces(const struct conf_line *l);
/* Is a variable set that this pattern of SendEnv sends? */
bool conf_env_sends(const char *pattern, bool system);

enum {
	CONF_USER = 1,		/* not a system-wide file: Include may use ~, and is relative to ~/.ssh */
	CONF_CHECK_OWNER = 2,	/* must not be writable by others */
	CONF_MAY_LACK = 4	/* a missing file is an empty one */
};
struct ssh_config {
	struct conf_file *roots[2];
	size_t root_count;
	bool mentioned[CONF_KEYWORDS_MAX];	/* by place in the table */
	char *file;		/* of -F, or NULL */
	char *home, *local_user;
};

/* ---- ssh_config_match.c ---- */

/* Takes the criteria of a Match line: l->args.  0, or -1: ERR_USAGE. */
int conf_match_read(struct conf_line *l, const char *text, struct dt_err *err);

enum conf_verdict { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };
/* What is known where the line stands. */
struct conf_facts {
	const char *host, *original, *user, *local_user;
	bool final;		/* the second pass */
	bool wants_final;	/* set: a criterion asked for a second pass */
};
enum conf_verdict conf_match(const struct conf_line *l, struct conf_facts *facts);

/* ---- ssh_config_expand.c ---- */

/* What tokens stand for; home and local_user never NULL. */
struct conf_tokens {
	const char *home, *local_user;	/* %d %u */
	const char *host, *original, *alias, *user;	/* %h %n %k %r */
	const char *jump;	/* for %C: "" where there is none */
	int port;		/* %p */
};
/*
 * Adds text with "~" (tilde), the tokens that letters names ("dh", of %d, %h,
 * ...; %% always) and ${VARIABLES} (tilde too) expanded.  0; 1: something there
 * is not known here; -1: no memory.
 */
int conf_expand(const struct conf_tokens *t, const char *text, bool tilde, const char *letters, struct buf *out);
#define CONF_FILE_TOKENS "CLdhiklnpru"

/* NULL: ERR_USAGE "PATH:LINE: reason" or "PATH: reason". */
struct conf_file *conf_file_read(const char *path, unsigned flags, struct dt_err *err);
void conf_file_free(struct conf_file *f);

#endif
