#include "dt/cli/app.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dt/base/ask.h"
#include "dt/base/quote.h"
#include "dt/cli/past.h"
#include "dt/run/pool.h"
#include "dt/ssh/session.h"
#include "inventory/select.h"

void app_main(void)
{
	/* where a standard stream is closed, what opens next would be it: a socket, and a host would get our output */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* each use fails, as before */
	/* a host's kept output goes back to the system when it has been printed, whatever the C library learns of sizes */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	signals_init();
}

int app_init(struct app *a, struct dt_err *err)
{
	memset(a, 0, sizeof(*a));
	if (options_init(&a->opt, err) != 0)
		return -1;
	return conf_load(&a->opt, &a->conf, err);
}

void app_release(struct app *a)
{
	plan_free(a->plan);
	hostset_release(&a->hosts);
	inventory_free(a->inv);
	modload_free(a->modules);
	conf_release(&a->conf);
	options_release(&a->opt);
	secret_free(a->password);
	secret_free(a->sudo);
	free(a->ssh_config);
	free(a->trust_options);
	free(a->trust_hop_options);
}

int app_inventory(struct app *a, struct dt_err *err)
{
	if (a->inv)
		return 0;
	a->inv = inventory_new();
	if (!a->inv)
		return err_nomem(err);
	if (!a->opt.db.n)
		return inventory_add_default_store(a->inv, err);
	for (size_t i = 0; i < a->opt.db.n; i++)
		if (inventory_add(a->inv, a->opt.db.v[i], err) != 0)
			return -1;
	return 0;
}

int app_modules(struct app *a, struct dt_err *err)
{
	if (a->modules)
		return 0;
	a->modules = modload_new(err);
	if (!a->modules)
		return -1;
	for (size_t i = a->conf.module_dirs.n; i-- > 0;)
		if (modload_add_dir(a->modules, a->conf.module_dirs.v[i], err) != 0)
			return -1;
	return 0;
}

int app_selector_dirs(const struct app *a, struct strs *dirs, struct dt_err *err)
{
	char *user = xdg_path("XDG_CONFIG_HOME", ".config", "dt/selectors", err), *prefix = install_prefix(), *own = NULL;
	int r = 0;

	for (size_t i = 0; i < a->conf.selector_dirs.n; i++)
		r |= strs_add(dirs, a->conf.selector_dirs.v[i]);
	if (user)
		r |= strs_add(dirs, user);
	r |= strs_add(dirs, "/etc/dt/selectors");
	if (prefix && asprintf(&own, "%s/lib/dt/selectors", prefix) >= 0) {
		r |= strs_add(dirs, own);
		free(own);
	}
	free(user);
	free(prefix);
	return r ? err_nomem(err) : 0;
}

int app_selectors(struct app *a, const char *prefix, struct strs *out, struct dt_err *err)
{
	struct strs dirs = { 0 };
	int r = app_selector_dirs(a, &dirs, err);

	for (size_t i = 0; r == 0 && i < dirs.n; i++) {
		DIR *d = opendir(dirs.v[i]);
		const struct dirent *e;

		while (d && r == 0 && (e = readdir(d)) != NULL)
			if (e->d_name[0] != '.' && str_starts(e->d_name, prefix) &&
			    faccessat(dirfd(d), e->d_name, X_OK, 0) == 0 && strs_add(out, e->d_name) != 0)
				r = err_nomem(err);
		if (d)
			(void)closedir(d);
	}
	strs_release(&dirs);
	return r;
}

int app_select(struct app *a, const char *selection, struct dt_err *err)
{
	struct strs dirs = { 0 };
	struct select_options opt = { .selector_dirs = &dirs, .stdin_fd = a->stdin_taken ? -1 : STDIN_FILENO,
				      .job = past_select };
	int r = -1;

	if (a->planned)
		return 0;
	if (app_inventory(a, err) == 0 && app_selector_dirs(a, &dirs, err) == 0)
		r = select_hosts(a->inv, selection, &opt, &a->hosts, err);
	a->stdin_taken |= opt.stdin_read;
	strs_release(&dirs);
	if (r == 0 && !a->hosts.n) {
		bool empty;

		r = inventory_is_empty(a->inv, &empty, err);
		if (r == 0)
			r = err_set(err, ERR_EMPTY, "no host matches: %s%s", selection,
				    empty ? " (the inventory is empty; dt NAME add fills the store, -D FILE reads a text)" : "");
	}
	return r;
}

bool app_confirm(const struct app *a, const char *question)
{
	char text[512], answer[16];

	(void)snprintf(text, sizeof(text), "%s [y/N] ", question);
	return a->opt.yes || (ask_line(text, answer, sizeof(answer)) && (*answer == 'y' || *answer == 'Y'));
}

/* ---- the plan ---- */

/* Where $HOME is not the user's own, ssh(1) would read other files than we do. */
static int find_ssh_config(struct app *a, struct dt_err *err)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *home = home_dir();

	if (a->opt.ssh_config || !pw || !home || strcmp(pw->pw_dir, home) == 0)
		return 0;
	a->ssh_config = expand_tilde("~/.ssh/config");
	if (a->ssh_config && access(a->ssh_config, R_OK) != 0) {
		free(a->ssh_config);
		a->ssh_config = strdup("none");
	}
	return a->ssh_config ? 0 : err_nomem(err);
}

/*
 * What this command line says of the way to a host, for another that is to
 * take the same ("--port 2222 -J gate "); malloced.  hop: to a jump host, which
 * has a port of its own.
 */
static char *way_options(const struct options *o, bool hop)
{
	const struct { const char *option, *name, *value; const struct strs *list; bool hop; } given[] = {
		{ "-D", "db", NULL, &o->db, true },
		{ "-F", "ssh-config", o->ssh_config, NULL, true },
		{ "--known-hosts", "known-hosts", NULL, &o->known_hosts, true },
		{ "-u", "user", o->user, NULL, false },
		{ "-J", "jump", o->jump, NULL, false },
	};
	struct buf b;
	int r = 0;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		size_t n = given[i].list ? given[i].list->n : given[i].value != NULL;

		if (option_source(o, given[i].name) != SOURCE_COMMAND || (hop && !given[i].hop))
			continue;
		for (size_t k = 0; k < n; k++)
			r |= buf_addf(&b, "%s ", given[i].option) ||
			     quote_arg(&b, given[i].list ? given[i].list->v[k] : given[i].value) || buf_addc(&b, ' ');
	}
	if (!hop && o->port && option_source(o, "port") == SOURCE_COMMAND)
		r |= buf_addf(&b, "--port %lld ", o->port);
	if (r) {
		buf_release(&b);
		return NULL;
	}
	return buf_steal(&b);
}

/* Each host takes a few descriptors.  No more than that: some programs close all that there could be. */
static void raise_limits(void)
{
	const rlim_t enough = 65536;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max && files.rlim_cur < enough) {
		files.rlim_cur = files.rlim_max < enough ? files.rlim_max : enough;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* What connections that are open already were made with cannot change for one run. */
static int same_plan(const struct app *a, struct dt_err *err)
{
	static const char *const names[] = {
		"db", "user", "port", "timeout", "identity", "jump", "ssh-config", "known-hosts", "transport", "accept-new",
		"ask-password", "ask-sudo",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!options_same(&a->opt, a->planned, option_by_name(names[i])))
			return err_set(err, ERR_USAGE, "--%s is for all lines, not for one: .options sets it", names[i]);
	return 0;
}

int app_plan(struct app *a, struct dt_err *err)
{
	static const char *const transports[] = { "auto", "libssh2", "openssh" };
	struct options *o = &a->opt;

	if (a->planned)
		return same_plan(a, err);
	raise_limits();
	if (o->interactive && (o->command_timeout_ms || o->deadline_ms))
		return err_set(err, ERR_USAGE, "-i leaves a host to the one at the terminal: not with --command-timeout or --deadline");
	if (o->ask_password && !(a->password = ask_secret("SSH password", err)))
		return -1;
	if (o->ask_sudo && !o->interactive && !(a->sudo = ask_secret("sudo password", err)))
		return -1;
	a->signals = signals_get(err);
	if (!a->signals || find_ssh_config(a, err) != 0 || session_global_init(err) != 0)
		return -1;
	a->trust_options = way_options(o, false);
	a->trust_hop_options = way_options(o, true);
	if (!a->trust_options || !a->trust_hop_options)
		return err_nomem(err);
	a->env = (struct ssh_env){
		.cancel_fd = a->signals->cancel_fd, .spawn = thread_spawn, .password = a->password, .ssh_program = "ssh",
		.config_file = o->ssh_config ? o->ssh_config : a->ssh_config, .accept_new = o->accept_new,
		.sends_password = a->sudo != NULL,
		.trust_options = a->trust_options, .trust_hop_options = a->trust_hop_options,
	};
	a->plan_opt = (struct plan_options){
		.user = o->user, .port = (int)o->port, .timeout_ms = o->timeout_ms, .identities = &o->identity,
		.known_hosts = &o->known_hosts, .jump = o->jump, .ssh_config = o->ssh_config,
		.terminal = isatty(STDIN_FILENO), .ask_ssh = a->ask_ssh || o->pretend,
		.user_given = option_source(o, "user") == SOURCE_COMMAND,
		.port_given = option_source(o, "port") == SOURCE_COMMAND, .ask_password = o->ask_password,
	};
	for (size_t i = 0; o->transport && i < ARRAY_LEN(transports); i++)
		if (strcmp(o->transport, transports[i]) == 0)
			a->plan_opt.transport = (enum transport)i;
	return plan_new(&a->plan_opt, a->inv, &a->hosts, &a->env, &a->plan, err);
}

int app_print(const struct buf *text, struct dt_err *err)
{
	if (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
		return err_sys(err, ERR_FAIL, errno, "stdout");
	return 0;
}
