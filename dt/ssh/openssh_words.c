/*
 * openssh_words - what ssh(1) says of its failures, and what that means.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dt/ssh/hostkey.h"
#include "dt/ssh/openssh.h"

/* ssh's messages (OpenSSH 9.2 sshconnect.c, sshconnect2.c, readconf.c) and what they mean. */
static const struct { const char *text; enum err_code code; } meanings[] = {
	{ "IDENTIFICATION HAS CHANGED", ERR_HOSTKEY },
	{ "host key is known for", ERR_HOSTKEY },
	{ "HOST KEY REVOKED", ERR_HOSTKEY },
	{ "Host key verification failed", ERR_HOSTKEY },
	{ "Permission denied (", ERR_AUTH },
	{ "Too many authentication failures", ERR_AUTH },
	{ "Could not resolve hostname", ERR_RESOLVE },
};

/* Lines that a verbose ssh(1) writes of sessions that are well. */
static bool harmless(const char *line, size_t len)
{
	static const char *const heads[] = { "Authenticated ", "Transferred: ", "Bytes per second: ", "Warning: Permanently added " };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		if (len > strlen(heads[i]) && strncmp(line, heads[i], strlen(heads[i])) == 0)
			return true;
	/* of a session with a terminal */
	return len > 22 && strncmp(line, "Connection to ", 14) == 0 && strncmp(line + len - 8, " closed.", 8) == 0;
}

/* The last line that is not harmless: ssh's reason, or "". */
static void last_line(const struct buf *log, char *out, size_t size)
{
	const char *end = log->data + log->len, *start;

	*out = '\0';
	while (end > log->data) {
		while (end > log->data && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
			end--;
		for (start = end; start > log->data && start[-1] != '\n'; start--)
			;
		if (end > start && *start != '@' && !harmless(start, (size_t)(end - start))) {
			(void)snprintf(out, size, "%.*s", (int)(end - start), start);
			return;
		}
		end = start;
	}
}

/* What ssh(1) says on it; a ProxyCommand that failed says more than "Connection closed by UNKNOWN port 65535". */
static void reason_line(const struct openssh_said *w, char *out, size_t size)
{
	last_line(&w->log, out, size);
	if (w->early.len && (!*out || strstr(out, " UNKNOWN port ")))
		last_line(&w->early, out, size);
}

/* ssh's words on a host key name no fingerprint: so the key is looked at here. */
static int refuse_key(const struct session *s, const char *line, int64_t deadline, struct dt_err *err)
{
	const struct target *t = s->t;
	struct dt_err fault = DT_ERR_INIT;
	struct kh_where where = { NULL, 0 };
	struct buf key;
	enum hostkey_verdict verdict = HOSTKEY_OK;

	buf_init(&key, 65536);
	if (session_fetch_key(s->env, t, deadline, &key, &fault) == 0)
		verdict = known_hosts_check(t->known_hosts, t->known_as, key.data, key.len, &where);
	if (verdict == HOSTKEY_OK || verdict == HOSTKEY_CA)
		(void)err_set(err, ERR_HOSTKEY, "%s", line);
	else
		(void)hostkey_refuse(t, verdict, &where, key.data, key.len, err);
	buf_release(&key);
	return -1;
}

/* It ended before it had logged in, by one of the words that we know: -1; 0: by another. */
static int known_failure(const struct session *s, const struct openssh_said *w, const char *line, int64_t deadline,
			 struct dt_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		const char *text = meanings[i].text;

		if (!strstr(w->log.data, text) && !strstr(w->early.data, text))
			continue;
		if (meanings[i].code == ERR_HOSTKEY)
			return refuse_key(s, line, deadline, err);
		/* "user@host: " before it is ssh's */
		text = meanings[i].code == ERR_AUTH ? strstr(line, "Permission denied") : NULL;
		return err_set(err, meanings[i].code, "%s", text ? text : line);
	}
	return 0;
}

bool openssh_logged_in(const struct openssh_said *w)
{
	return strstr(w->log.data, "Authenticated to ") != NULL;
}

void openssh_said_init(struct openssh_said *w)
{
	buf_init(&w->log, 2 * SAID_MAX);
	buf_init(&w->early, 2 * SAID_MAX);
}

void openssh_said_release(struct openssh_said *w)
{
	buf_release(&w->log);
	buf_release(&w->early);
}

bool openssh_content(const struct openssh_said *w)
{
	char line[300];

	last_line(&w->log, line, sizeof(line));
	return !*line && openssh_logged_in(w);
}

int openssh_failure(const struct session *s, const struct openssh_said *w, bool may_have_begun, int64_t deadline,
		    struct dt_err *err)
{
	static const char *const drops[] = {
		"kex_exchange_identification: ", "Connection closed by ", "Connection reset by ", "ssh_dispatch_run_fatal: ",
	};
	char line[300];

	reason_line(w, line, sizeof(line));
	if (!may_have_begun && !openssh_logged_in(w)) {
		if (known_failure(s, w, line, deadline, err) != 0)
			return -1;
		(void)err_set(err, ERR_CONNECT, "%s", *line ? line : "ssh ended before the login");
		for (size_t i = 0; i < ARRAY_LEN(drops); i++)
			if (strstr(w->log.data, drops[i]))
				err->sys = ECONNRESET;
		return -1;
	}
	/* the host said that it does not run it */
	if (!may_have_begun && (strstr(w->log.data, "exec request failed on channel") || strstr(w->log.data, ": open failed: ")))
		return err_set(err, ERR_CONNECT, "%s", line);
	return err_set(err, ERR_LOST, "%s", *line ? line : "ssh ended with 255 and no exit status of the command");
}
