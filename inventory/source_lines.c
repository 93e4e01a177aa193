/*
 * source_lines - texts of one host a line: dtools' dtdb, plain names, OpenSSH's known_hosts.
 */
#include <stdio.h>
#include <string.h>

#include "inventory/address.h"
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
	char *words = text + strcspn(text, " \t"), *proxy;
	const char *host;
	int r = -1;

	if (*words)
		*words++ = '\0';
	cut_comment(words);
	proxy = strchr(text, '|');
	if (proxy)
		*proxy++ = '\0';
	if (source_address(text, &e, &host, err) == 0 && (!proxy || entry_set(&e, "via", proxy, err) == 0) &&
	    entry_words(&e, words, err) == 0)
		r = source_hosts(inv, file, line, host, &e, err);
	entry_release(&e);
	return r;
}

/* "[user@]host[:port]", and the user behind the port where pssh has it. */
static int names_line(struct inventory *inv, const char *file, int line, char *text, struct dt_err *err)
{
	char *user = text + strcspn(text, " \t"), shown[204];
	struct entry e = { 0 };
	struct host_address a;
	const char *fault;
	int r = -1;

	(void)snprintf(shown, sizeof(shown), "%.200s", text);
	if (*user) {
		*user++ = '\0';
		user += strspn(user, " \t");
		cut_comment(user);
		for (size_t n = strlen(user); n && strchr(" \t", user[n - 1]); n--)
			user[n - 1] = '\0';
	}
	fault = address_cut_pssh(text, *user ? user : NULL, &a);
	if (fault)
		(void)err_set(err, ERR_USAGE, "\"%s\" %s", shown, fault);
	else if ((!a.user || entry_set(&e, "user", a.user, err) == 0) && (!a.port || entry_set(&e, "port", a.port, err) == 0))
		r = source_hosts(inv, file, line, a.host, &e, err);
	entry_release(&e);
	return r;
}

int source_names(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	return each_line(inv, file, text, len, names_line, err);
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
	if (r == 0)
		r = source_host(inv, file, line, name, &e, err);
	entry_release(&e);
	return r;
}

int source_known_hosts(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	return each_line(inv, file, text, len, known_hosts_line, err);
}
