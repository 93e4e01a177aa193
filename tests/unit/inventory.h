/*
 * inventory - what the tests of the inventory share.  All files are made in
 * one folder, which is the working directory while the tests run.
 */
#ifndef TESTS_UNIT_INVENTORY_H
#define TESTS_UNIT_INVENTORY_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "inventory/internal.h"
#include "tests/unit/test.h"

static struct dt_err err;

static inline void put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* An inventory of one or two sources (NULL: none). */
static inline struct inventory *from(const char *a, const char *b)
{
	struct inventory *inv = inventory_new();

	memset(&err, 0, sizeof(err));
	CHECK(inv && (!a || inventory_add(inv, a, &err) == 0) && (!b || inventory_add(inv, b, &err) == 0));
	CHECK_STR(err.msg, "");
	return inv;
}

/* "name tag tag key=value", one host a line, in the order of the inventory. */
static inline const char *dump(struct inventory *inv)
{
	static char text[16384];
	struct buf out;
	struct hostset set = { 0 };

	buf_init(&out, sizeof(text) - 1);
	CHECK_INT(inventory_all(inv, &set, &err), 0);
	hostset_sort(&set);
	for (size_t i = 0; i < set.n; i++) {
		CHECK(buf_adds(&out, set.v[i]->pub.name) == 0);
		for (const char *const *t = set.v[i]->pub.tags; t && *t; t++)
			CHECK(buf_addf(&out, " %s", *t) == 0);
		for (const struct dt_attr *a = set.v[i]->pub.attrs; a && a->key; a++)
			CHECK(buf_addf(&out, " %s=%s", a->key, a->value) == 0);
		CHECK(buf_addc(&out, '\n') == 0);
	}
	(void)snprintf(text, sizeof(text), "%s", out.data);
	buf_release(&out);
	hostset_release(&set);
	return text;
}

/* The same of the sources alone. */
static inline const char *hosts_of(const char *a, const char *b)
{
	struct inventory *inv = from(a, b);
	const char *text = dump(inv);

	inventory_free(inv);
	return text;
}

/* The hosts of a text, after "FORMAT:" or "". */
static inline const char *text_hosts(const char *format, const char *text)
{
	char spec[64];

	(void)snprintf(spec, sizeof(spec), "%sf", format);
	put_file("f", text);
	return hosts_of(spec, NULL);
}

static inline const char *fault(const char *spec)
{
	struct inventory *inv = inventory_new();

	memset(&err, 0, sizeof(err));
	CHECK_INT(inventory_add(inv, spec, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	inventory_free(inv);
	return err.msg;
}

static inline const char *text_fault(const char *format, const char *text)
{
	char spec[64];

	(void)snprintf(spec, sizeof(spec), "%sf", format);
	put_file("f", text);
	return fault(spec);
}

/* The import of one source into a store: "ADDED CHANGED DELETED SAME". */
static inline const char *import(const char *source, const char *store, bool replace)
{
	static char text[64];
	struct inventory *inv = from(store, NULL), *src = from(source, NULL);
	struct import_counts n;

	CHECK_INT(inventory_import(inv, src, replace, false, &n, &err), 0);
	CHECK_STR(err.msg, "");
	(void)snprintf(text, sizeof(text), "%zu %zu %zu %zu", n.added, n.changed, n.deleted, n.same);
	inventory_free(inv);
	inventory_free(src);
	return text;
}

static inline void import_text(const char *text, const char *store)
{
	put_file("import", text);
	(void)import("ini:import", store, true);
}

static inline int inventory_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static inline int inventory_test_main(const struct test *tests, int argc, char **argv)
{
	char folder[] = "/tmp/dt-inventory-XXXXXX";
	int r;

	if (!mkdtemp(folder) || chdir(folder) != 0)
		return 1;
	r = test_main(tests, argc, argv);
	return chdir("/") != 0 || nftw(folder, inventory_remove, 16, FTW_DEPTH | FTW_PHYS) != 0 ? 1 : r;
}

#endif
