#include "dt/ssh/accept.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/fiber.h"
#include "dt/ssh/known_hosts.h"

#define LOOK_MS 5
#define TOGETHER_MAX 1024

enum { WAITING, WRITTEN, REFUSED };

/* One key, on the stack of the thread that waits for it. */
struct entry {
	const char *file;
	struct known_host_line line;
	struct entry *next;
	struct dt_err err;
	atomic_int state;
};

static _Atomic(struct entry *) pending;
static atomic_flag writing = ATOMIC_FLAG_INIT;

static void push(struct entry *e)
{
	e->next = atomic_load(&pending);
	while (!atomic_compare_exchange_weak(&pending, &e->next, e))
		;
}

/* Those of one file; the others are put back. */
static void write_some(struct entry *list)
{
	struct known_host_line *lines = calloc(TOGETHER_MAX, sizeof(*lines));
	struct entry *mine = NULL, *next;
	const char *file = list->file;
	struct dt_err err = DT_ERR_INIT;
	size_t n = 0, added;
	int r;

	for (struct entry *e = list; e; e = next) {
		next = e->next;
		if (n == TOGETHER_MAX || strcmp(e->file, file) != 0) {
			push(e);
			continue;
		}
		e->next = mine;
		mine = e;
		if (lines)
			lines[n] = e->line;
		n++;
	}
	r = lines ? known_hosts_write(file, lines, n, false, false, &added, &err) : err_nomem(&err);
	free(lines);
	for (struct entry *e = mine; e; e = next) {
		int one = r;

		next = e->next; /* once its state is set, the entry is its owner's again */
		e->err = err;
		/* a name that cannot be written is its own host's fault alone */
		if (r != 0 && n > 1 && err.code == ERR_USAGE)
			one = known_hosts_write(file, &e->line, 1, false, false, &added, &e->err);
		atomic_store(&e->state, one == 0 ? WRITTEN : REFUSED);
	}
}

int accept_key(const char *file, const char *name, const void *blob, size_t len, struct dt_err *err)
{
	struct entry e = { .file = file, .line = { name, blob, len } };

	atomic_init(&e.state, WAITING);
	push(&e);
	while (atomic_load(&e.state) == WAITING) {
		struct entry *list;

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
