#include <stdlib.h>

#include "dt/base/util.h"
#include "dt/report/result.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static void error(struct result *r, enum err_code code, const char *msg)
{
	struct dt_err err;

	(void)err_set(&err, code, "%s", msg);
	result_error(r, &err);
}

static void test_output_streams(void)
{
	struct output o;
	struct buf one;

	output_init(&o, 100);
	buf_init(&one, 100);
	CHECK(output_add(&o, STREAM_OUT, "a", 1) == 0);
	CHECK(output_add(&o, STREAM_OUT, "b", 1) == 0);
	CHECK(output_add(&o, STREAM_ERR, "C", 1) == 0);
	CHECK(output_add(&o, STREAM_ERR, "", 0) == 0);
	CHECK(output_add(&o, STREAM_OUT, "d", 1) == 0);
	CHECK_INT(o.run_count, 3);
	CHECK_STR(o.bytes.data, "abCd");
	CHECK(output_stream(&o, STREAM_OUT, &one) == 0);
	CHECK_STR(one.data, "abd");
	buf_clear(&one);
	CHECK(output_stream(&o, STREAM_ERR, &one) == 0);
	CHECK_STR(one.data, "C");
	CHECK(!output_truncated(&o));
	buf_release(&one);
	output_release(&o);
}

static void test_output_max(void)
{
	struct output o;
	struct buf one;

	output_init(&o, 5);
	buf_init(&one, 100);
	CHECK(output_add(&o, STREAM_OUT, "abc", 3) == 0);
	CHECK(!output_truncated(&o));
	CHECK(output_add(&o, STREAM_ERR, "defg", 4) == 0);
	CHECK(output_truncated(&o));
	CHECK(output_add(&o, STREAM_OUT, "h", 1) == 0);
	CHECK_STR(o.bytes.data, "abcde");
	CHECK_INT(o.total, 8);
	CHECK(output_stream(&o, STREAM_ERR, &one) == 0);
	CHECK_STR(one.data, "de");
	output_release(&o);

	output_init(&o, 100);
	CHECK(output_add(&o, STREAM_OUT, "abc", 3) == 0);
	o.total += 4;	/* as if memory had run out: what comes behind the hole is not kept */
	CHECK(output_add(&o, STREAM_OUT, "def", 3) == 0);
	CHECK_STR(o.bytes.data, "abc");
	CHECK_INT(o.total, 10);
	output_release(&o);

	output_init(&o, 0);
	CHECK(output_add(&o, STREAM_OUT, "abc", 3) == 0);
	CHECK(output_truncated(&o));
	CHECK_INT(o.bytes.len, 0);
	CHECK_INT(o.run_count, 0);
	output_release(&o);
	buf_release(&one);
}

/* A host that prints a lot costs what is kept, and no more. */
static void test_output_memory(void)
{
	static char chunk[32768];
	struct output o;

	output_init(&o, 1 << 20);
	for (int i = 0; i < 32768; i++)
		CHECK(output_add(&o, STREAM_OUT, chunk, sizeof(chunk)) == 0);
	CHECK_INT(o.total, 1 << 30);
	CHECK_INT(o.bytes.len, 1 << 20);
	CHECK(o.bytes.cap <= (1 << 20) + 1);
	CHECK_INT(o.run_count, 1);
	output_release(&o);
}

static void test_output_random(void)
{
	static char model[2][40000], joined[40000], chunk[300];
	long rounds = random_rounds(5000), bad = 0;
	uint64_t seed;

	random_start();
	seed = random_state;
	for (long i = 0; i < rounds && !bad; i++) {
		size_t max = random_below(2) ? 40000 : random_below(2000), len[2] = { 0, 0 }, all = 0, total = 0;
		struct output o;
		struct buf one;

		output_init(&o, max);
		buf_init(&one, 40000);
		for (size_t k = random_below(100); k; k--) {
			size_t err = random_below(2), n = random_below(sizeof(chunk)), kept;

			for (size_t j = 0; j < n; j++)
				chunk[j] = (char)random_next();
			bad += output_add(&o, err ? STREAM_ERR : STREAM_OUT, chunk, n) != 0;
			kept = n < max - all ? n : max - all;
			memcpy(model[err] + len[err], chunk, kept);
			memcpy(joined + all, chunk, kept);
			len[err] += kept;
			all += kept;
			total += n;
		}
		bad += o.bytes.len != all || memcmp(o.bytes.data, joined, all) != 0 || o.total != total;
		bad += output_truncated(&o) != (total > all);
		for (size_t err = 0; err < 2; err++) {
			buf_clear(&one);
			bad += output_stream(&o, err ? STREAM_ERR : STREAM_OUT, &one) != 0;
			bad += one.len != len[err] || memcmp(one.data, model[err], one.len) != 0;
		}
		buf_release(&one);
		output_release(&o);
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
}

static void test_errors(void)
{
	static const struct { enum err_code code; enum outcome outcome; const char *name; } table[] = {
		{ ERR_NONE, OUTCOME_LOCAL, "failed" },
		{ ERR_FAIL, OUTCOME_LOCAL, "failed" },
		{ ERR_USAGE, OUTCOME_LOCAL, "failed" },
		{ ERR_MODULE, OUTCOME_LOCAL, "failed" },
		{ ERR_EMPTY, OUTCOME_LOCAL, "failed" },
		{ ERR_RESOLVE, OUTCOME_UNREACHABLE, "unreachable" },
		{ ERR_CONNECT, OUTCOME_UNREACHABLE, "unreachable" },
		{ ERR_HOSTKEY, OUTCOME_HOSTKEY, "hostkey" },
		{ ERR_AUTH, OUTCOME_AUTH, "auth" },
		{ ERR_UNSUPPORTED, OUTCOME_UNREACHABLE, "unreachable" },
		{ ERR_TIMEOUT, OUTCOME_TIMEOUT, "timeout" },
		{ ERR_LOST, OUTCOME_LOST, "lost" },
		{ ERR_KILLED, OUTCOME_KILLED, "killed" },
		{ ERR_SKIPPED, OUTCOME_SKIPPED, "skipped" },
		{ ERR_LOCAL, OUTCOME_LOCAL, "failed" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct result r;

		result_init(&r, 10);
		CHECK_INT(r.outcome, OUTCOME_UNKNOWN);
		error(&r, table[i].code, "two\nlines");
		CHECK_INT(r.outcome, table[i].outcome);
		CHECK_INT(r.code, table[i].code);
		CHECK_STR(outcome_name(r.outcome), table[i].name);
		CHECK_STR(r.reason, "two lines");
		CHECK_INT(r.rc, -1);
		result_release(&r);
	}
	CHECK_STR(outcome_name(OUTCOME_OK), "ok");
	CHECK_STR(outcome_name(OUTCOME_FAILED), "failed");
	CHECK_STR(outcome_name(OUTCOME_UNKNOWN), "unknown");
	CHECK_STR(outcome_name((enum outcome)99), "unknown");
}

static void test_exit(void)
{
	struct result r;

	result_init(&r, 10);
	result_exit(&r, 0, "");
	CHECK_INT(r.outcome, OUTCOME_OK);
	CHECK_INT(r.rc, 0);
	result_exit(&r, 0, NULL);
	CHECK_INT(r.outcome, OUTCOME_OK);
	/* what was okay so far need not stay so */
	result_exit(&r, 3, "");
	CHECK_INT(r.outcome, OUTCOME_FAILED);
	CHECK_INT(r.rc, 3);
	result_release(&r);

	result_init(&r, 10);
	result_exit(&r, 0, "KILL");	/* a signal is no success, whatever the number says */
	CHECK_INT(r.outcome, OUTCOME_KILLED);
	CHECK_INT(r.rc, -1);
	CHECK_STR(r.signal, "KILL");
	result_release(&r);

	result_init(&r, 10);
	result_exit(&r, -1, "a-name-that-is-too-long@example.org");
	CHECK_STR(r.signal, "a-name-that-is-");
	CHECK_INT(r.outcome, OUTCOME_KILLED);
	result_release(&r);

	result_init(&r, 10);
	result_exit(&r, -1, "");	/* neither status nor signal */
	CHECK_INT(r.outcome, OUTCOME_LOST);
	CHECK_STR(r.reason, "no exit status came");
	result_release(&r);
}

static void apply(struct result *r, size_t event)
{
	static const enum err_code codes[] = { ERR_CONNECT, ERR_AUTH, ERR_TIMEOUT, ERR_LOST, ERR_KILLED, ERR_LOCAL };

	if (event < ARRAY_LEN(codes))
		error(r, codes[event], "reason");
	else if (event == 6)
		result_exit(r, 1, "");
	else if (event == 7)
		result_exit(r, -1, "TERM");
	else
		result_exit(r, 0, "");
}

/* Whatever follows, the first end that is not okay stands. */
static void test_first_stands(void)
{
	for (size_t first = 0; first < 8; first++) {
		for (size_t second = 0; second < 9; second++) {
			struct result r;
			enum outcome o;
			enum err_code code;
			int rc;

			result_init(&r, 10);
			if (second % 2)
				result_exit(&r, 0, "");
			apply(&r, first);
			o = r.outcome;
			code = r.code;
			rc = r.rc;
			CHECK(o != OUTCOME_OK);
			apply(&r, second);
			CHECK_INT(r.outcome, o);
			CHECK_INT(r.code, code);
			CHECK_INT(r.rc, rc);
			CHECK((r.reason != NULL) == (code != ERR_NONE));
			result_release(&r);
		}
	}
}

static int status_of(const char *events, bool max_status)
{
	struct tally t = { 0 };

	for (; *events; events++) {
		struct result r;

		result_init(&r, 0);
		switch (*events) {
		case 'o': result_exit(&r, 0, ""); break;
		case '1': case '2': case '3': result_exit(&r, *events - '0', ""); break;
		case 'x': result_exit(&r, 256, ""); break;
		case 'K': result_exit(&r, -1, "KILL"); break;
		case 'W': result_exit(&r, -1, "WEIRD"); break;
		case 'r': error(&r, ERR_RESOLVE, ""); break;
		case 'c': error(&r, ERR_CONNECT, ""); break;
		case 'h': error(&r, ERR_HOSTKEY, ""); break;
		case 'a': error(&r, ERR_AUTH, ""); break;
		case 't': error(&r, ERR_TIMEOUT, ""); break;
		case 'l': error(&r, ERR_LOST, ""); break;
		case 'k': error(&r, ERR_KILLED, ""); break;
		case 's': error(&r, ERR_SKIPPED, ""); break;
		case 'L': error(&r, ERR_LOCAL, ""); break;
		default: break;		/* '?': undecided */
		}
		tally_add(&t, &r);
		result_release(&r);
	}
	return tally_status(&t, max_status);
}

static void test_status(void)
{
	static const struct { const char *events; int status, max_status; } table[] = {
		{ "", 0, 0 },
		{ "o", 0, 0 },
		{ "ooo", 0, 0 },
		{ "o1o", 5, 1 },
		{ "132", 5, 3 },
		{ "ooK", 5, 137 },
		{ "oW", 5, 128 },
		{ "k", 5, 5 },
		{ "L", 5, 5 },
		{ "L2", 5, 2 },
		{ "ox", 5, 255 },
		{ "or", 4, 4 }, { "oc", 4, 4 }, { "oh", 4, 4 }, { "oa", 4, 4 }, { "ot", 4, 4 }, { "ol", 4, 4 },
		{ "os", 4, 4 }, { "s", 4, 4 }, { "o?", 4, 4 },
		{ "o13c", 4, 4 },
		{ "kKL1r", 4, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (status_of(table[i].events, false) != table[i].status ||
		    status_of(table[i].events, true) != table[i].max_status)
			(void)fprintf(stderr, "hosts \"%s\":\n", table[i].events);
		CHECK_INT(status_of(table[i].events, false), table[i].status);
		CHECK_INT(status_of(table[i].events, true), table[i].max_status);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_output_streams), TEST(test_output_max), TEST(test_output_memory), TEST(test_output_random),
		TEST(test_errors), TEST(test_exit), TEST(test_first_stands), TEST(test_status), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
