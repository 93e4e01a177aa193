/*
 * internal - what the files of the inventory share: hosts being gathered, and the sources.
 */
#ifndef INVENTORY_INTERNAL_H
#define INVENTORY_INTERNAL_H

#include <stdint.h>

#include "dt/base/db.h"
#include "inventory/inventory.h"

enum scope { SCOPE_DEFAULTS, SCOPE_DOMAIN, SCOPE_TAG };

/* One "key = value" of [defaults], [domain NAME] or [tag NAME]. */
struct setting {
	enum scope scope;
	uint32_t source;	/* the number of the source that sets it */
	const char *name, *key, *value;
	const char *origin;	/* "hosts.ini:14 [tag web]" */
};

/* Memory that is freed all at once. */
struct arena {
	struct block *blocks;
	size_t left;
	char *at;
};
void *arena_alloc(struct arena *a, size_t n);		/* zeroed; NULL: no memory */
const char *arena_str(struct arena *a, const char *s, size_t len);
void arena_release(struct arena *a);

struct inventory {
	struct arena arena;
	struct host **table;		/* by name, open addressing */
	size_t slots, used;
	struct hostset hosts;		/* all that are in memory, ad hoc ones too */
	struct setting *settings;
	size_t setting_count, setting_cap;
	uint32_t sources;		/* added so far: the high part of host.order */
	struct db *db;			/* the store that is asked, or NULL */
	const char *store_path;		/* where edits go, in the arena; NULL: the default */
	uint32_t store_source;		/* its place among the sources */
	bool store_loaded;		/* all of its hosts are in memory */
	struct db *edit;		/* open for editing, or NULL */
	const char *recent[16];	/* words that many hosts share: kept once while they come often */
	unsigned recent_at;
	size_t kept;			/* tags and attributes in memory */
};

/* Words of one host line, while it is read. */
struct entry {
	struct strs tags, keys, values;
	/* what the first host of the line was given, for the others; of this source */
	const char *const *kept_tags;
	const struct dt_attr *kept_attrs;
	const char *const *kept_origins;
	const char *kept_source;
	const char *const *origins;	/* of each key, where they are not all of one line; else NULL */
};
void entry_release(struct entry *e);
int entry_tag(struct entry *e, const char *tag, struct dt_err *err);
/* "tag", "key=value" or key="a value", separated by white space.  0, or -1. */
int entry_words(struct entry *e, const char *text, struct dt_err *err);
int entry_set(struct entry *e, const char *key, const char *value, struct dt_err *err);

/* The host in memory, or NULL. */
struct host *inventory_lookup(const struct inventory *inv, const char *name);
/*
 * A new host in memory, or what e adds to one that stands: tags united, the
 * first value of an attribute stays.  source, where e is from, is kept as it
 * is.  NULL: *err.
 */
struct host *inventory_put(struct inventory *inv, const char *name, struct entry *e, const char *source,
			   size_t order, struct dt_err *err);
int inventory_put_setting(struct inventory *inv, enum scope scope, const char *name, const char *key,
			  const char *value, const char *origin, struct dt_err *err);
/* Does it count, being the first of its scope, name and key? */
bool setting_counts(const struct inventory *inv, const struct setting *s);
/* "FILE:LINE", in the arena. */
const char *inventory_origin(struct inventory *inv, const char *file, int line);

/* source_ini.c, source_lines.c: text of one source into the inventory. */
int source_ini(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);
int source_names(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);
int source_dtdb(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);
int source_known_hosts(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);
int source_ansible(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);
/* "[USER@]HOST[:PORT]", which is cut: user and port into e, *host points into text and may be a range. */
int source_address(char *text, struct entry *e, const char **host, struct dt_err *err);
/*
 * Puts the hosts of a pattern; a host that this source has named already is
 * an error that names both lines.
 */
int source_hosts(struct inventory *inv, const char *file, int line, const char *pattern, struct entry *e,
		 struct dt_err *err);
/* The same of a name that is no range. */
int source_host(struct inventory *inv, const char *file, int line, const char *name, struct entry *e, struct dt_err *err);
/* What a text is that no reader understands ("a YAML file"), or NULL; and its beginning without a byte order mark. */
const char *source_alien(const char *text, size_t len);
size_t source_mark(const char *text, size_t len);

/* ---- store.c ---- */

/* Asks path from now on; a second store is read whole.  A missing one is empty. */
int store_open(struct inventory *inv, const char *path, struct dt_err *err);
/* A host of the store into memory, with what memory has of it already; NULL in *out where it has none. */
int store_find(struct inventory *inv, const char *name, struct host **out, struct dt_err *err);
int store_tagged(struct inventory *inv, const char *tag, struct hostset *out, struct dt_err *err);
int store_all(struct inventory *inv, struct dt_err *err);
/* Names and tags that begin with prefix, without the hosts; nothing once all hosts are in memory. */
int store_names(struct inventory *inv, const char *prefix, size_t limit, struct strs *out, struct dt_err *err);
int store_tags(struct inventory *inv, const char *prefix, struct strs *out, struct dt_err *err);
int store_is_empty(struct inventory *inv, bool *empty, struct dt_err *err);
/* Opens a store; *out is NULL where read_only and it is missing. */
int store_db(const char *path, bool read_only, struct db **out, struct dt_err *err);

/* ---- program.c ---- */

/*
 * Runs a program, without input, and adds what it prints to out; what it says
 * on standard error becomes warnings.  0, or -1: ERR_USAGE "PATH: reason".
 */
int program_output(char *const *argv, struct buf *out, struct dt_err *err);

#endif
