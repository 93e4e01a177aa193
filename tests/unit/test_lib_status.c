/* Where this libssh2 keeps an exit status; tests/fleet asks each of them whether one came. */
#include "dt/ssh/lib.h"

#include <string.h>

#include "dt/ssh/session.h"
#include "tests/unit/test.h"

static void test_place(void)
{
	static unsigned char channel[4096];
	struct lib l;
	struct dt_err err = DT_ERR_INIT;
	unsigned changed = 0;
	bool twice;

	CHECK(session_global_init(&err) == 0);
	CHECK(lib_status_found());
	wire_init(&l.wire, -1);
	lib_status_expect(&l, (LIBSSH2_CHANNEL *)(void *)channel);
	/* four bytes, and no others, are written to */
	for (size_t i = 0; i < sizeof(channel); i++)
		changed += channel[i] != 0;
	CHECK_INT(changed, 4);
	CHECK_INT(lib_status_take(&l, (LIBSSH2_CHANNEL *)(void *)channel, &twice), -1);
	CHECK(!twice && !l.wire.watched);
}

/* What is freed is how libssh2 is seen to go on. */
static void test_watch(void)
{
	static const struct {
		const char *messages;	/* 's': the status, 0; 't': 3; 'c': close; 'o': of another channel; 'd': data */
		int status;
		bool twice;
	} cases[] = {
		{ "s", 0, false }, { "dsdc", 0, false }, { "t", 3, false }, { "", -1, false }, { "dc", -1, false },
		{ "ts", -1, true }, { "st", -1, true }, { "cs", -1, false }, { "os", 0, false }, { "ss", 0, false },
	};
	static unsigned channel[1024];
	struct lib l;

	CHECK(lib_status_found());
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		void *abstract = &l.wire;
		bool twice;

		wire_init(&l.wire, -1);
		lib_status_expect(&l, (LIBSSH2_CHANNEL *)(void *)channel);
		for (const char *m = cases[i].messages; *m; m++) {
			unsigned char *p = wire_alloc(32, &abstract);

			memset(p, 0, 32);
			p[0] = *m == 's' || *m == 't' ? 98 : *m == 'd' ? 94 : 97;
			p[4] = *m == 'o' ? 1 : 0;
			if (*m == 's' || *m == 't')
				*(int *)(uintptr_t)l.wire.watched = *m == 's' ? 0 : 3;
			wire_free(p, &abstract);
		}
		CHECK_INT(lib_status_take(&l, (LIBSSH2_CHANNEL *)(void *)channel, &twice), cases[i].status);
		CHECK_INT(twice, cases[i].twice);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_place), TEST(test_watch), { NULL, NULL } };

	return test_main(tests, argc, argv);
}
