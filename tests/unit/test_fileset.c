/* What is found here of sources: which files, under which names, whole and unchanged. */
#include "dt/files/fileset.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"

static char dir[64];
static struct dt_err error;

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char command[4000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static const struct fileset_options plain = { .recursive = true }, named = { .recursive = true, .named = true };

/* Sources below dir, separated by blanks. */
static struct fileset *look(const char *sources, const struct fileset_options *o)
{
	char paths[8][4300], text[4200], *rest = text, *word;
	const char *v[8];
	size_t n = 0;

	error = (struct dt_err)DT_ERR_INIT;
	(void)snprintf(text, sizeof(text), "%s", sources);
	while ((word = strsep(&rest, " ")) != NULL && n < 8) {
		(void)snprintf(paths[n], sizeof(paths[n]), "%s/%s", dir, word);
		v[n] = paths[n];
		n++;
	}
	return fileset_new(v, n, o, &error);
}

/* "f path", "d path", "l path>text" of all that was found, in its order; "fault" with the text in error. */
static const char *found(const char *sources, const struct fileset_options *o)
{
	static char said[20000];
	struct fileset *s = look(sources, o);
	struct buf b;

	if (!s) {
		CHECK_INT(error.code, ERR_MODULE);
		CHECK(strlen(error.msg) > 0);
		return "fault";
	}
	buf_init(&b, sizeof(said) - 1);
	for (size_t i = 0; i < s->n; i++) {
		(void)buf_addf(&b, "%s%c ", i ? ", " : "", S_ISREG(s->v[i].mode) ? 'f' : S_ISDIR(s->v[i].mode) ? 'd' : 'l');
		CHECK_INT(fileset_path(s, i, "ROOT", &b), 0);
		if (s->v[i].link)
			(void)buf_addf(&b, ">%s", s->v[i].link);
	}
	(void)snprintf(said, sizeof(said), "%s", b.data);
	buf_release(&b);
	fileset_free(s);
	return said;
}

/* What the header promises of the order, and of finding. */
static void check_order(const struct fileset *s)
{
	bool *closed = calloc(s->n + 1, sizeof(*closed));
	size_t last = FILE_BASE;

	for (size_t i = 0; i < s->n; i++) {
		size_t parent = s->v[i].parent;

		CHECK(parent == FILE_BASE || (parent < i && S_ISDIR(s->v[parent].mode)));
		CHECK_INT(fileset_find(s, s->v[i].path), i);
		if (i && parent != last) {
			CHECK(!closed[parent == FILE_BASE ? s->n : parent]);
			closed[last == FILE_BASE ? s->n : last] = true;
		}
		last = parent;
	}
	free(closed);
}

static void test_sources(void)
{
	CHECK_STR(found("a", &plain), "f a");
	CHECK_STR(found("a", &named), "f ROOT");
	CHECK_STR(found("a b", &plain), "f a, f b");
	CHECK_STR(found("b a", &plain), "f b, f a");
	CHECK_STR(found("tree", &plain), "d tree, f tree/a, d tree/empty, l tree/link>nowhere, d tree/sub, f tree/sub/x");
	CHECK_STR(found("tree", &named), "d ROOT, f ROOT/a, d ROOT/empty, l ROOT/link>nowhere, d ROOT/sub, f ROOT/sub/x");
	CHECK_STR(found("tree/", &named), "d ROOT, f ROOT/a, d ROOT/empty, l ROOT/link>nowhere, d ROOT/sub, f ROOT/sub/x");
	CHECK_STR(found("tree/", &plain), "f a, d empty, l link>nowhere, d sub, f sub/x");
	CHECK_STR(found("tree///", &plain), "f a, d empty, l link>nowhere, d sub, f sub/x");
	CHECK_STR(found("tree/.", &named), "d ROOT, f ROOT/a, d ROOT/empty, l ROOT/link>nowhere, d ROOT/sub, f ROOT/sub/x");
	/* those of the target folder itself come first, and together */
	CHECK_STR(found("tree/sub b tree/empty", &plain), "d sub, f b, d empty, f sub/x");
	CHECK_STR(found("empty/", &plain), "");
	/* a source that is a link is what it points to */
	CHECK_STR(found("to-a", &plain), "f to-a");
	CHECK_STR(found("to-tree", &plain), "d to-tree, f to-tree/a, d to-tree/empty, l to-tree/link>nowhere, d to-tree/sub, "
					    "f to-tree/sub/x");
}

static void test_no_sources(void)
{
	static const struct fileset_options flat = { 0 };

	CHECK_STR(found("none", &plain), "fault");
	CHECK_HAS(error.msg, "/none: no such file");
	CHECK_STR(found("a/x", &plain), "fault");
	CHECK_STR(found("dangling", &plain), "fault");
	CHECK_STR(found("loop", &plain), "fault");
	CHECK_STR(found("fifo", &plain), "fault");
	CHECK_HAS(error.msg, "/fifo: neither a file nor a folder nor a symbolic link");
	CHECK_STR(found("with-fifo", &plain), "fault");
	CHECK_HAS(error.msg, "with-fifo/fifo: neither");
	CHECK_STR(found("tree", &flat), "fault");
	CHECK_HAS(error.msg, "a folder");
	CHECK_STR(found("tree/", &flat), "fault");
	CHECK_STR(found("a", &flat), "f a");
	CHECK_STR(found("a a", &plain), "fault");
	CHECK_HAS(error.msg, "two sources have this name");
	CHECK_STR(found("a tree/a", &plain), "fault");
	CHECK_STR(found("tree/ a", &plain), "fault");
	CHECK_STR(found("tree/.", &plain), "fault");
	CHECK_STR(found("tree/..", &plain), "fault");
	CHECK_HAS(error.msg, "no name of its own");
}

static void test_excluded_paths(void)
{
	static const struct {
		const char *pattern, *path;
		bool folder, excluded;
	} cases[] = {
		{ "*.log", "a.log", false, true }, { "*.log", "sub/a.log", false, true }, { "*.log", "a.log/b", false, false },
		{ "*.log", "a.logs", false, false }, { "a", "a", true, true }, { "a/", "a", true, true }, { "a/", "a", false, false },
		{ "a/", "x/a", true, true }, { "/a", "a", false, true }, { "/a", "x/a", false, false }, { "x/a", "x/a", false, true },
		{ "x/a", "y/x/a", false, false }, { "x/*", "x/a", false, true }, { "x/*", "x/a/b", false, false },
		{ "*", "a", false, true }, { "*", ".hidden", false, true }, { "?", "ab", false, false }, { "[ab]", "b", false, true },
		{ "\\*", "*", false, true }, { "\\*", "a", false, false }, { "new*line", "new\nline", false, true },
		{ "", "a", false, false }, { "/a/", "a", true, true }, { "/a/", "a", false, false }, { "x/a/", "x/a", true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *const patterns[] = { "no such", cases[i].pattern, NULL };

		if (fileset_excluded(patterns, cases[i].path, cases[i].folder) != cases[i].excluded) {
			CHECK(!"excluded as told");
			(void)fprintf(stderr, "%s, %s\n", cases[i].pattern, cases[i].path);
		}
	}
	CHECK(!fileset_excluded(NULL, "a", false));
}

static void test_excludes(void)
{
	static const char *const logs[] = { "*.log", "cache/", "/build", NULL }, *const all[] = { "*", NULL };
	static const struct fileset_options o = { .recursive = true, .exclude = logs }, n = { .recursive = true, .named = true, .exclude = logs },
					    none = { .recursive = true, .exclude = all };

	CHECK_INT(run("mkdir -p %s/ex/cache/x %s/ex/sub/cache %s/ex/build %s/ex/sub/build && cd %s/ex && "
		      "touch a a.log sub/b.log sub/c cache/y sub/cache/z build/o sub/build/o", dir, dir, dir, dir, dir), 0);
	CHECK_STR(found("ex", &o), "d ex, f ex/a, d ex/sub, d ex/sub/build, f ex/sub/c, f ex/sub/build/o");
	CHECK_STR(found("ex/", &o), "f a, d sub, d sub/build, f sub/c, f sub/build/o");
	CHECK_STR(found("ex", &n), "d ROOT, f ROOT/a, d ROOT/sub, d ROOT/sub/build, f ROOT/sub/c, f ROOT/sub/build/o");
	CHECK_STR(found("ex", &none), "d ex");
	CHECK_STR(found("ex/", &none), "");
	/* what is named is taken */
	CHECK_STR(found("ex/a.log", &o), "f a.log");
}

static void test_names(void)
{
	struct fileset *s = look("tree a", &plain);

	if (!s) {
		CHECK(!"found");
		return;
	}
	check_order(s);
	CHECK_STR(fileset_name(s, fileset_find(s, "tree/sub/x"), "ROOT"), "x");
	CHECK_STR(fileset_name(s, fileset_find(s, "tree"), "ROOT"), "tree");
	CHECK_INT(fileset_find(s, "tree/su"), s->n);
	CHECK_INT(fileset_find(s, ""), s->n);
	CHECK_INT(fileset_find(s, "zzz"), s->n);
	fileset_free(s);
	s = look("tree", &named);
	if (!s) {
		CHECK(!"found");
		return;
	}
	check_order(s);
	CHECK_STR(fileset_name(s, 0, "ROOT"), "ROOT");
	CHECK_INT(fileset_find(s, ""), 0);
	CHECK_STR(s->v[fileset_find(s, "/sub/x")].path, "/sub/x");
	fileset_free(s);
	fileset_free(NULL);
}

/* A tree as chance makes it. */
static void test_random_trees(void)
{
	for (int k = 0; k < 10 && !test_faults; k++) {
		uint64_t seed = random_state;
		char path[300], top[100];
		size_t files = 0, folders = 1;
		struct fileset *s;

		(void)snprintf(top, sizeof(top), "%s/random", dir);
		CHECK_INT(run("rm -rf %s && mkdir %s", top, top), 0);
		(void)snprintf(path, sizeof(path), "%s", top);
		for (int i = 0; i < 150; i++) {
			char name[310];
			int fd;

			/* "a!" comes before "a/", and "a" before both */
			(void)snprintf(name, sizeof(name), "%s/%c%s", path, "abc"[random_below(3)], random_below(2) ? "" : random_below(2) ? "!" : "0");
			if (random_below(3) && mkdir(name, 0755) == 0) {
				folders++;
				if (strlen(name) < 250 && random_below(2))
					(void)snprintf(path, sizeof(path), "%.299s", name);
			} else if ((fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644)) >= 0) {
				files++;
				(void)close(fd);
			}
			if (!random_below(4))
				(void)snprintf(path, sizeof(path), "%s", top);
		}
		s = look("random a", &plain);
		CHECK(s && s->n == files + folders + 1);
		if (s)
			check_order(s);
		fileset_free(s);
		s = look("random", &named);
		CHECK(s && s->n == files + folders);
		if (s)
			check_order(s);
		fileset_free(s);
		if (test_faults)
			random_again(seed);
	}
}

static void test_attributes(void)
{
	static const struct fileset_options mode = { .recursive = true, .has_mode = true, .mode = 0640 };
	struct fileset *s;

	CHECK_INT(run("mkdir -p %s/at/d && cd %s/at && printf 12345 > f && chmod 4751 f && chmod 1777 d && touch -d @1000000000 f && "
		      "ln -s f l && truncate -s 10G huge", dir, dir), 0);
	s = look("at", &plain);
	if (!s) {
		CHECK(!"found");
		return;
	}
	CHECK_INT(s->v[fileset_find(s, "at/f")].mode, S_IFREG | 04751);
	CHECK_INT(s->v[fileset_find(s, "at/d")].mode, S_IFDIR | 01777);
	CHECK_INT(s->v[fileset_find(s, "at/f")].size, 5);
	CHECK_INT(s->v[fileset_find(s, "at/f")].mtime, 1000000000);
	CHECK_STR(s->v[fileset_find(s, "at/l")].link, "f");
	CHECK(S_ISLNK(s->v[fileset_find(s, "at/l")].mode));
	CHECK_INT(s->v[fileset_find(s, "at/l")].size, 0);
	CHECK_INT(s->v[fileset_find(s, "at/huge")].size, 10LL << 30);
	CHECK_INT(s->bytes, (10LL << 30) + 5);
	CHECK(!s->v[fileset_find(s, "at/f")].link);
	fileset_free(s);
	s = look("at", &mode);
	if (!s) {
		CHECK(!"found");
		return;
	}
	CHECK_INT(s->v[fileset_find(s, "at/f")].mode, S_IFREG | 0640);
	/* searchable where readable */
	CHECK_INT(s->v[fileset_find(s, "at/d")].mode, S_IFDIR | 0750);
	fileset_free(s);
	CHECK_INT(run("rm %s/at/huge", dir), 0);
}

static void test_sums(void)
{
	static const struct {
		const char *name, *sum;
	} known[] = { /* FIPS 180-4's examples, and of nothing */
		{ "sums/abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "sums/empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "sums/million", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};
	_Atomic bool stop = false;
	struct fileset *s;
	char hex[SHA256_HEX + 1];

	CHECK_INT(run("mkdir -p %s/sums && cd %s/sums && printf abc > abc && : > empty && head -c 1000000 /dev/zero | tr '\\0' a > million && "
		      "ln -s abc link", dir, dir), 0);
	s = look("sums", &plain);
	if (!s) {
		CHECK(!"found");
		return;
	}
	fileset_hash(s, &stop);
	CHECK_INT(s->fault.code, ERR_NONE);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		sha256_hex(s->v[fileset_find(s, known[i].name)].sum, hex);
		CHECK_STR(hex, known[i].sum);
	}
	fileset_free(s);
	s = look("sums", &plain);
	stop = true;
	if (s)
		fileset_hash(s, &stop);
	CHECK(s && s->fault.code != ERR_NONE);
	fileset_free(s);
}

/* A file that is another one by now. */
static void test_changes(void)
{
	static const char *const changes[] = {
		"printf longer > f", "printf other > g && mv g f", "touch -d @5 f", "chmod 600 f", "rm f", "rm f && mkfifo f", "rm f && mkdir f",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		_Atomic bool stop = false;
		struct dt_err err = DT_ERR_INIT;
		struct fileset *s;
		int fd;

		CHECK_INT(run("rm -rf %s/ch && mkdir %s/ch && cd %s/ch && printf first > f && chmod 644 f", dir, dir, dir), 0);
		s = look("ch", &plain);
		if (!s) {
			CHECK(!"found");
			return;
		}
		fd = fileset_open(s, fileset_find(s, "ch/f"), &err);
		CHECK(fd >= 0);
		(void)close(fd);
		CHECK_INT(run("cd %s/ch && %s", dir, changes[i]), 0);
		CHECK_INT(fileset_open(s, fileset_find(s, "ch/f"), &err), -1);
		CHECK_INT(err.code, ERR_LOCAL);
		CHECK_HAS(err.msg, "/ch/f: ");
		fileset_hash(s, &stop);
		CHECK_INT(s->fault.code, ERR_LOCAL);
		CHECK_HAS(s->fault.msg, "/ch/f: ");
		fileset_free(s);
	}
}

static void test_packs(void)
{
	struct fileset *s;

	CHECK_INT(run("cd %s && seq 1 200000 > text && head -c 1000000 /dev/urandom > noise && : > nothing", dir), 0);
	s = look("text", &plain);
	CHECK(s && fileset_packs(s));
	fileset_free(s);
	s = look("noise", &plain);
	CHECK(s && !fileset_packs(s));
	fileset_free(s);
	s = look("nothing", &plain);
	CHECK(s && !fileset_packs(s));
	fileset_free(s);
	s = look("empty", &plain);
	CHECK(s && !fileset_packs(s));
	fileset_free(s);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_sources), TEST(test_no_sources), TEST(test_excluded_paths), TEST(test_excludes), TEST(test_names),
		TEST(test_random_trees), TEST(test_attributes), TEST(test_sums), TEST(test_changes), TEST(test_packs), { NULL, NULL }
	};
	int r;

	random_start();
	(void)umask(022);
	(void)snprintf(dir, sizeof(dir), "/tmp/dt-fileset-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	if (run("cd %s && printf 1 > a && printf 2 > b && mkdir -p tree/sub tree/empty empty with-fifo && printf 3 > tree/a && "
		"printf 4 > tree/sub/x && ln -s nowhere tree/link && ln -s a to-a && ln -s tree to-tree && ln -s nowhere dangling && "
		"ln -s loop loop && mkfifo fifo with-fifo/fifo", dir) != 0)
		return 1;
	r = test_main(tests, argc, argv);
	(void)run("rm -rf %s", dir);
	return r;
}
