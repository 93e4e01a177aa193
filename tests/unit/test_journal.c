#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/journal.h"
#include "tests/unit/random.h"

/* ---- what is written is read ---- */

static struct result kept[8];
static size_t told;

static int keep_job(void *arg, const struct job *j, struct dt_err *e)
{
	int64_t *at = arg;

	(void)e;
	CHECK(told < 8);
	at[told++] = j->number;
	return 0;
}

static void test_job(void)
{
	struct journal *j = opened("new/folder/" FILE_NAME);
	struct journal_reader *r;
	struct strs hosts = { 0 };
	int64_t last, before = wall_ms();
	struct process self;
	struct job job;
	struct stat st;

	CHECK_INT(stat("new/folder", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0700);
	CHECK_INT(stat("new/folder/journal.db", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22", 1);
	setenv("SUDO_USER", "ada", 1);
	start(j, "ssh", 2);
	CHECK_INT(journal_job(j), 1);
	unsetenv("SSH_CONNECTION");
	unsetenv("SUDO_USER");
	r = reading("new/folder/" FILE_NAME);
	CHECK_INT(journal_get(r, 1, &job, &err), 0);
	CHECK_INT(job.number, 1);
	CHECK(job.at_ms >= before && job.at_ms <= wall_ms());
	CHECK_INT(job.uid, (long long)getuid());
	CHECK_STR(job.sudo_user, "ada");
	CHECK_STR(job.from, "192.0.2.7");
	CHECK_STR(job.version, DT_VERSION);
	CHECK_STR(job.selection, "tag:\xfe");
	CHECK_STR(job.module, "ssh");
	CHECK_STR(job.verb, "");
	CHECK_STR(job.kind, "action");
	CHECK_INT(job.hosts, 2);
	CHECK_INT(job.args.n, 3);
	CHECK_STR(job.args.v[1], "a b\n");
	CHECK_STR(job.args.v[2], "\xff\x01");
	CHECK_INT(job.options.n, 0);
	process_self(&self);
	CHECK_INT(job.pid, getpid());
	CHECK_INT(job.pid_start, self.start);
	CHECK(self.start > 0 && strlen(self.boot) == 36 && strlen(self.space) > 5);
	CHECK_INT(job.state, JOB_RUNNING);
	job_release(&job);
	CHECK_INT(journal_hosts(r, 1, &hosts, &err), 0);
	CHECK_INT(hosts.n, 2);
	CHECK_STR(hosts.v[1], names[1]);
	strs_release(&hosts);
	done(j);
	CHECK_INT(journal_get(r, 1, &job, &err), 0);
	CHECK_INT(job.state, JOB_ENDED);
	CHECK_INT(job.exit_status, 5);
	CHECK_INT(job.tally.total, 2);
	CHECK_INT(job.tally.by[OUTCOME_FAILED], 1);
	job_release(&job);
	CHECK_INT(journal_get(r, 2, &job, &err), -1);
	CHECK_STR(err.msg, "no job 2 in the journal");
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_INT(journal_last(r, &last, &err), 0);
	CHECK_INT(last, 1);
	journal_reader_free(r);
	journal_close(j);
	CHECK_INT(journal_read("nowhere/journal.db", &r, &err), 0);
	CHECK(r == NULL);
}

static int keep_end(void *arg, const struct result *r, struct dt_err *e)
{
	struct result *k = &kept[r->index];

	(void)e;
	*(size_t *)arg += 1;
	result_release(k);
	*k = *r;	/* what it borrows is compared at once */
	k->reason = r->reason ? strdup(r->reason) : NULL;
	memset(&k->output, 0, sizeof(k->output));
	memset(&k->rows, 0, sizeof(k->rows));
	CHECK_STR(r->host, names[r->index]);
	CHECK_STR(r->module, "ssh");
	return 0;
}

static const struct job_events to_kept = { .end = keep_end, .arg = &told };

static const struct { enum err_code code; enum outcome outcome; } ends[] = {
	{ ERR_CONNECT, OUTCOME_UNREACHABLE }, { ERR_AUTH, OUTCOME_AUTH }, { ERR_HOSTKEY, OUTCOME_HOSTKEY },
	{ ERR_TIMEOUT, OUTCOME_TIMEOUT }, { ERR_LOST, OUTCOME_LOST }, { ERR_KILLED, OUTCOME_KILLED },
	{ ERR_SKIPPED, OUTCOME_SKIPPED }, { ERR_LOCAL, OUTCOME_LOCAL }, { ERR_RESOLVE, OUTCOME_UNREACHABLE },
	{ ERR_UNSUPPORTED, OUTCOME_UNREACHABLE },
};

static void test_outcomes(void)
{
	struct journal *j = opened(FILE_NAME);
	struct journal_reader *r = reading(FILE_NAME);
	struct dt_err why;
	struct result in;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		start(j, "ssh", 1);
		result_init(&in, 100);
		(void)err_set(&why, ends[i].code, "why \xff %zu", i);
		result_error(&in, &why);
		(void)snprintf(in.address, sizeof(in.address), "192.0.2.%zu", i);
		in.user = "deploy";
		in.transport = i % 2 ? "openssh" : "libssh2";
		CHECK_INT(journal_round(j, NULL, 0, &in, 1, &err), 0);
		told = 0;
		CHECK_INT(journal_ends(r, journal_job(j), &to_kept, &err), 0);
		CHECK_INT(told, 1);
		CHECK_INT(kept[0].outcome, ends[i].outcome);
		CHECK_INT(kept[0].code, ends[i].code);
		CHECK_STR(kept[0].reason, why.msg);
		CHECK_STR(kept[0].address, in.address);
		CHECK_STR(kept[0].transport, in.transport);
		CHECK_INT(kept[0].rc, -1);
		result_release(&in);
	}
	start(j, "ssh", 1);
	result_init(&in, 100);
	result_exit(&in, -1, "KILL");
	CHECK_INT(journal_round(j, NULL, 0, &in, 1, &err), 0);
	result_release(&in);
	CHECK_INT(journal_ends(r, journal_job(j), &to_kept, &err), 0);
	CHECK_INT(kept[0].outcome, OUTCOME_KILLED);
	CHECK_STR(kept[0].signal, "KILL");
	CHECK_INT(kept[0].rc, -1);
	journal_reader_free(r);
	journal_close(j);
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

/* ---- outputs ---- */

static const struct result *given;	/* what same_output compares with */
static size_t given_kept;

static int same_output(void *arg, const struct result *r, struct dt_err *e)
{
	(void)e;
	*(size_t *)arg += 1;
	CHECK_INT(r->output.bytes.len, given_kept);
	CHECK(!given_kept || memcmp(r->output.bytes.data, given->output.bytes.data, given_kept) == 0);
	CHECK_INT(r->output.total, given->output.total);
	CHECK_INT(output_truncated(&r->output), given->output.total > given_kept);
	if (given_kept == given->output.bytes.len) {
		CHECK_INT(r->output.run_count, given->output.run_count);
		CHECK(!given_kept ||
		      memcmp(r->output.runs, given->output.runs, r->output.run_count * sizeof(uint32_t)) == 0);
	}
	CHECK_INT(r->ended_ms - r->began_ms, 7);
	CHECK(r->ended_ms > INT64_C(1600000000000));
	return 0;
}

static void test_outputs(void)
{
	static const size_t sizes[] = { 0, 1, 199, 999, 1000, 1001, 5000 };
	struct job_events same = { .end = same_output, .arg = &told };
	struct journal *j = opened(FILE_NAME);
	struct journal_reader *r = reading(FILE_NAME);

	random_start();
	for (size_t i = 0; i < 5 * ARRAY_LEN(sizes); i++) {
		size_t left = sizes[i % ARRAY_LEN(sizes)];
		struct result in;

		start(j, "ssh", 2);
		result_init(&in, 4000);
		in.index = 1;
		in.began_ms = now_ms();
		in.ended_ms = in.began_ms + 7;
		result_exit(&in, 3, NULL);
		while (left) {
			size_t n = 1 + random_below(left < 60 ? left : 60);
			char bytes[60];

			for (size_t k = 0; k < n; k++)
				bytes[k] = i % 2 ? (char)random_next() : 'x';
			CHECK(output_add(&in.output, random_below(2) ? STREAM_OUT : STREAM_ERR, bytes, n) == 0);
			left -= n;
		}
		given = &in;
		given_kept = in.output.bytes.len < 1000 ? in.output.bytes.len : 1000;
		CHECK_INT(journal_round(j, NULL, 0, &in, 1, &err), 0);
		told = 0;
		CHECK_INT(journal_ends(r, journal_job(j), &same, &err), 0);
		CHECK_INT(told, 1);
		result_release(&in);
	}
	journal_reader_free(r);
	journal_close(j);
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

static int same_rows(void *arg, const struct result *r, struct dt_err *e)
{
	(void)e;
	*(size_t *)arg += 1;
	CHECK_INT(r->rows.n, given->rows.n);
	CHECK_INT(r->rows.truncated, given->rows.truncated);
	for (size_t i = 0; i < r->rows.n && i < given->rows.n; i++) {
		const struct row *a = &r->rows.v[i], *b = &given->rows.v[i];

		CHECK_INT(a->n, b->n);
		for (size_t k = 0; k < a->n && k < b->n; k++) {
			CHECK_STR(a->fields[k].name, b->fields[k].name);
			if (b->fields[k].type == DT_STRING && b->fields[k].text) {
				CHECK_STR(a->fields[k].text, b->fields[k].text);
			} else if (b->fields[k].type == DT_STRING || b->fields[k].unknown) {
				CHECK(a->fields[k].unknown && !a->fields[k].text);
			} else {
				CHECK_INT(a->fields[k].type, b->fields[k].type);
				CHECK_INT(a->fields[k].number, b->fields[k].number);
			}
		}
	}
	return 0;
}

static void test_rows(void)
{
	const struct dt_field fields[] = {
		{ .name = "text", .type = DT_STRING, .text = "a\"b\x1b\xff" }, { .name = "none", .type = DT_STRING },
		{ .name = "empty", .type = DT_STRING, .text = "" }, { .name = "n", .type = DT_INT, .number = -5 },
		{ .name = "big", .type = DT_INT, .number = INT64_C(9007199254740993) }, { .name = "t", .type = DT_TIME, .number = 1250 },
		{ .name = "t0", .type = DT_TIME, .number = 2000 }, { .name = "yes", .type = DT_BOOL, .number = 1 },
		{ .name = "no", .type = DT_BOOL }, { .name = "unknown", .type = DT_INT, .unknown = true },
		{ .name = "object", .type = DT_STRING, .text = "{\"base64\":\"x\"}" },
	};
	struct job_events same = { .end = same_rows, .arg = &told };
	struct journal *j = opened(FILE_NAME);
	struct journal_reader *r = reading(FILE_NAME);
	struct result in;

	start(j, "ssh", 1);
	made(&in, 0, 0, "");
	result_row(&in, fields, ARRAY_LEN(fields));
	result_row(&in, fields, 1);
	in.rows.truncated = true;
	given = &in;
	CHECK_INT(journal_round(j, NULL, 0, &in, 1, &err), 0);
	told = 0;
	CHECK_INT(journal_ends(r, 1, &same, &err), 0);
	CHECK_INT(told, 1);
	CHECK_STR(err.msg, "");
	result_release(&in);
	/* as many as max_output lets: whole ones, and the rest is said to be missing */
	start(j, "ssh", 1);
	made(&in, 0, 0, "");
	for (int i = 0; i < 200; i++)
		result_row(&in, fields + 3, 1);	/* {"n":-5} and a comma */
	CHECK_INT(journal_round(j, NULL, 0, &in, 1, &err), 0);
	in.rows.n = 111;
	for (size_t i = 111; i < 200; i++)
		free(in.rows.v[i].fields);
	in.rows.truncated = true;
	CHECK_INT(journal_ends(r, 2, &same, &err), 0);
	CHECK_INT(told, 2);
	result_release(&in);
	journal_reader_free(r);
	journal_close(j);
	remove_files(FILE_NAME);
}

/* ---- states, later ends, following ---- */

static size_t begun;

static int count_begin(void *arg, size_t index, const char *host, int64_t at, struct dt_err *e)
{
	(void)arg;
	(void)e;
	CHECK(index < ARRAY_LEN(names) && at > 0);
	CHECK_STR(host, names[index]);
	begun |= (size_t)1 << index;
	return 0;
}

static int count_done(void *arg, const struct job *j, struct dt_err *e)
{
	(void)e;
	*(size_t *)arg += 100;
	CHECK_INT(j->state, JOB_ENDED);
	return 0;
}

static void test_follow(void)
{
	static const size_t first[] = { 4, 0, 2, 1 }, second[] = { 5 };
	const struct job_events all = { .begin = count_begin, .end = keep_end, .done = count_done, .arg = &told };
	struct journal *j = opened(FILE_NAME), *other = opened(FILE_NAME);
	struct journal_reader *r = reading(FILE_NAME);
	struct job_host *v;
	int64_t after = 0;
	bool found;
	size_t n;

	start(j, "ssh", 6);
	start(other, "other", 1);
	CHECK_INT(journal_round(j, first, 4, NULL, 0, &err), 0);
	end(j, 2, 0, "two");
	end(other, 0, 0, "not ours");
	told = begun = 0;
	CHECK_INT(journal_follow(r, 1, &after, &all, &err), 0);
	CHECK_INT(told, 1);
	CHECK_INT(begun, 0x17);
	end(j, 0, 1, "zero");
	CHECK_INT(journal_round(j, second, 1, NULL, 0, &err), 0);
	CHECK_INT(journal_follow(r, 1, &after, &all, &err), 0);
	CHECK_INT(told, 2);
	CHECK_INT(begun, 0x37);
	CHECK_INT(journal_states(r, 1, &v, &n, &err), 0);
	CHECK_INT(n, 6);
	for (size_t i = 0; i < 6; i++)
		CHECK_INT(v[i].state, "\2\1\2\0\1\1"[i]);
	CHECK(v[0].outcome == OUTCOME_FAILED && v[0].rc == 1 && v[1].outcome == OUTCOME_UNKNOWN && v[1].rc == -1 &&
	      v[2].outcome == OUTCOME_OK && v[2].rc == 0);
	free(v);
	done(j);
	CHECK_INT(journal_follow(r, 1, &after, &all, &err), 0);
	CHECK_INT(told, 102);
	/* a later end stands for the first */
	journal_adopt(other, 1);
	end(other, 0, 0, "later");
	CHECK_INT(journal_follow(r, 1, &after, &all, &err), 0);
	CHECK_INT(told, 103);
	told = 0;
	CHECK_INT(journal_ends(r, 1, &to_kept, &err), 0);
	CHECK_INT(told, 2);
	CHECK_INT(kept[0].outcome, OUTCOME_OK);
	CHECK_INT(journal_states(r, 1, &v, &n, &err), 0);
	CHECK(v[0].outcome == OUTCOME_OK && v[0].rc == 0);
	free(v);
	CHECK_INT(journal_end_of(r, 1, 2, &to_kept, &found, &err), 0);
	CHECK(found && told == 3);
	CHECK_INT(journal_end_of(r, 1, 3, &to_kept, &found, &err), 0);
	CHECK(!found && told == 3);
	journal_reader_free(r);
	journal_close(j);
	journal_close(other);
	remove_files(FILE_NAME);
}

static void test_jobs(void)
{
	struct journal *j = opened(FILE_NAME);
	struct journal_reader *r = reading(FILE_NAME);
	struct journal_run inventory = { .selection = "x", .module = "tag", .verb = "add", .kind = "inventory" };
	int64_t seen[8], last;
	pid_t pid;
	int status;

	start(j, "ssh", 2);
	end(j, 0, 1, "");
	end(j, 1, 0, "");
	done(j);
	start(j, "push", 6);
	end(j, 5, 0, "");
	done(j);
	pid = fork();
	if (pid == 0) {	/* one that dies with a host begun */
		struct journal *own = NULL;
		const size_t one = 1;
		struct journal_run run = { .selection = "s", .module = "ssh", .verb = "", .kind = "action", .hosts = names, .host_count = 3 };

		if (journal_open(FILE_NAME, 100, &own, &err) != 0 || journal_start(own, &run, &err) != 0 ||
		    journal_round(own, &one, 1, NULL, 0, &err) != 0)
			_exit(1);
		(void)raise(SIGKILL);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK_INT(journal_start(j, &inventory, &err), 0);
	CHECK_INT(journal_job(j), 4);

	struct { struct job_filter f; const char *want; } table[] = {
		{ { 0 }, "4321" }, { { .limit = 2 }, "43" }, { { .module = "ssh" }, "31" }, { { .host = "e" }, "2" },
		{ { .status = "failed" }, "1" }, { { .status = "unknown" }, "3" }, { { .status = "ok", .module = "ssh" }, "1" },
		{ { .status = "ok", .module = "push" }, "2" }, { { .status = "lost" }, "" },
		{ { .hosts_only = true }, "321" }, { { .user = "nobody at all" }, "" }, { { .since_ms = wall_ms() + 1000 }, "" },
		{ { .until_ms = wall_ms() + 1000 }, "4321" }, { { .until_ms = 1000 }, "" }, { { .host = "a", .limit = 1 }, "3" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char text[9] = "";

		told = 0;
		CHECK_INT(journal_jobs(r, &table[i].f, keep_job, seen, &err), 0);
		for (size_t k = 0; k < told; k++)
			text[k] = (char)('0' + seen[k]);
		CHECK_STR(text, table[i].want);
	}
	CHECK_INT(journal_last(r, &last, &err), 0);
	CHECK_INT(last, 3);
	journal_reader_free(r);
	journal_close(j);
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

static void test_process(void)
{
	struct process p, q;

	process_self(&p);
	CHECK_INT(process_state(&p), JOB_RUNNING);
	q = p;
	q.start++;
	CHECK_INT(process_state(&q), JOB_DIED);
	q = p;
	(void)snprintf(q.space, sizeof(q.space), "pid:[1]");
	CHECK_INT(process_state(&q), JOB_ELSEWHERE);
	q = p;
	q.boot[0] ^= 1;
	CHECK_INT(process_state(&q), JOB_DIED);
	q.machine[0] ^= 1;
	CHECK_INT(process_state(&q), JOB_ELSEWHERE);
}

/* ---- several at once; what cannot be opened ---- */

static void test_many_writers(void)
{
	enum { WRITERS = 6, ROUNDS = 30 };
	struct job_filter all = { 0 };
	struct journal_reader *r;
	int64_t seen[8];
	pid_t pids[WRITERS];
	int status, bad = 0;

	journal_close(opened(FILE_NAME));

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			test_faults = 0;
			struct journal *j = opened(FILE_NAME);

			start(j, "ssh", 1);
			for (int k = 0; k < ROUNDS; k++)
				end(j, 0, k, "text");
			done(j);
			journal_close(j);
			_exit(test_faults ? 1 : 0);
		}
	}
	/* who reads meanwhile sees whole jobs, and waits for nobody long */
	r = reading(FILE_NAME);
	for (int i = 0; i < WRITERS; i++) {
		while (bad == 0 && pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == 0) {
			told = 0;
			CHECK_INT(journal_jobs(r, &all, keep_job, seen, &err), 0);
			CHECK(told <= WRITERS);
			CHECK_STR(verdict(NULL), "");
			bad += test_faults != 0;
		}
		bad += pids[i] < 0 || (bad && waitpid(pids[i], &status, 0) != pids[i]) || status != 0;
	}
	journal_reader_free(r);
	CHECK_INT(bad, 0);
	CHECK_INT(count("SELECT count(*) FROM entry"), WRITERS * (ROUNDS + 2));
	CHECK_INT(count("SELECT count(*) FROM (SELECT DISTINCT job, rc FROM entry WHERE kind = 'end')"), WRITERS * ROUNDS);
	CHECK_STR(verdict(NULL), "");
	remove_files(FILE_NAME);
}

static void refused(const char *path, const char *message)
{
	struct journal *j;

	memset(&err, 0, sizeof(err));
	CHECK_INT(journal_open(path, 100, &j, &err), -1);
	CHECK(j == NULL);
	CHECK_INT(err.code, ERR_FAIL);
	CHECK_STR(err.msg, message);
}

static void test_refused(void)
{
	struct journal_reader *r;

	put("text", "this is no database, and long enough to be read as the head of one ............................"
		    "................................................................................................\n");
	refused("text", "text: file is not a database");
	CHECK_INT(journal_read("text", &r, &err), -1);
	refused("text/journal.db", "text/journal.db: text/journal.lock: not a directory");
	journal_close(opened(FILE_NAME));
	sql(FILE_NAME, "PRAGMA user_version = 2");
	refused(FILE_NAME, FILE_NAME ": written by a newer dt (format 2, this one knows 1)");
	remove_files(FILE_NAME);
	journal_close(opened(FILE_NAME));
	sql(FILE_NAME, "DROP TABLE chain");
	struct journal *j = opened(FILE_NAME);
	struct journal_run run = { .selection = "x", .module = "m", .verb = "", .kind = "action" };

	CHECK_INT(journal_start(j, &run, &err), -1);
	CHECK_STR(err.msg, FILE_NAME ": no such table: chain");
	journal_close(j);
	sql(FILE_NAME, "PRAGMA application_id = 7");
	refused(FILE_NAME, FILE_NAME ": a database, but not one of dt's");
	CHECK_INT(journal_read(FILE_NAME, &r, &err), -1);
	remove_files(FILE_NAME);
	(void)unlink("text");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_job), TEST(test_outcomes), TEST(test_outputs), TEST(test_rows), TEST(test_follow), TEST(test_jobs),
		TEST(test_process), TEST(test_many_writers), TEST(test_refused), { NULL, NULL },
	};
	int r = journal_main(tests, argc, argv);

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		result_release(&kept[i]);
	return r;
}
