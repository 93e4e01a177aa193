/*
 * store - hosts in an SQLite database, asked by index.
 *
 * The order of the ids is the order of the inventory.  What is read from it
 * is checked as if it stood in a text: others may have written the file.
 */
#include <stdio.h>
#include <string.h>

#include "inventory/internal.h"

#define STORE_APP 0x64747376	/* "dtsv" */
#define STORE_VERSION 1

static const char schema[] =
	"CREATE TABLE host(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE tag(host INTEGER NOT NULL REFERENCES host(id) ON DELETE CASCADE, ord INTEGER NOT NULL,"
	" tag TEXT NOT NULL, PRIMARY KEY(host, ord), UNIQUE(tag, host)) WITHOUT ROWID;"
	"CREATE TABLE attr(host INTEGER NOT NULL REFERENCES host(id) ON DELETE CASCADE, ord INTEGER NOT NULL,"
	" key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(host, ord), UNIQUE(host, key)) WITHOUT ROWID;"
	"CREATE TABLE setting(id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,"
	" value TEXT NOT NULL, UNIQUE(scope, name, key));";

int store_db(const char *path, bool read_only, struct db **out, struct dt_err *err)
{
	return db_open(path, read_only, STORE_APP, STORE_VERSION, schema, out, err);
}

/* A host with the words gathered in e, which is emptied. */
static struct host *put(struct inventory *inv, int64_t id, const char *name, struct entry *e, struct dt_err *err)
{
	const char *fault = host_name_fault(name);
	struct host *h = NULL;

	if (fault)
		(void)err_set(err, ERR_USAGE, "%s: the host name \"%.200s\" %s", inv->store_path, name, fault);
	else
		h = inventory_put(inv, name, e, inv->store_path, ((size_t)inv->store_source << 32) + (size_t)id, err);
	entry_release(e);
	memset(e, 0, sizeof(*e));
	return h;
}

static int bad(const struct inventory *inv, const char *name, struct dt_err *err)
{
	err_prefix(err, "%s: %.200s", inv->store_path, name);
	return -1;
}

/* ---- one host ---- */

static int gather(struct db *db, int64_t id, struct entry *e, struct dt_err *err)
{
	struct db_stmt *tags, *attrs;
	int r;

	if (db_prepare(db, "SELECT tag FROM tag WHERE host = ? ORDER BY ord", &tags, err) != 0 ||
	    db_prepare(db, "SELECT key, value FROM attr WHERE host = ? ORDER BY ord", &attrs, err) != 0)
		return -1;
	db_bind_int(tags, 1, id);
	while ((r = db_step(tags, err)) == 1)
		if (entry_tag(e, db_text(tags, 0), err) != 0) {
			r = -1;
			break;
		}
	db_reset(tags);
	if (r != 0)
		return -1;
	db_bind_int(attrs, 1, id);
	while ((r = db_step(attrs, err)) == 1)
		if (entry_set(e, db_text(attrs, 0), db_text(attrs, 1), err) != 0) {
			r = -1;
			break;
		}
	db_reset(attrs);
	return r;
}

/* The hosts that a statement gives as id and name. */
static int load(struct inventory *inv, struct db_stmt *st, struct hostset *out, struct dt_err *err)
{
	struct entry e = { 0 };
	int r;

	while ((r = db_step(st, err)) == 1) {
		struct host *h;

		if (gather(inv->db, db_int(st, 0), &e, err) != 0) {
			entry_release(&e);
			r = bad(inv, db_text(st, 1), err);
			break;
		}
		h = put(inv, db_int(st, 0), db_text(st, 1), &e, err);
		if (!h || hostset_add(out, h) != 0) {
			r = h ? err_nomem(err) : -1;
			break;
		}
	}
	db_reset(st);
	return r;
}

static int load_by(struct inventory *inv, const char *sql, const char *text, struct hostset *out, struct dt_err *err)
{
	struct db_stmt *st;

	if (!inv->db || inv->store_loaded)
		return 0;
	if (db_prepare(inv->db, sql, &st, err) != 0)
		return -1;
	db_bind_text(st, 1, text);
	return load(inv, st, out, err);
}

int store_find(struct inventory *inv, const char *name, struct host **out, struct dt_err *err)
{
	struct hostset found = { 0 };
	int r = load_by(inv, "SELECT id, name FROM host WHERE name = ?", name, &found, err);

	*out = found.n ? found.v[0] : NULL;
	hostset_release(&found);
	return r;
}

int store_tagged(struct inventory *inv, const char *tag, struct hostset *out, struct dt_err *err)
{
	return load_by(inv, "SELECT id, name FROM host WHERE id IN (SELECT host FROM tag WHERE tag = ?) ORDER BY id",
		       tag, out, err);
}

int store_is_empty(struct inventory *inv, bool *empty, struct dt_err *err)
{
	struct db_stmt *st;
	int r;

	*empty = true;
	if (!inv->db)
		return 0;
	if (db_prepare(inv->db, "SELECT 1 FROM host LIMIT 1", &st, err) != 0)
		return -1;
	r = db_step(st, err);
	db_reset(st);
	*empty = r == 0;
	return r < 0 ? -1 : 0;
}

/* ---- names, for completion ---- */

/* A statement about names from prefix on, and before all that do not begin with it: no byte of UTF-8 is 0xff. */
static int between(struct inventory *inv, const char *sql, const char *from, const char *prefix, struct db_stmt **st,
		   struct dt_err *err)
{
	struct buf end;
	int r = db_prepare(inv->db, sql, st, err);

	if (r != 0)
		return -1;
	buf_init(&end, 4096);
	if (buf_adds(&end, prefix) != 0 || buf_addc(&end, (char)0xff) != 0)
		r = err_nomem(err);
	db_bind_text(*st, 1, from);
	db_bind_text(*st, 2, end.data);
	buf_release(&end);
	return r;
}

int store_names(struct inventory *inv, const char *prefix, size_t limit, struct strs *out, struct dt_err *err)
{
	struct db_stmt *st;
	size_t n = 0;
	int r;

	if (!inv->db || inv->store_loaded)
		return 0;
	if (between(inv, "SELECT name FROM host WHERE name >= ? AND name < ? ORDER BY name", prefix, prefix, &st, err) != 0)
		return -1;
	for (; (r = db_step(st, err)) == 1 && n < limit; n++)
		if (!host_name_fault(db_text(st, 0)) && strs_add(out, db_text(st, 0)) != 0) {
			r = err_nomem(err);
			break;
		}
	db_reset(st);
	if (r != 1)
		return r;
	if (between(inv, "SELECT max(name) FROM host WHERE name >= ? AND name < ?", prefix, prefix, &st, err) != 0)
		return -1;
	r = db_step(st, err);
	if (r == 1)
		r = !host_name_fault(db_text(st, 0)) && strs_add(out, db_text(st, 0)) != 0 ? err_nomem(err) : 0;
	db_reset(st);
	return r;
}

/* From one to the next by the index: a tag of many hosts costs no more than one of few. */
int store_tags(struct inventory *inv, const char *prefix, struct strs *out, struct dt_err *err)
{
	const char *sql = "SELECT min(tag) FROM tag WHERE tag >= ? AND tag < ?";
	struct buf at;
	int r = 0;

	if (!inv->db || inv->store_loaded)
		return 0;
	buf_init(&at, 1UL << 20);
	if (buf_adds(&at, prefix) != 0)
		r = err_nomem(err);
	for (bool more = true; more && r == 0;) {
		struct db_stmt *st;

		if (between(inv, sql, at.data, prefix, &st, err) != 0 || db_step(st, err) < 0) {
			r = -1;
			break;
		}
		more = db_type(st, 0) != DB_NULL;
		buf_clear(&at);
		if (more && (buf_adds(&at, db_text(st, 0)) != 0 || (!tag_fault(at.data) && strs_add(out, at.data) != 0)))
			r = err_nomem(err);
		db_reset(st);
		sql = "SELECT min(tag) FROM tag WHERE tag > ? AND tag < ?";
	}
	buf_release(&at);
	return r;
}

/* ---- all hosts: three statements that run side by side in the order of the ids ---- */

struct cursor {
	struct db_stmt *st;
	int more;		/* 1: it stands on a row */
};

static int cursor_open(struct cursor *c, struct db *db, const char *sql, struct dt_err *err)
{
	if (db_prepare(db, sql, &c->st, err) != 0)
		return -1;
	c->more = db_step(c->st, err);
	return c->more < 0 ? -1 : 0;
}

static int walk(struct inventory *inv, struct cursor *hosts, struct cursor *tags, struct cursor *attrs,
		struct dt_err *err)
{
	struct entry e = { 0 };

	/* rows of lower ids have no host: others deleted it without them */
	for (; hosts->more == 1; hosts->more = db_step(hosts->st, err)) {
		int64_t id = db_int(hosts->st, 0);
		int r = 0;

		for (; r == 0 && tags->more == 1 && db_int(tags->st, 0) <= id; tags->more = db_step(tags->st, err))
			r = db_int(tags->st, 0) == id ? entry_tag(&e, db_text(tags->st, 1), err) : 0;
		for (; r == 0 && attrs->more == 1 && db_int(attrs->st, 0) <= id; attrs->more = db_step(attrs->st, err))
			r = db_int(attrs->st, 0) == id
				    ? entry_set(&e, db_text(attrs->st, 1), db_text(attrs->st, 2), err) : 0;
		if (r != 0) {
			entry_release(&e);
			return bad(inv, db_text(hosts->st, 1), err);
		}
		if (tags->more < 0 || attrs->more < 0) {
			entry_release(&e);
			return -1;
		}
		if (!put(inv, id, db_text(hosts->st, 1), &e, err))
			return -1;
	}
	return hosts->more;
}

int store_all(struct inventory *inv, struct dt_err *err)
{
	struct cursor c[3] = { 0 };
	int r = -1;

	if (!inv->db || inv->store_loaded)
		return 0;
	if (cursor_open(&c[0], inv->db, "SELECT id, name FROM host ORDER BY id", err) == 0 &&
	    cursor_open(&c[1], inv->db, "SELECT host, tag FROM tag ORDER BY host, ord", err) == 0 &&
	    cursor_open(&c[2], inv->db, "SELECT host, key, value FROM attr ORDER BY host, ord", err) == 0)
		r = walk(inv, &c[0], &c[1], &c[2], err);
	for (size_t i = 0; i < 3; i++)
		if (c[i].st)
			db_reset(c[i].st);
	inv->store_loaded = r == 0;
	return r;
}

/* ---- opening ---- */

static int load_settings(struct inventory *inv, struct dt_err *err)
{
	static const char *const scopes[] = { "defaults", "domain", "tag" };
	struct db_stmt *st;
	int r;

	if (db_prepare(inv->db, "SELECT scope, name, key, value FROM setting ORDER BY id", &st, err) != 0)
		return -1;
	while ((r = db_step(st, err)) == 1) {
		int64_t scope = db_int(st, 0);
		const char *origin;
		char text[600];
		int n;

		if (scope < SCOPE_DEFAULTS || scope > SCOPE_TAG) {
			r = err_set(err, ERR_USAGE, "%s: a setting of an unknown kind", inv->store_path);
			break;
		}
		n = snprintf(text, sizeof(text), "%.300s [%s%s%.200s]", inv->store_path, scopes[scope],
			     scope ? " " : "", db_text(st, 1));
		origin = arena_str(&inv->arena, text, (size_t)n);
		if (!origin || inventory_put_setting(inv, (enum scope)scope, db_text(st, 1), db_text(st, 2),
						     db_text(st, 3), origin, err) != 0) {
			r = origin ? bad(inv, "settings", err) : err_nomem(err);
			break;
		}
	}
	db_reset(st);
	return r;
}

/* What is in memory already learns what the store says of it. */
static int complete(struct inventory *inv, struct dt_err *err)
{
	struct host *found;

	for (size_t i = 0, n = inv->hosts.n; i < n; i++)
		if (store_find(inv, inv->hosts.v[i]->pub.name, &found, err) != 0)
			return -1;
	return 0;
}

static int open_asked(struct inventory *inv, const char *path, struct dt_err *err)
{
	inv->store_path = arena_str(&inv->arena, path, strlen(path));
	inv->store_source = inv->sources;
	inv->store_loaded = false;
	if (!inv->store_path)
		return err_nomem(err);
	if (store_db(path, true, &inv->db, err) != 0)
		return -1;
	return inv->db ? load_settings(inv, err) : 0;
}

int store_open(struct inventory *inv, const char *path, struct dt_err *err)
{
	struct inventory first;
	int r;

	if (!inv->store_path)
		return open_asked(inv, path, err) != 0 ? -1 : complete(inv, err);
	/* what the first says of its hosts counts, so it is read before */
	if (store_all(inv, err) != 0)
		return -1;
	first = *inv;
	r = open_asked(inv, path, err);
	if (r == 0)
		r = store_all(inv, err);
	db_close(inv->db);
	inv->db = first.db;
	inv->store_path = first.store_path;
	inv->store_source = first.store_source;
	inv->store_loaded = first.store_loaded;
	return r;
}
