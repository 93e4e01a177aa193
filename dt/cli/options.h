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

/* Where a value comes from; a later one wins, and a list given there replaces an earlier list. */
enum option_source { SOURCE_BUILTIN, SOURCE_SYSTEM_CONF, SOURCE_USER_CONF, SOURCE_COMMAND };

#define OPTION_MAX 64	/* entries of option_table, its end included */

/* All settings of one call; what is not given has its default. */
struct options {
	bool help;		/* -h; the topic is the first word left, if any */
	struct strs db;		/* -D, in order */
	bool pretend;		/* -p */
	long long coproc;	/* -C, 1 to 100000 */
	int64_t timeout_ms;	/* -T; 0: not given (ssh_config's, else 10 s) */
	int64_t command_timeout_ms, deadline_ms;	/* 0: none */
	struct share canary, batch, max_fail;	/* --canary, --batch, --max-fail */
	int64_t pause_ms, random_delay_ms;	/* --pause, --random-delay */
	long long rate;		/* --rate; 0: none */
	struct strs max_per;	/* --max-per KEY=N */
	bool confirm;
	long long confirm_over;	/* 0: never */
	bool interactive;	/* -i */
	bool keep;
	bool no_color;		/* -N, NO_COLOR */
	char *output;		/* -o */
	char *user;		/* -u; NULL: by precedence */
	long long port;		/* --port; 0: by precedence */
	bool max_status;	/* -S */
	bool stream;
	bool raw;
	bool mask;
	uint64_t max_output;	/* --max-output, default 1 MiB */
	bool ask_password, ask_sudo;	/* -k, -K */
	struct strs identity;	/* -I FILE */
	char *jump;		/* -J host[,host...] */
	char *ssh_config;	/* -F FILE */
	struct strs known_hosts; /* --known-hosts FILE */
	char *progress;		/* --progress auto|always|never|json */
	char *transport;	/* --transport auto|libssh2|openssh */
	char *journal;		/* --journal yes|no|required */
	bool no_journal;
	char *journal_keep;	/* --journal-keep, see journal_keep_parse */
	uint64_t journal_output; /* --journal-output, default 1 MiB */
	bool accept_new;
	long long verbose;	/* -v, -vv */
	bool yes;		/* --yes: answer questions of dt trust, dt inventory import --replace */
	bool version;		/* -V, --version */

	enum option_source source;	/* of what is set next; options_init leaves SOURCE_COMMAND */
	unsigned char set_by[OPTION_MAX]; /* parallel to option_table: enum option_source of its value */
};

enum option_type { OPT_BOOL, OPT_COUNT, OPT_INT, OPT_SHARE, OPT_TIME, OPT_SIZE, OPT_TEXT, OPT_CHOICE, OPT_LIST };

struct option_spec {
	const char *name;	/* long name */
	char letter;		/* or 0 */
	enum option_type type;
	size_t offset;		/* in struct options */
	const char *arg;	/* "TIME", NULL for OPT_BOOL and OPT_COUNT */
	const char *def;	/* default as text, or NULL */
	long long min, max;	/* OPT_INT, OPT_SIZE; OPT_SHARE: min */
	const char *const *choices; /* OPT_CHOICE, NULL-terminated */
	const char *(*check)(const char *value); /* OPT_TEXT, OPT_LIST: NULL, or what is wrong */
	bool is_path;		/* names a file: dt.conf expands ~ and takes it from its own folder */
	bool in_conf;		/* may stand in dt.conf(5), under [dt] */
	const char *help;
};

/* Ends with a NULL name. */
extern const struct option_spec option_table[];

/* Defaults, and NO_COLOR from the environment.  0, or -1: no memory. */
int options_init(struct options *o, struct dt_err *err);
void options_release(struct options *o);
/*
 * Sets one option from text, as o->source has it (an OPT_BOOL is yes or no, an
 * OPT_COUNT a number).  0, or -1: ERR_USAGE names the option and the value.
 */
int options_set(struct options *o, const struct option_spec *spec, const char *value, struct dt_err *err);
const struct option_spec *option_by_name(const char *name);
const struct option_spec *option_by_letter(char c);
/* Where the value of the option of that name comes from. */
enum option_source option_source(const struct options *o, const char *name);
/* Has it a value on the command line? */
bool option_has_value(const struct option_spec *spec);
/* The option in a word ("-C", "-vC", "--coproc") whose value the next word is; NULL: none. */
const struct option_spec *option_wants_value(const char *word);
/* Have both the same value of this option? */
bool options_same(const struct options *a, const struct options *b, const struct option_spec *spec);
/* The long name that a mistyped one is nearest to, or NULL; conf: of those in dt.conf. */
const char *option_nearest(const char *name, bool conf);

/*
 * Takes the option at words[*i] of n, with its value, and leaves *i at the
 * last word it used: 1, or 0 where it is no option of dt (nothing changed),
 * or -1 with ERR_USAGE.  Bundled letters (-pv), -C5, -C 5, --coproc=5,
 * --coproc 5; --stream=no takes back what dt.conf says.
 */
int options_take(struct options *o, char *const *words, size_t n, size_t *i, struct dt_err *err);
/*
 * Takes the options at args[*i...] (args ends with NULL) up to the first word
 * that is none ("--" ends them too), and leaves *i there.  An unknown one is
 * ERR_USAGE with the nearest name.
 */
int options_parse(struct options *o, char *const *args, int *i, struct dt_err *err);

#endif
