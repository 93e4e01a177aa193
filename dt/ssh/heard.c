#include "dt/ssh/heard.h"

#include <stdio.h>
#include <string.h>

/* RFC 4252, 6 */
enum { MSG_USERAUTH_FAILURE = 51, MSG_USERAUTH_BANNER = 53 };

/* OpenSSH 9.8's sshd.c, to a source with a penalty, before anything else. */
static const char penalised[] = "Not allowed at this time";

/* Without blanks and line ends around it; "..." where it is too long. */
static void copy_text(char out[HEARD_TEXT], const char *text, size_t len)
{
	size_t n;

	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	while (len && strchr(" \t\r\n", *text)) {
		text++;
		len--;
	}
	n = len < HEARD_TEXT ? len : HEARD_TEXT - 4;
	memcpy(out, text, n);
	(void)snprintf(out + n, HEARD_TEXT - n, "%s", n < len ? "..." : "");
	for (size_t i = 0; i < n; i++)
		if (!out[i])
			out[i] = ' ';	/* an error is a string: it would end here */
}

void heard_opening(struct heard *h, const char *data, size_t len)
{
	size_t room = sizeof(h->opening) - h->opening_len;

	if (len > room)
		len = room;
	memcpy(h->opening + h->opening_len, data, len);
	h->opening_len += len;
}

static size_t get_u32(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool is_list(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return true;
}

void heard_packet(struct heard *h, const unsigned char *p, size_t room)
{
	size_t len;

	if (!h->listening || room < 6 || (p[0] != MSG_USERAUTH_FAILURE && p[0] != MSG_USERAUTH_BANNER))
		return;
	len = get_u32(p + 1);
	if (len > room - 6)
		return;
	p += 5;
	if (p[-5] == MSG_USERAUTH_BANNER) {
		/* the last one: sshd's own Banner comes first, what PAM says of this login later */
		if (len)
			copy_text(h->banner, (const char *)p, len);
	} else if (is_list(p, len) && p[len] <= 1) {
		heard_methods(h, (const char *)p, len);
		h->partial = p[len];
		h->refusals++;
	}
}

void heard_methods(struct heard *h, const char *list, size_t len)
{
	(void)snprintf(h->methods, sizeof(h->methods), "%.*s", (int)(len < sizeof(h->methods) ? len : sizeof(h->methods)), list);
}

void heard_disconnect(struct heard *h, const char *text, size_t len)
{
	copy_text(h->disconnect, text, len);
}

/* The line that begins with "SSH-", or NULL while there is none. */
static const char *version_line(const struct heard *h)
{
	const char *end = h->opening + h->opening_len;

	for (const char *p = h->opening; p < end; p++)
		if ((p == h->opening || p[-1] == '\n') && end - p >= 4 && memcmp(p, "SSH-", 4) == 0)
			return p;
	return NULL;
}

static bool is_known_version(const struct heard *h, const char *line)
{
	size_t left = (size_t)(h->opening + h->opening_len - line);

	return (left >= 6 && memcmp(line, "SSH-2.", 6) == 0) || (left >= 9 && memcmp(line, "SSH-1.99-", 9) == 0);
}

bool heard_other_version(const struct heard *h)
{
	const char *line = version_line(h);

	return line && memchr(line, '\n', (size_t)(h->opening + h->opening_len - line)) && !is_known_version(h, line);
}

const char *heard_greeting(const struct heard *h, char out[HEARD_TEXT])
{
	const char *line = version_line(h);

	copy_text(out, h->opening, line && is_known_version(h, line) ? (size_t)(line - h->opening) : h->opening_len);
	return out;
}

bool heard_is_penalty(const char *text)
{
	return strncmp(text, penalised, strlen(penalised)) == 0;
}

bool heard_penalty(const struct heard *h)
{
	char text[HEARD_TEXT];

	return heard_is_penalty(heard_greeting(h, text));
}

void heard_add_text(const char *data, size_t len, struct dt_err *err)
{
	char text[HEARD_TEXT];
	size_t at = strlen(err->msg);

	copy_text(text, data, len);
	if (*text && !strstr(err->msg, text))
		(void)snprintf(err->msg + at, sizeof(err->msg) - at, "; the host says: %s", text);
}

void heard_add(const struct heard *h, struct dt_err *err)
{
	char text[HEARD_TEXT];

	heard_add_text(h->disconnect, strlen(h->disconnect), err);
	(void)heard_greeting(h, text);
	heard_add_text(*h->banner ? h->banner : text, strlen(*h->banner ? h->banner : text), err);
}
