/* Journals that somebody has edited: rows without what belongs there, and with numbers that no run has. */
#include "tests/unit/journal.h"

static size_t told;

static int note(void *arg, const struct job *j, struct dt_err *e)
{
	(void)arg;
	(void)e;
	/* what callers reckon with */
	CHECK(j->at_ms >= 0 && j->ended_ms - j->at_ms < INT64_MAX / 2 && j->hosts <= 1 << 24);
	told++;
	return 0;
}

static int begun(void *arg, size_t index, const char *host, int64_t at_ms, struct dt_err *e)
{
	size_t *times = arg;

	(void)e;
	CHECK(host && at_ms >= 0);
	if (index < 6)
		times[index]++;
	return 0;
}

static int ended(void *arg, const struct result *r, struct dt_err *e)
{
	(void)arg;
	(void)e;
	CHECK(r->ended_ms - r->began_ms < INT64_MAX / 2);
	return 0;
}

static int finished(void *arg, const struct job *j, struct dt_err *e)
{
	(void)arg;
	return note(NULL, j, e);
}

/* All that reads; errors are fine, faults of memory and walks without end are not. */
static void look(void)
{
	static const struct job_filter filters[] = {
		{ .limit = 0 }, { .since_ms = 1 }, { .until_ms = INT64_MAX }, { .status = "ok" }, { .host = "a" }, { .user = "x" },
	};
	size_t times[6] = { 0 }, n;
	const struct job_events events = { .begin = begun, .end = ended, .done = finished, .arg = times };
	struct journal_reader *r = NULL;
	struct job_host *states;
	struct journal_verdict v;
	struct job j;
	int64_t number;
	char text[512] = "";
	bool found;

	if (journal_read(FILE_NAME, &r, &err) != 0 || !r)
		return;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		(void)journal_jobs(r, &filters[i], note, NULL, &err);
	(void)journal_numbers(r, "", false, 5, note, NULL, &err);
	(void)journal_numbers(r, "1", true, 5, note, NULL, &err);
	(void)journal_last(r, &number, &err);
	for (int64_t job = 1; job <= 2; job++) {
		int64_t after = 0;

		memset(times, 0, sizeof(times));
		if (journal_get(r, job, &j, &err) == 0)
			job_release(&j);
		if (journal_states(r, job, &states, &n, &err) == 0)
			free(states);
		(void)journal_ends(r, job, &events, &err);
		(void)journal_end_of(r, job, 0, &events, &found, &err);
		(void)journal_follow(r, job, &after, &events, &err);
		for (size_t i = 0; i < ARRAY_LEN(times); i++)
			CHECK(times[i] <= 2); /* by a row of begins, and one more */
	}
	journal_reader_free(r);
	(void)journal_verify(FILE_NAME, NULL, show_fault, text, &v, &err);
}

/* Made once: each entry waits for the disk. */
static void two_jobs(void)
{
	static const size_t first[] = { 0, 1 };
	static struct buf file;
	struct journal *j;
	FILE *f;

	remove_files(FILE_NAME);
	if (file.len) {
		f = fopen(FILE_NAME, "w");
		CHECK(f && fwrite(file.data, 1, file.len, f) == file.len && fclose(f) == 0);
		return;
	}
	for (int job = 0; job < 2; job++) {
		j = opened(FILE_NAME);
		start(j, "ssh", 2);
		CHECK_INT(journal_round(j, first, 2, NULL, 0, &err), 0);
		end(j, 0, 0, "output\n");
		end(j, 1, 3, "more\n");
		done(j);
		journal_close(j);
	}
	buf_init(&file, 1 << 24);
	CHECK_INT(read_file(FILE_NAME, &file, &err), 0);
}

/* As the database lets them be: types and NOT NULL are held. */
static void test_columns(void)
{
	static const struct {
		const char *column, *values[8];
	} all[] = {
		{ "job", { "NULL", "0", "-1", "1152921504606846976", "9223372036854775807", "-9223372036854775807 - 1" } },
		{ "at", { "0", "-1", "9223372036854775807", "-9223372036854775807 - 1" } },
		{ "host", { "NULL", "-1", "2", "9223372036854775807" } },
		{ "status", { "NULL", "''", "'?'" } },
		{ "rc", { "NULL", "9223372036854775807", "-9223372036854775807 - 1" } },
		{ "signal", { "NULL", "''", "'a signal whose name is longer than any that there is'" } },
		{ "began", { "NULL", "9223372036854775807", "-9223372036854775807 - 1" } },
		{ "ended", { "NULL", "9223372036854775807", "-9223372036854775807 - 1" } },
		{ "data", { "NULL", "''", "'['", "'{}'", "'[[0,1],[0,1],[1,0],[0,18446744073709551615],[0,1]]'",
			    "'{\"hosts\":2305843009213693952,\"counts\":{\"ok\":9223372036854775807,\"lost\":9223372036854775807},"
			    "\"pid\":-1,\"uid\":-1,\"total\":-5,\"rows\":[{\"a\":9223372036854775807}]}'",
			    "'{\"args\":7,\"options\":{},\"user\":[],\"counts\":[],\"hosts\":-1}'" } },
		{ "output", { "NULL", "x''", "x'00'", "zeroblob(32)" } },
		{ "runs", { "NULL", "x''", "x'ff'", "x'ffffffffffffffff'", "x'00000000'" } },
		{ "hash", { "x''", "x'00'", "zeroblob(33)" } },
	};
	static const char *const kinds[] = { "job", "begin", "end", "done" };
	char text[600];

	for (size_t c = 0; c < ARRAY_LEN(all); c++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			for (size_t i = 0; i < ARRAY_LEN(all[c].values) && all[c].values[i]; i++) {
				two_jobs();
				(void)snprintf(text, sizeof(text), "UPDATE entry SET %s = %s WHERE kind = '%s' AND job = %s", all[c].column,
					       all[c].values[i], kinds[k], c ? "1" : "2");
				sql(FILE_NAME, text);
				alarm(30);
				look();
				alarm(0);
			}
}

/* A gap between numbers is one step, and no number is too great for the next one. */
static void test_far_apart(void)
{
	static const char *const numbers[] = { "1152921504606846976", "9223372036854775807" };
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct journal_reader *r;

		two_jobs();
		(void)snprintf(text, sizeof(text), "UPDATE entry SET job = %s WHERE job = 2", numbers[i]);
		sql(FILE_NAME, text);
		memset(&err, 0, sizeof(err));
		r = reading(FILE_NAME);
		told = 0;
		alarm(30);
		CHECK_INT(journal_jobs(r, &(struct job_filter){ .limit = 0 }, note, NULL, &err), 0);
		CHECK_INT(journal_jobs(r, &(struct job_filter){ .user = "nobody else" }, note, NULL, &err), 0);
		alarm(0);
		CHECK_INT(told, 2);
		journal_reader_free(r);
	}
}

/* Who writes goes on from the chain's numbers. */
static void test_chain(void)
{
	static const char *const set[] = {
		"head_seq = 9223372036854775807", "last_job = 9223372036854775807", "base_seq = -1", "head_seq = -9223372036854775807",
		"base_seq = 100", "last_job = -1",
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		struct journal *j = NULL;
		const struct journal_run run = {
			.selection = "a", .module = "ssh", .verb = "", .kind = "action", .args = args, .hosts = names, .host_count = 2,
		};

		two_jobs();
		(void)snprintf(text, sizeof(text), "UPDATE chain SET %s", set[i]);
		sql(FILE_NAME, text);
		memset(&err, 0, sizeof(err));
		CHECK(journal_open(FILE_NAME, 1000, &j, &err) != 0 || journal_start(j, &run, &err) != 0);
		CHECK(strstr(err.msg, "chain is damaged") != NULL);
		journal_close(j);
		look();
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_columns), TEST(test_far_apart), TEST(test_chain), { NULL, NULL }
	};

	return journal_main(tests, argc, argv);
}
