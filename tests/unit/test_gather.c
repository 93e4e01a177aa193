#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/report/gather.h"
#include "dt/report/spool.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static int add(struct gather *g, size_t order, const char *host, bool ok, const char *label, const char *out,
	       const char *err)
{
	return gather_add(g, &(struct answer){ order, host, ok, label, { out, err }, { strlen(out), strlen(err) } });
}

/* "HOSTS|label|out|err" of each group. */
static const char *all(struct gather *g)
{
	static struct buf b;

	b.max = 1 << 20;
	if (!b.cap)
		buf_init(&b, b.max);
	buf_clear(&b);
	for (size_t i = 0; i < gather_count(g); i++) {
		const struct group *group = gather_group(g, i);

		for (size_t k = 0; k < group->n; k++)
			CHECK(buf_addf(&b, "%s%s", k ? "," : "", group->hosts[k]) == 0);
		CHECK(buf_addf(&b, "|%s|", group->label) == 0 && gather_text(g, i, 0, &b) == 0 &&
		      buf_addc(&b, '|') == 0 && gather_text(g, i, 1, &b) == 0 && buf_addc(&b, '\n') == 0);
	}
	return b.data;
}

static void test_groups(void)
{
	struct gather *g = gather_new(1 << 20);

	CHECK(gather_sort(g) == 0);
	CHECK_INT(gather_count(g), 0);
	gather_free(g);
	gather_free(NULL);

	g = gather_new(8);	/* most of it goes to the file */
	CHECK(add(g, 9, "j", true, "", "same", "") == 0);
	CHECK(add(g, 1, "b", true, "", "same", "") == 0);
	CHECK(add(g, 2, "c", true, "", "", "same") == 0);
	CHECK(add(g, 3, "d", true, "", "sam", "e") == 0);
	CHECK(add(g, 4, "e", false, "exit 1", "same", "") == 0);
	CHECK(add(g, 5, "f", false, "exit 2", "same", "") == 0);
	CHECK(add(g, 0, "a", true, "", "same", "") == 0);
	CHECK(add(g, 8, "i", false, "exit 2", "same", "") == 0);
	CHECK(add(g, 6, "g", true, "exit 1", "same", "") == 0);
	CHECK(add(g, 7, "h", false, "", "exit 1", "same") == 0);
	CHECK(gather_sort(g) == 0);
	CHECK_STR(all(g), "a,b,j||same|\nc|||same\nd||sam|e\ng|exit 1|same|\nf,i|exit 2|same|\ne|exit "
			  "1|same|\nh||exit 1|same\n");
	gather_free(g);
}

/* Against the plain way: each pair compared. */
static void test_random(void)
{
	long rounds = random_rounds(2000), bad = 0;
	uint64_t seed;

	random_start();
	seed = random_state;
	for (long i = 0; i < rounds; i++) {
		enum { MAX = 60 };
		char text[MAX][2][3], name[MAX][8];
		bool ok[MAX];
		size_t n = random_below(MAX), seen = 0, last = SIZE_MAX;
		struct gather *g = gather_new(random_below(100));

		for (size_t k = 0; k < n; k++) {
			ok[k] = random_below(2);
			for (int s = 0; s < 2; s++) {
				size_t len = random_below(3);

				memset(text[k][s], 0, 3);
				memset(text[k][s], (int)('a' + random_below(3)), len);
			}
			(void)snprintf(name[k], sizeof(name[k]), "%zu", k);
			bad += add(g, k, name[k], ok[k], "", text[k][0], text[k][1]) != 0;
		}
		bad += gather_sort(g) != 0;
		for (size_t j = 0; j < gather_count(g); j++) {
			const struct group *group = gather_group(g, j);
			size_t first = strtoul(group->hosts[0], NULL, 10), members = 0;

			for (size_t k = 0; k < n; k++) {
				if (ok[k] != ok[first] || strcmp(text[k][0], text[first][0]) != 0 ||
				    strcmp(text[k][1], text[first][1]) != 0)
					continue;
				bad += members >= group->n || strcmp(group->hosts[members], name[k]) != 0;
				members++;
			}
			bad += members != group->n || group->ok != ok[first] || group->first != first;
			bad += j && gather_group(g, j - 1)->ok == group->ok && group->n > last;
			last = group->n;
			seen += members;
		}
		bad += seen != n;
		gather_free(g);
	}
	CHECK_INT(bad, 0);
	if (bad)
		random_again(seed);
}

static void test_spool(void)
{
	long rounds = random_rounds(2000), bad = 0;
	static char text[5000];
	struct buf back;

	random_start();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)random_next();
	buf_init(&back, sizeof(text));
	for (long i = 0; i < rounds; i++) {
		size_t len = 0, total = random_below(sizeof(text));
		struct spool s;

		spool_init(&s, random_below(2000));
		while (len < total) {
			size_t n = 1 + random_below(total - len < 700 ? total - len : 700);

			bad += spool_end(&s) != len || spool_add(&s, text + len, n) != 0;
			len += n;
		}
		bad += s.tail.len > s.tail.max || s.written + s.tail.len != len;
		for (int k = 0; k < 20; k++) {
			size_t at = random_below(len + 1), n = random_below(len - at + 1);

			buf_clear(&back);
			bad += spool_read(&s, at, n, &back) != 0 || back.len != n ||
			       memcmp(back.data, text + at, n) != 0;
		}
		spool_release(&s);
	}
	CHECK_INT(bad, 0);
	buf_release(&back);
}

/* Where there is no room for its file, it says so. */
static void test_no_file(void)
{
	struct spool s;

	spool_init(&s, 4);
	CHECK(setenv("TMPDIR", "/nowhere/at/all", 1) == 0);
	CHECK(spool_add(&s, "abc", 3) == 0);
	errno = 0;
	CHECK(spool_add(&s, "def", 3) == -1);
	CHECK_INT(errno, ENOENT);
	CHECK(unsetenv("TMPDIR") == 0);
	CHECK(spool_add(&s, "def", 3) == 0);
	CHECK_INT(spool_end(&s), 6);
	spool_release(&s);
}

/* The time that many hosts take, which is that of their sums. */
static void test_many(void)
{
	enum { HOSTS = 10000, SIZE = 1024 };
	static char text[HOSTS / 100][SIZE];
	struct timespec a, b;
	struct gather *g = gather_new(64 << 20);
	char name[16];
	double ms;
	long bad = 0;

	random_start();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i / SIZE][i % SIZE] = (char)random_next();
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (size_t i = 0; i < HOSTS; i++) {
		(void)snprintf(name, sizeof(name), "h%05zu", i);
		bad += gather_add(g, &(struct answer){
					     i, name, true, "", { text[i % (HOSTS / 100)], "" }, { SIZE, 0 } }) != 0;
	}
	bad += gather_sort(g) != 0;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	printf("# %d hosts of %d bytes in %.1f ms of CPU\n", HOSTS, SIZE, ms);
	CHECK_INT(bad, 0);
	CHECK_INT(gather_count(g), HOSTS / 100);
	CHECK_INT(gather_group(g, 0)->n, 100);
	gather_free(g);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_groups),  TEST(test_random), TEST(test_spool),
		TEST(test_no_file), TEST(test_many),   { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
