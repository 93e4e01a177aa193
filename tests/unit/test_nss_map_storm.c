/* libnss_map.so.2 (contrib/nss_map) with anything in its files, and with files that change under many threads. */
#include "tests/unit/nss_map.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 20000
#define THREADS 64
#define THREAD_ROUNDS 500	/* times DT_TEST_HEAVY: with 2000 of it a million */
#define REPLACE_EVERY 50	/* and at most a hundred times as seldom */

static struct passwd pw;
static char buffer[1024];

/* ---- anything in the files ---- */

static size_t mutate(char *text, size_t len, size_t size)
{
	static const char *const parts[] = { ":",	   "\n",
					     "-",	   "@",
					     "*",	   ",",
					     "x",	   "0",
					     "4294967295", "65535",
					     "allow ",	   "floor ",
					     "group ",	   "::::::\n",
					     "/",	   "999",
					     "1000",	   "99999999999999999999",
					     "#",	   "abcdefghijklmnopqrstuvwxyzabcdefgh" };

	for (size_t k = 1 + random_below(6); k--;) {
		size_t at = random_below(len + 1), what = random_below(4);
		const char *p = parts[random_below(sizeof(parts) / sizeof(*parts))];
		size_t n = strlen(p);

		if (what == 0 && at < len) {
			text[at] = (char)random_next();
		} else if (what == 1 && at < len) {
			n = 1 + random_below(len - at);
			memmove(text + at, text + at + n, len - at - n);
			len -= n;
		} else if (what == 2 && len + n < size) {
			memmove(text + at + n, text + at, len - at);
			memcpy(text + at, p, n);
			len += n;
		} else if (at < len) {
			n = 1 + random_below(len - at);
			if (len + n < size) {
				memmove(text + at + n, text + at, len - at);
				len += n;
			}
		}
	}
	return len;
}

static void check_user(const char *name, enum nss_status s, int error)
{
	if (s == NSS_STATUS_SUCCESS) {
		CHECK(pw.pw_uid != 0 && pw.pw_gid != 0 && pw.pw_uid != (uid_t)-1);
		CHECK(map_is_name(pw.pw_name) && strcmp(pw.pw_name, "root") != 0 &&
		      strcmp(pw.pw_name, "local") != 0);
		CHECK(!name || strcmp(pw.pw_name, name) == 0);
		CHECK(*pw.pw_dir == '/' && strcmp(strrchr(pw.pw_dir, '/') + 1, pw.pw_name) == 0);
		CHECK(!strpbrk(pw.pw_dir, ":\n") && !strpbrk(pw.pw_gecos, ":\n") &&
		      !strpbrk(pw.pw_shell, ":\n"));
	} else {
		CHECK(error == ENOENT || error == ERANGE);
	}
}

static void test_mutated(void)
{
	static const char good_list[] = "# names\njoe\nann:2001\nweb1\nbob:2002\nlocal\n";
	static const char good_conf[] =
		"# nssmap.conf\nfloor 1000\nallow @ALLOW@\ngroup www:x:6000:@web*,joe\n"
		"@web*:x:3000:3001:Web:/srv/web/:/bin/sh\nall:x:2000-2099:2000:All:/home:/bin/sh\n";
	static const char *const names[] = { "joe", "ann", "web1", "root", "local", "bob", "x" };
	static const unsigned uids[] = { 0, 2001, 2100, 3000, 5000, 65535 };
	static char text[20000];
	long rounds = random_rounds(ROUNDS);
	unsigned found = 0, broken = 0;
	uint64_t seed;

	start();
	for (long i = 0; i < rounds; i++) {
		int before = test_faults, error = ENOENT;
		const char *name = names[random_below(7)];
		struct group gr;
		enum nss_status s;
		size_t len;

		seed = random_state;
		len = (size_t)snprintf(text, sizeof(text), "%s", with_list(good_conf));
		if (random_below(4))
			len = mutate(text, len, sizeof(text));
		put_bytes(conf, text, len);
		len = (size_t)snprintf(text, sizeof(text), "%s", good_list);
		if (random_below(2))
			len = mutate(text, len, sizeof(text));
		put_bytes(list, text, len);
		s = _nss_map_getpwnam_r(name, &pw, buffer, random_below(200), &error);
		check_user(name, s, error);
		found += s == NSS_STATUS_SUCCESS;
		broken += s == NSS_STATUS_UNAVAIL;
		s = _nss_map_getpwuid_r(uids[random_below(6)], &pw, buffer, sizeof(buffer), &error);
		check_user(NULL, s, error);
		(void)_nss_map_setpwent(0);
		for (int k = 0; k < 10 && (s = _nss_map_getpwent_r(&pw, buffer, sizeof(buffer), &error)) ==
						  NSS_STATUS_SUCCESS;
		     k++)
			check_user(NULL, s, error);
		s = _nss_map_getgrnam_r("www", &gr, buffer, random_below(200), &error);
		CHECK(s != NSS_STATUS_SUCCESS || gr.gr_gid != 0);
		{
			long at = 0, size = 0;
			gid_t *v = NULL;

			(void)_nss_map_initgroups_dyn(name, 2000, &at, &size, &v, -1, &error);
			for (long k = 0; k < at; k++)
				CHECK(v[k] != 0 && v[k] != 2000);
			free(v);
		}
		if (test_faults != before) {
			random_again(seed);
			break;
		}
	}
	CHECK(found > rounds / 50 && broken > rounds / 50);
}

/* ---- threads, with the files replaced under them ---- */

static const struct {
	const char *conf, *list, *joe, *ann;
} versions[] = {
	{ "mapped:x:5000:5001:One:/one:/bin/a\n", "joe\n", "joe:x:5000:5001:One:/one/joe:/bin/a",
	  "ann:x:5000:5001:One:/one/ann:/bin/a" },
	{ "@j*:x:6000:6001:Second:/second/:/bin/second\nall:x:7000:7001:Third::/bin/third\n", "joe\n",
	  "unavailable", "unavailable" },
	{ "allow @ALLOW@\nall:x:2000-2099:2000::/home:\n", "joe:2007\nann:2008\n",
	  "joe:x:2007:2000::/home/joe:", "ann:x:2008:2000::/home/ann:" },
	{ "allow @ALLOW@\nall:x:2000-2099:2000::/home:\n", "ann:2007\n", "none",
	  "ann:x:2007:2000::/home/ann:" },
};
#define VERSIONS (sizeof(versions) / sizeof(*versions))

static atomic_long looked_up, known, odd_answers, replaced;
static long thread_rounds, replace_every;
static char confs[VERSIONS][300];

/* One whole version of each file, whichever they were. */
static bool is_possible(const char *said, bool joe)
{
	char hashed[64];

	if (strcmp(said, "none") == 0 || strcmp(said, "unavailable") == 0)
		return true;
	/* the configuration of the one with the list of the other */
	(void)snprintf(hashed, sizeof(hashed), "joe:x:%u:2000::/home/joe:", map_hash("joe", 2000, 2099));
	if (strcmp(said, hashed) == 0)
		return true;
	for (size_t i = 0; i < VERSIONS; i++)
		if (strcmp(said, joe ? versions[i].joe : versions[i].ann) == 0)
			return true;
	return false;
}

static void replace(size_t n)
{
	put(conf, confs[n % VERSIONS]);
	put(list, versions[n / VERSIONS % VERSIONS].list);
	put(passwd, n % 3 ? "root:x:0:0::/:\n" : "root:x:0:0::/:\nann:x:2008:0::/:\n");
	(void)atomic_fetch_add(&replaced, 1);
}

/* arg: what this thread's versions begin with. */
static void *look_up(void *arg)
{
	size_t n = *(const size_t *)arg;

	for (long i = 0; i < thread_rounds; i++) {
		char mine[300], text[400];
		struct passwd p;
		int error = -1;
		bool joe = i & 1;
		enum nss_status s = i % 5 == 4 ? _nss_map_getpwuid_r(2007, &p, mine, sizeof(mine), &error)
					       : _nss_map_getpwnam_r(joe ? "joe" : "ann", &p, mine,
								     sizeof(mine), &error);
		const char *said = told(s, error, &p, text, sizeof(text));

		if (!is_possible(said, *said == 'j') && atomic_fetch_add(&odd_answers, 1) < 5)
			(void)fprintf(stderr, "%s\n", said);
		(void)atomic_fetch_add(&looked_up, 1);
		(void)atomic_fetch_add(&known, s == NSS_STATUS_SUCCESS);
		if (i % replace_every == 0)
			replace(n++);
	}
	return NULL;
}

static void test_threads(void)
{
	const char *heavy = getenv("DT_TEST_HEAVY");
	long times = heavy && strtol(heavy, NULL, 10) > 1 ? strtol(heavy, NULL, 10) : 1;
	pthread_t threads[THREADS];
	size_t begin[THREADS];

	start();
	for (size_t v = 0; v < VERSIONS; v++)
		(void)snprintf(confs[v], sizeof(confs[v]), "%.299s", with_list(versions[v].conf));
	replace(0);
	thread_rounds = random_rounds(THREAD_ROUNDS) * times;
	replace_every = REPLACE_EVERY * (times < 100 ? times : 100);
	for (size_t i = 0; i < THREADS; i++) {
		begin[i] = i;
		CHECK_INT(pthread_create(&threads[i], NULL, look_up, &begin[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_INT(atomic_load(&looked_up), THREADS * thread_rounds);
	CHECK_INT(atomic_load(&odd_answers), 0);
	/* half of the versions know both names, one more knows one of them */
	CHECK(atomic_load(&known) > atomic_load(&looked_up) / 8);
	printf("# %d threads, %ld lookups each, %ld of them found, %ld times the files replaced\n", THREADS,
	       thread_rounds, atomic_load(&known) / THREADS, atomic_load(&replaced));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_mutated), TEST(test_threads), { NULL, NULL } };

	return nss_map_main(tests, argc, argv);
}
