/*
 * options - dt's own options: one table from which the parser, --help,
 * dt.conf, completion and the check of the manual page come.
 */
#ifndef DT_CLI_OPTIONS_H
#define DT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"
#include "dt/base/util.h"

/* All settings of one call; what is not given has its default. */
struct options {
	bool help;		/* -h; the topic is the first word left, if any */
	struct strs db;		/* -D, in order */
	bool pretend;		/* -p */
	long long coproc;	/* -C, 1 to 100000 */
	int64_t timeout_ms;	/* -T; 0: not given (ssh_config's, else 10 s) */
	int64_t command_timeout_ms, deadline_ms;	/* 0: none */
	bool interactive;	/* -i */
	bool no_color;		/* -N, NO_COLOR */
	char *output;		/* -o */
	char *user;		/* -u; NULL: by precedence */
	long long port;		/* --port; 0: by precedence */
	bool max_status;	/* -S */
	bool stream;
	bool raw;
	uint64_t max_output;	/* --max-output, default 1 MiB */
	bool ask_password, ask_sudo;	/* -k, -K */
	struct strs identity;	/* -I FILE */
	char *jump;		/* -J host[,host...] */
	char *ssh_config;	/* -F FILE */
	struct strs known_hosts; /* --known-hosts FILE */
	char *transport;	/* --transport auto|libssh2|openssh */
	bool accept_new;
	long long verbose;	/* -v, -vv */
	bool yes;		/* --yes: answer questions of dt trust, dt inventory import --replace */
	bool version;		/* -V, --version */
};

enum option_type { OPT_BOOL, OPT_COUNT, OPT_INT, OPT_TIME, OPT_SIZE, OPT_TEXT, OPT_CHOICE, OPT_LIST };

struct option_spec {
	const char *name;	/* long name */
	char letter;		/* or 0 */
	enum option_type type;
	size_t offset;		/* in struct options */
	const char *arg;	/* "TIME", NULL for OPT_BOOL and OPT_COUNT */
	const char *def;	/* default as text, or NULL */
	long long min, max;	/* OPT_INT */
	const char *const *choices; /* OPT_CHOICE, NULL-terminated */
	bool in_conf;		/* may stand in dt.conf(5), under [dt] */
	const char *help;
};

/* Ends with a NULL name. */
extern const struct option_spec option_table[];

/* Defaults.  0, or -1: no memory. */
int options_init(struct options *o, struct dt_err *err);
void options_release(struct options *o);
/* Sets one option from text, as the command line or dt.conf has it.  ERR_USAGE names the option. */
int options_set(struct options *o, const struct option_spec *spec, const char *value, struct dt_err *err);
const struct option_spec *option_by_name(const char *name);
const struct option_spec *option_by_letter(char c);

/*
 * Takes the options at args[*i...] up to the first word that is none ("--"
 * ends them too), and leaves *i there.  Bundled letters (-pv), -C5, -C 5,
 * --coproc=5, --coproc 5; an unknown one is ERR_USAGE with the nearest name.
 */
int options_parse(struct options *o, char *const *args, int *i, struct dt_err *err);

#endif
