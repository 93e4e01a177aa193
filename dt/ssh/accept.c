#include "dt/ssh/accept.h"

#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dt/base/fiber.h"
#include "dt/ssh/known_hosts.h"

#define LOOK_MS 5
#define TOGETHER_MAX 1024

enum { WAITING, WRITTEN, REFUSED };

/* One key, on the stack of the thread that waits for it. */
struct waiter {
	const char *file;
	struct known_host_line line;
	int hash;
	struct waiter *next;
	struct dt_err err;
	atomic_int state;
};

static _Atomic(struct waiter *) pending;
static atomic_flag writing = ATOMIC_FLAG_INIT;

static void push(struct waiter *e)
{
	e->next = atomic_load(&pending);
	while (!atomic_compare_exchange_weak(&pending, &e->next, e))
		;
}

/* What was accepted, by "FILE\nNAME"; for whoever holds `writing`. */
struct accepted {
	size_t len;
	unsigned char *blob;
	char key[];
};
static void *all_accepted;

static int compare_accepted(const void *a, const void *b)
{
	return strcmp(((const struct accepted *)a)->key, ((const struct accepted *)b)->key);
}

/* /dev/null: nothing is ever known by it, to ssh(1) neither. */
static bool forgets(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && S_ISCHR(st.st_mode);
}

/* 0; 1: another key is accepted under that name; -1: no memory. */
static int note_accepted(const struct waiter *e)
{
	size_t size = strlen(e->file) + strlen(e->line.name) + 2;
	struct accepted *a = calloc(1, sizeof(*a) + size), **found;

	if (!a)
		return -1;
	(void)snprintf(a->key, size, "%s\n%s", e->file, e->line.name);
	a->len = e->line.len;
	a->blob = malloc(a->len);
	found = a->blob ? tsearch(a, &all_accepted, compare_accepted) : NULL;
	if (found && *found == a) {
		memcpy(a->blob, e->line.blob, a->len);
		return 0;
	}
	free(a->blob);
	free(a);
	if (!found)
		return -1;
	return (*found)->len != e->line.len || memcmp((*found)->blob, e->line.blob, e->line.len) != 0;
}

/* Is it to be written?  Else it has ended. */
static bool is_new(struct waiter *e)
{
	int r = forgets(e->file) ? 0 : note_accepted(e);

	if (r == 0)
		return true;
	if (r < 0)
		(void)err_nomem(&e->err);
	else
		(void)err_set(&e->err, ERR_HOSTKEY, "KEY CHANGED: %s showed another key a moment ago", e->line.name);
	atomic_store(&e->state, REFUSED);
	return false;
}

/* Those of one file; the others are put back. */
static void write_some(struct waiter *list)
{
	struct known_host_line *lines = calloc(TOGETHER_MAX, sizeof(*lines));
	struct waiter *mine = NULL, *next;
	const char *file = list->file;
	int hash = list->hash;
	struct dt_err err = DT_ERR_INIT;
	size_t n = 0, added;
	int r;

	for (struct waiter *e = list; e; e = next) {
		next = e->next;
		if (n == TOGETHER_MAX || e->hash != hash || strcmp(e->file, file) != 0) {
			push(e);
			continue;
		}
		if (!is_new(e))
			continue;
		e->next = mine;
		mine = e;
		if (lines)
			lines[n] = e->line;
		n++;
	}
	r = !lines ? err_nomem(&err) : n ? known_hosts_write(file, lines, n, hash, false, &added, &err) : 0;
	free(lines);
	for (struct waiter *e = mine; e; e = next) {
		int one = r;

		next = e->next; /* once its state is set, the entry is its owner's again */
		e->err = err;
		/* a name that cannot be written is its own host's fault alone */
		if (r != 0 && n > 1 && err.code == ERR_USAGE)
			one = known_hosts_write(file, &e->line, 1, hash, false, &added, &e->err);
		atomic_store(&e->state, one == 0 ? WRITTEN : REFUSED);
	}
}

int accept_key(const char *file, const char *name, const void *blob, size_t len, int hash, struct dt_err *err)
{
	struct waiter e = { .file = file, .line = { name, blob, len }, .hash = hash };

	atomic_init(&e.state, WAITING);
	push(&e);
	while (atomic_load(&e.state) == WAITING) {
		struct waiter *list;

		if (atomic_flag_test_and_set(&writing)) {
			(void)fiber_poll(NULL, 0, LOOK_MS);
			continue;
		}
		list = atomic_exchange(&pending, NULL);
		if (list)
			write_some(list);
		atomic_flag_clear(&writing);
	}
	if (atomic_load(&e.state) == WRITTEN)
		return 0;
	*err = e.err;
	err->code = ERR_HOSTKEY;
	return -1;
}
