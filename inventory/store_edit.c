/*
 * store_edit - changes to the store, each set of them one transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "inventory/internal.h"

/* ---- transactions ---- */

int inventory_begin(struct inventory *inv, struct dt_err *err)
{
	char *path = NULL;
	int r = -1;

	if (!inv->store_path && inv->sources)
		return err_set(err, ERR_USAGE, "the sources given are only read; edit the file itself, or name a store"
			       " (-D store:PATH)");
	if (!inv->store_path) {
		path = xdg_path("XDG_DATA_HOME", ".local/share", "dt/inventory.db", err);
		if (!path)
			return -1;
		inv->store_path = arena_str(&inv->arena, path, strlen(path));
		free(path);
		if (!inv->store_path)
			return err_nomem(err);
	}
	if (make_parents(inv->store_path, err) == 0 && store_db(inv->store_path, false, &inv->edit, err) == 0)
		r = db_exec(inv->edit, "BEGIN IMMEDIATE", err);
	if (r != 0) {
		db_close(inv->edit);
		inv->edit = NULL;
		/* the store that cannot be written is bad input, no fault of dt */
		err->code = ERR_USAGE;
	}
	return r;
}

int inventory_commit(struct inventory *inv, struct dt_err *err)
{
	int r = db_exec(inv->edit, "COMMIT", err);

	if (r == 0) {
		db_close(inv->edit);
		inv->edit = NULL;
	}
	return r;
}

void inventory_rollback(struct inventory *inv)
{
	/* what is not committed when it closes is rolled back */
	db_close(inv->edit);
	inv->edit = NULL;
}

/* ---- statements ---- */

struct value {
	const char *text;	/* NULL: number counts */
	int64_t number;
};

/* One statement without rows; *changed (may be NULL) says whether it changed any. */
static int change(struct db *db, const char *sql, const struct value *values, int n, bool *changed, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(db, sql, &st, err) != 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (values[i].text)
			db_bind_text(st, i + 1, values[i].text);
		else
			db_bind_int(st, i + 1, values[i].number);
	}
	r = db_step(st, err);
	db_reset(st);
	if (changed)
		*changed = r == 0 && db_changes(db) > 0;
	return r < 0 ? -1 : 0;
}

#define CHANGE(db, sql, changed, err, ...) \
	change(db, sql, (struct value[]){ __VA_ARGS__ }, \
	       (int)(sizeof((struct value[]){ __VA_ARGS__ }) / sizeof(struct value)), changed, err)
#define TEXT(s) { (s), 0 }
#define NUMBER(i) { NULL, (i) }

/* The host's id, 0 where the store has none of that name. */
static int find_id(struct db *db, const char *name, int64_t *id, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	*id = 0;
	if (db_prepare(db, "SELECT id FROM host WHERE name = ?", &st, err) != 0)
		return -1;
	db_bind_text(st, 1, name);
	r = db_step(st, err);
	if (r == 1)
		*id = db_int(st, 0);
	db_reset(st);
	return r < 0 ? -1 : 0;
}

static int need_id(struct inventory *inv, const char *name, int64_t *id, struct dt_err *err)
{
	const struct host *h = inventory_lookup(inv, name);

	if (find_id(inv->edit, name, id, err) != 0)
		return -1;
	if (*id)
		return 0;
	if (h && !h->ad_hoc)
		return err_set(err, ERR_USAGE, "%.200s stands in %s, not in the store %s: edit it there, or import it", name,
			       h->source, inv->store_path);
	return err_set(err, ERR_USAGE, "%.200s is not in the store %s (dt sys:%.200s add)", name, inv->store_path, name);
}

static int add_host(struct db *db, const char *name, bool *changed, struct dt_err *err)
{
	return CHANGE(db, "INSERT OR IGNORE INTO host(name) VALUES(?)", changed, err, TEXT(name));
}

static int add_tag(struct db *db, int64_t id, const char *tag, bool *changed, struct dt_err *err)
{
	return CHANGE(db, "INSERT OR IGNORE INTO tag(host, ord, tag)"
		      " SELECT ?1, coalesce(max(ord), 0) + 1, ?2 FROM tag WHERE host = ?1", changed, err,
		      NUMBER(id), TEXT(tag));
}

static int set_attr(struct db *db, int64_t id, const char *key, const char *value, bool *changed, struct dt_err *err)
{
	return CHANGE(db, "INSERT INTO attr(host, ord, key, value)"
		      " SELECT ?1, coalesce(max(ord), 0) + 1, ?2, ?3 FROM attr WHERE host = ?1"
		      " ON CONFLICT(host, key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
		      changed, err, NUMBER(id), TEXT(key), TEXT(value));
}

/* ---- the edits of modules ---- */

/* The user and the port that the selection names a host with are its attributes. */
static int set_named(struct inventory *inv, const char *name, bool *changed, struct dt_err *err)
{
	const struct host *h = inventory_lookup(inv, name);
	bool user = false, port = false;
	int64_t id;

	if (!h || !h->named)
		return 0;
	if (find_id(inv->edit, name, &id, err) != 0 ||
	    (h->user && set_attr(inv->edit, id, "user", h->user, &user, err) != 0) ||
	    (h->port && set_attr(inv->edit, id, "port", h->port, &port, err) != 0))
		return -1;
	if (changed)
		*changed |= user || port;
	return 0;
}

int inventory_host_add(struct inventory *inv, const char *name, bool *changed, struct dt_err *err)
{
	const char *fault = host_name_fault(name);

	if (fault)
		return err_set(err, ERR_USAGE, "the host name \"%.200s\" %s", name, fault);
	return add_host(inv->edit, name, changed, err) != 0 || set_named(inv, name, changed, err) != 0 ? -1 : 0;
}

int inventory_host_del(struct inventory *inv, const char *name, bool *changed, struct dt_err *err)
{
	return CHANGE(inv->edit, "DELETE FROM host WHERE name = ?", changed, err, TEXT(name));
}

int inventory_host_tag(struct inventory *inv, const char *name, const char *tag, bool on, bool *changed,
		       struct dt_err *err)
{
	const char *fault = tag_fault(tag);
	int64_t id;

	if (fault)
		return err_set(err, ERR_USAGE, "the tag \"%.200s\" %s", tag, fault);
	if (need_id(inv, name, &id, err) != 0)
		return -1;
	if (on)
		return add_tag(inv->edit, id, tag, changed, err);
	return CHANGE(inv->edit, "DELETE FROM tag WHERE host = ? AND tag = ?", changed, err, NUMBER(id), TEXT(tag));
}

int inventory_host_set(struct inventory *inv, const char *name, const char *key, const char *value,
		       bool *changed, struct dt_err *err)
{
	const char *fault = *value ? attr_fault(key, value) : NULL;
	int64_t id;

	if (fault)
		return err_set(err, ERR_USAGE, "%.100s=%.200s %s", key, value, fault);
	if (need_id(inv, name, &id, err) != 0)
		return -1;
	if (*value)
		return set_attr(inv->edit, id, key, value, changed, err);
	return CHANGE(inv->edit, "DELETE FROM attr WHERE host = ? AND key = ?", changed, err, NUMBER(id), TEXT(key));
}

/* ---- importing ---- */

/* Does a statement with the host's id give just these values, in their order? */
static int same_rows(struct db *db, const char *sql, int64_t id, const struct strs *want, bool *same, struct dt_err *err)
{
	struct db_stmt *st;
	size_t n = 0;
	int r;

	if (db_prepare(db, sql, &st, err) != 0)
		return -1;
	db_bind_int(st, 1, id);
	while ((r = db_step(st, err)) == 1) {
		*same &= n < want->n && strcmp(db_text(st, 0), want->v[n]) == 0;
		n++;
	}
	db_reset(st);
	*same &= n == want->n;
	return r;
}

/* What a host has: its tags, and "key=value". */
static int words_of(const struct host *h, struct strs *tags, struct strs *attrs, struct dt_err *err)
{
	struct buf text;
	int r = 0;

	buf_init(&text, 8192);
	for (const char *const *t = h->pub.tags; t && *t; t++)
		r |= strs_add(tags, *t);
	for (const struct dt_attr *a = h->pub.attrs; a && a->key; a++) {
		buf_clear(&text);
		r |= buf_addf(&text, "%s=%s", a->key, a->value);
		r |= strs_add(attrs, text.data);
	}
	buf_release(&text);
	return r ? err_nomem(err) : 0;
}

static int is_same(struct db *db, int64_t id, const struct host *h, bool *same, struct dt_err *err)
{
	struct strs tags = { 0 }, attrs = { 0 };
	int r = words_of(h, &tags, &attrs, err);

	*same = true;
	if (r == 0)
		r = same_rows(db, "SELECT tag FROM tag WHERE host = ? ORDER BY ord", id, &tags, same, err);
	if (r == 0)
		r = same_rows(db, "SELECT key || '=' || value FROM attr WHERE host = ? ORDER BY ord", id, &attrs, same, err);
	strs_release(&tags);
	strs_release(&attrs);
	return r;
}

static int write_host(struct db *db, const struct host *h, struct dt_err *err)
{
	int64_t id;

	if (add_host(db, h->pub.name, NULL, err) != 0 || find_id(db, h->pub.name, &id, err) != 0 ||
	    CHANGE(db, "DELETE FROM tag WHERE host = ?", NULL, err, NUMBER(id)) != 0 ||
	    CHANGE(db, "DELETE FROM attr WHERE host = ?", NULL, err, NUMBER(id)) != 0)
		return -1;
	for (const char *const *t = h->pub.tags; t && *t; t++)
		if (add_tag(db, id, *t, NULL, err) != 0)
			return -1;
	for (const struct dt_attr *a = h->pub.attrs; a && a->key; a++)
		if (set_attr(db, id, a->key, a->value, NULL, err) != 0)
			return -1;
	return 0;
}

static int count_hosts(struct db *db, size_t *n, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	if (db_prepare(db, "SELECT count(*) FROM host", &st, err) != 0)
		return -1;
	r = db_step(st, err);
	*n = r == 1 ? (size_t)db_int(st, 0) : 0;
	db_reset(st);
	return r == 1 ? 0 : -1;
}

/* Counts what each host will be; writes those that are new or changed, unless all are written anew. */
static int compare_hosts(struct db *db, const struct hostset *hosts, bool anew, struct import_counts *n,
			 struct dt_err *err)
{
	for (size_t i = 0; i < hosts->n; i++) {
		const struct host *h = hosts->v[i];
		bool same = false;
		int64_t id;

		if (find_id(db, h->pub.name, &id, err) != 0 || (id && is_same(db, id, h, &same, err) != 0))
			return -1;
		*(!id ? &n->added : same ? &n->same : &n->changed) += 1;
		if (!anew && !same && write_host(db, h, err) != 0)
			return -1;
	}
	return 0;
}

static int write_settings(struct db *db, const struct inventory *from, struct dt_err *err)
{
	for (size_t i = 0; i < from->setting_count; i++) {
		const struct setting *s = &from->settings[i];

		if (setting_counts(from, s) &&
		    CHANGE(db, "INSERT INTO setting(scope, name, key, value) VALUES(?, ?, ?, ?)"
			   " ON CONFLICT(scope, name, key) DO UPDATE SET value = excluded.value", NULL, err,
			   NUMBER(s->scope), TEXT(s->name), TEXT(s->key), TEXT(s->value)) != 0)
			return -1;
	}
	return 0;
}

static int import(struct inventory *inv, const struct inventory *from, const struct hostset *hosts, bool replace,
		  struct import_counts *n, struct dt_err *err)
{
	size_t had;

	if (count_hosts(inv->edit, &had, err) != 0 || compare_hosts(inv->edit, hosts, replace, n, err) != 0)
		return -1;
	if (replace) {
		n->deleted = had - n->changed - n->same;
		if (db_exec(inv->edit, "DELETE FROM host; DELETE FROM setting", err) != 0)
			return -1;
		for (size_t i = 0; i < hosts->n; i++)
			if (write_host(inv->edit, hosts->v[i], err) != 0)
				return -1;
	}
	return write_settings(inv->edit, from, err);
}

int inventory_import(struct inventory *inv, struct inventory *from, bool replace, bool pretend,
		     struct import_counts *n, struct dt_err *err)
{
	struct hostset hosts = { 0 };
	int r = -1;

	memset(n, 0, sizeof(*n));
	if (inventory_all(from, &hosts, err) != 0)
		goto out;
	hostset_sort(&hosts);
	if (inventory_begin(inv, err) != 0)
		goto out;
	r = import(inv, from, &hosts, replace, n, err);
	if (r == 0 && !pretend)
		r = inventory_commit(inv, err);
	if (r != 0 || pretend)
		inventory_rollback(inv);
out:
	hostset_release(&hosts);
	return r;
}
