#include "inventory/address.h"

#include <stdbool.h>
#include <string.h>

#include "dt/base/util.h"
#include "inventory/host.h"

/* The ':' outside brackets and braces: how many, the last one, and how many of them stand behind a group. */
struct colons {
	size_t n, behind;
	char *last;
};

static struct colons count_colons(char *s)
{
	struct colons c = { 0 };
	int depth = 0;

	for (; *s; s++) {
		if (*s == '[' || *s == '{') {
			depth++;
		} else if (*s == ']' || *s == '}') {
			depth -= depth > 0;
			c.behind = 0;
		} else if (*s == ':' && !depth) {
			c.n++;
			c.behind++;
			c.last = s;
		}
	}
	return c;
}

static const char *cut_port(char *colon, struct host_address *out)
{
	long long port;

	*colon = '\0';
	out->port = colon + 1;
	return parse_int(out->port, 1, 65535, &port) == 0 ? NULL : "has what is no port (1 to 65535) behind ':'";
}

/* "[ADDRESS]" or "[ADDRESS]:PORT"; *done where it is one of them. */
static const char *cut_brackets(char *text, struct host_address *out, bool *done)
{
	char *close = *text == '[' ? strchr(text, ']') : NULL;
	bool colons;

	*done = false;
	if (!close)
		return NULL;
	*close = '\0';
	colons = strchr(text, ':') != NULL;
	if (!host_is_address(text + 1)) {
		*close = ']';
		*done = colons;
		return colons ? "has no IPv6 address in its brackets" : NULL;
	}
	*done = true;
	out->host = text + 1;
	if (!close[1])
		return NULL;
	return close[1] == ':' ? cut_port(close + 1, out) : "has more than a port behind ']'";
}

const char *address_cut(char *text, struct host_address *out)
{
	char *at = strrchr(text, '@');
	const char *fault;
	struct colons c;
	bool done;

	memset(out, 0, sizeof(*out));
	if (at) {
		*at = '\0';
		if (user_name_fault(text))
			return "has a user name that is not allowed before '@'";
		out->user = text;
		text = at + 1;
	}
	out->host = text;
	fault = cut_brackets(text, out, &done);
	if (done)
		return fault;
	c = count_colons(text);
	if (c.n > 1 && c.behind == 1 && strpbrk(text, "[{"))
		return "has a ':' behind a range, which may begin a port or belong to the address";
	if (c.n != 1)
		return NULL;
	if (c.last == text)
		return "has no host before ':'";
	return cut_port(c.last, out);
}

const char *address_cut_pssh(char *text, char *user, struct host_address *out)
{
	const char *fault = address_cut(text, out);

	if (fault || !user)
		return fault;
	if (out->user || !out->port || strpbrk(user, " \t"))
		return "has a second word, which is a user only behind HOST:PORT; else write USER@HOST, and one name a line";
	out->user = user;
	return user_name_fault(user) ? "has a user name that is not allowed behind its port" : NULL;
}
