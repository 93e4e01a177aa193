/*
 * The inventory's store: edits, lazy lookups, several sources.
 */
#include <sys/stat.h>

#include "tests/unit/inventory.h"

#define STORE_APP 0x64747376	/* of inventory/store.c */

/* Calls with &changed, which must be what is said. */
#define EDIT(want, call) do { \
		bool changed = !(want); \
		CHECK_INT(call, 0); \
		CHECK_INT(changed, want); \
	} while (0)

static void whole_file(const char *path, struct buf *b)
{
	buf_init(b, 8UL << 20);
	CHECK_INT(read_file(path, b, &err), 0);
}

/* SQL behind dt's back, without foreign keys. */
static void sql(const char *path, const char *text)
{
	struct db *db = NULL;

	CHECK_INT(db_open(path, false, STORE_APP, 1, "", &db, &err), 0);
	CHECK(db && db_exec(db, "PRAGMA foreign_keys=OFF", &err) == 0 && db_exec(db, text, &err) == 0);
	db_close(db);
}

static const char *all_fault(const char *spec)
{
	struct inventory *inv = from(spec, NULL);
	struct hostset set = { 0 };

	CHECK_INT(inventory_all(inv, &set, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	hostset_release(&set);
	inventory_free(inv);
	return err.msg;
}

/* ---- edits ---- */

static void test_edits(void)
{
	struct inventory *inv = from("store:e.db", NULL);

	CHECK_INT(inventory_begin(inv, &err), 0);
	EDIT(true, inventory_host_add(inv, "b", &changed, &err));
	EDIT(true, inventory_host_add(inv, "a", &changed, &err));
	EDIT(false, inventory_host_add(inv, "b", &changed, &err));
	EDIT(true, inventory_host_tag(inv, "b", "web", true, &changed, &err));
	EDIT(true, inventory_host_tag(inv, "b", "db", true, &changed, &err));
	EDIT(false, inventory_host_tag(inv, "b", "web", true, &changed, &err));
	EDIT(false, inventory_host_tag(inv, "a", "web", false, &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "k", "v w", &changed, &err));
	EDIT(false, inventory_host_set(inv, "b", "k", "v w", &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "l", "1", &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "k", "x", &changed, &err));
	EDIT(false, inventory_host_set(inv, "a", "k", "", &changed, &err));
	EDIT(false, inventory_host_del(inv, "c", &changed, &err));
	CHECK_INT(inventory_host_add(inv, "c", NULL, &err), 0);
	CHECK_INT(inventory_commit(inv, &err), 0);
	CHECK_STR(dump(inv), "");
	inventory_free(inv);
	CHECK_STR(hosts_of("e.db", NULL), "b web db k=x l=1\na\nc\n");

	inv = from("e.db", NULL);
	CHECK_INT(inventory_begin(inv, &err), 0);
	EDIT(true, inventory_host_tag(inv, "b", "web", false, &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "k", "", &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "port", "22", &changed, &err));
	EDIT(true, inventory_host_set(inv, "b", "port", "", &changed, &err));
	EDIT(true, inventory_host_del(inv, "a", &changed, &err));
	EDIT(false, inventory_host_del(inv, "a", &changed, &err));
	EDIT(true, inventory_host_tag(inv, "b", "new", true, &changed, &err));
	CHECK_INT(inventory_commit(inv, &err), 0);
	inventory_free(inv);
	CHECK_STR(hosts_of("store:e.db", NULL), "b db new l=1\nc\n");
}

static void test_rollback(void)
{
	struct inventory *inv;
	struct buf before, after;

	import_text("[hosts]\na = web k=1\nb =\n", "store:r.db");
	whole_file("r.db", &before);
	for (int i = 0; i < 2; i++) {
		inv = from("r.db", NULL);
		CHECK_INT(inventory_begin(inv, &err), 0);
		EDIT(true, inventory_host_add(inv, "c", &changed, &err));
		EDIT(true, inventory_host_del(inv, "a", &changed, &err));
		EDIT(true, inventory_host_set(inv, "b", "k", "2", &changed, &err));
		if (i == 0) {
			inventory_rollback(inv);
			inventory_rollback(inv);
		}
		inventory_free(inv);
		whole_file("r.db", &after);
		CHECK(before.len == after.len && memcmp(before.data, after.data, before.len) == 0);
		buf_release(&after);
		CHECK_INT(access("r.db-journal", F_OK), -1);
	}
	buf_release(&before);
}

static void test_refused_edits(void)
{
	struct inventory *inv;

	put_file("hosts", "file x\n");
	inv = from("store:n.db", "hosts");
	CHECK_INT(inventory_begin(inv, &err), 0);
	CHECK_INT(inventory_host_add(inv, "-x", NULL, &err), -1);
	CHECK_STR(err.msg, "the host name \"-x\" begins with '-'");
	CHECK_INT(inventory_host_add(inv, "x", NULL, &err), 0);
	CHECK_INT(inventory_host_tag(inv, "x", "+t", true, NULL, &err), -1);
	CHECK_HAS(err.msg, "the tag \"+t\" begins");
	CHECK_INT(inventory_host_set(inv, "x", "port", "0", NULL, &err), -1);
	CHECK_STR(err.msg, "port=0 is no port (1 to 65535)");
	CHECK_INT(inventory_host_tag(inv, "y", "t", true, NULL, &err), -1);
	CHECK_STR(err.msg, "y is not in the store n.db (dt sys:y add)");
	CHECK_INT(inventory_host_set(inv, "file", "k", "v", NULL, &err), -1);
	CHECK_STR(err.msg, "file stands in hosts:1, not in the store n.db: edit it there, or import it");
	CHECK_INT(err.code, ERR_USAGE);
	inventory_rollback(inv);
	inventory_free(inv);
}

static void unwritable(const char *spec, const char *what)
{
	struct inventory *inv = from(spec, NULL);
	struct import_counts n;

	CHECK_INT(inventory_begin(inv, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, what);
	memset(&err, 0, sizeof(err));
	CHECK_INT(inventory_import(inv, inv, false, false, &n, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	inventory_free(inv);
}

static void test_unwritable(void)
{
	put_file("text", "a\n");
	unwritable("store:text/x.db", "text");
	unwritable("store:text/x/y.db", "text");
	unwritable("store:/dev/null/x.db", "/dev/null");
	import_text("[hosts]\na =\n", "store:w.db");
	CHECK_INT(chmod("w.db", 0400), 0);
	if (geteuid() != 0)
		unwritable("w.db", "w.db");
}

static void test_no_store(void)
{
	struct db *db = NULL;

	put_file("text", "this is no database, however long the text may be\n");
	CHECK_HAS(fault("store:text"), "text: ");
	put_file("magic", "SQLite format 3");
	CHECK_INT(truncate("magic", 4096), 0);
	CHECK_HAS(fault("magic"), "magic: ");
	put_file("empty", "");
	CHECK_STR(fault("store:empty"), "empty: an empty database");
	CHECK_INT(mkdir("folder", 0700), 0);
	CHECK_HAS(fault("store:folder"), "folder: ");
	CHECK_INT(db_open("other.db", false, 1, 1, "CREATE TABLE x(y)", &db, &err), 0);
	db_close(db);
	CHECK_STR(fault("other.db"), "other.db: a database, but not one of dt's");
	CHECK_INT(db_open("newer.db", false, STORE_APP, 99, "", &db, &err), 0);
	db_close(db);
	CHECK_HAS(fault("newer.db"), "newer.db: written by a newer dt (format 99");
}

static void test_default_store(void)
{
	struct inventory *inv = inventory_new();
	struct stat st;
	char here[512];

	CHECK(getcwd(here, sizeof(here)) && setenv("XDG_DATA_HOME", here, 1) == 0);
	CHECK_INT(inventory_add_default_store(inv, &err), 0);
	CHECK_STR(dump(inv), "");
	CHECK_INT(access("dt", F_OK), -1);
	CHECK_INT(inventory_begin(inv, &err), 0);
	CHECK_INT(inventory_host_add(inv, "a", NULL, &err), 0);
	CHECK_INT(inventory_commit(inv, &err), 0);
	inventory_free(inv);
	CHECK(stat("dt/inventory.db", &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(stat("dt", &st) == 0 && (st.st_mode & 07777) == 0700);
	/* edits go there without any source too */
	inv = inventory_new();
	CHECK_INT(inventory_begin(inv, &err), 0);
	CHECK_INT(inventory_host_tag(inv, "a", "t", true, NULL, &err), 0);
	CHECK_INT(inventory_commit(inv, &err), 0);
	inventory_free(inv);
	CHECK_STR(hosts_of("dt/inventory.db", NULL), "a t\n");
}

/* What others wrote into it is checked. */
static void test_foreign_rows(void)
{
	import_text("[hosts]\na = x y k=1\nb = z k=2\nc = z l=3\n", "store:q.db");
	sql("q.db", "DELETE FROM host WHERE name = 'a'");
	CHECK_STR(hosts_of("q.db", NULL), "b z k=2\nc z l=3\n");
	sql("q.db", "UPDATE tag SET tag = '-z' WHERE host = 3");
	CHECK_STR(all_fault("q.db"), "q.db: c: the tag \"-z\" begins with '-' or '+'");
	sql("q.db", "DELETE FROM tag; UPDATE attr SET key = 'port', value = '0' WHERE host = 2");
	CHECK_STR(all_fault("q.db"), "q.db: b: port=0 is no port (1 to 65535)");
	sql("q.db", "DELETE FROM attr; UPDATE host SET name = '-c' WHERE name = 'c'");
	CHECK_STR(all_fault("q.db"), "q.db: the host name \"-c\" begins with '-'");
	sql("q.db", "INSERT INTO setting(scope, name, key, value) VALUES(3, '', 'k', 'v')");
	CHECK_STR(fault("q.db"), "q.db: a setting of an unknown kind");
}

/* ---- lookups ---- */

static const char *names_of(struct hostset *set)
{
	static char text[256];

	hostset_sort(set);
	text[0] = '\0';
	for (size_t i = 0; i < set->n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", set->v[i]->pub.name);
	set->n = 0;
	return text;
}

static const char *joined(struct strs *l)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < l->n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", l->v[i]);
	strs_release(l);
	return text;
}

/* What completion asks, of the store of test_lazy_lookups. */
static void check_known(struct inventory *inv)
{
	struct strs l = { 0 };

	CHECK_INT(inventory_tags(inv, "", &l, &err), 0);
	CHECK_STR(joined(&l), "db web ");
	CHECK_INT(inventory_tags(inv, "w", &l, &err), 0);
	CHECK_STR(joined(&l), "web ");
	CHECK_INT(inventory_tags(inv, "webs", &l, &err), 0);
	CHECK_STR(joined(&l), "");
	CHECK_INT(inventory_names(inv, "", 5, &l, &err), 0);
	CHECK_STR(joined(&l), "a b c d e ");
	/* the last one too, so that nobody takes the first ones for all */
	CHECK_INT(inventory_names(inv, "", 2, &l, &err), 0);
	CHECK_STR(joined(&l), "a b e ");
	CHECK_INT(inventory_names(inv, "b", 2, &l, &err), 0);
	CHECK_STR(joined(&l), "b ");
}

static void test_lazy_lookups(void)
{
	struct hostset set = { 0 };
	struct inventory *inv;
	struct host *h, *again;

	import_text("[hosts]\ne = web k=1\nd = db\nc = web\nb = web db\na =\n", "store:l.db");
	inv = from("l.db", NULL);
	CHECK_INT(inventory_find(inv, "b", &h, &err), 0);
	CHECK_STR(h ? h->source : NULL, "l.db");
	CHECK_INT(inventory_find(inv, "b", &again, &err), 0);
	CHECK(h && h == again);
	CHECK_INT(inventory_tagged(inv, "web", &set, &err), 0);
	CHECK_STR(names_of(&set), "e c b ");
	CHECK(!inventory_lookup(inv, "d") && !inventory_lookup(inv, "a"));
	CHECK_INT(inventory_tagged(inv, "db", &set, &err), 0);
	CHECK_INT(inventory_tagged(inv, "web", &set, &err), 0);
	CHECK_INT(inventory_tagged(inv, "none", &set, &err), 0);
	CHECK_STR(names_of(&set), "e d c b ");
	CHECK_STR(dump(inv), "e web k=1\nd db\nc web\nb web db\na\n");
	CHECK_INT(inventory_tagged(inv, "web", &set, &err), 0);
	CHECK_STR(names_of(&set), "e c b ");
	CHECK_INT(inventory_name(inv, "bb", &h, &err), 0);
	check_known(inv);	/* all hosts are in memory */
	hostset_release(&set);
	inventory_free(inv);
	inv = from("l.db", NULL);
	check_known(inv);
	CHECK(!inventory_lookup(inv, "a") && !inventory_lookup(inv, "b"));
	CHECK_INT(inventory_find(inv, "c", &h, &err), 0);
	check_known(inv);
	inventory_free(inv);
}

static void test_merging_stores(void)
{
	struct hostset set = { 0 };
	struct inventory *inv;
	const char *origin = NULL;
	struct host *h;

	import_text("[defaults]\nk = 1\nm = 1\n[hosts]\na = web k=1 p=1\nb =\n", "store:s1");
	import_text("[defaults]\nk = 2\nn = 2\n[hosts]\nc =\na = db k=2 l=3\n", "store:s2");
	put_file("file", "z\na x k=0\n");
	CHECK_STR(hosts_of("s1", "file"), "a web x k=1 p=1\nb\nz\n");
	CHECK_STR(hosts_of("file", "s1"), "z\na x web k=0 p=1\nb\n");
	CHECK_STR(hosts_of("s1", "s2"), "a web db k=1 p=1 l=3\nb\nc\n");
	CHECK_STR(hosts_of("s2", "s1"), "c\na db web k=2 l=3 p=1\nb\n");
	inv = from("s2", "s1");
	CHECK_INT(inventory_find(inv, "a", &h, &err), 0);
	CHECK(h && host_has_tag(h, "web") && host_has_tag(h, "db"));
	CHECK_STR(h ? inventory_setting(inv, h, "k", &origin) : NULL, "2");
	CHECK_STR(origin, "s2");
	CHECK_STR(h ? inventory_setting(inv, h, "p", &origin) : NULL, "1");
	CHECK_STR(origin, "s1");
	CHECK_INT(inventory_begin(inv, &err), 0);
	EDIT(true, inventory_host_tag(inv, "c", "new", true, &changed, &err));
	CHECK_INT(inventory_host_tag(inv, "b", "new", true, NULL, &err), -1);
	CHECK_INT(inventory_commit(inv, &err), 0);
	inventory_free(inv);
	CHECK_STR(hosts_of("s2", NULL), "c new\na db k=2 l=3\n");
	/* what memory has of a host before the store is asked */
	inv = from("file", "s1");
	CHECK_INT(inventory_find(inv, "a", &h, &err), 0);
	CHECK_STR(h ? inventory_setting(inv, h, "k", &origin) : NULL, "0");
	CHECK_STR(origin, "file:2");
	CHECK_STR(h ? inventory_setting(inv, h, "p", &origin) : NULL, "1");
	CHECK_STR(origin, "s1");
	inventory_free(inv);
	/* a tag of the file alone, and one of the store alone */
	inv = from("file", "s1");
	CHECK_INT(inventory_tagged(inv, "web", &set, &err), 0);
	CHECK_INT(inventory_tagged(inv, "x", &set, &err), 0);
	CHECK_STR(names_of(&set), "a ");
	CHECK(!inventory_lookup(inv, "b"));
	hostset_release(&set);
	inventory_free(inv);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_edits), TEST(test_rollback), TEST(test_refused_edits),
		TEST(test_unwritable), TEST(test_no_store), TEST(test_default_store),
		TEST(test_foreign_rows), TEST(test_lazy_lookups), TEST(test_merging_stores),
		{ NULL, NULL },
	};

	return inventory_test_main(tests, argc, argv);
}
