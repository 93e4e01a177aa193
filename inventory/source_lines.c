/*
 * source_lines - texts of one host a line: dtools' dtdb, plain names, OpenSSH's known_hosts.
 */
#include <string.h>

#include "inventory/internal.h"

/* ---- lines ---- */

typedef int line_fn(struct inventory *inv, const char *file, int line, char *text, struct dt_err *err);

/* Calls fn for each line that holds more than a comment, without what surrounds its words. */
static int each_line(struct inventory *inv, const char *file, const char *text, size_t len, line_fn *fn,
		     struct dt_err *err)
{
	const char *end = text + len;
	struct buf copy;
	int r = 0;

	buf_init(&copy, 1UL << 20);
	for (int line = 1; r == 0 && text < end; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		char *start;

		buf_clear(&copy);
		if (memchr(text, '\0', n))
			r = err_set(err, ERR_USAGE, "a NUL byte");
		else if (buf_add(&copy, text, n) != 0)
			r = err_set(err, ERR_USAGE, "the line has more than %zu bytes", copy.max);
		while (copy.len && strchr(" \t\r", copy.data[copy.len - 1]))
			copy.data[--copy.len] = '\0';
		start = copy.data + strspn(copy.data, " \t");
		if (r == 0 && *start && *start != '#')
			r = fn(inv, file, line, start, err);
		if (r != 0)
			err_prefix(err, "%s:%d", file, line);
		text = nl ? nl + 1 : end;
	}
	buf_release(&copy);
	return r;
}

/* ---- dtdb ---- */

/*
 * Cuts "[user@]host[:port]" into its parts, in place.  Brackets hold an IPv6
 * address or a range; a name with several ':' outside them is an address.
 */
static void cut_address(char *text, char **user, char **host, char **port)
{
	char *at = strrchr(text, '@'), *close, *colon;

	*user = *port = NULL;
	if (at) {
		*at = '\0';
		*user = text;
		text = at + 1;
	}
	*host = text;
	close = strrchr(text, ']');
	colon = strchr(close ? close : text, ':');
	if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
}

/* "# ..." behind white space or at the beginning, outside quotes. */
static void cut_comment(char *words)
{
	bool quoted = false, blank = true;

	for (; *words; words++) {
		if (*words == '#' && blank && !quoted) {
			*words = '\0';
			return;
		}
		quoted ^= *words == '"';
		blank = *words == ' ' || *words == '\t';
	}
}

static int dtdb_line(struct inventory *inv, const char *file, int line, char *text, struct dt_err *err)
{
	struct entry e = { 0 };
	char *words = text + strcspn(text, " \t"), *proxy, *user, *host, *port;
	int r = -1;

	if (*words)
		*words++ = '\0';
	cut_comment(words);
	proxy = strchr(text, '|');
	if (proxy)
		*proxy++ = '\0';
	cut_address(text, &user, &host, &port);
	if (!*host)
		(void)err_set(err, ERR_USAGE, "no host name in the line");
	else if ((!user || entry_set(&e, "user", user, err) == 0) && (!port || entry_set(&e, "port", port, err) == 0) &&
		 (!proxy || entry_set(&e, "via", proxy, err) == 0) && entry_words(&e, words, err) == 0)
		r = source_hosts(inv, file, line, host, &e, err);
	entry_release(&e);
	return r;
}

int source_dtdb(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	return each_line(inv, file, text, len, dtdb_line, err);
}

/* ---- known_hosts, sshd(8) ---- */

/* Hashed names and patterns name no host; of several names the first is the host's. */
static int known_hosts_line(struct inventory *inv, const char *file, int line, char *text, struct dt_err *err)
{
	struct entry e = { 0 };
	const struct host *h;
	char *name = text, *port = NULL, *close;
	int r = 0;

	if (*text == '@' || *text == '|')
		return 0;
	name[strcspn(name, ", \t")] = '\0';
	if (strpbrk(name, "*?!"))
		return 0;
	if (*name == '[' && (close = strchr(name, ']')) != NULL) {
		name++;
		*close = '\0';
		port = close[1] == ':' ? close + 2 : NULL;
	}
	h = inventory_lookup(inv, name);
	if (h && h->order >> 32 == inv->sources)
		return 0;
	if (port)
		r = entry_set(&e, "port", port, err);
	/* no range: brackets were taken away, and braces are no name */
	if (r == 0)
		r = source_hosts(inv, file, line, name, &e, err);
	entry_release(&e);
	return r;
}

int source_known_hosts(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	return each_line(inv, file, text, len, known_hosts_line, err);
}
