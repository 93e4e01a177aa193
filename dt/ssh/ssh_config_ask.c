/*
 * ssh_config_ask - what ssh(1) itself says of a host, where it alone knows: "ssh -G".
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/ssh_config_tree.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define WAIT_MS 60000	/* for Match exec commands */
#define WHERE "ssh -G"

static int add_option(struct strs *argv, const char *name, const char *value, bool percent)
{
	struct buf b;
	int r;

	if (!value)
		return 0;
	buf_init(&b, 65536);
	r = buf_addf(&b, "%s=", name);
	for (; *value; value++)
		r |= *value == '%' && percent ? buf_adds(&b, "%%") : buf_addc(&b, *value);
	r = r || strs_add(argv, "-o") || strs_add(argv, b.data);
	buf_release(&b);
	return r;
}

static int make_argv(const struct ssh_config *c, const struct ssh_env *env, const char *host,
		     const struct ssh_config_told *told, struct strs *argv)
{
	char port[24];
	int r = strs_add(argv, env->ssh_program ? env->ssh_program : "ssh") || strs_add(argv, "-G");

	if (env->config_file || c->file)
		r = r || strs_add(argv, "-F") || strs_add(argv, env->config_file ? env->config_file : c->file);
	(void)snprintf(port, sizeof(port), "%d", told->port);
	return r || add_option(argv, "User", told->user, false) || add_option(argv, "HostName", told->hostname, true) ||
	       add_option(argv, "HostKeyAlias", told->hostkey_alias, false) ||
	       add_option(argv, "Port", told->port ? port : NULL, false) || strs_add(argv, "-T") || strs_add(argv, "--") ||
	       strs_add(argv, host);
}

/* One stream to its end.  0, or -1. */
static int read_stream(const struct ssh_env *env, int fd, int64_t deadline, struct buf *to, struct dt_err *err)
{
	char data[4096];

	for (;;) {
		int r = ssh_wait(env, fd, POLLIN, deadline);
		ssize_t n = r > 0 ? read(fd, data, sizeof(data)) : 0;

		if (r < 0)
			return err_set(err, ERR_SKIPPED, "interrupted before it began");
		if (r == 0)
			return err_set(err, ERR_TIMEOUT, "ssh -G: no answer in time");
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, ERR_LOCAL, errno, "ssh -G");
		if (n > 0 && to && buf_add(to, data, (size_t)n) != 0)
			return err_set(err, ERR_LOCAL, "ssh -G: too long an answer");
	}
}

static int run(const struct ssh_config *c, const struct ssh_env *env, const char *host,
	       const struct ssh_config_told *told, struct buf *answer, struct dt_err *err)
{
	int64_t deadline = now_ms() + WAIT_MS;
	struct strs argv = { 0 };
	struct child child;
	struct buf said;
	int r = -1;

	buf_init(&said, 65536);
	if (make_argv(c, env, host, told, &argv) != 0) {
		(void)err_nomem(err);
		goto out;
	}
	if (child_start(&child, argv.v, NULL, err) != 0)
		goto out;
	child_close(&child.in);
	/* its words on stderr are few: they fit into the pipe meanwhile */
	r = read_stream(env, child.out, deadline, answer, err);
	if (r == 0)
		r = read_stream(env, child.err, deadline, &said, err);
	if (r == 0)
		child_wait(&child);
	if (r == 0 && child.status != 0) {
		said.data[strcspn(said.data, "\r\n")] = '\0';
		r = err_set(err, ERR_USAGE, "host %s: ssh -G: %s", host, said.len ? said.data : "it failed");
	}
	child_end(&child);
out:
	strs_release(&argv);
	buf_release(&said);
	return r;
}

static int add_words(struct strs *to, char *words)
{
	char *save = NULL;
	int r = 0;

	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		r |= strcmp(w, "none") == 0 || strs_has(to, w) ? 0 : strs_add(to, w);
	return r;
}

static int take(struct ssh_host_config *h, const char *name, char *value, char **user_files, char **global_files)
{
	const struct { const char *name; struct ssh_value *to; } values[] = {
		{ "hostname", &h->hostname }, { "user", &h->user }, { "port", &h->port },
		{ "hostkeyalias", &h->hostkeyalias }, { "proxyjump", &h->proxyjump },
		{ "connecttimeout", &h->connecttimeout }, { "identitiesonly", &h->identitiesonly },
		{ "hashknownhosts", &h->hashknownhosts }, { "requesttty", &h->requesttty },
		{ "stricthostkeychecking", &h->stricthostkeychecking },
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (strcmp(name, values[i].name) == 0)
			*values[i].to = (struct ssh_value){
				strcmp(value, "true") == 0 ? "yes" : strcmp(value, "false") == 0 ? "no" : value, WHERE,
			};
	if (strcmp(name, "connecttimeout") == 0 && strcmp(value, "0") == 0)
		h->connecttimeout.value = "none";
	if (strcmp(name, "userknownhostsfile") == 0)
		*user_files = value;
	else if (strcmp(name, "globalknownhostsfile") == 0)
		*global_files = value;
	return strcmp(name, "identityfile") == 0 ? strs_add(&h->identityfile, value) : 0;
}

/* Its files have tokens still. */
static int expand_identities(const struct ssh_config *c, const char *host, struct ssh_host_config *h)
{
	const struct conf_tokens t = {
		.home = c->home, .local_user = c->local_user, .original = host,
		.host = h->hostname.value ? h->hostname.value : host, .user = h->user.value ? h->user.value : c->local_user,
		.alias = h->hostkeyalias.value ? h->hostkeyalias.value : host, .jump = h->proxyjump.value ? h->proxyjump.value : "",
		.port = ssh_config_number(h->port.value, 22),
	};
	struct strs all = { 0 };
	int r = 0;

	for (size_t i = 0; i < h->identityfile.n && r >= 0; i++) {
		struct buf b;

		if (strcmp(h->identityfile.v[i], "none") == 0 && h->identityfile.n > 1)
			continue;
		buf_init(&b, 65536);
		r = conf_expand(&t, h->identityfile.v[i], true, CONF_FILE_TOKENS, &b);
		if (r == 0 && !strs_has(&all, b.data))
			r = strs_add(&all, b.data);
		buf_release(&b);
	}
	strs_release(&h->identityfile);
	h->identityfile = all;
	return r < 0 ? -1 : 0;
}

int ssh_config_ask(const struct ssh_config *c, const struct ssh_env *env, const char *host,
		   const struct ssh_config_told *told, struct ssh_host_config *out, struct dt_err *err)
{
	struct ssh_host_config h = { .undecided = out->undecided };
	char *user_files = NULL, *global_files = NULL, *save = NULL;
	int r;

	buf_init(&h.answer, ANSWER_MAX);
	r = run(c, env, host, told, &h.answer, err);
	for (char *line = r == 0 ? strtok_r(h.answer.data, "\n", &save) : NULL; line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = '\0';
		r = take(&h, line, value, &user_files, &global_files) != 0 ? err_nomem(err) : 0;
	}
	if (r == 0 && h.hostname.value && !told->hostname && !(h.hostname_expanded = strdup(h.hostname.value)))
		r = err_nomem(err);
	/* as in a file: new keys go nowhere */
	if (r == 0 && user_files && strcmp(user_files, "none") == 0 && strs_add(&h.known_hosts_files, "/dev/null") != 0)
		r = err_nomem(err);
	if (r == 0 && (expand_identities(c, host, &h) != 0 || (user_files && add_words(&h.known_hosts_files, user_files) != 0) ||
		       (global_files && add_words(&h.known_hosts_files, global_files) != 0)))
		r = err_nomem(err);
	/* its defaults are dt's own, which follow $HOME */
	if (!ssh_config_mentions(c, "IdentityFile"))
		strs_release(&h.identityfile);
	if (!ssh_config_mentions(c, "UserKnownHostsFile") && !ssh_config_mentions(c, "GlobalKnownHostsFile"))
		strs_release(&h.known_hosts_files);
	if (r == 0) {
		h.openssh_because = out->openssh_because;
		h.refused = out->refused;
		out->openssh_because = out->refused = NULL;
		ssh_host_config_release(out);
		*out = h;
	} else {
		ssh_host_config_release(&h);
	}
	return r;
}
