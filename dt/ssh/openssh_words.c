/*
 * openssh_words - what ssh(1) says of its failures, and what that means.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dt/ssh/heard.h"
#include "dt/ssh/hostkey.h"
#include "dt/ssh/keyscan.h"
#include "dt/ssh/openssh.h"

/* ssh's messages (OpenSSH 9.2 sshconnect.c, sshconnect2.c, readconf.c) and what they mean. */
static const struct { const char *text; enum err_code code; } meanings[] = {
	{ "IDENTIFICATION HAS CHANGED", ERR_HOSTKEY },
	{ "host key is known for", ERR_HOSTKEY },
	{ "REVOKED HOST KEY DETECTED", ERR_HOSTKEY },
	{ "Host key verification failed", ERR_HOSTKEY },
	{ "Permission denied (", ERR_AUTH },
	{ "Too many authentication failures", ERR_AUTH },
	{ "Could not resolve hostname", ERR_RESOLVE },
};

static bool begins(const char *line, size_t len, const char *head)
{
	return len >= strlen(head) && strncmp(line, head, strlen(head)) == 0;
}

/* Lines that a verbose ssh(1) writes of sessions that are well. */
static bool harmless(const char *line, size_t len)
{
	static const char *const heads[] = {
		"Authenticated ", "Transferred: ", "Bytes per second: ", "Warning: Permanently added ", "debug",
	};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		if (begins(line, len, heads[i]))
			return true;
	/* of a session with a terminal */
	return len > 22 && begins(line, len, "Connection to ") && strncmp(line + len - 8, " closed.", 8) == 0;
}

/* The line before *end, which moves to its start; false: there is none. */
static bool line_before(const struct buf *log, const char **end, const char **line, size_t *len)
{
	const char *e = *end, *start;

	while (e > log->data && (e[-1] == '\n' || e[-1] == '\r' || e[-1] == ' '))
		e--;
	for (start = e; start > log->data && start[-1] != '\n'; start--)
		;
	*end = *line = start;
	*len = (size_t)(e - start);
	return e > start;
}

/* The last line that is not harmless: ssh's reason, or "". */
static void last_line(const struct buf *log, char *out, size_t size)
{
	const char *end = log->data + log->len, *line;
	size_t len;

	*out = '\0';
	while (line_before(log, &end, &line, &len)) {
		if (*line == '@' || harmless(line, len))
			continue;
		(void)snprintf(out, size, "%.*s", (int)len, line);
		/* before that it says why: "Received disconnect from ADDRESS port N:2: TEXT" */
		if (!begins(line, len, "Disconnected from "))
			return;
	}
}

/* The text of a log line that has this in it, up to its end; NULL: there is none. */
static const char *text_behind(const struct buf *log, const char *words, size_t *len)
{
	const char *p = strstr(log->data, words);

	if (!p)
		return NULL;
	p += strlen(words);
	*len = strcspn(p, "\r\n");
	return p;
}

/* What ssh(1) says on it; a ProxyCommand that failed says more than "Connection closed by UNKNOWN port 65535". */
static void reason_line(const struct openssh_said *w, char *out, size_t size)
{
	last_line(&w->log, out, size);
	if (w->early.len && (!*out || strstr(out, " UNKNOWN port ")))
		last_line(&w->early, out, size);
}

/* What ssh(1) says of a key; HOSTKEY_OK: nothing that we know. */
static enum hostkey_verdict said_verdict(const char *text)
{
	static const struct { const char *text; enum hostkey_verdict verdict; } words[] = {
		{ "REVOKED HOST KEY DETECTED", HOSTKEY_REVOKED },
		{ " revoked by file ", HOSTKEY_REVOKED },
		{ "IDENTIFICATION HAS CHANGED", HOSTKEY_CHANGED },
		{ "host key is known for", HOSTKEY_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(text, words[i].text))
			return words[i].verdict;
	return HOSTKEY_OK;
}

/*
 * ssh's own words name no line and often no fingerprint: so the key is looked
 * at once more.  What it then is, is ssh's verdict all the same.
 */
static int refuse_key(const struct ssh_env *env, const struct target *t, enum hostkey_verdict said, int64_t deadline,
		      struct dt_err *err)
{
	char shown[HOSTKEY_WORDS] = "another key";
	enum hostkey_verdict ours = HOSTKEY_OK;
	struct dt_err fault = DT_ERR_INIT;
	struct kh_where where = { 0 };
	struct buf key;

	buf_init(&key, 65536);
	if (keyscan_first(env, t, deadline, &key, &fault) == 0) {
		hostkey_words(key.data, key.len, shown);
		ours = hostkey_check(t, key.data, key.len, &where);
	}
	if (ours == HOSTKEY_OTHER_TYPE)
		ours = HOSTKEY_CHANGED;
	if (ours == said)
		(void)hostkey_refuse(env, t, said, &where, key.data, key.len, err);
	else
		(void)hostkey_refuse_words(env, t, said, shown, said == HOSTKEY_REVOKED ? "ssh_config or known_hosts"
											: "known_hosts has another", err);
	buf_release(&key);
	return -1;
}

/* The key of the host, or of one of its jump hosts, which say so on the stderr of a ProxyCommand. */
static int refuse_some_key(const struct session *s, const struct openssh_said *w, const char *line, int64_t deadline,
			   struct dt_err *err)
{
	enum hostkey_verdict said = said_verdict(w->log.data);

	if (said != HOSTKEY_OK)
		return refuse_key(s->env, s->t, said, deadline, err);
	said = said_verdict(w->early.data);
	for (const struct target *hop = s->t->via; hop && said != HOSTKEY_OK; hop = hop->via)
		if (strstr(w->early.data, hop->known_as)) {
			(void)refuse_key(s->env, hop, said, deadline, err);
			err_prefix(err, "jump host %s", hop->name);
			return -1;
		}
	return err_set(err, ERR_HOSTKEY, "%s", line);
}

/* "key, password": what partial successes were, or "". */
static void accepted(const struct buf *log, char *out, size_t size)
{
	static const char head[] = "Authenticated using \"", tail[] = "\" with partial success.";
	const char *line = log->data;

	*out = '\0';
	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *name = line + strlen(head);
		size_t len, at = strlen(out);

		if (strncmp(line, head, strlen(head)) != 0)
			continue;
		len = strcspn(name, "\"\n");
		if (strncmp(name + len, tail, strlen(tail)) != 0)
			continue;
		if (strncmp(name, "publickey", len) == 0)
			(void)snprintf(out + at, size - at, "%skey", at ? ", " : "");
		else
			(void)snprintf(out + at, size - at, "%s%.*s", at ? ", " : "", (int)len, name);
	}
}

/* What ssh(1) says of keys that it has, and does not use: an algorithm that is not allowed, a signature that failed. */
static void add_keys_not_used(const struct buf *log, struct dt_err *err)
{
	static const char *const heads[] = { "debug1: Skipping ", "sign_and_send_pubkey: " };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		size_t len, at = strlen(err->msg), skip = begins(heads[i], strlen(heads[i]), "debug1: ") ? strlen("debug1: ") : 0;
		const char *text = text_behind(log, heads[i], &len);

		if (text)
			(void)snprintf(err->msg + at, sizeof(err->msg) - at, "; %s%.*s", heads[i] + skip,
				       (int)(len < HEARD_TEXT ? len : HEARD_TEXT), text);
	}
}

/* A login that was refused: "USER@HOST: Permission denied (METHODS)." or a disconnect. */
static int refused(const struct session *s, const struct openssh_said *w, const char *line, struct dt_err *err)
{
	const char *text = strstr(line, "Permission denied ("), *why;
	char done[64];
	size_t len;

	accepted(&w->log, done, sizeof(done));
	why = text ? NULL : text_behind(&w->log, "Received disconnect from ", &len);
	/* behind "ADDRESS port N:2: " */
	if (why)
		text = memmem(why, len, ": ", 2);
	if (why && text)
		(void)err_set(err, ERR_AUTH, "%s%s%.*s", done, *done ? " accepted, but " : "", (int)(len - (size_t)(text + 2 - why)),
			      text + 2);
	else if (text && *done)
		(void)err_set(err, ERR_AUTH, "%s accepted; the host also wants: %.*s", done, (int)strcspn(text + 19, ")"), text + 19);
	else
		(void)err_set(err, ERR_AUTH, "%s", text ? text : line);
	target_add_passed_over(s->t, err);
	add_keys_not_used(&w->log, err);
	return -1;
}

/* What the host said before SSH began, and what came on stderr: a banner, or a ProxyCommand's words. */
static void add_heard(const struct openssh_said *w, struct dt_err *err)
{
	char version[HEARD_TEXT];
	size_t len = 0;
	int n;
	const char *text = text_behind(&w->log, "kex_exchange_identification: banner line 0: ", &len);

	if (text && heard_is_penalty(text)) {
		(void)err_set(err, ERR_CONNECT, "the host lets nobody in from here for a while (PerSourcePenalties)");
		err->sys = EBUSY;
	}
	if (text)
		heard_add_text(text, len, err);
	text = text_behind(&w->log, "Remote protocol version ", &len);
	if (text && strncmp(text, "2.", 2) != 0 && strncmp(text, "1.99,", 5) != 0) {
		/* "1.5, remote software version NAME" */
		size_t number = strcspn(text, ",\n"), name = strlen(", remote software version ");

		name = len > number + name ? number + name : len;
		n = snprintf(version, sizeof(version), "SSH-%.*s-%.*s", (int)number, text, (int)(len - name), text + name);
		heard_add_text(version, n < (int)sizeof(version) ? (size_t)n : sizeof(version) - 1, err);
	}
	if (text_behind(&w->log, "SSH2_MSG_SERVICE_ACCEPT received", &len))
		heard_add_text(w->early.data, w->early.len, err);
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
			return refuse_some_key(s, w, line, deadline, err);
		if (meanings[i].code == ERR_AUTH)
			return refused(s, w, line, err);
		return err_set(err, meanings[i].code, "%s", line);
	}
	return 0;
}

bool openssh_logged_in(const struct openssh_said *w)
{
	return w->events.logged_in;
}

void openssh_said_init(struct openssh_said *w)
{
	buf_init(&w->log, 2 * SAID_MAX);
	buf_init(&w->early, 2 * SAID_MAX);
	openssh_log_init(&w->events, &w->log);
}

void openssh_said_release(struct openssh_said *w)
{
	openssh_log_release(&w->events);
	buf_release(&w->log);
	buf_release(&w->early);
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
		bool known = known_failure(s, w, line, deadline, err) != 0;

		if (!known && strstr(w->log.data, "Server accepts key: ")) {
			(void)err_set(err, ERR_AUTH, "key accepted, but no login: %s", line);
		} else if (!known) {
			(void)err_set(err, ERR_CONNECT, "%s", *line ? line : "ssh ended before the login");
			for (size_t i = 0; i < ARRAY_LEN(drops); i++)
				if (strstr(w->log.data, drops[i]))
					err->sys = ECONNRESET;
		}
		if (err->code == ERR_CONNECT || err->code == ERR_AUTH)
			add_heard(w, err);
		return -1;
	}
	/* the host said that it does not run it */
	if (strstr(w->log.data, "exec request failed on channel") || strstr(w->log.data, ": open failed: "))
		return err_set(err, ERR_CONNECT, "%s", line);
	return err_set(err, ERR_LOST, "%s", *line ? line : "ssh ended with 255 and no exit status of the command");
}
