#include "dt/cli/conf.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct both {
	struct options o;
	struct conf c;
	struct dt_err err;
};

static void begin(struct both *b)
{
	memset(b, 0, sizeof(*b));
	CHECK_INT(options_init(&b->o, &b->err), 0);
}

static void end(struct both *b)
{
	conf_release(&b->c);
	options_release(&b->o);
}

static int feed(struct both *b, enum option_source source, const char *text)
{
	return conf_parse(&b->c, &b->o, source, "/etc/dt/dt.conf", text, strlen(text), &b->err);
}

static void refuse(const char *text, const char *reason)
{
	struct both b;

	begin(&b);
	CHECK_INT(feed(&b, SOURCE_USER_CONF, text), -1);
	CHECK_INT(b.err.code, ERR_USAGE);
	CHECK_STR(b.err.msg, reason);
	CHECK_INT(b.o.source, SOURCE_COMMAND);
	end(&b);
}

static void test_values(void)
{
	struct both b;

	begin(&b);
	setenv("HOME", "/home/x", 1);
	CHECK_INT(feed(&b, SOURCE_SYSTEM_CONF,
		       "# habits\n[dt]\ncoproc = 20\ntimeout = 3s\nno-color = yes\noutput = pdsh\nuser = deploy\n"
		       "db = hosts.ini\ndb = ini:~/more\ndb = /srv/hosts\nidentity = ~/.ssh/fleet\n"
		       "[selectors]\ndir = sel\n[modules]\ndir = /opt/mod\n"), 0);
	CHECK_INT(b.o.coproc, 20);
	CHECK_INT(b.o.timeout_ms, 3000);
	CHECK(b.o.no_color);
	CHECK_STR(b.o.output, "pdsh");
	CHECK_STR(b.o.user, "deploy");
	CHECK_INT(b.o.db.n, 3);
	CHECK_STR(b.o.db.v[0], "/etc/dt/hosts.ini");
	CHECK_STR(b.o.db.v[1], "ini:/home/x/more");
	CHECK_STR(b.o.db.v[2], "/srv/hosts");
	CHECK_STR(b.o.identity.v[0], "/home/x/.ssh/fleet");
	CHECK_STR(b.c.selector_dirs.v[0], "/etc/dt/sel");
	CHECK_STR(b.c.module_dirs.v[0], "/opt/mod");

	/* The user's file over the system's: values, and whole lists. */
	CHECK_INT(feed(&b, SOURCE_USER_CONF, "[dt]\ncoproc = 7\ndb = /u\n[modules]\ndir = /m1\ndir = /m2\n"), 0);
	CHECK_INT(b.o.coproc, 7);
	CHECK_STR(b.o.output, "pdsh");
	CHECK_INT(b.o.db.n, 1);
	CHECK_STR(b.o.db.v[0], "/u");
	CHECK_INT(b.c.module_dirs.n, 2);
	CHECK_STR(b.c.module_dirs.v[1], "/m2");
	CHECK_INT(b.c.selector_dirs.n, 1);
	end(&b);
}

static void test_refused(void)
{
	refuse("[dt]\n\ncoprocs = 5\n", "/etc/dt/dt.conf:3: unknown key coprocs; did you mean coproc?");
	refuse("[dt]\nqqqqqqqq = 5\n", "/etc/dt/dt.conf:2: unknown key qqqqqqqq");
	refuse("[dt]\ncoproc = 0\n", "/etc/dt/dt.conf:2: coproc: \"0\" is not a number from 1 to 100000");
	refuse("[dt]\npretend = yes\n", "/etc/dt/dt.conf:2: pretend is for the command line alone");
	refuse("[dt]\nuser = a\nuser = b\n", "/etc/dt/dt.conf:3: user is set already, in line 2");
	refuse("[dt]\nuser = a\n  b\n", "/etc/dt/dt.conf:3: user is set already, in line 2");
	refuse("[dt]\nstream = perhaps\n", "/etc/dt/dt.conf:2: stream: \"perhaps\" is neither yes nor no");
	refuse("coproc = 5\n", "/etc/dt/dt.conf:1: before the first section; options belong under [dt]");
	refuse("[d]\nx = 5\n", "/etc/dt/dt.conf:1: unknown section [d]; there are [dt], [selectors] and [modules]");
	refuse("[module]\nx = 5\n", "/etc/dt/dt.conf:1: unknown section [module]; did you mean [modules]?");
	refuse("[modules]\npath = /x\n", "/etc/dt/dt.conf:2: unknown key path; did you mean dir?");
	refuse("[modules]\ndir =\n", "/etc/dt/dt.conf:2: dir: \"\" is empty");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

/* $DT_CONF, and the user's file. */
static void test_files(void)
{
	char dir[] = "/tmp/test_conf.XXXXXX", path[64], sub[64];
	struct both b;

	if (!mkdtemp(dir)) {
		CHECK(!"mkdtemp");
		return;
	}
	(void)snprintf(sub, sizeof(sub), "%s/dt", dir);
	(void)snprintf(path, sizeof(path), "%s/dt/dt.conf", dir);
	CHECK_INT(mkdir(sub, 0700), 0);
	write_file(path, "[dt]\ncoproc = 3\nidentity = key\n");

	begin(&b);
	setenv("DT_CONF", path, 1);
	CHECK_INT(conf_load(&b.o, &b.c, &b.err), 0);
	CHECK_INT(b.o.coproc, 3);
	CHECK(b.o.identity.n == 1 && str_starts(b.o.identity.v[0], dir) && str_ends(b.o.identity.v[0], "/dt/key"));
	end(&b);

	begin(&b);
	unsetenv("DT_CONF");
	setenv("XDG_CONFIG_HOME", dir, 1);
	CHECK_INT(conf_load(&b.o, &b.c, &b.err), 0);
	CHECK_INT(b.o.coproc, 3);
	end(&b);

	unlink(path);
	rmdir(sub);
	begin(&b);
	CHECK_INT(conf_load(&b.o, &b.c, &b.err), 0);	/* none: empty */
	CHECK_INT(b.o.coproc, 100);
	end(&b);

	begin(&b);
	setenv("DT_CONF", path, 1);
	CHECK_INT(conf_load(&b.o, &b.c, &b.err), -1);	/* named, so it must be there */
	CHECK_INT(b.err.code, ERR_USAGE);
	CHECK_HAS(b.err.msg, path);
	end(&b);
	unsetenv("DT_CONF");
	rmdir(dir);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_values), TEST(test_refused), TEST(test_files), { NULL, NULL }
	};

	return test_main(tests, argc, argv);
}
