/*
 * ssh_config_expand - tokens, variables and home folders in values.
 */
#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/ssh/ssh_config_tree.h"

/* "~", "~/x", "~user/x".  1: no such user. */
static int expand_home(const struct conf_tokens *t, const char **text, struct buf *out)
{
	const char *s = *text, *dir = t->home;
	char name[256], room[4096];
	struct passwd pw, *found;
	size_t len;

	if (*s != '~')
		return 0;
	len = strcspn(s, "/");
	if (len > 1) {
		if (len > sizeof(name))
			return 1;
		memcpy(name, s + 1, len - 1);
		name[len - 1] = '\0';
		if (getpwnam_r(name, &pw, room, sizeof(room), &found) != 0 || !found)
			return 1;
		dir = found->pw_dir;
	}
	*text = s + len;
	return buf_adds(out, dir);
}

/* ${NAME}; one that is not set is an error of ssh's. */
static int expand_variable(const char **text, struct buf *out)
{
	const char *name = *text + 2, *end = strchr(name, '}'), *value;
	char room[256];

	if (!end || end == name || (size_t)(end - name) >= sizeof(room))
		return 1;
	memcpy(room, name, (size_t)(end - name));
	room[end - name] = '\0';
	value = getenv(room);
	*text = end + 1;
	return value ? buf_adds(out, value) : 1;
}

static int this_host(char *out, size_t size)
{
	if (gethostname(out, size) != 0)
		return -1;
	out[size - 1] = '\0';
	return 0;
}

/* %C: a sum over %l%h%p%r, and the jump host where there is one. */
static int add_sum(const struct conf_tokens *t, const char *here, struct buf *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf text;
	int r;

	if (!t->jump || *t->jump)
		return 1;	/* versions of ssh differ */
	buf_init(&text, 8192);
	r = buf_addf(&text, "%s%s%d%s", here, t->host, t->port, t->user);
	if (r == 0 && EVP_Digest(text.data, text.len, sum, &len, EVP_sha1(), NULL) != 1)
		r = 1;
	for (unsigned i = 0; i < len && r == 0; i++)
		r = buf_addf(out, "%02x", sum[i]);
	buf_release(&text);
	return r;
}

static int expand_token(const struct conf_tokens *t, char letter, struct buf *out)
{
	char here[256];

	switch (letter) {
	case 'd':
		return buf_adds(out, t->home);
	case 'h':
		return buf_adds(out, t->host);
	case 'i':
		return buf_addf(out, "%lu", (unsigned long)getuid());
	case 'k':
		return buf_adds(out, t->alias);
	case 'n':
		return buf_adds(out, t->original);
	case 'p':
		return buf_addf(out, "%d", t->port);
	case 'r':
		return buf_adds(out, t->user);
	case 'u':
		return buf_adds(out, t->local_user);
	case 'C':
		return this_host(here, sizeof(here)) != 0 ? 1 : add_sum(t, here, out);
	case 'l':
		return this_host(here, sizeof(here)) != 0 ? 1 : buf_adds(out, here);
	case 'L':
		return this_host(here, sizeof(here)) != 0 ? 1 : buf_add(out, here, strcspn(here, "."));
	default:
		return 1;
	}
}

int conf_expand(const struct conf_tokens *t, const char *text, bool tilde, const char *letters, struct buf *out)
{
	int r = tilde ? expand_home(t, &text, out) : 0;

	while (*text && r == 0) {
		if (tilde && *text == '$' && text[1] == '{') {
			r = expand_variable(&text, out);
		} else if (*text != '%') {
			r = buf_addc(out, *text++);
		} else if (text[1] == '%') {
			r = buf_addc(out, '%');
			text += 2;
		} else {
			r = text[1] && strchr(letters, text[1]) ? expand_token(t, text[1], out) : 1;
			text += text[1] ? 2 : 1;
		}
	}
	return r;
}
