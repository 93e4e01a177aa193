/* libnss_map.so.2 (contrib/nss_map): what a configuration says of names and numbers. */
#include "tests/unit/nss_map.h"

#include <sys/resource.h>

#define ROUNDS 200000

static struct passwd pw;
static char buffer[1024];

static const char *say(enum nss_status s, int error)
{
	static char text[1200];

	return told(s, error, &pw, text, sizeof(text));
}

static const char *by_name(const char *name)
{
	int error = -1;
	enum nss_status s = _nss_map_getpwnam_r(name, &pw, buffer, sizeof(buffer), &error);

	return say(s, error);
}

static const char *by_uid(unsigned uid)
{
	int error = -1;
	enum nss_status s = _nss_map_getpwuid_r(uid, &pw, buffer, sizeof(buffer), &error);

	return say(s, error);
}

static unsigned uid_of(const char *name)
{
	const char *said = by_name(name);

	CHECK(strchr(said, ':') && strncmp(said, name, strlen(name)) == 0);
	return pw.pw_uid;
}

static void test_names(void)
{
	static const char *const good[] = { "a",	 "_",	    "joe",
					    "joe.smith", "a-b_c.9", "abcdefghijklmnopqrstuvwxyzabcdef",
					    NULL };
	static const char *const bad[] = {
		"",    "-a",	   ".",	    "..",   "9",   "1a",
		"Joe", "joe$",	   "a/b",   "../x", "a b", "a:b",
		"a\n", "\xc3\xa9", "a\x01", "*",    "@a",  "abcdefghijklmnopqrstuvwxyzabcdefg",
		NULL
	};

	start();
	for (size_t i = 0; good[i]; i++) {
		CHECK(map_is_name(good[i]));
		CHECK(strncmp(by_name(good[i]), good[i], strlen(good[i])) == 0);
	}
	for (size_t i = 0; bad[i]; i++) {
		CHECK(!map_is_name(bad[i]));
		CHECK_STR(by_name(bad[i]), "none");
	}
}

/* As its definition says it. */
static bool fits_slowly(const char *pattern, const char *name)
{
	if (!*pattern)
		return !*name;
	if (*pattern == '*')
		return fits_slowly(pattern + 1, name) || (*name && fits_slowly(pattern, name + 1));
	return *name && (*pattern == '?' || *pattern == *name) && fits_slowly(pattern + 1, name + 1);
}

static void test_patterns(void)
{
	long rounds = random_rounds(ROUNDS);
	unsigned fitted = 0;

	CHECK(map_fits("web*", "web") && map_fits("web*", "web1") && !map_fits("web*", "we") &&
	      !map_fits("web*", "aweb"));
	for (long i = 0; i < rounds; i++) {
		char pattern[9], name[13];
		size_t p = random_below(sizeof(pattern)), n = random_below(sizeof(name));

		for (size_t k = 0; k < p; k++)
			pattern[k] = "ab*?"[random_below(4)];
		for (size_t k = 0; k < n; k++)
			name[k] = "ab"[random_below(2)];
		pattern[p] = name[n] = '\0';
		CHECK_INT(map_fits(pattern, name), fits_slowly(pattern, name));
		fitted += map_fits(pattern, name);
	}
	CHECK(fitted > rounds / 100);
}

/* Numbers that are on disks: they may never change.  From the FNV page: 64-bit FNV-1a of "a", "foobar". */
static void test_hash(void)
{
	CHECK_INT(map_hash("a", 0, UINT32_MAX - 1), (0xaf63dc4cU ^ 0x8601ec8cU) % UINT32_MAX);
	CHECK_INT(map_hash("foobar", 0, UINT32_MAX - 1), (0x85944171U ^ 0xf73967e8U) % UINT32_MAX);
	CHECK_INT(map_hash("foobar", 2000, 2999), 2000 + (0x85944171U ^ 0xf73967e8U) % 1000);
	CHECK_INT(map_hash("joe", 7, 8) / 7, 1);
}

static void test_one_line(void)
{
	static const char *const homes[] = { "/home", "/home/", "/home///", NULL };
	char line[100];

	start();
	for (size_t i = 0; homes[i]; i++) {
		(void)snprintf(line, sizeof(line), "mapped:x:5000:5001:Mapped user:%s:/bin/bash\n", homes[i]);
		put_conf(line);
		CHECK_STR(by_name("joe"), "joe:x:5000:5001:Mapped user:/home/joe:/bin/bash");
		CHECK_STR(by_uid(5000), "mapped:x:5000:5001:Mapped user:/home/mapped:/bin/bash");
	}
	CHECK_STR(by_uid(5001), "none");
	CHECK_STR(by_uid(0), "none");
	CHECK_STR(by_uid((uid_t)-1), "none");
	put_conf("mapped:x:5000:5001::/:\n");
	CHECK_STR(by_name("joe"), "joe:x:5000:5001::/joe:");
	put_conf("");
	CHECK_STR(by_name("joe"), "none");
	CHECK_STR(by_uid(5000), "none");
	put_conf("# none yet\n\n");
	CHECK_STR(by_name("joe"), "none");
}

static void test_locals(void)
{
	start();
	CHECK_STR(by_name("root"), "none");
	CHECK_STR(by_name("local"), "none");
	CHECK_STR(by_name("last"), "none");
	CHECK_STR(by_name("loca"), "loca:x:5000:5001:Mapped user:/home/loca:/bin/bash");
	/* the account that all are mapped to may be one of here: its number has its own name */
	put_conf("local:x:2100:5001::/home:\n");
	CHECK_STR(by_name("joe"), "joe:x:2100:5001::/home/joe:");
	CHECK_STR(by_uid(2100), "none");
	/* a very long line, and one that the file ends in */
	{
		static char text[10000];
		size_t n = (size_t)snprintf(text, sizeof(text), "early:x:2102:1:");

		memset(text + n, 'g', 8000);
		(void)snprintf(text + n + 8000, sizeof(text) - n - 8000,
			       ":/:/bin/sh\nlate:x:2103:1::/:/bin/sh");
		put(passwd, text);
	}
	CHECK_STR(by_name("early"), "none");
	CHECK_STR(by_name("late"), "none");
	CHECK(strcmp(by_name("ggg"), "none") != 0);
	CHECK_INT(unlink(passwd), 0);
	CHECK_STR(by_name("joe"), "unavailable");
}

static void test_first_line_counts(void)
{
	start();
	put_conf(
		"@web*:x:3000:3001:Web:/srv/web/:/bin/sh\n@?:x:3002:3001::/one:\n@*db:x:3003:3001::/db:\n"
		"mapped:x:5000:5001::/home:\n");
	CHECK_STR(by_name("web"), "web:x:3000:3001:Web:/srv/web/web:/bin/sh");
	CHECK_STR(by_name("webdb"), "webdb:x:3000:3001:Web:/srv/web/webdb:/bin/sh");
	CHECK_STR(by_name("w"), "w:x:3002:3001::/one/w:");
	CHECK_STR(by_name("mydb"), "mydb:x:3003:3001::/db/mydb:");
	CHECK_STR(by_name("joe"), "joe:x:5000:5001::/home/joe:");
	/* a pattern is nobody's name */
	CHECK_STR(by_uid(3000), "none");
	CHECK_STR(by_uid(5000), "mapped:x:5000:5001::/home/mapped:");
	put_conf("@web*:x:3000:3001::/srv:\n");
	CHECK_STR(by_name("joe"), "none");
}

static void test_list(void)
{
	unsigned joe, web;

	start();
	put_conf("allow @ALLOW@\nmapped:x:5000:5001::/home:\n");
	CHECK_STR(by_name("joe"), "joe:x:5000:5001::/home/joe:");
	CHECK_STR(by_name("jo"), "none");
	CHECK_STR(by_name("ann"), "none"); /* 2001 is not what the line has */
	CHECK_STR(by_name("local"), "none");
	CHECK_STR(by_uid(5000), "none"); /* mapped is not in the list */
	put_conf("allow\t@ALLOW@\n@web*:x:4000-4999:4000::/web:\nall:x:2000-2099:2000::/home:\n");
	joe = uid_of("joe");
	web = uid_of("web1");
	CHECK_INT(joe, map_hash("joe", 2000, 2099));
	CHECK_INT(web, map_hash("web1", 4000, 4999));
	CHECK_INT(uid_of("ann"), 2001);
	CHECK(strncmp(by_uid(joe), "joe:", 4) == 0);
	CHECK(strncmp(by_uid(web), "web1:", 5) == 0);
	CHECK_STR(by_uid(2001), "ann:x:2001:2000::/home/ann:");
	CHECK_STR(by_uid(2002), "none");
	/* a number of this machine is nobody else's */
	put(list, "joe:2100\nann:2101\nbob:2102\n");
	put_conf("allow @ALLOW@\nall:x:2000-2200:2000::/home:\n");
	CHECK_STR(by_name("joe"), "none");
	CHECK_STR(by_name("ann"), "none");
	CHECK_STR(by_uid(2100), "none");
	CHECK_INT(uid_of("bob"), 2102);
	/* the list alone is wrong */
	put(list, "bob\njoe");
	CHECK_STR(by_name("bob"), "unavailable");
	put(list, "bob\nJoe\n");
	CHECK_STR(by_name("bob"), "unavailable");
	put(list, "bob\njoe:\n");
	CHECK_STR(by_name("bob"), "unavailable");
	put(list, "bob\njoe:12x\n");
	CHECK_STR(by_uid(2102), "unavailable");
	put(list, "bob\n");
	CHECK_INT(chmod(list, 0666), 0);
	CHECK_STR(by_name("bob"), "unavailable");
	CHECK_INT(unlink(list), 0);
	CHECK_STR(by_name("bob"), "unavailable");
}

/* Two names, one number: never one account. */
static void test_collisions(void)
{
	unsigned uid;

	start();
	put_conf("allow @ALLOW@\nall:x:3000-3001:3000::/home:\n");
	put(list, "aa\nab\nac\n"); /* three names for two numbers */
	uid = map_hash("aa", 3000, 3001);
	CHECK_INT(uid_of("aa"), uid);
	for (unsigned u = 3000; u <= 3001; u++) {
		static const char *const names[] = { "aa", "ab", "ac" };
		int have = 0;

		for (size_t i = 0; i < 3; i++) {
			const char *said = by_name(names[i]);

			if (strcmp(said, "none") != 0 && pw.pw_uid == u) {
				have++;
				CHECK(strncmp(by_uid(u), names[i], 2) == 0);
			}
		}
		CHECK(have <= 1);
	}
	/* what stands in the list goes before the hash, wherever it stands */
	put(list, uid == 3000 ? "aa\nzz:3000\n" : "aa\nzz:3001\n");
	CHECK_STR(by_name("aa"), "none");
	CHECK_INT(uid_of("zz"), uid);
	CHECK(strncmp(by_uid(uid), "zz:", 3) == 0);
	/* of two that stand there, the first; of one name's two lines, the first */
	put(list, "yy:3000\nzz:3000\n");
	CHECK_INT(uid_of("yy"), 3000);
	CHECK_STR(by_name("zz"), "none");
	put(list, "yy:3000\nyy:3001\n");
	CHECK_INT(uid_of("yy"), 3000);
	CHECK_STR(by_uid(3001), "none");
	/* a number outside of what its line has */
	put(list, "yy:3002\nzz:0\n");
	CHECK_STR(by_name("yy"), "none");
	CHECK_STR(by_name("zz"), "none");
	CHECK_STR(by_uid(0), "none");
	/* lines with ranges that overlap */
	put_conf("allow @ALLOW@\n@a*:x:3000-3001:3000::/a:\n@b*:x:3001-3002:3000::/b:\n");
	put(list, "aa:3001\nbb:3001\nbc:3002\n");
	CHECK_INT(uid_of("aa"), 3001);
	CHECK_STR(by_name("bb"), "none");
	CHECK_INT(uid_of("bc"), 3002);
}

static void test_broken(void)
{
	static const char *const bad[] = {
		"mapped",
		"mapped:x:5000:5000::/home",
		"mapped:x:5000:5000::/home::",
		"mapped:x:0:5000::/home:",
		"mapped:x:5000:0::/home:",
		"mapped:x:999:5000::/home:",
		"mapped:x:5000:999::/home:",
		"mapped:x:-1:5000::/home:",
		"mapped:x:4294967295:5000::/home:",
		"mapped:x:4294967296:5000::/home:",
		"mapped:x:65535:5000::/home:",
		"mapped:x:05000:5000::/home:",
		"mapped:x::5000::/home:",
		"mapped:x:5000 :5000::/home:",
		"mapped:x:5000:5000::home:",
		"mapped:x:5000:5000:::",
		"mapped:x:5000:5000::/home:sh",
		"mapped::5000:5000::/home:",
		"mapped:$6$x:5000:5000::/home:",
		"Mapped:x:5000:5000::/home:",
		":x:5000:5000::/home:",
		"@:x:5000:5000::/home:",
		"@a[b]:x:5000:5000::/home:",
		"@a/*:x:5000:5000::/home:",
		"mapped:x:5000-5000:5000::/home:",
		"mapped:x:5001-5000:5000::/home:",
		"mapped:x:5000-:5000::/home:",
		"mapped:x:5000-6000:5000::/home:", /* without a list */
		"allow @ALLOW@\nmapped:x:0-6000:5000::/home:",
		"allow @ALLOW@\nmapped:x:999-6000:5000::/home:",
		"allow @ALLOW@\na:x:5500:5000::/home:\nb:x:5000-6000:5000::/home:",
		"allow relative",
		"allow ",
		"allow",
		"allow @ALLOW@\nallow /x",
		"mapped:x:5000:5000::/home:\nallow @ALLOW@",
		"mapped:x:5000:5000::/home:\nfloor 2000",
		"floor 0",
		"floor",
		"floor x",
		"floor -1",
		"floor 5001\nmapped:x:5000:6000::/home:",
		"floor 5001\nmapped:x:6000:5000::/home:",
		"group",
		"group g",
		"group g:x:5000",
		"group g:x:0:",
		"group g:x:999:",
		"group g::5000:",
		"group G:x:5000:",
		"group g:x:5000:a b",
		"group g:x:5000:a,",
		"group g:x:5000:,a",
		"group g:x:5000:@",
		"group g:x:5000:a:",
		"group g:x:5000:abcdefghijklmnopqrstuvwxyzabcdefgh",
		"mapped:x:5000:5000:\x7f:/home:",
		"mapped:x:5000:5000:\x1b[m:/home:",
		"nonsense",
		" mapped:x:5000:5000::/home:",
		NULL,
	};
	char big[MAP_CONF_MAX + 2], text[300];

	start();
	for (size_t i = 0; bad[i]; i++) {
		/* alone, and with a good line around it */
		for (int k = 0; k < 2; k++) {
			(void)snprintf(text, sizeof(text), "%s\n%s", bad[i],
				       k ? "@joe:x:7000:7000::/home:\n" : "");
			put_conf(text);
			if (strcmp(by_name("joe"), "unavailable") != 0)
				CHECK_STR(by_name("joe"), bad[i]);
		}
	}
	put_conf("mapped:x:5000:5000::/home:");
	CHECK_STR(by_name("joe"), "unavailable"); /* no newline: it is being written */
	put_bytes(conf, "mapped:x:5000:5000::/home:\n\0\n", 29);
	CHECK_STR(by_name("joe"), "unavailable");
	memset(big, '\n', sizeof(big));
	put_bytes(conf, big, MAP_CONF_MAX);
	CHECK_STR(by_name("joe"), "none");
	put_bytes(conf, big, MAP_CONF_MAX + 1);
	CHECK_STR(by_name("joe"), "unavailable");
	/* lower where it says so, yet never 0 */
	put_conf("floor 100\nmapped:x:200:100::/home:\n");
	CHECK_STR(by_name("joe"), "joe:x:200:100::/home/joe:");
}

static void test_unsafe(void)
{
	static const mode_t modes[] = { 0664, 0646, 0666, 0777 };

	start();
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		CHECK_INT(chmod(conf, modes[i]), 0);
		CHECK_STR(by_name("joe"), "unavailable");
	}
	CHECK_INT(chmod(conf, 0600), 0);
	CHECK(strncmp(by_name("joe"), "joe:", 4) == 0);
	paths.owner++;
	CHECK_STR(by_name("joe"), "unavailable");
	paths.owner--;
	CHECK_INT(unlink(conf), 0);
	CHECK_STR(by_name("joe"), "unavailable");
	CHECK_STR(by_uid(5000), "unavailable");
	CHECK_INT(mkfifo(conf, 0644), 0);
	CHECK_STR(by_name("joe"), "unavailable");
	CHECK_INT(unlink(conf), 0);
	CHECK_INT(mkdir(conf, 0755), 0);
	CHECK_STR(by_name("joe"), "unavailable");
	CHECK_INT(rmdir(conf), 0);
}

/* ---- groups ---- */

static const char *group_text(enum nss_status s, int error, const struct group *gr)
{
	static char text[600];
	size_t n;

	if (s != NSS_STATUS_SUCCESS)
		return say(s, error);
	n = (size_t)snprintf(text, sizeof(text), "%s:%s:%u:", gr->gr_name, gr->gr_passwd, gr->gr_gid);
	for (char **m = gr->gr_mem; *m; m++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", m == gr->gr_mem ? "" : ",", *m);
	return text;
}

static const char *group_by(const char *name, unsigned gid)
{
	struct group gr;
	int error = -1;
	enum nss_status s = name ? _nss_map_getgrnam_r(name, &gr, buffer, sizeof(buffer), &error)
				 : _nss_map_getgrgid_r(gid, &gr, buffer, sizeof(buffer), &error);

	return group_text(s, error, &gr);
}

#define GROUPS \
	"group maps:x:5001:\ngroup www:x:6000:@web*,joe,ann\ngroup staff:x:6001:joe\ngroup mine:x:2500:joe\n"

static void test_groups(void)
{
	struct group gr;
	int error;

	start();
	put_conf(GROUPS "mapped:x:5000:5001::/home:\n");
	CHECK_STR(group_by("maps", 0), "maps:x:5001:");
	CHECK_STR(group_by("www", 0), "www:x:6000:joe,ann");
	CHECK_STR(group_by(NULL, 6000), "www:x:6000:joe,ann");
	CHECK_STR(group_by("staff", 0), "none"); /* this machine's name */
	CHECK_STR(group_by(NULL, 6001), "none");
	CHECK_STR(group_by("mine", 0), "none"); /* this machine's number */
	CHECK_STR(group_by(NULL, 2500), "none");
	CHECK_STR(group_by("root", 0), "none");
	CHECK_STR(group_by(NULL, 0), "none");
	CHECK_STR(group_by("nobody", 0), "none");
	for (int i = 0; i < 2; i++) {
		CHECK_INT(_nss_map_setgrent(0), NSS_STATUS_SUCCESS);
		CHECK_STR(group_text(_nss_map_getgrent_r(&gr, buffer, sizeof(buffer), &error), 0, &gr),
			  "maps:x:5001:");
		CHECK_STR(group_text(_nss_map_getgrent_r(&gr, buffer, sizeof(buffer), &error), 0, &gr),
			  "www:x:6000:joe,ann");
		CHECK_INT(_nss_map_getgrent_r(&gr, buffer, sizeof(buffer), &error), NSS_STATUS_NOTFOUND);
		CHECK_INT(_nss_map_getgrent_r(&gr, buffer, sizeof(buffer), &error), NSS_STATUS_NOTFOUND);
	}
	CHECK_INT(_nss_map_endgrent(), NSS_STATUS_SUCCESS);
}

/* ---- the caller's memory ---- */

enum call { PWNAM, PWUID, PWENT, SPNAM, GRNAM, GRGID, GRENT, CALLS };

/* What is found, as text, in a buffer of its own of len bytes, that begins at an odd address or not. */
static enum nss_status in_buffer(enum call call, size_t len, size_t odd, char *text, size_t size, int *error)
{
	char *memory = malloc(len + odd + !(len + odd)), *b = memory + odd;
	enum nss_status s = NSS_STATUS_UNAVAIL;
	struct group gr;
	struct spwd sp;

	*error = -1;
	if (call == PWNAM)
		s = _nss_map_getpwnam_r("joe", &pw, b, len, error);
	else if (call == PWUID)
		s = _nss_map_getpwuid_r(map_hash("joe", 2000, 2099), &pw, b, len, error);
	else if (call == PWENT)
		s = _nss_map_getpwent_r(&pw, b, len, error);
	else if (call == SPNAM)
		s = _nss_map_getspnam_r("joe", &sp, b, len, error);
	else if (call == GRNAM)
		s = _nss_map_getgrnam_r("www", &gr, b, len, error);
	else if (call == GRGID)
		s = _nss_map_getgrgid_r(6000, &gr, b, len, error);
	else
		s = _nss_map_getgrent_r(&gr, b, len, error);
	*text = '\0';
	if (s == NSS_STATUS_SUCCESS && call == SPNAM)
		(void)snprintf(text, size, "%s:%s:%ld:%ld:%ld:%ld:%ld:%ld:%lx", sp.sp_namp, sp.sp_pwdp,
			       sp.sp_lstchg, sp.sp_min, sp.sp_max, sp.sp_warn, sp.sp_inact, sp.sp_expire,
			       sp.sp_flag);
	else if (s == NSS_STATUS_SUCCESS && call >= GRNAM)
		(void)snprintf(text, size, "%s", group_text(s, 0, &gr));
	else if (s == NSS_STATUS_SUCCESS)
		(void)told(s, 0, &pw, text, size);
	free(memory);
	return s;
}

static void test_every_size(void)
{
	char joe[100], shadow[100], text[700];
	const char *const wanted[CALLS] = {
		joe, joe, joe, shadow, "www:x:6000:joe,ann", "www:x:6000:joe,ann", "www:x:6000:joe,ann"
	};

	start();
	put_conf("allow @ALLOW@\ngroup www:x:6000:@web*,joe,ann\nall:x:2000-2099:6000:All:/home:/bin/sh\n");
	(void)snprintf(joe, sizeof(joe), "joe:x:%u:6000:All:/home/joe:/bin/sh", map_hash("joe", 2000, 2099));
	(void)snprintf(shadow, sizeof(shadow), "joe:*:-1:-1:-1:-1:-1:-1:%lx", ~0UL);
	for (int call = 0; call < CALLS; call++) {
		if (call == SPNAM && geteuid() != 0)
			continue;
		for (size_t odd = 0; odd < 9; odd++) {
			enum nss_status s = NSS_STATUS_TRYAGAIN;
			size_t len = 0;
			int error;

			(void)_nss_map_setpwent(0);
			(void)_nss_map_setgrent(0);
			for (; len < 300 && s != NSS_STATUS_SUCCESS; len++) {
				s = in_buffer((enum call)call, len, odd, text, sizeof(text), &error);
				if (s != NSS_STATUS_SUCCESS)
					CHECK(s == NSS_STATUS_TRYAGAIN && error == ERANGE);
			}
			CHECK(len > 5 && len < 200);
			CHECK_STR(text, wanted[call]);
			/* and in any larger one; getpwent(3) goes on */
			if (call != PWENT && call != GRENT) {
				CHECK_INT(in_buffer((enum call)call, len + 100, odd, text, sizeof(text),
						    &error),
					  NSS_STATUS_SUCCESS);
				CHECK_STR(text, wanted[call]);
			}
		}
	}
}

static void test_shadow(void)
{
	struct spwd sp;
	int error = -1;

	start();
	if (geteuid() != 0) {
		CHECK_INT(_nss_map_getspnam_r("joe", &sp, buffer, sizeof(buffer), &error),
			  NSS_STATUS_UNAVAIL);
		CHECK_INT(error, EACCES);
		return;
	}
	CHECK_INT(_nss_map_getspnam_r("root", &sp, buffer, sizeof(buffer), &error), NSS_STATUS_NOTFOUND);
	CHECK_INT(_nss_map_getspnam_r("joe", &sp, buffer, sizeof(buffer), &error), NSS_STATUS_SUCCESS);
	CHECK_STR(sp.sp_pwdp, "*");
	CHECK_INT(seteuid(65534), 0);
	CHECK_INT(_nss_map_getspnam_r("joe", &sp, buffer, sizeof(buffer), &error), NSS_STATUS_UNAVAIL);
	CHECK_INT(seteuid(0), 0);
	CHECK_INT(error, EACCES);
}

static void test_enumeration(void)
{
	int error = -1;

	start();
	CHECK_INT(_nss_map_setpwent(0), NSS_STATUS_SUCCESS);
	CHECK_INT(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error),
		  NSS_STATUS_NOTFOUND); /* no list */
	put_conf("allow @ALLOW@\nall:x:2000-2099:2000::/home:\n");
	put(list, "one:2001\n# two\n\ntwo:2002\nagain:2002\nlocal\nroot:2003\nout:3000\nend:2004\n");
	for (int i = 0; i < 2; i++) {
		CHECK_INT(_nss_map_setpwent(0), NSS_STATUS_SUCCESS);
		CHECK_STR(say(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), error),
			  "one:x:2001:2000::/home/one:");
		CHECK_STR(say(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), error),
			  "two:x:2002:2000::/home/two:");
		CHECK_STR(say(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), error),
			  "end:x:2004:2000::/home/end:");
		CHECK_STR(say(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), error), "none");
		CHECK_STR(say(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), error), "none");
	}
	CHECK_INT(_nss_map_endpwent(), NSS_STATUS_SUCCESS);
}

/* A large list: what each name has, its number gives back, and no two have one. */
static void test_many(void)
{
	static char text[MAP_LIST_MAX];
	static unsigned char seen[100000];
	unsigned have = 0, refused = 0;
	size_t n = 0;
	int error;

	start();
	for (int i = 0; i < 1500; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "user%d\n", i);
	put(list, text);
	put_conf("allow @ALLOW@\nall:x:100000-199999:2000::/home:\n");
	for (int i = 0; i < 1500; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "user%d", i);
		if (strcmp(by_name(name), "none") == 0) {
			refused++;
			continue;
		}
		have++;
		CHECK(pw.pw_uid >= 100000 && !seen[pw.pw_uid - 100000]++);
		CHECK(strncmp(by_uid(pw.pw_uid), name, strlen(name)) == 0 && strcmp(pw.pw_name, name) == 0);
	}
	CHECK(have > 1400 && have + refused == 1500);
	(void)_nss_map_setpwent(0);
	while (_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS)
		have--;
	CHECK_INT(have, 0);
	/* found one by one, and not listed */
	for (int i = 0; n < MAP_ENTRIES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "more%d\n", i);
	put(list, text);
	CHECK(strncmp(by_name("more7"), "more7:", 6) == 0);
	(void)_nss_map_setpwent(0);
	CHECK_INT(_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error), NSS_STATUS_UNAVAIL);
}

/* ---- nothing is kept, and nothing is wrong that is only scarce ---- */

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_descriptors(void)
{
	struct rlimit old, none;
	int before = descriptors(), error = -1, next;
	enum nss_status s;

	start();
	put_conf("allow @ALLOW@\nall:x:2000-2099:2000::/home:\n");
	(void)by_name("joe");
	(void)by_uid(2001);
	(void)_nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error);
	put(list, "broken");
	(void)by_name("joe");
	CHECK_INT(descriptors(), before);
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(next >= 0 && close(next) == 0);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)next;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
	s = _nss_map_getpwnam_r("joe", &pw, buffer, sizeof(buffer), &error);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
	CHECK(s == NSS_STATUS_TRYAGAIN && error == EMFILE);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_names),      TEST(test_patterns),    TEST(test_hash),
		TEST(test_one_line),   TEST(test_locals),      TEST(test_first_line_counts),
		TEST(test_list),       TEST(test_collisions),  TEST(test_broken),
		TEST(test_unsafe),     TEST(test_groups),      TEST(test_every_size),
		TEST(test_shadow),     TEST(test_enumeration), TEST(test_many),
		TEST(test_descriptors), { NULL, NULL },
	};

	return nss_map_main(tests, argc, argv);
}
