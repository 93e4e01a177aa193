/* job: in selections: how it is read, and what it hands to who knows earlier runs. */
#include "tests/unit/selecting.h"

#include "inventory/match.h"

static char asked[400];

/* Every job had these hosts; the output of each is its name, on a second line, behind a byte outside UTF-8. */
static int answer_job(void *arg, const struct select_job *q, select_found_fn *found, void *to, struct dt_err *err)
{
	static const char *const names[] = { "db01", "web01", "gone9" };
	size_t at = strlen(asked);

	CHECK(arg == &asked);
	(void)snprintf(asked + at, sizeof(asked) - at, "%s%s %s %d %s", at ? "; " : "", q->job, q->result ? q->result : "-",
		       q->rc, q->output ? "~" : "-");
	if (strcmp(q->job, "77") == 0)
		return err_set(err, ERR_USAGE, "no job 77 in the journal");
	if (strcmp(q->job, "78") == 0)
		return err_set(err, ERR_FAIL, "disk on fire");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char text[40];
		int m = 1;

		(void)snprintf(text, sizeof(text), "a\xff%cb\n%s\n", 0, names[i]);
		if (q->output)
			m = match_bytes(q->output, text, strlen(names[i]) + 6, err);
		if (m < 0 || (m && found(to, names[i], false, err) != 0))
			return -1;
	}
	return 0;
}

static void asks(const char *text, const char *selected, const char *queries)
{
	asked[0] = '\0';
	CHECK_STR(hosts(text), selected);
	CHECK_STR(asked, queries);
}

static void test_forms(void)
{
	asks("job:1", "web01 db01 gone9", "1 - -1 -");
	asks("job:last", "web01 db01 gone9", "last - -1 -");
	asks("job:last-12", "web01 db01 gone9", "last-12 - -1 -");
	asks("job:42:rc=3", "web01 db01 gone9", "42 - 3 -");
	asks("job:42:rc=0 or nil", "web01 db01 gone9", "42 - 0 -");
	for (const char *const *word = select_results; *word; word++) {
		char text[80], query[80];

		(void)snprintf(text, sizeof(text), "job:42:%s", *word);
		(void)snprintf(query, sizeof(query), "42 %s -1 -", *word);
		asks(text, "web01 db01 gone9", query);
	}
	asks("job:42:out~^web", "web01", "42 - -1 ~");
	asks("job:42:out~^(web|gone)", "web01 gone9", "42 - -1 ~");
	asks("job:42:out~\"b$\"", "web01 db01 gone9", "42 - -1 ~");
	asks("job:42:out~\"01 ?\"", "web01 db01", "42 - -1 ~");
	asks("job:42:out~x:y", "", "42 - -1 ~");
}

static void test_chains(void)
{
	asks("job:last:fail and tag:web", "web01", "last fail -1 -");
	asks("job:last:fail:tag:web", "web01", "last fail -1 -");
	asks("tag:web:job:last:fail", "web01", "last fail -1 -");
	asks("job:last:tag:web", "web01", "last - -1 -");
	asks("job:last:not:tag:web", "db01 gone9", "last - -1 -");
	asks("not:job:last:okay:tag:web", "web02", "last okay -1 -");
	asks("job:last:rc=3:tag:web", "web01", "last - 3 -");
	asks("job:last:out~01$:exp:db", "db01", "last - -1 ~");
	asks("job:last:all", "web01 db01", "last - -1 -");
	asks("job:last:fail:all", "web01 db01", "last fail -1 -");
	asks("(job:1:fail)and(job:2)", "web01 db01 gone9", "1 fail -1 -; 2 - -1 -");
	asks("job:1:fail:job:2:okay", "web01 db01 gone9", "1 fail -1 -; 2 okay -1 -");
	/* a result's name is one behind a job, and elsewhere that of a program */
	CHECK_INT(mkdir(in_folder("one"), 0700), 0);
	WRITE("one/fail", "#!/bin/sh\necho \"$1\"\n", 0700);
	CHECK(strs_add(&dirs, in_folder("one")) == 0);
	asks("job:1:fail:sys:web01", "web01", "1 fail -1 -");
	asks("fail:web02", "web02", "");
	asks("job:1:okay:fail:web01", "web01", "1 okay -1 -");
	asks("job:1:fail:fail:web01", "web01", "1 fail -1 -");
	strs_release(&dirs);
}

static void refused(const char *text, const char *what, int column)
{
	char want[400];

	CHECK_STR(hosts(text), "fault");
	(void)snprintf(want, sizeof(want), "%s\n  %s\n  %*s^", what, text, column, "");
	CHECK_STR(error.msg, want);
	CHECK_INT(error.code, ERR_USAGE);
}

static void test_refused(void)
{
	static const char job[] = "a job is a number, last, or last-1; dt jobs lists them";
	static const char result[] = "neither a result (okay, fail, unknown, rc=N, out~REGEX, ...) nor a selector";

	refused("job:", job, 4);
	refused("job:0", job, 4);
	refused("job:-1", job, 4);
	refused("job:lst", job, 4);
	refused("job:last-", job, 4);
	refused("job:99999999999999999999", job, 4);
	refused("tag:web and job:x:fail", job, 16);
	refused("job:1:", result, 6);
	refused("job:1:fial", result, 6);
	refused("job:1:fail:okay", "no selector begins here", 11);
	refused("job:1:fail:", "no selector begins here", 11);
	refused("job:1:fail:db01:tag:db", "no selector begins here", 11);
	refused("job:1:rc=256", "rc= wants an exit status, from 0 to 255", 6);
	refused("job:1:rc=", "rc= wants an exit status, from 0 to 255", 6);
	fault_says("job:1:out~(", "regex: missing closing parenthesis");
	refused("tag:web and job:77", "no job 77 in the journal", 12);
	CHECK_STR(hosts("job:78"), "fault");
	CHECK_STR(error.msg, "disk on fire");
	CHECK_INT(error.code, ERR_FAIL);
	options.job = NULL;
	refused("job:1", "job: earlier runs are not to be had here", 0);
	options.job = answer_job;
}

int main(int argc, char **argv)
{
	static const char *const made[] = { "one/fail", "one", NULL };
	static const struct test tests[] = { TEST(test_forms), TEST(test_chains), TEST(test_refused), { NULL, NULL } };

	options.job = answer_job;
	options.job_arg = &asked;
	return selecting_main(tests, made, argc, argv);
}
