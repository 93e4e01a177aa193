/* Lists of jobs in journals of many: what is found, and that no more is read than has to be. */
#include "tests/unit/journal.h"

static char found[4096];

static int note(void *arg, const struct job *j, struct dt_err *e)
{
	(void)arg;
	(void)e;
	(void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%lld ", (long long)j->number);
	return 0;
}

static const char *listed(struct job_filter f)
{
	struct journal_reader *r = reading(FILE_NAME);

	found[0] = '\0';
	memset(&err, 0, sizeof(err));
	if (journal_jobs(r, &f, note, NULL, &err) != 0)
		(void)snprintf(found, sizeof(found), "%s", err.msg);
	journal_reader_free(r);
	return found;
}

static const char *numbered(const char *prefix, bool running, size_t limit)
{
	struct journal_reader *r = reading(FILE_NAME);

	found[0] = '\0';
	CHECK_INT(journal_numbers(r, prefix, running, limit, note, NULL, &err), 0);
	journal_reader_free(r);
	return found;
}

static void finish(struct journal *j, size_t ok, size_t failed)
{
	struct tally t = { .total = ok + failed, .by = { [OUTCOME_OK] = ok, [OUTCOME_FAILED] = failed } };

	CHECK_INT(journal_done(j, failed ? 5 : 0, 0, &t, &err), 0);
}

/* Jobs up to 3000, like the first one, but that they are not in the chain. */
static void multiply(void)
{
	sql(FILE_NAME, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
	    " INSERT INTO entry SELECT 1000 * i + e.seq, i, kind, at + i * 1000, host, status, rc, signal, began, ended, data,"
	    " output, runs, hash FROM n, entry e WHERE e.job = 1 ORDER BY 1");
}

static void one_job(void)
{
	struct journal *j = opened(FILE_NAME);

	start(j, "ssh", 2);
	end(j, 0, 0, "");
	end(j, 1, 0, "");
	finish(j, 2, 0);
	journal_close(j);
}

/* Seldom ones are found, however many are between them. */
static void test_filters(void)
{
	struct job_filter since = { .limit = 2 };

	one_job();
	multiply();
	CHECK_STR(listed((struct job_filter){ .limit = 3 }), "3000 2999 2998 ");
	sql(FILE_NAME, "UPDATE entry SET data = json_set(data, '$.module', 'rare') WHERE kind = 'job' AND job IN (1, 2, 1000, 2000)");
	CHECK_STR(listed((struct job_filter){ .module = "rare" }), "2000 1000 2 1 ");
	CHECK_STR(listed((struct job_filter){ .module = "rare", .limit = 3 }), "2000 1000 2 ");
	CHECK_STR(listed((struct job_filter){ .module = "none" }), "");
	/* bytes that are no text */
	sql(FILE_NAME, "UPDATE entry SET data = json_set(data, '$.user', json('{\"base64\":\"/w==\"}')) WHERE kind = 'job' AND job = 77");
	CHECK_STR(listed((struct job_filter){ .user = "\xff" }), "77 ");
	sql(FILE_NAME, "UPDATE entry SET data = json_set(data, '$.kind', 'inventory') WHERE kind = 'job' AND job > 9");
	CHECK_STR(listed((struct job_filter){ .hosts_only = true, .limit = 2 }), "9 8 ");
	sql(FILE_NAME, "UPDATE entry SET status = 'lost' WHERE kind = 'end' AND host = 1 AND job IN (5, 1500)");
	sql(FILE_NAME, "UPDATE entry SET data = '{\"counts\":{\"ok\":1,\"lost\":1}}' WHERE kind = 'done' AND job IN (5, 1500)");
	CHECK_STR(listed((struct job_filter){ .status = "lost" }), "1500 5 ");
	CHECK_STR(listed((struct job_filter){ .status = "lost", .limit = 1 }), "1500 ");
	/* pruned from the beginning, and with gaps */
	sql(FILE_NAME, "DELETE FROM entry WHERE job < 1400 OR job BETWEEN 1500 AND 2900");
	since.until_ms = count("SELECT at FROM entry WHERE kind = 'job' AND job = 2902");
	CHECK_STR(listed(since), "2901 1499 ");
	since.since_ms = since.until_ms;
	since.until_ms = 0;
	since.limit = 0;
	CHECK_INT((long long)strlen(listed(since)), 5 * 99);
	CHECK_STR(listed((struct job_filter){ .module = "rare" }), "");
	remove_files(FILE_NAME);
}

static void test_hosts(void)
{
	struct journal *j = opened(FILE_NAME);

	for (size_t n = 1; n <= 4; n++) {
		start(j, "ssh", n);
		finish(j, n, 0);
	}
	start(j, "ssh", 3);
	journal_close(j);
	CHECK_STR(listed((struct job_filter){ .host = "a" }), "5 4 3 2 1 ");
	CHECK_STR(listed((struct job_filter){ .host = "c" }), "5 4 3 ");
	CHECK_STR(listed((struct job_filter){ .host = "d" }), "4 ");
	CHECK_STR(listed((struct job_filter){ .host = "f" }), "");
	remove_files(FILE_NAME);
}

/* The run's own count is believed where nothing can have come behind it, and only there. */
static void test_status(void)
{
	static const char *const kept[] = { "-C", "5", "--keep", NULL };
	struct journal *j = opened(FILE_NAME);
	struct journal_run run = {
		.selection = "s", .module = "ssh", .verb = "", .kind = "action", .hosts = names, .host_count = 2,
	};
	struct journal_reader *r;
	struct job job;

	start(j, "ssh", 2);	/* 1: whole */
	end(j, 0, 0, "");
	end(j, 1, 3, "");
	finish(j, 1, 1);
	start(j, "ssh", 3);	/* 2: a host has not ended */
	end(j, 0, 3, "");
	finish(j, 0, 1);
	run.options = kept;
	CHECK_INT(journal_start(j, &run, &err), 0);	/* 3: both were okay, and one is another thing since */
	end(j, 0, 0, "");
	end(j, 1, 0, "");
	finish(j, 2, 0);
	end(j, 1, 3, "");
	start(j, "ssh", 2);	/* 4: runs */
	end(j, 0, 3, "");
	CHECK_STR(listed((struct job_filter){ .status = "failed" }), "4 3 2 1 ");
	CHECK_STR(listed((struct job_filter){ .status = "ok" }), "3 1 ");
	CHECK_STR(listed((struct job_filter){ .status = "lost" }), "");
	r = reading(FILE_NAME);
	for (int64_t n = 1; n <= 4; n++) {
		CHECK_INT(journal_get(r, n, &job, &err), 0);
		CHECK_INT(job_tally_is_whole(&job), n == 1);
		job_release(&job);
	}
	journal_reader_free(r);
	journal_close(j);
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

/* Old rows that nobody can read do not hurt who asks for new ones. */
static void test_unread(void)
{
	struct journal_reader *r;
	int64_t last;

	one_job();
	multiply();
	sql(FILE_NAME, "UPDATE entry SET data = 'no JSON', status = 'failed' WHERE job <= 2900 OR kind IN ('begin', 'end')");
	CHECK_STR(listed((struct job_filter){ .limit = 2 }), "3000 2999 ");
	CHECK_STR(listed((struct job_filter){ .status = "ok", .limit = 2 }), "3000 2999 ");
	CHECK_STR(listed((struct job_filter){ .module = "ssh", .host = "a", .limit = 2 }), "3000 2999 ");
	CHECK_STR(numbered("2999", false, 3), "2999 ");
	r = reading(FILE_NAME);
	CHECK_INT(journal_last(r, &last, &err), 0);
	CHECK_INT(last, 3000);
	journal_reader_free(r);
	/* and they are what they are */
	CHECK_HAS(listed((struct job_filter){ .limit = 102 }), "JSON");
	remove_files(FILE_NAME);
}

static void test_numbers(void)
{
	one_job();
	CHECK_STR(numbered("", false, 5), "1 ");
	CHECK_STR(numbered("2", false, 5), "");
	multiply();
	CHECK_STR(numbered("", false, 3), "3000 2999 2998 1000 999 100 99 10 9 1 ");
	CHECK_STR(numbered("12", false, 5), "1299 1298 1297 1296 1295 1200 129 120 12 ");
	CHECK_STR(numbered("29", false, 100), "2999 2998 2997 2996 2995 2994 2993 2992 2991 2990 2989 2988 2987 2986 2985 2984 2983"
		  " 2982 2981 2980 2979 2978 2977 2976 2975 2974 2973 2972 2971 2970 2969 2968 2967 2966 2965 2964 2963 2962 2961"
		  " 2960 2959 2958 2957 2956 2955 2954 2953 2952 2951 2950 2949 2948 2947 2946 2945 2944 2943 2942 2941 2940 2939"
		  " 2938 2937 2936 2935 2934 2933 2932 2931 2930 2929 2928 2927 2926 2925 2924 2923 2922 2921 2920 2919 2918 2917"
		  " 2916 2915 2914 2913 2912 2911 2910 2909 2908 2907 2906 2905 2904 2903 2902 2901 2900 299 290 29 ");
	CHECK_STR(numbered("3000", false, 5), "3000 ");
	CHECK_STR(numbered("0", false, 5), "");
	CHECK_STR(numbered("x", false, 5), "");
	CHECK_STR(numbered("9223372036854775807", false, 5), "");
	CHECK_STR(numbered("9223372036854775808", false, 5), "");
	CHECK_STR(numbered("", true, 5), "");
	sql(FILE_NAME, "DELETE FROM entry WHERE kind = 'done' AND job IN (5, 2998)");
	CHECK_STR(numbered("", true, 5), "2998 ");	/* this process is the one, and lives */
	sql(FILE_NAME, "UPDATE entry SET data = json_set(data, '$.start', 1) WHERE kind = 'job' AND job = 2998");
	CHECK_STR(numbered("", true, 5), "");
	remove_files(FILE_NAME);
}

/* What an older dt wrote is read as it is, and gets its index when it is written again. */
static void test_older_journal(void)
{
	struct job_filter recent = { .since_ms = 1000 }, old = { .until_ms = 1000 };

	one_job();
	sql(FILE_NAME, "DROP INDEX entry_began");
	CHECK_STR(listed(recent), "1 ");
	CHECK_STR(listed(old), "");
	CHECK_INT(count("SELECT count(*) FROM sqlite_master WHERE name = 'entry_began'"), 0);
	CHECK_STR(verdict(NULL), "");
	one_job();
	CHECK_INT(count("SELECT count(*) FROM sqlite_master WHERE name = 'entry_began'"), 1);
	CHECK_INT(count("PRAGMA user_version"), JOURNAL_VERSION);
	CHECK_STR(listed(recent), "2 1 ");
	CHECK_STR(listed(old), "");
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

/* A lock that does not go away is waited for as long as was said. */
static void test_soon(void)
{
	struct journal_reader *r = NULL;
	struct db *db = NULL;
	int64_t began;

	one_job();
	CHECK_INT(db_open(FILE_NAME, false, JOURNAL_APP, JOURNAL_VERSION, "", &db, &err), 0);
	CHECK_INT(db_exec(db, "BEGIN EXCLUSIVE", &err), 0);
	began = now_ms();
	CHECK_INT(journal_read_soon(FILE_NAME, 100, &r, &err), -1);
	CHECK(now_ms() - began < 5000);	/* of 10 s */
	CHECK(!r);
	CHECK_INT(db_exec(db, "COMMIT", &err), 0);
	memset(&err, 0, sizeof(err));
	CHECK_INT(journal_read_soon(FILE_NAME, 100, &r, &err), 0);
	CHECK(r != NULL);
	journal_reader_free(r);
	db_close(db);
	CHECK_INT(journal_read_soon("none.db", 100, &r, &err), 0);
	CHECK(!r);
	remove_files(FILE_NAME);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_filters), TEST(test_hosts), TEST(test_status), TEST(test_unread), TEST(test_numbers),
		TEST(test_older_journal), TEST(test_soon), { NULL, NULL }
	};

	return journal_main(tests, argc, argv);
}
