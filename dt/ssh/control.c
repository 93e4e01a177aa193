#include "dt/ssh/control.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "dt/base/util.h"

#define HASH_HEX (2 * 20 + 1)	/* SHA-1 */

/* What the tokens stand for. */
struct names {
	const struct target *t;
	const char *alias, *home, *login;
	char here[256], here_short[256];	/* this machine */
	char port[8], uid[24];
	char hash[HASH_HEX];
};

/* %C; since OpenSSH 9.6 with the jump host in it. */
static int hash(struct names *n, bool with_jump)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct buf text;
	size_t len = 0;
	int r;

	buf_init(&text, 8192);
	r = buf_addf(&text, "%s%s%s%s%s", n->here, n->t->hostname, n->port, n->t->user,
		     with_jump && n->t->via ? n->t->via->name : "") != 0 ||
	    EVP_Q_digest(NULL, "SHA1", NULL, text.data, text.len, sum, &len) != 1 || len != 20;
	for (size_t i = 0; !r && i < len; i++)
		(void)snprintf(n->hash + 2 * i, 3, "%02x", sum[i]);
	buf_release(&text);
	return r ? -1 : 0;
}

static const char *token(const struct names *n, char letter)
{
	switch (letter) {
	case '%': return "%";
	case 'C': return n->hash;
	case 'd': return n->home;
	case 'h': return n->t->hostname;
	case 'i': return n->uid;
	case 'j': return n->t->via ? n->t->via->name : "";
	case 'k': return n->alias ? n->alias : n->t->name;
	case 'L': return n->here_short;
	case 'l': return n->here;
	case 'n': return n->t->name;
	case 'p': return n->port;
	case 'r': return n->t->user;
	case 'u': return n->login;
	default: return NULL;
	}
}

/* 0; 1: something in it is not known here; -1: no memory. */
static int expand(const struct names *n, const char *text, struct buf *out)
{
	for (; *text; text++) {
		const char *value, *end;
		char name[64];
		int r;

		if (*text == '%') {
			value = token(n, *++text);
			if (!value)
				return 1;
			r = buf_adds(out, value);
		} else if (*text == '$' && text[1] == '{') {
			end = strchr(text, '}');
			if (!end || (size_t)(end - text) - 2 >= sizeof(name))
				return 1;
			(void)snprintf(name, sizeof(name), "%.*s", (int)(end - text) - 2, text + 2);
			value = getenv(name);
			if (!value)
				return 1;
			text = end;
			r = buf_adds(out, value);
		} else {
			r = buf_addc(out, *text);
		}
		if (r != 0)
			return -1;
	}
	return 0;
}

/* Does the path have one of the tokens? */
static bool tells(const char *value, const char *letters)
{
	for (const char *p = value; *p; p++)
		if (*p == '%' && *++p && strchr(letters, *p))
			return true;
		else if (!*p)
			break;
	return false;
}

/* Why the master at it may be another host's, or another user's; NULL: it is ours. */
static const char *fault(const char *value, const struct target *t, bool one_host)
{
	if (tells(value, "C"))
		return NULL;
	if (!one_host && !tells(value, "hnk"))
		return "the path is that of several hosts";
	if (t->told.hostname && !tells(value, "h"))
		return "the path does not tell the address, which dt was told";
	if (t->told.user && !tells(value, "r"))
		return "the path does not tell the user, whom dt was told";
	if (t->told.port && !tells(value, "p"))
		return "the path does not tell the port, which dt was told";
	return NULL;
}

int control_path(const char *value, const struct target *t, const char *alias, const char *home, const char *login,
		 bool one_host, char **out, const char **why, struct dt_err *err)
{
	struct names n = { .t = t, .alias = alias, .home = home, .login = login };
	char *text = NULL;
	struct buf path;
	int r = 0;

	*out = NULL;
	*why = NULL;
	if (strcasecmp(value, "none") == 0)
		return 0;
	*why = fault(value, t, one_host);
	if (*why)
		return 0;
	buf_init(&path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if (gethostname(n.here, sizeof(n.here) - 1) != 0)
		n.here[0] = '\0';
	(void)snprintf(n.here_short, sizeof(n.here_short), "%.*s", (int)strcspn(n.here, "."), n.here);
	(void)snprintf(n.port, sizeof(n.port), "%d", t->port);
	(void)snprintf(n.uid, sizeof(n.uid), "%lu", (unsigned long)getuid());
	text = expand_tilde(value);
	if (!text)
		return err_nomem(err);
	*why = "it has something that is not known here";
	/* which %C this ssh(1) has, a socket tells */
	for (int with_jump = t->via != NULL; with_jump >= 0; with_jump--) {
		buf_clear(&path);
		/* where it is too long, ssh(1) makes no master either */
		if (hash(&n, with_jump) != 0 || expand(&n, text, &path) != 0)
			goto out;
		if (access(path.data, F_OK) == 0)
			break;
	}
	*why = NULL;
	*out = buf_steal(&path);
	if (!*out)
		r = err_nomem(err);
out:
	buf_release(&path);
	free(text);
	return r;
}
