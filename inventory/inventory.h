/*
 * inventory - the hosts dt knows, from the store and from files.
 *
 * The store is an SQLite database that is asked by index, never read whole
 * unless all hosts are wanted: a tag among a million hosts costs what the
 * hosts with that tag cost.  Files are read once, whole, at inventory_add.
 * Nothing here is thread-safe while hosts are being loaded; once the plan is
 * made, reading hosts and settings from many threads is.
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "inventory/host.h"

/* What all sources together may hold: hosts, what stands in [defaults], [domain ...] and [tag ...], and words of one host. */
#define INVENTORY_HOSTS_LIMIT 1000000
#define INVENTORY_SETTINGS_LIMIT 10000
#define INVENTORY_WORDS_LIMIT 1000
/* Tags and attributes that are kept a host: those that hosts of one line share count once. */
#define INVENTORY_KEPT_LIMIT 20000000

struct inventory;

/* An ordered list of hosts; the hosts belong to the inventory. */
struct hostset {
	struct host **v;
	size_t n, cap;
};
int hostset_add(struct hostset *s, struct host *h);	/* 0, or -1: no memory */
void hostset_release(struct hostset *s);
/* Inventory order, each host once. */
void hostset_sort(struct hostset *s);

/* An empty inventory; NULL: no memory. */
struct inventory *inventory_new(void);
void inventory_free(struct inventory *inv);

/*
 * Adds a source.  spec is a path, or FORMAT:PATH with FORMAT one of store,
 * ini, dtdb, names, known_hosts, ansible, exec; without FORMAT it is found
 * by looking: an SQLite file is a store, an executable is run and prints
 * dtdb lines (or INI), "[" sections are ini or ansible, a key type with a
 * key behind it (or with an @marker before it) is known_hosts, else dtdb
 * (names are dtdb lines without tags).  "-" is standard input.
 * A host that two sources name is an error in one file, and merged between
 * files: the first source's value wins, tags are united.
 * 0, or -1: ERR_USAGE "FILE:LINE: reason".
 */
int inventory_add(struct inventory *inv, const char *spec, struct dt_err *err);
/* The default store ($XDG_DATA_HOME/dt/inventory.db); a missing one is empty. */
int inventory_add_default_store(struct inventory *inv, struct dt_err *err);

/* Has no source any host?  Costs nothing that grows with their number. */
int inventory_is_empty(struct inventory *inv, bool *empty, struct dt_err *err);

/* Lookups; each adds to *out (unsorted, maybe doubled).  0, or -1. */
int inventory_all(struct inventory *inv, struct hostset *out, struct dt_err *err);
int inventory_tagged(struct inventory *inv, const char *tag, struct hostset *out, struct dt_err *err);
/* An attribute as set on the host itself, by its tags, domain or defaults. */
int inventory_var(struct inventory *inv, const char *key, const char *value, struct hostset *out,
		  struct dt_err *err);
/* The named host, or NULL in *out where no source knows it, though it was made ad hoc. */
int inventory_find(struct inventory *inv, const char *name, struct host **out, struct dt_err *err);
/* The named host; made ad hoc where no source knows it. */
int inventory_name(struct inventory *inv, const char *name, struct host **out, struct dt_err *err);
/*
 * The same with the user and the port (NULL: none) that it is named with, which
 * count before all attributes; a host that has been named with others is an error.
 */
int inventory_name_as(struct inventory *inv, const char *name, const char *user, const char *port,
		      struct host **out, struct dt_err *err);

/*
 * An attribute of a host by precedence: host, tag (in the order of the
 * [tag] sections), longest matching domain suffix, defaults.  NULL where
 * none has it.  *origin (may be NULL) is set to a text such as
 * "hosts.ini:14 [tag web]", owned by the inventory.
 */
const char *inventory_setting(const struct inventory *inv, const struct host *h, const char *key,
			      const char **origin);

/*
 * Known tags and names that begin with prefix, for completion: sorted, each
 * once, in an empty list; of the store no host is read for it.  Of more names
 * than limit the first ones and the last one, so that what they have in common
 * is what all have in common.
 */
int inventory_tags(struct inventory *inv, const char *prefix, struct strs *out, struct dt_err *err);
int inventory_names(struct inventory *inv, const char *prefix, size_t limit, struct strs *out,
		    struct dt_err *err);

/*
 * Editing: the first source that is a store; without any source the default
 * store.  It is created where it is missing; with texts and programs alone it
 * is ERR_USAGE.  begin ... commit is one transaction;
 * rollback after any failure.  *changed (may be NULL) says whether anything
 * was not so before.  The hosts in memory do not change.
 */
int inventory_begin(struct inventory *inv, struct dt_err *err);
int inventory_commit(struct inventory *inv, struct dt_err *err);
void inventory_rollback(struct inventory *inv);
int inventory_host_add(struct inventory *inv, const char *name, bool *changed, struct dt_err *err);
int inventory_host_del(struct inventory *inv, const char *name, bool *changed, struct dt_err *err);
int inventory_host_tag(struct inventory *inv, const char *name, const char *tag, bool on, bool *changed,
		       struct dt_err *err);
/* value "" deletes the attribute. */
int inventory_host_set(struct inventory *inv, const char *name, const char *key, const char *value,
		       bool *changed, struct dt_err *err);

/*
 * All sources as INI text that reads back to the same hosts, order, tags,
 * attributes and defaults; ERR_USAGE names what INI cannot hold (a line
 * over INI_LINE_LIMIT).  only narrows to a set (NULL: all).
 */
int inventory_export(struct inventory *inv, const struct hostset *only, struct buf *out, struct dt_err *err);
/*
 * Puts all hosts and defaults of from into the store of inv, in one
 * transaction.  replace: what the store holds and from does not is deleted.
 * Counts of hosts added, changed and deleted come back.  pretend: they are
 * counted, and nothing is written.
 */
struct import_counts {
	size_t added, changed, deleted, same;
};
int inventory_import(struct inventory *inv, struct inventory *from, bool replace, bool pretend,
		     struct import_counts *n, struct dt_err *err);

#endif
