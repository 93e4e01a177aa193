/*
 * word_inventory - dt inventory import|export: between files and the store.
 */
#include <string.h>

#include "dt/cli/app.h"

static int export(struct app *a, int n, struct dt_err *err)
{
	struct buf out;
	int r = -1;

	if (n)
		return err_set(err, ERR_USAGE, "dt inventory export takes no arguments; it writes to standard output");
	buf_init(&out, 1UL << 30);
	if (app_inventory(a, err) == 0 && inventory_export(a->inv, NULL, &out, err) == 0)
		r = app_print(&out, err);
	buf_release(&out);
	return r;
}

static int import(struct app *a, char *const *files, int n, struct dt_err *err)
{
	struct inventory *from = inventory_new();
	struct import_counts c = { 0 };
	bool replace = false;
	struct buf out;
	int r = -1;

	if (!from)
		return err_nomem(err);
	buf_init(&out, 4096);
	if (n && strcmp(files[0], "--replace") == 0) {
		replace = true;
		files++;
		n--;
	}
	if (!n) {
		(void)err_set(err, ERR_USAGE, "dt inventory import [--replace] FILE...");
		goto out;
	}
	for (int i = 0; i < n; i++)
		if (inventory_add(from, files[i], err) != 0)
			goto out;
	if (app_inventory(a, err) != 0)
		goto out;
	if (replace && !a->opt.pretend && !app_confirm(a, "Replace the whole store?")) {
		(void)err_set(err, ERR_USAGE, "not replaced (--yes answers the question)");
		goto out;
	}
	if (inventory_import(a->inv, from, replace, a->opt.pretend, &c, err) != 0)
		goto out;
	r = buf_addf(&out, "%s%zu added, %zu changed, %zu deleted, %zu the same\n",
		     a->opt.pretend ? "would be: " : "", c.added, c.changed, c.deleted, c.same);
	r = r ? err_nomem(err) : app_print(&out, err);
out:
	buf_release(&out);
	inventory_free(from);
	return r;
}

int word_inventory(struct app *a, char *const *args, int n, struct dt_err *err)
{
	if (n && strcmp(args[0], "export") == 0)
		return export(a, n - 1, err);
	if (n && strcmp(args[0], "import") == 0)
		return import(a, args + 1, n - 1, err);
	return err_set(err, ERR_USAGE, "dt inventory import [--replace] FILE... | export");
}
