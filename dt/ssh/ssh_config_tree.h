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

#include "dt/base/err.h"
#include "dt/base/util.h"

/* What dt does for a keyword. */
enum conf_treat {
	CONF_READ,	/* its value goes to a slot of struct ssh_host_config */
	CONF_HARMLESS,	/* nothing: it does not change what a command does */
	CONF_FORCE,	/* its first value needs ssh(1), unless it is among .harmless */
	CONF_FORCE_EACH, /* the same, for each value: they accumulate */
	CONF_FORCE_TICKET, /* the same as CONF_FORCE, but only where there is a Kerberos ticket */
	CONF_FORCE_ENV,	/* SendEnv */
	CONF_IDENTITY,	/* IdentityFile */
	CONF_HOSTS,	/* UserKnownHostsFile, GlobalKnownHostsFile */
	CONF_AGENT,	/* IdentityAgent */
	CONF_JUMP,	/* ProxyJump */
	CONF_COMMAND,	/* ProxyCommand */
	CONF_IGNORE,	/* IgnoreUnknown */
	/* the lines that decide which others apply */
	CONF_HOST,
	CONF_MATCH,
	CONF_INCLUDE
};

/* How its value is written, and checked. */
enum conf_form {
	FORM_ANY,	/* by ssh(1) alone */
	FORM_STRING,	/* one argument */
	FORM_LOWER,	/* one argument, in lower case */
	FORM_FLAG,	/* yes or no */
	FORM_STRICT,	/* yes, no, ask, accept-new */
	FORM_PORT,	/* a number, or a name of /etc/services */
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
};

/* Ends with a NULL name. */
extern const struct conf_keyword conf_keywords[];
#define CONF_KEYWORDS_MAX 160
/* In any case; NULL: not a keyword of OpenSSH. */
const struct conf_keyword *conf_keyword_find(const char *name);

struct conf_file;

struct conf_line {
	const struct conf_keyword *keyword;	/* NULL: unknown, args.v[0] is its name */
	char *where;		/* "PATH:LINE" */
	struct strs args;	/* with quotes and escapes undone */
	char *value;		/* checked and in its plain form: yes, 22, seconds, ...; or NULL */
	struct conf_file **files;	/* CONF_INCLUDE */
	size_t file_count;
};

struct conf_file {
	struct conf_line *lines;
	size_t n, cap;
};

/* Does the value of a CONF_FORCE* line need ssh(1), here and now? */
bool conf_line_forces(const struct conf_line *l);

enum {
	CONF_USER = 1,		/* not a system-wide file: Include may use ~, and is relative to ~/.ssh */
	CONF_CHECK_OWNER = 2,	/* must not be writable by others */
	CONF_MAY_LACK = 4	/* a missing file is an empty one */
};
/* NULL: ERR_USAGE "PATH:LINE: reason" or "PATH: reason". */
struct conf_file *conf_file_read(const char *path, unsigned flags, struct dt_err *err);
void conf_file_free(struct conf_file *f);

#endif
