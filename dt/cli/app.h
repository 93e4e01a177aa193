/*
 * app - one call of dt: its options, inventory, modules, and the run's surroundings.
 */
#ifndef DT_CLI_APP_H
#define DT_CLI_APP_H

#include <stdbool.h>

#include "dt/base/err.h"
#include "dt/base/secret.h"
#include "dt/cli/conf.h"
#include "dt/cli/options.h"
#include "dt/cli/signals.h"
#include "dt/run/modload.h"
#include "dt/run/plan.h"
#include "dt/run/services_kept.h"
#include "dt/ssh/env.h"
#include "inventory/inventory.h"

struct app {
	struct options opt;
	struct conf conf;
	struct inventory *inv;		/* app_inventory */
	struct modload *modules;	/* app_modules */
	struct hostset hosts;		/* app_select */
	struct plan_options plan_opt;	/* app_plan */
	struct plan *plan;
	struct ssh_env env;
	struct secret *password, *sudo;
	char *ssh_config;		/* what ssh(1) is told where $HOME is another's */
	char *trust_options, *trust_hop_options;	/* struct ssh_env's */
	const struct signals *signals;	/* app_plan */
	bool ask_ssh;			/* app_plan asks "ssh -G" where it alone knows a host's settings */
	bool stdin_taken;		/* a selector has read it, or the shell does */
	char *const *before;		/* options that stood before a word, as they were typed */
	int before_count;
	/* In a shell: hosts and plan are there for all lines, made with these options; and open sessions. */
	const struct options *planned;
	struct kept *kept;
};

/* What all of dt's programs do first of all. */
void app_main(void);
/* Defaults and dt.conf.  Each function here: 0, or -1 with the error. */
int app_init(struct app *a, struct dt_err *err);
void app_release(struct app *a);

int app_inventory(struct app *a, struct dt_err *err);
int app_modules(struct app *a, struct dt_err *err);
/* External selectors whose name begins with prefix. */
int app_selectors(struct app *a, const char *prefix, struct strs *out, struct dt_err *err);
/* Where external selectors are: dt.conf's folders, the user's, the system's, the installation's. */
int app_selector_dirs(const struct app *a, struct strs *dirs, struct dt_err *err);
/* Evaluates the selection; ERR_EMPTY where it matches nothing. */
int app_select(struct app *a, const char *selection, struct dt_err *err);
/* Asks for passwords (-k, -K), resolves every host's settings. */
int app_plan(struct app *a, struct dt_err *err);

/*
 * The words of dt (wordlist.h): each takes its arguments and returns an exit
 * status, or -1 with the error.
 */
typedef int word_fn(struct app *a, char *const *args, int n, struct dt_err *err);
int word_trust(struct app *a, char *const *args, int n, struct dt_err *err);
int word_inventory(struct app *a, char *const *args, int n, struct dt_err *err);
int word_why(struct app *a, char *const *args, int n, struct dt_err *err);
int word_modules(struct app *a, char *const *args, int n, struct dt_err *err);
int word_help(struct app *a, char *const *args, int n, struct dt_err *err);
int word_version(struct app *a, char *const *args, int n, struct dt_err *err);
int word_completion(struct app *a, char *const *args, int n, struct dt_err *err);
int word_jobs(struct app *a, char *const *args, int n, struct dt_err *err);
int word_show(struct app *a, char *const *args, int n, struct dt_err *err);
int word_diff(struct app *a, char *const *args, int n, struct dt_err *err);
int word_follow(struct app *a, char *const *args, int n, struct dt_err *err);
int word_reconcile(struct app *a, char *const *args, int n, struct dt_err *err);
int word_stop(struct app *a, char *const *args, int n, struct dt_err *err);

/* Writes to stdout, all of it.  0, or -1: ERR_FAIL "stdout: reason". */
int app_print(const struct buf *text, struct dt_err *err);
/* Asks on the terminal; true for "y" or "yes", and with --yes.  No terminal: false. */
bool app_confirm(const struct app *a, const char *question);

#endif
