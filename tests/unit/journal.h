/*
 * journal - what the tests of the journal share.
 */
#ifndef TESTS_UNIT_JOURNAL_H
#define TESTS_UNIT_JOURNAL_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "dt/report/journal_impl.h"
#include "tests/unit/test.h"

/* All files are made in one folder, the working directory. */
#define FILE_NAME "journal.db"

static struct dt_err err;
static const char *const names[] = { "a", "b.example.org", "c", "d", "e", "f" };
static const char *const args[] = { "echo", "a b\n", "\xff\x01", NULL };

static inline struct journal *opened(const char *path)
{
	struct journal *j = NULL;

	memset(&err, 0, sizeof(err));
	CHECK_INT(journal_open(path, 1000, &j, &err), 0);
	CHECK_STR(err.msg, "");
	return j;
}

static inline struct journal_reader *reading(const char *path)
{
	struct journal_reader *r = NULL;

	CHECK_INT(journal_read(path, &r, &err), 0);
	CHECK_STR(err.msg, "");
	return r;
}

static inline void start(struct journal *j, const char *module, size_t hosts)
{
	struct journal_run run = {
		.selection = "tag:\xfe", .module = module, .verb = "", .kind = "action", .args = args,
		.hosts = names, .host_count = hosts,
	};

	CHECK_INT(journal_start(j, &run, &err), 0);
}

static inline void made(struct result *r, size_t index, int rc, const char *out)
{
	result_init(r, 1 << 20);
	r->index = index;
	r->began_ms = now_ms() - 5;
	r->ended_ms = now_ms();
	result_exit(r, rc, NULL);
	CHECK(output_add(&r->output, STREAM_OUT, out, strlen(out)) == 0);
}

/* One end that is alone in its transaction. */
static inline void end(struct journal *j, size_t index, int rc, const char *out)
{
	struct result r;

	made(&r, index, rc, out);
	CHECK_INT(journal_round(j, NULL, 0, &r, 1, &err), 0);
	result_release(&r);
}

static inline void done(struct journal *j)
{
	struct tally t = { .total = 2, .by = { [OUTCOME_OK] = 1, [OUTCOME_LOCAL] = 1 } };

	CHECK_INT(journal_done(j, 5, 0, &t, &err), 0);
}

static inline void remove_files(const char *name)
{
	char path[256];

	(void)unlink(name);
	(void)snprintf(path, sizeof(path), "%s-journal", name);
	(void)unlink(path);
	(void)unlink("journal.lock");
}

static inline void sql(const char *path, const char *text)
{
	struct db *db = NULL;

	CHECK_INT(db_open(path, false, JOURNAL_APP, JOURNAL_VERSION, "", &db, &err), 0);
	CHECK(db && db_exec(db, "PRAGMA synchronous = OFF", &err) == 0);
	if (!db || db_exec(db, text, &err) != 0) {
		CHECK_STR(text, err.msg);
		test_faults++;
	}
	db_close(db);
}

static inline void show_fault(void *arg, const char *what)
{
	char *text = arg;

	if (!*text)
		(void)snprintf(text, 256, "%s", what);
}

/* The first fault, or "". */
static inline const char *verdict(const char *anchor)
{
	static char text[512];
	struct journal_verdict v;

	*text = '\0';
	memset(&err, 0, sizeof(err));
	if (journal_verify(FILE_NAME, anchor, show_fault, text, &v, &err) != 0)
		(void)snprintf(text, sizeof(text), "%s", err.msg);
	CHECK((v.faults == 0 && !err.code) == !*text);
	return text;
}

/* One number. */
static inline int64_t count(const char *query)
{
	struct db_stmt *st;
	struct db *db = NULL;
	int64_t n = -1;

	CHECK_INT(db_open(FILE_NAME, true, JOURNAL_APP, JOURNAL_VERSION, "", &db, &err), 0);
	if (db && db_prepare(db, query, &st, &err) == 0 && db_step(st, &err) == 1)
		n = db_int(st, 0);
	db_close(db);
	return n;
}

static inline void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static inline int delete(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* As test_main, in a folder of its own. */
static inline int journal_main(const struct test *tests, int argc, char **argv)
{
	char folder[] = "/tmp/dt-journal-XXXXXX";
	int r;

	if (!mkdtemp(folder) || chdir(folder) != 0)
		return 1;
	r = test_main(tests, argc, argv);
	if (chdir("/") != 0 || nftw(folder, delete, 8, FTW_DEPTH | FTW_PHYS) != 0)
		return 1;
	return r;
}

#endif
