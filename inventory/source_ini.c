/*
 * source_ini - dt's own text format, dt-inventory(5).
 */
#include <stdio.h>
#include <string.h>

#include "dt/base/ini.h"
#include "inventory/address.h"
#include "inventory/internal.h"
#include "inventory/range.h"

struct ini_source {
	struct inventory *inv;
	const char *file;
	/* a host line is put when it is known to have no more continuation lines */
	struct entry entry;
	char pattern[INI_LINE_LIMIT + 1];
	int line;		/* 0: none pending */
	struct dt_err fault;	/* of the pending line, told when a later one is read */
};

/* ---- hosts, for all sources ---- */

struct putting {
	struct inventory *inv;
	const char *file, *origin;
	int line;
	struct entry *entry;
};

static int put_one(void *arg, const char *name, struct dt_err *err)
{
	struct putting *p = arg;
	const char *fault = host_name_fault(name);
	struct host *h = inventory_lookup(p->inv, name);

	if (fault)
		return err_set(err, ERR_USAGE, "the host name \"%.200s\" %s", name, fault);
	if (h && h->order >> 32 == p->inv->sources)
		return err_set(err, ERR_USAGE, "%.200s is named twice, first at %s", name, h->source);
	if (!h && store_find(p->inv, name, &h, err) != 0)
		return -1;
	return inventory_put(p->inv, name, p->entry, p->origin, ((size_t)p->inv->sources << 32) + p->inv->hosts.n, err)
		       ? 0 : -1;
}

int source_address(char *text, struct entry *e, const char **host, struct dt_err *err)
{
	char shown[204];
	struct host_address a;
	const char *fault;

	(void)snprintf(shown, sizeof(shown), "%.200s", text);
	fault = address_cut(text, &a);
	*host = a.host;
	if (fault)
		return err_set(err, ERR_USAGE, "\"%s\" %s", shown, fault);
	if (!*a.host)
		return err_set(err, ERR_USAGE, "no host name in the line");
	return (a.user && entry_set(e, "user", a.user, err) != 0) || (a.port && entry_set(e, "port", a.port, err) != 0) ? -1 : 0;
}

int source_hosts(struct inventory *inv, const char *file, int line, const char *pattern, struct entry *e,
		 struct dt_err *err)
{
	struct putting p = { inv, file, inventory_origin(inv, file, line), line, e };

	if (!p.origin)
		return err_nomem(err);
	return range_expand(pattern, put_one, &p, err);
}

int source_host(struct inventory *inv, const char *file, int line, const char *name, struct entry *e, struct dt_err *err)
{
	struct putting p = { inv, file, inventory_origin(inv, file, line), line, e };

	return p.origin ? put_one(&p, name, err) : err_nomem(err);
}

/* ---- the sections ---- */

static int put_pending(struct ini_source *s, struct dt_err *err)
{
	const char *host;
	int line = s->line, r;

	if (!line)
		return 0;
	s->line = 0;
	r = source_address(s->pattern, &s->entry, &host, err);
	if (r == 0)
		r = source_hosts(s->inv, s->file, line, host, &s->entry, err);
	entry_release(&s->entry);
	if (r != 0) {
		s->fault = *err;
		err_prefix(&s->fault, "%s:%d", s->file, line);
	}
	return r;
}

static int host_line(struct ini_source *s, const char *name, const char *value, int line, bool more,
		     struct dt_err *err)
{
	if (!more) {
		if (put_pending(s, err) != 0)
			return -1;
		(void)snprintf(s->pattern, sizeof(s->pattern), "%s", name);
		s->line = line;
	}
	return entry_words(&s->entry, value, err);
}

/* "domain .example.org": the word behind the kind, or NULL. */
static const char *behind(const char *section, const char *kind)
{
	size_t n = strlen(kind);

	if (strncmp(section, kind, n) != 0 || (section[n] != ' ' && section[n] != '\t'))
		return NULL;
	section += n;
	section += strspn(section, " \t");
	return *section ? section : NULL;
}

static int take(void *arg, const char *section, const char *name, const char *value, int line, bool more,
		struct dt_err *err)
{
	struct ini_source *s = arg;
	enum scope scope = SCOPE_DEFAULTS;
	const char *of = "", *origin;
	char where[600], plain[INI_LINE_LIMIT + 1];
	size_t n;

	if (strcmp(section, "hosts") == 0)
		return name ? host_line(s, name, value, line, more, err) : put_pending(s, err);
	if (put_pending(s, err) != 0)
		return -1;
	if (strcmp(section, "defaults") == 0)
		scope = SCOPE_DEFAULTS;
	else if ((of = behind(section, "domain")) != NULL)
		scope = SCOPE_DOMAIN;
	else if ((of = behind(section, "tag")) != NULL)
		scope = SCOPE_TAG;
	else
		return err_set(err, ERR_USAGE, *section ? "unknown section [%.60s]: there are hosts, defaults, domain NAME, tag NAME"
							: "before the first section%.0s; hosts belong under [hosts]", section);
	if (scope == SCOPE_TAG && tag_fault(of))
		return err_set(err, ERR_USAGE, "the tag \"%s\" %s", of, tag_fault(of));
	if (!name)
		return 0;
	if (more)
		return err_set(err, ERR_USAGE, "the value of %s cannot go on in a second line", name);
	(void)snprintf(where, sizeof(where), "%.500s:%d [%s]", s->file, line, section);
	origin = arena_str(&s->inv->arena, where, strlen(where));
	if (!origin)
		return err_nomem(err);
	n = strlen(value);
	if (n >= 2 && *value == '"' && value[n - 1] == '"') {
		memcpy(plain, value + 1, n - 2);
		plain[n - 2] = '\0';
		value = plain;
	}
	return inventory_put_setting(s->inv, scope, of, name, value, origin, err);
}

int source_ini(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err)
{
	struct ini_source s = { .inv = inv, .file = file };
	int r = ini_read(file, text, len, take, &s, err);

	if (r == 0)
		r = put_pending(&s, err);
	if (s.fault.code)
		*err = s.fault;
	entry_release(&s.entry);
	return r;
}
