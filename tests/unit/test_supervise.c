#include "modules/service/supervise.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* 2026-11-21 16:20:02 UTC; the files below were written a second before, on Debian 12. */
#define NOW 0x6b01c4a2

static struct supervise s;

static const char *decode(const char *bytes, size_t len)
{
	return supervise_decode((const unsigned char *)bytes, len, NOW, &s);
}
#define DECODE(literal) decode(literal, sizeof(literal) - 1)

#define RUNIT_TIME "\x40\0\0\0\x6b\x01\xc4\xab\x03\x69\x92\xc4"
#define S6_TIME "\x40\0\0\0\x6b\x01\xc4\xc6\x02\xb8\x6d\x92\x40\0\0\0\x6b\x01\xc4\xc6\x02\xb4\x41\xc8"

static void is(enum supervise_kind kind, enum supervise_state state, enum supervise_want want, long pid, long long age)
{
	CHECK_INT(s.kind, kind);
	CHECK_INT(s.state, state);
	CHECK_INT(s.want, want);
	CHECK_INT(s.pid, pid);
	CHECK_INT(s.age, age);
}

/* runsv of runit 2.1.2-54: sv says "run: (pid 16378) 1s" */
static void test_runit(void)
{
	CHECK_STR(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0u\0\1"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_RUN, SUPERVISE_WANT_UP, 16378, 1);
	CHECK(!s.paused && !s.term);
	/* sv once */
	CHECK_STR(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0d\0\1"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_RUN, SUPERVISE_WANT_DOWN, 16378, 1);
	CHECK(!s.term);
	CHECK_STR(DECODE(RUNIT_TIME "\xfa\x3f\0\0\1u\0\1"), NULL);
	CHECK(s.paused && !s.term);
	CHECK_STR(DECODE(RUNIT_TIME "\xfa\x3f\x01\0\0d\1\1"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_RUN, SUPERVISE_WANT_DOWN, 0x13ffa, 1);
	CHECK(s.term && !s.paused);
	CHECK_STR(DECODE(RUNIT_TIME "\0\0\0\0\0d\0\0"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_DOWN, SUPERVISE_WANT_DOWN, 0, 1);
	CHECK_STR(DECODE(RUNIT_TIME "\1\0\0\0\0u\0\2"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_FINISH, SUPERVISE_WANT_UP, 1, 1);
	/* finish is about to be started */
	CHECK_STR(DECODE(RUNIT_TIME "\0\0\0\0\0u\0\2"), NULL);
	is(SUPERVISE_RUNIT, SUPERVISE_FINISH, SUPERVISE_WANT_UP, 0, 1);
	/* what was paused and is gone is not paused; sv(8) says so too */
	CHECK_STR(DECODE(RUNIT_TIME "\0\0\0\0\1u\1\0"), NULL);
	CHECK(!s.paused && !s.term);
}

/* supervise of daemontools 0.76: svstat says "up (pid 16374) 1 seconds" */
static void test_daemontools(void)
{
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x01\xc4\xab\x02\xf3\xbe\xb4\xf6\x3f\0\0\0u"), NULL);
	is(SUPERVISE_DAEMONTOOLS, SUPERVISE_RUN, SUPERVISE_WANT_UP, 16374, 1);
	/* svc -o */
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x01\xc4\xab\x02\xf3\xbe\xb4\xf6\x3f\0\0\0\0"), NULL);
	is(SUPERVISE_DAEMONTOOLS, SUPERVISE_RUN, SUPERVISE_WANT_ONCE, 16374, 1);
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x01\xc4\xab\x02\xf3\xbe\xb4\xf6\x3f\0\0\1d"), NULL);
	CHECK(s.paused && s.want == SUPERVISE_WANT_DOWN);
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x01\xc4\xab\x02\xf3\xbe\xb4\0\0\0\0\0d"), NULL);
	is(SUPERVISE_DAEMONTOOLS, SUPERVISE_DOWN, SUPERVISE_WANT_DOWN, 0, 1);
}

/* s6-supervise of s6 2.11.3.2: s6-svstat says "up (pid 16376) 1 seconds" */
static void test_s6(void)
{
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\4"), NULL);
	is(SUPERVISE_S6, SUPERVISE_RUN, SUPERVISE_WANT_UP, 16376, 1);
	CHECK(!s.paused);
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\5"), NULL);
	CHECK(s.paused);
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\0"), NULL);
	is(SUPERVISE_S6, SUPERVISE_RUN, SUPERVISE_WANT_DOWN, 16376, 1);
	/* it was ended by TERM */
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\0\0\0\x0f\x08"), NULL);
	is(SUPERVISE_S6, SUPERVISE_DOWN, SUPERVISE_WANT_DOWN, 0, 1);
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\6"), NULL);
	is(SUPERVISE_S6, SUPERVISE_FINISH, SUPERVISE_WANT_UP, 16376, 1);
	/* s6 2.12: the process group stands behind the pid */
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\0\0\0\0\x3f\xf8\0\0\x0c"), NULL);
	is(SUPERVISE_S6, SUPERVISE_RUN, SUPERVISE_WANT_UP, 16376, 1);
}

static void test_length(void)
{
	static const unsigned char bytes[64] = { 0x40 };

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		const char *wrong = supervise_decode(bytes, len, NOW, &s);

		if (len != 18 && len != 20 && len != 35 && len != 43)
			CHECK_STR(wrong, "it is of no known length");
		CHECK_INT(s.pid, 0);
	}
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0u\0") != NULL); /* 19 bytes */
}

static void test_nonsense(void)
{
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\2u\0\1") != NULL);	/* paused */
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0x\0\1") != NULL);	/* want */
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0\0\0\1") != NULL);
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0u\2\1") != NULL);	/* term */
	CHECK(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0u\0\3") != NULL);	/* state */
	CHECK_STR(DECODE(RUNIT_TIME "\xfa\x3f\0\0\0d\0\0"), "it is down and has a process");
	CHECK_STR(DECODE(RUNIT_TIME "\0\0\0\0\0u\0\1"), "it runs and has no process");
	CHECK_STR(DECODE(RUNIT_TIME "\0\0\0\x80\0u\0\1"), "its pid is none");
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x01\xc4\xab\x3b\x9a\xca\0\xfa\x3f\0\0\0u\0\1"), "its time is no time");
	CHECK_STR(DECODE("\x3f\xff\xff\xff\x6b\x01\xc4\xab\0\0\0\0\xfa\x3f\0\0\0u\0\1"), "its time is no time");
	CHECK_STR(DECODE("\x80\0\0\0\x6b\x01\xc4\xab\0\0\0\0\xfa\x3f\0\0\0u\0\1"), "its time is no time");
	CHECK_STR(DECODE(S6_TIME "\0\0\0\1\0\0\x3f\xf8\0\0\4"), "its pid is none");
	CHECK_STR(DECODE(S6_TIME "\0\0\0\0\0\0\0\0\0\0\6"), "it finishes and has no process");
	CHECK(DECODE(S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\x24") != NULL);
	/* nothing of it is left */
	CHECK(!s.pid && !s.age && s.state == SUPERVISE_DOWN);
}

static void test_times(void)
{
	/* a clock that was set back a little, and too far */
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x02\xc4\xab\0\0\0\0\xfa\x3f\0\0\0u\0\1"), NULL);
	CHECK_INT(s.age, 0);
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x03\x16\x2c\0\0\0\0\xfa\x3f\0\0\0u\0\1"), NULL); /* a day, to the second */
	CHECK_STR(DECODE("\x40\0\0\0\x6b\x03\x16\x2d\0\0\0\0\xfa\x3f\0\0\0u\0\1"), "its time lies in the future");
	CHECK_STR(DECODE("\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\xfa\x3f\0\0\0u\0\1"), "its time lies in the future");
	CHECK_STR(DECODE("\x40\0\0\0\0\0\0\x0a\0\0\0\0\xfa\x3f\0\0\0u\0\1"), NULL);
	CHECK_INT(s.age, NOW);
	CHECK_STR(DECODE("\x40\0\0\0\0\0\0\0\0\0\0\0\xfa\x3f\0\0\0u\0\1"), NULL);
	CHECK_INT(s.age, NOW + 10);
	CHECK(supervise_decode((const unsigned char *)RUNIT_TIME "\xfa\x3f\0\0\0u\0\1", 20, -1, &s) != NULL);
}

/* What may be said of a service at all; all of it is told by what the struct has, none by how it is read. */
static bool sense(size_t len, const unsigned char *bytes, const char *wrong)
{
	unsigned long long pid = 0;

	if (wrong)
		return *wrong && !s.pid && !s.age && !s.paused && !s.term && s.state == SUPERVISE_DOWN;
	if (s.age < 0 || s.age > (long long)NOW + 37 || s.pid < 0 || s.pid > 0x7fffffff)
		return false;
	if ((s.state == SUPERVISE_RUN && !s.pid) || (s.state == SUPERVISE_DOWN && s.pid) || ((s.paused || s.term) && !s.pid))
		return false;
	if ((s.want == SUPERVISE_WANT_ONCE) != (len == 18 && bytes[17] == 0))
		return false;
	for (size_t i = 0; i < (len < 21 ? 4 : 8); i++)
		pid = pid << 8 | (len < 21 ? bytes[15 - i] : bytes[24 + i]);
	return (unsigned long long)s.pid == pid && s.kind == (len == 20 ? SUPERVISE_RUNIT : len == 18 ? SUPERVISE_DAEMONTOOLS :
		SUPERVISE_S6);
}

/* Random files, and real ones of which bits, bytes or the length are others. */
static void test_random(void)
{
	static const struct { const char *bytes; size_t len; } real[] = {
		{ RUNIT_TIME "\xfa\x3f\0\0\0u\0\1", 20 }, { RUNIT_TIME "\0\0\0\0\0d\0\0", 20 }, { RUNIT_TIME "\1\0\0\0\0u\0\2", 20 },
		{ RUNIT_TIME "\xf6\x3f\0\0\0u", 18 }, { RUNIT_TIME "\0\0\0\0\0d", 18 },
		{ S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\4", 35 }, { S6_TIME "\0\0\0\0\0\0\0\0\0\x0f\x08", 35 },
		{ S6_TIME "\0\0\0\0\0\0\x3f\xf8\0\0\0\0\0\0\x3f\xf8\0\0\x0c", 43 },
	};
	long rounds = random_rounds(1000000), bad = 0, taken = 0;
	uint64_t at = 0;

	random_start();
	for (long i = 0; i < rounds; i++) {
		uint64_t before = random_state;
		size_t which = random_below(ARRAY_LEN(real)), len = real[which].len;
		/* of the right size, so that a sanitizer sees what is read behind it */
		unsigned char *bytes;
		const char *wrong;

		if (i % 8 == 0)
			len = random_below(65);
		bytes = malloc(len ? len : 1);
		if (!bytes)
			abort();
		for (size_t k = 0; k < len; k++)
			bytes[k] = i % 4 == 1 || k >= real[which].len ? (unsigned char)random_next() :
				   (unsigned char)real[which].bytes[k];
		for (size_t k = random_below(4); k && len && i % 4 != 1; k--)
			bytes[random_below(len)] ^= (unsigned char)(random_below(2) ? 1U << random_below(8) : random_next());
		wrong = supervise_decode(bytes, len, NOW, &s);
		taken += !wrong;
		if (!sense(len, bytes, wrong)) {
			bad++;
			at = before;
		}
		free(bytes);
	}
	CHECK_INT(bad, 0);
	CHECK(taken > rounds / 100 && taken < rounds);
	if (bad)
		random_again(at);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_runit), TEST(test_daemontools), TEST(test_s6), TEST(test_length), TEST(test_nonsense),
		TEST(test_times), TEST(test_random), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
