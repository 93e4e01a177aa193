/*
 * selecting - what the tests of selections share: six hosts in a folder of their own.
 */
#ifndef TESTS_UNIT_SELECTING_H
#define TESTS_UNIT_SELECTING_H

#include "tests/unit/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory/select.h"

#define HOSTS "web01 linux web\nweb02 linux web eu\ndb01 linux db\ndb02 bsd db eu transport=libssh2\n" \
	"gw.example.org bsd user=root site=\"New York\"\n[2001:db8::7] v6\n"
#define ALL "web01 web02 db01 db02 gw.example.org 2001:db8::7"

static char folder[64], answer[4096];
static struct inventory *inv;
static struct strs dirs;
static struct select_options options = { .selector_dirs = &dirs, .stdin_fd = -1 };
static struct dt_err error;

static inline const char *in_folder(const char *name)
{
	static char path[4][200];
	static unsigned n;

	(void)snprintf(path[++n % 4], sizeof(path[0]), "%s/%s", folder, name);
	return path[n % 4];
}

static inline void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(in_folder(name), "w");

	CHECK(f && fwrite(text, 1, len, f) == len && fchmod(fileno(f), mode) == 0);
	if (f)
		CHECK(fclose(f) == 0);
}

#define WRITE(name, text, mode) write_file(name, text, sizeof(text) - 1, mode)

static inline void renew(void)
{
	inventory_free(inv);
	inv = inventory_new();
	CHECK(inv && inventory_add(inv, in_folder("hosts"), &error) == 0);
}

/* The hosts with spaces between, or "fault" with the text in error.  The inventory is a new one each time. */
static inline const char *hosts(const char *text)
{
	struct hostset set = { 0 };
	size_t at = 0;

	renew();
	memset(&error, 0, sizeof(error));
	answer[0] = '\0';
	if (select_hosts(inv, text, &options, &set, &error) != 0)
		return "fault";
	CHECK_INT(error.code, ERR_NONE);
	for (size_t i = 0; i < set.n && at < sizeof(answer); i++)
		at += (size_t)snprintf(answer + at, sizeof(answer) - at, "%s%s", i ? " " : "",
				       set.v[i]->pub.name);
	hostset_release(&set);
	return answer;
}

static inline void fault_says(const char *text, const char *what)
{
	CHECK_STR(hosts(text), "fault");
	CHECK_INT(error.code, ERR_USAGE);
	CHECK_HAS(error.msg, what);
}

/* Runs the tests; made: the files in the folder, and at last folders in it. */
static inline int selecting_main(const struct test *tests, const char *const *made, int argc, char **argv)
{
	int failed;

	(void)snprintf(folder, sizeof(folder), "/tmp/test_select.XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	WRITE("hosts", HOSTS, 0600);
	failed = test_main(tests, argc, argv);
	inventory_free(inv);
	(void)remove(in_folder("hosts"));
	for (; *made; made++)
		(void)remove(in_folder(*made));
	return rmdir(folder) != 0 || failed;
}

#endif
