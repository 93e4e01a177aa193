/*
 * openssh_argv - what ssh(1) is told: dt's own settings, and no others than
 * these; the rest it finds in its configuration as for anybody.
 */
#include <stdio.h>
#include <string.h>

#include "dt/base/quote.h"
#include "dt/ssh/openssh.h"

static int add_option(struct strs *argv, const char *name, const char *value)
{
	struct buf b;
	int r;

	buf_init(&b, 65536);
	r = buf_addf(&b, "%s=%s", name, value) != 0 || strs_add(argv, "-o") != 0 || strs_add(argv, b.data) != 0 ? -1 : 0;
	buf_release(&b);
	return r;
}

/* As ssh(1) expands tokens in some values: a percent sign is doubled. */
static int add_percent(struct buf *to, const char *text)
{
	int r = 0;

	for (; *text; text++)
		r |= *text == '%' ? buf_adds(to, "%%") : buf_addc(to, *text);
	return r;
}

/* The same as an option "NAME=VALUE" (name NULL: the value alone). */
static int add_expanded(struct strs *argv, const char *name, const char *value)
{
	struct buf b;
	int r;

	buf_init(&b, 131072);
	r = add_percent(&b, value);
	if (r == 0)
		r = name ? add_option(argv, name, b.data) : strs_add(argv, b.data);
	buf_release(&b);
	return r;
}

/* The files of dt's command line or inventory, and (alone) no other source of keys. */
static int add_known_hosts(struct strs *argv, const char *files, bool alone)
{
	if (!alone)
		return add_expanded(argv, "UserKnownHostsFile", files) || add_option(argv, "GlobalKnownHostsFile", "none");
	return add_expanded(argv, "UserKnownHostsFile", files) || add_option(argv, "GlobalKnownHostsFile", "none") ||
	       add_option(argv, "KnownHostsCommand", "none") || add_option(argv, "VerifyHostKeyDNS", "no") ||
	       add_option(argv, "NoHostAuthenticationForLocalhost", "no");
}

static int add_program(struct strs *argv, const struct session *s)
{
	return strs_add(argv, s->env->ssh_program ? s->env->ssh_program : "ssh");
}

/* What ssh(1) is told about one host of the chain. */
static int add_common(struct strs *argv, const struct session *s, const struct target *t)
{
	static const char *const strict[] = {
		[STRICT_YES] = "yes", [STRICT_ACCEPT_NEW] = "accept-new", [STRICT_NO] = "no",
	};
	char number[24];
	int r = 0;

	if (s->env->config_file)
		r |= strs_add(argv, "-F") || strs_add(argv, s->env->config_file);
	/* of several the first counts for ssh(1) */
	for (size_t i = 0; t->told.options && t->told.options[i]; i++)
		r |= strs_add(argv, "-o") || strs_add(argv, t->told.options[i]);
	/* where it alone knows what applies, it asks nobody either */
	if (s->env->accept_new || !t->undecided)
		r |= add_option(argv, "StrictHostKeyChecking", strict[t->strict]);
	/* the post-quantum default costs 270 ms; its own later places stay */
	if (!t->kex_is_set)
		r |= add_option(argv, "KexAlgorithms", "^curve25519-sha256,ecdh-sha2-nistp256");
	/* twice as fast as the default */
	if (!t->ciphers_is_set)
		r |= add_option(argv, "Ciphers", "^aes128-gcm@openssh.com,aes256-gcm@openssh.com");
	if (t->connect_timeout_ms) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)(t->connect_timeout_ms + 999) / 1000);
		r |= add_option(argv, "ConnectTimeout", number);
	}
	if (t->agent_hangs)
		r |= add_option(argv, "IdentityAgent", "none");
	if (t->told.hostname)
		r |= add_expanded(argv, "HostName", t->told.hostname);
	if (t->told.hostkey_alias)
		r |= add_option(argv, "HostKeyAlias", t->told.hostkey_alias);
	if (t->told.known_hosts)
		r |= add_known_hosts(argv, t->told.known_hosts, t->told.known_hosts_alone);
	/* -o would take blanks, quotes and '#' in it for ssh_config's */
	if (t->told.user)
		r |= strs_add(argv, "-l") || strs_add(argv, t->told.user);
	if (t->told.port) {
		(void)snprintf(number, sizeof(number), "%d", t->told.port);
		r |= add_option(argv, "Port", number);
	}
	for (size_t i = 0; t->told.id_files && t->told.id_files[i]; i++)
		r |= strs_add(argv, "-i") || add_expanded(argv, NULL, t->told.id_files[i]);
	return r;
}

/* Only ever a master of the user's own, and one that is this host's; see control.h. */
static int add_master(struct strs *argv, const struct target *t)
{
	return add_option(argv, "ControlMaster", "no") ||
	       (t->control_path ? add_expanded(argv, "ControlPath", t->control_path) : add_option(argv, "ControlPath", "none"));
}

/* No question; and how much ssh(1) tells. */
static int add_quiet(struct strs *argv, const char *level)
{
	return add_option(argv, "BatchMode", "yes") || add_option(argv, "LogLevel", level);
}

/*
 * Jump hosts: a ProxyCommand, for neither -J nor ProxyJump would pass on these
 * options, and the jump host's key would be checked by other rules.
 */
static int add_via(struct strs *argv, const struct session *s, const struct target *t)
{
	const struct target *via = t->via;
	struct strs inner = { 0 };
	struct buf line;
	char dest[24];
	int r = 0;

	if (!via)
		return t->told.direct ? add_option(argv, "ProxyJump", "none") : 0;
	buf_init(&line, 65536);
	(void)snprintf(dest, sizeof(dest), "%d", t->port);
	r |= add_program(&inner, s);
	r |= add_common(&inner, s, via);
	r |= add_quiet(&inner, "ERROR");
	r |= add_master(&inner, via);
	r |= add_via(&inner, s, via);
	r |= strs_add(&inner, "-W");
	r |= buf_addf(&line, "[%s]:%s", t->hostname, dest);
	r |= strs_add(&inner, line.data);
	r |= strs_add(&inner, "--") || strs_add(&inner, via->name);
	buf_clear(&line);
	/* ssh(1) puts "exec" before it */
	if (!r)
		r |= quote_argv(&line, (const char *const *)inner.v, inner.n);
	r |= add_expanded(argv, "ProxyCommand", line.data);
	strs_release(&inner);
	buf_release(&line);
	return r;
}

int openssh_argv(struct strs *argv, const struct session *s, const char *folder, bool master, bool tty,
		 const char *log, const char *command)
{
	bool shared = ((const struct openssh *)s->state)->shared;
	char path[96];
	int r = 0;

	r |= add_program(argv, s);
	r |= add_common(argv, s, s->t);
	/* what it received, and when, is in its log at this level (openssh_log.h) */
	r |= add_quiet(argv, "DEBUG2");
	r |= add_via(argv, s, s->t);
	(void)snprintf(path, sizeof(path), "%s/m", folder);
	/* a master of the user's own is used, and lives on */
	if (shared)
		r |= add_expanded(argv, "ControlPath", s->t->control_path);
	else
		r |= add_option(argv, "ControlPath", path);
	r |= add_option(argv, "ControlMaster", master && !shared ? "yes" : "no");
	/* for as long as a pause at a terminal may be; it is ended with the session */
	r |= add_option(argv, "ControlPersist", s->env->lasting ? "1h" : "no");
	r |= add_option(argv, "ClearAllForwardings", "yes");
	/* its end, and what it reads, are dt's */
	r |= add_option(argv, "ForkAfterAuthentication", "no") || add_option(argv, "StdinNull", "no");
	r |= strs_add(argv, tty || s->t->tty ? "-tt" : "-T") || strs_add(argv, "-x");
	r |= strs_add(argv, "-E") || strs_add(argv, log);
	r |= strs_add(argv, "--") || strs_add(argv, s->t->name) || strs_add(argv, command);
	return r;
}

int openssh_scan_argv(struct strs *argv, const struct session *s, const char *token, const char *algorithms)
{
	/* ssh(1) takes the first of two values: these go before add_common's; no file may know the key */
	static const char *const options[] = {
		"BatchMode=yes", "LogLevel=DEBUG2", "StrictHostKeyChecking=yes", "UserKnownHostsFile=none",
		"GlobalKnownHostsFile=none", "NoHostAuthenticationForLocalhost=no", "VerifyHostKeyDNS=no", "CheckHostIP=no",
		"ControlMaster=no", "ControlPath=none", "ClearAllForwardings=yes", "RemoteCommand=none",
	};
	char command[160];
	int r = 0;

	(void)snprintf(command, sizeof(command), "/bin/sh -c \"echo %s %%I %%t %%K >&2\"", token);
	r |= add_program(argv, s);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		r |= strs_add(argv, "-o") || strs_add(argv, options[i]);
	r |= add_option(argv, "KnownHostsCommand", command);
	if (algorithms)
		r |= add_option(argv, "HostKeyAlgorithms", algorithms);
	r |= add_common(argv, s, s->t);
	r |= add_via(argv, s, s->t);
	r |= strs_add(argv, "-T") || strs_add(argv, "-x") || strs_add(argv, "-a");
	return r || strs_add(argv, "--") || strs_add(argv, s->t->name) || strs_add(argv, "true");
}

int openssh_attached_argv(struct strs *argv, const struct session *s, const char *log, const char *command)
{
	int r = add_program(argv, s) || add_common(argv, s, s->t) || add_via(argv, s, s->t) || add_option(argv, "LogLevel", "DEBUG2");

	r |= add_master(argv, s->t);
	r |= strs_add(argv, "-t") || strs_add(argv, "-E") || strs_add(argv, log);
	return r | (strs_add(argv, "--") || strs_add(argv, s->t->name) || strs_add(argv, command));
}

int local_argv(struct strs *argv, const char *entry, const char *command)
{
	const char *const before[] = {
		"env", "-u", "SSH_CONNECTION", "-u", "SSH_CLIENT", "-u", "SSH_TTY", entry,
		"/bin/sh", "-c", "cd 2>/dev/null; eval \"$1\"", "sh",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		r |= strs_add(argv, before[i]);
	return r || strs_add(argv, command);
}
