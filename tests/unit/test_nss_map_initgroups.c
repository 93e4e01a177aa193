/* libnss_map.so.2 (contrib/nss_map): the groups of a user at login. */
#include "tests/unit/nss_map.h"

/* "GID GID ..." that are there afterwards; what was there is 7. */
static const char *groups_of(const char *name, gid_t primary, long limit, enum nss_status wanted)
{
	static char text[600];
	long at = 1, size = 1;
	gid_t *v = malloc(sizeof(*v));
	size_t n = 0;
	int error = -1;

	*v = 7;
	CHECK_INT(_nss_map_initgroups_dyn(name, primary, &at, &size, &v, limit, &error), wanted);
	CHECK(at <= size && (limit <= 0 || size <= limit));
	*text = '\0';
	for (long i = 0; i < at; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", i ? " " : "", v[i]);
	free(v);
	return text;
}

static void test_initgroups(void)
{
	char many[4000];
	size_t n;

	start();
	put_conf("group www:x:6000:@web*,joe,ann\ngroup staff:x:6001:joe\ngroup mine:x:2500:joe\n"
		 "group more:x:6002:joe\n"
		 "mapped:x:5000:5001::/home:\n");
	CHECK_STR(groups_of("joe", 5001, -1, NSS_STATUS_SUCCESS), "7 6000 6002");
	CHECK_STR(groups_of("web9", 5001, -1, NSS_STATUS_SUCCESS), "7 6000");
	CHECK_STR(groups_of("joe", 5001, 2, NSS_STATUS_SUCCESS), "7 6000");
	CHECK_STR(groups_of("nix", 5001, -1, NSS_STATUS_NOTFOUND), "7");
	/* of another service, or of this machine */
	CHECK_STR(groups_of("joe", 100, -1, NSS_STATUS_NOTFOUND), "7");
	CHECK_STR(groups_of("root", 0, -1, NSS_STATUS_NOTFOUND), "7");
	CHECK_STR(groups_of("local", 5001, -1, NSS_STATUS_NOTFOUND), "7");
	n = 0;
	for (int i = 0; i < MAP_GROUPS_MAX; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "group g%d:x:%d:@*\n", i, 7000 + i);
	(void)snprintf(many + n, sizeof(many) - n, "mapped:x:5000:5001::/home:\n");
	put_conf(many);
	CHECK_HAS(groups_of("joe", 5001, -1, NSS_STATUS_SUCCESS), "7 7000 7001");
	(void)snprintf(many + n, sizeof(many) - n, "group more:x:8000:\n");
	put_conf(many);
	CHECK_STR(groups_of("joe", 5001, -1, NSS_STATUS_UNAVAIL), "7"); /* one too many */
}

/* Who is in a group of this machine, its own file alone says. */
static void test_local_groups(void)
{
	static const char *const groups[] = { "root:x:0:\ndbadmins:x:27000:\n", "ops:x:100:\nroot:x:0:\n", NULL };

	start();
	put_conf("allow @ALLOW@\ngroup ops:x:27000:@j*\nall:x:100000-119999:20000::/home:\n");
	CHECK_STR(groups_of("joe", 20000, -1, NSS_STATUS_SUCCESS), "7 27000");
	for (size_t i = 0; groups[i]; i++) {
		/* by its number, and by its name */
		put(group, groups[i]);
		CHECK_STR(groups_of("joe", 20000, -1, NSS_STATUS_NOTFOUND), "7");
	}
	/* where that cannot be known, no group is given */
	CHECK(unlink(group) == 0);
	CHECK_STR(groups_of("joe", 20000, -1, NSS_STATUS_UNAVAIL), "7");
	CHECK_STR(groups_of("ann", 20000, -1, NSS_STATUS_NOTFOUND), "7");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_initgroups), TEST(test_local_groups), { NULL, NULL } };

	return nss_map_main(tests, argc, argv);
}
