/*
 * The journal: what is pruned, and what was changed behind dt's back.
 */
#include <fcntl.h>
#include <time.h>

#include "tests/unit/journal.h"
#include "tests/unit/random.h"

/* ---- what is kept ---- */

static void test_keep(void)
{
	static const struct { const char *text; int64_t days; uint64_t bytes; bool fine; } table[] = {
		{ "all", 0, 0, true }, { "365d", 365, 0, true }, { "1G", 0, 1 << 30, true }, { "90d 500M", 90, 500 << 20, true },
		{ " 500M  90d ", 90, 500 << 20, true }, { "", 0, 0, false }, { "0d", 0, 0, false }, { "1d 2d", 0, 0, false },
		{ "1G 2G", 0, 0, false }, { "d", 0, 0, false }, { "1x", 0, 0, false }, { "all 1d", 0, 0, false }, { "-1d", 0, 0, false },
	};
	struct journal_keep k;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		CHECK_INT(journal_keep_parse(table[i].text, &k) == NULL, table[i].fine);
		if (!table[i].fine)
			continue;
		CHECK_INT(k.age_ms, table[i].days * 24 * 3600 * 1000);
		CHECK_INT((long long)k.bytes, (long long)table[i].bytes);
	}
}

static void pass_ms(int64_t ms)
{
	int64_t until = wall_ms() + ms;

	while (wall_ms() < until) {
		struct timespec t = { 0, 1000000 };

		(void)nanosleep(&t, NULL);
	}
}

static void test_prune_age(void)
{
	struct journal *j = opened(FILE_NAME), *running = opened(FILE_NAME);
	struct journal_keep keep = { .age_ms = 60000 };
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 5; i++) {
		start(j, "ssh", 2);
		text[0] = (char)('a' + i);
		end(j, 0, 0, text);
		end(j, 1, 0, "of all");
		done(j);
	}
	CHECK_INT(journal_prune(j, &keep, &err), 0);
	CHECK_INT(count("SELECT count(*) FROM entry"), 20);
	CHECK_INT(journal_anchor(FILE_NAME, "anchor", &err), 0);
	pass_ms(30);
	start(running, "long", 1);
	pass_ms(30);
	start(j, "ssh", 1);
	end(j, 0, 0, "of all");
	done(j);
	keep.age_ms = 1;
	/* our own and one that runs stay, whatever their age */
	CHECK_INT(journal_prune(j, &keep, &err), 0);
	CHECK_INT(count("SELECT count(*) FROM entry WHERE kind <> 'prune'"), 4);
	CHECK_INT(count("SELECT count(*) FROM entry WHERE kind = 'job' AND job IN (6, 7)"), 2);
	CHECK_INT(count("SELECT base_seq FROM chain"), 20);
	/* names of 2 and of 1 hosts; "of all" */
	CHECK_INT(count("SELECT count(*) FROM content"), 2);
	CHECK_STR(verdict(NULL), "");
	CHECK_STR(verdict("anchor"), "");
	done(running);
	pass_ms(5);
	start(j, "ssh", 1);
	CHECK_INT(journal_job(j), 8);
	CHECK_INT(journal_prune(j, &keep, &err), 0);
	CHECK_INT(count("SELECT min(job) FROM entry WHERE kind = 'job'"), 8);
	CHECK_STR(verdict("anchor"), "");
	/* a beginning that is gone, and nobody says so */
	sql(FILE_NAME, "DELETE FROM entry WHERE kind = 'job'; UPDATE chain SET base_seq = (SELECT min(seq) - 1 FROM entry)");
	CHECK(*verdict(NULL));
	journal_close(j);
	journal_close(running);
	remove_files(FILE_NAME);
	(void)unlink("anchor");
}

static void test_prune_size(void)
{
	struct journal *j = opened(FILE_NAME);
	struct journal_keep keep = { .bytes = 100000 };
	char text[1000];
	int64_t first = 0;

	random_start();
	for (int i = 0; i < 150; i++) {
		for (size_t k = 0; k < sizeof(text) - 1; k++)
			text[k] = (char)('!' + random_below(90));
		text[sizeof(text) - 1] = '\0';
		start(j, "ssh", 1);
		end(j, 0, 0, text);
		done(j);
		if (i % 10 == 9) {
			CHECK_INT(journal_prune(j, &keep, &err), 0);
			CHECK(count("SELECT min(job) FROM entry WHERE kind = 'job'") >= first);
			first = count("SELECT min(job) FROM entry WHERE kind = 'job'");
		}
	}
	CHECK(count("SELECT count(*) FROM entry WHERE kind = 'job'") < 70);
	CHECK(count("SELECT count(*) FROM entry WHERE kind = 'job'") > 10);
	CHECK(count("PRAGMA page_count") * 4096 < 160000);
	CHECK_INT(count("SELECT max(job) FROM entry"), 150);
	CHECK_STR(verdict(NULL), "");
	journal_close(j);
	remove_files(FILE_NAME);
}

/* ---- what was changed behind dt's back ---- */

static void copy_file(const char *from, const char *to)
{
	struct buf b;
	int fd;

	buf_init(&b, 64 << 20);
	CHECK_INT(read_file(from, &b, &err), 0);
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, b.data, b.len) == (ssize_t)b.len && close(fd) == 0);
	buf_release(&b);
}

static int64_t last_seq;

static size_t any_seq(void)
{
	return 1 + random_below((size_t)last_seq);
}

/* A change that changes something; *anchored: only an anchor can tell. */
static void draw(char *text, size_t size, bool *anchored)
{
	static const char *const numbers[] = { "job", "at", "host", "rc", "began", "ended" };
	static const char *const texts[] = { "kind", "status", "signal", "data" };
	static const char *const blobs[] = { "output", "runs" };
	static const char *const of_chain[] = { "base_seq = base_seq + 1", "head_seq = head_seq + 1", "head_seq = head_seq - 1",
		"last_job = last_job + 1", "last_job = last_job - 1", "base_hash = randomblob(32)", "head_hash = randomblob(32)" };
	static const char *const of_content[] = { "size = size + 1", "packed = 1 - packed", "last = last + 1", "last = 0",
		"data = substr(data, 1, length(data) - 1)", "data = CAST(data || x'00' AS BLOB)", "data = randomblob(length(data) + 3)",
		"hash = randomblob(32)" };
	size_t a = any_seq(), b = any_seq();

	while (b == a)
		b = any_seq();
	*anchored = false;
	switch (random_below(12)) {
	case 0:
		(void)snprintf(text, size, "UPDATE entry SET %s = ifnull(%s, 0) + %zu WHERE seq = %zu", numbers[a % 6],
			       numbers[a % 6], 1 + random_below(100), b);
		break;
	case 1:
		(void)snprintf(text, size, "UPDATE entry SET %s = ifnull(%s, '') || char(%zu) WHERE seq = %zu", texts[a % 4],
			       texts[a % 4], random_below(128), b);
		break;
	case 2:
		(void)snprintf(text, size, "UPDATE entry SET %s = randomblob(%d) WHERE seq = %zu", blobs[a % 2], a % 2 ? 8 : 32, b);
		break;
	case 3:
		(void)snprintf(text, size, "UPDATE entry SET hash = randomblob(32) WHERE seq = %zu", b);
		break;
	case 4:
		(void)snprintf(text, size, "DELETE FROM entry WHERE seq = %zu", b);
		break;
	case 5:	/* and nothing shows a gap */
		(void)snprintf(text, size, "DELETE FROM entry WHERE seq = %zu; UPDATE entry SET seq = -seq WHERE seq > %zu;"
			       "UPDATE entry SET seq = -seq - 1 WHERE seq < 0; UPDATE chain SET head_seq = head_seq - 1", b, b);
		break;
	case 6:
		(void)snprintf(text, size, "UPDATE entry SET seq = -1 WHERE seq = %zu; UPDATE entry SET seq = %zu WHERE seq = %zu;"
			       "UPDATE entry SET seq = %zu WHERE seq = -1", a, a, b, b);
		break;
	case 7:
		(void)snprintf(text, size, "DELETE FROM entry WHERE seq > %zu", b == (size_t)last_seq ? b - 1 : b);
		break;
	case 8:	/* cut off with care */
		*anchored = true;
		b = b == (size_t)last_seq ? b - 1 : b;
		(void)snprintf(text, size, "DELETE FROM entry WHERE seq > %zu; UPDATE chain SET head_seq = %zu, head_hash ="
			       " (SELECT hash FROM entry WHERE seq = %zu), last_job = (SELECT max(job) FROM entry);"
			       "DELETE FROM content WHERE hash NOT IN (SELECT output FROM entry WHERE output IS NOT NULL);"
			       "UPDATE content SET last = (SELECT max(seq) FROM entry WHERE output = content.hash)", b, b, b);
		break;
	case 9:	/* a beginning cut off with care, but that no row tells of it */
		b = b == (size_t)last_seq ? b - 1 : b;
		(void)snprintf(text, size, "UPDATE chain SET base_seq = %zu, base_hash = (SELECT hash FROM entry WHERE seq = %zu);"
			       "DELETE FROM entry WHERE seq <= %zu; DELETE FROM content WHERE last <= %zu", b, b, b, b);
		break;
	case 10:
		(void)snprintf(text, size, "UPDATE chain SET %s", of_chain[a % 7]);
		break;
	default:
		if (a % 9 == 8)
			(void)snprintf(text, size, "DELETE FROM content WHERE rowid ="
				       " (SELECT rowid FROM content ORDER BY rowid LIMIT 1 OFFSET %zu)", b % 9);
		else
			(void)snprintf(text, size, "UPDATE content SET %s WHERE rowid ="
				       " (SELECT rowid FROM content ORDER BY rowid LIMIT 1 OFFSET %zu)", of_content[a % 9], b % 9);
	}
}

static void test_changed(void)
{
	struct journal *j;
	char text[1024];
	uint64_t seed;
	long missed = 0;

	random_start();
	seed = random_state;
	j = opened(FILE_NAME);
	for (int i = 0; i < 6; i++) {
		static const size_t all[] = { 0, 1, 2 };
		struct result r;

		start(j, "ssh", 3);
		CHECK_INT(journal_round(j, all, 3, NULL, 0, &err), 0);
		(void)snprintf(text, sizeof(text), "%*d\n", i % 2 ? 900 : 9, i);
		end(j, 0, 0, text);
		end(j, 1, 1, "the same\n");
		made(&r, 2, 0, "to stdout\n");
		CHECK(output_add(&r.output, STREAM_ERR, "to stderr", 9) == 0);
		CHECK_INT(journal_round(j, NULL, 0, &r, 1, &err), 0);
		result_release(&r);
		done(j);
	}
	journal_close(j);
	last_seq = count("SELECT max(seq) FROM entry");
	CHECK_INT(last_seq, 36);
	CHECK_INT(count("SELECT count(*) FROM content"), 9);
	CHECK_STR(verdict(NULL), "");
	CHECK_INT(journal_anchor(FILE_NAME, "anchor", &err), 0);
	CHECK_STR(verdict("anchor"), "");
	copy_file(FILE_NAME, "whole");
	for (long i = 0, n = random_rounds(1000); i < n; i++) {
		bool anchored;

		copy_file("whole", FILE_NAME);
		draw(text, sizeof(text), &anchored);
		sql(FILE_NAME, text);
		if (anchored)
			CHECK_STR(verdict(NULL), "");	/* that is why there are anchors */
		if (!*verdict(anchored ? "anchor" : NULL)) {
			missed++;
			(void)fprintf(stderr, "not found: %s\n", text);
		}
	}
	CHECK_INT(missed, 0);
	if (missed)
		random_again(seed);
	remove_files(FILE_NAME);
	(void)unlink("whole");
	(void)unlink("anchor");
}

static void test_verdicts(void)
{
	struct journal *j = opened(FILE_NAME);

	start(j, "ssh", 1);
	end(j, 0, 0, "text");
	done(j);
	journal_close(j);
	sql(FILE_NAME, "UPDATE entry SET rc = 1 WHERE kind = 'end'");
	CHECK_STR(verdict(NULL), "entry 2 was changed, or is not the one that followed");
	sql(FILE_NAME, "UPDATE entry SET rc = 0 WHERE kind = 'end'");
	CHECK_STR(verdict(NULL), "");
	sql(FILE_NAME, "UPDATE content SET data = x'7465787400' WHERE size = 4");
	CHECK_STR(verdict(NULL), "a content of entry 2 was changed");
	sql(FILE_NAME, "UPDATE content SET data = x'74657874' WHERE size = 4; DELETE FROM entry WHERE seq = 3");
	CHECK_STR(verdict(NULL), "entries 3 to 3 are missing at the end");
	sql(FILE_NAME, "DELETE FROM entry WHERE seq = 1");
	CHECK_STR(verdict(NULL), "entry 1 is missing");
	put("anchor", "7\n");
	CHECK_STR(verdict("anchor"), "anchor:1: not a line of an anchor (NUMBER HASH)");
	put("anchor", "");
	CHECK_STR(verdict("anchor"), "anchor: no anchor is in it");
	CHECK_HAS(verdict("nowhere"), "nowhere: ");
	put("anchor", "9 0000000000000000000000000000000000000000000000000000000000000000\n");
	CHECK(*verdict("anchor"));
	remove_files(FILE_NAME);
	(void)unlink("anchor");
	CHECK_STR(verdict(NULL), FILE_NAME ": there is no journal");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_keep), TEST(test_prune_age), TEST(test_prune_size), TEST(test_changed), TEST(test_verdicts),
		{ NULL, NULL },
	};

	return journal_main(tests, argc, argv);
}
