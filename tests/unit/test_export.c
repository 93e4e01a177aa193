/*
 * Export and import of the inventory.
 */
#include "dt/base/ini.h"
#include "tests/unit/inventory.h"
#include "tests/unit/random.h"

static char *export(struct inventory *inv)
{
	struct buf out;

	memset(&err, 0, sizeof(err));
	buf_init(&out, 8UL << 20);
	CHECK_INT(inventory_export(inv, NULL, &out, &err), 0);
	CHECK_STR(err.msg, "");
	return buf_steal(&out);
}

static char *export_of(const char *a, const char *b)
{
	struct inventory *inv = from(a, b);
	char *text = export(inv);

	inventory_free(inv);
	return text;
}

/* export -> import into a fresh store -> export, and export -> ini -> export. */
static void round_trip(const char *text)
{
	char *first, *second, *third;
	const char *line;

	put_file("in", text);
	first = export_of("ini:in", NULL);
	put_file("out", first);
	(void)unlink("fresh.db");
	(void)import("ini:in", "store:fresh.db", false);
	second = export_of("fresh.db", NULL);
	third = export_of("ini:out", NULL);
	CHECK_STR(second, first);
	CHECK_STR(third, first);
	for (line = first; *line; line += strcspn(line, "\n") + 1)
		CHECK(strcspn(line, "\n") <= INI_LINE_LIMIT);
	free(first);
	free(second);
	free(third);
}

static void test_round_trip(void)
{
	char *text;

	round_trip("");
	round_trip("[hosts]\n");
	round_trip("[hosts]\na =\n");
	round_trip("[tag b]\nk = \"1 ; 2\"\nl=\n[domain .x.org]\nvia = a,b\n[tag b]\nm = =\n[defaults]\n"
		   "user = root\n[tag a]\nk=2\n");
	put_file("in", "[tag b]\nk = \"1 ; 2\"\nl=\n[hosts]\nx = b k=\"v w\" e= s=a;b f=a=b\n"
		 "::1 = t p=\"; \"\nfe80::1%eth0 =\n");
	text = export_of("in", NULL);
	CHECK_STR(text, "[tag b]\nk = \"1 ; 2\"\nl = \"\"\n\n[hosts]\n"
		  "x = b k=\"v w\" e=\"\" s=\"a;b\" f=a=b\n"
		  "::1 = t p=\"; \"\nfe80::1%eth0 =\n");
	round_trip(text);
	free(text);
}

static void test_random_round_trips(void)
{
	static const char *const pieces[] = { " ", ";", " ;", "#", "=", ":", "'", "[", "]", "\\", "\xc3\xa9",
		"ab", ",", "0" };
	static const char *const names[] = { "n", "fe80::1%eth", "::1%", "_\xc3\xa9.-" };
	struct buf b;

	random_start();
	buf_init(&b, 4UL << 20);
	for (int round = 0; round < 30; round++) {
		uint64_t seed = random_state;
		int faults = test_faults;

		buf_clear(&b);
		CHECK(buf_adds(&b, "[hosts]\n") == 0);
		for (int host = 0; host < 20; host++) {
			size_t words = random_next() % 3 ? random_next() % 4 : random_next() % 60;

			(void)buf_addf(&b, "%s%0*d =\n", names[random_next() % ARRAY_LEN(names)],
				       (int)(random_next() % 150) + 3, host);
			for (size_t w = 0; w < words; w++) {
				size_t n = random_next() % 12;

				if (random_next() % 2) {
					(void)buf_addf(&b, "\ttag%zu-%0*d\n", w, (int)(random_next() % 99), 0);
					continue;
				}
				(void)buf_addf(&b, "\tk%zu=\"", w);
				while (n--)
					(void)buf_adds(&b, pieces[random_next() % ARRAY_LEN(pieces)]);
				(void)buf_adds(&b, "\"\n");
			}
		}
		round_trip(b.data);
		if (test_faults != faults) {
			random_again(seed);
			break;
		}
	}
	buf_release(&b);
}

static void test_export_limits(void)
{
	struct inventory *inv;
	struct hostset set = { 0 };
	struct buf out;
	char text[400];

	buf_init(&out, 65536);
	(void)snprintf(text, sizeof(text), "a\nb k=%0200d\nc\n", 0);
	put_file("f", text);
	inv = from("f", NULL);
	CHECK_INT(inventory_export(inv, NULL, &out, &err), -1);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_STR(err.msg, "b (f:2): a word is longer than a line of 198 bytes");
	buf_clear(&out);
	CHECK_INT(hostset_add(&set, inventory_lookup(inv, "c")), 0);
	CHECK_INT(inventory_export(inv, &set, &out, &err), 0);
	CHECK_STR(out.data, "[hosts]\nc =\n");
	hostset_release(&set);
	inventory_free(inv);
	put_file("f", "a\nfe80::\n");
	inv = from("f", NULL);
	CHECK_INT(inventory_export(inv, NULL, &out, &err), -1);
	CHECK_HAS(err.msg, "fe80:: (f:2): a name that the text format cannot hold");
	inventory_free(inv);
	buf_release(&out);
}

static void test_import(void)
{
	char *text;

	put_file("v1", "[defaults]\nd = 1\ne = 1\n[hosts]\na = web k=1\nb = x y\nc =\n");
	put_file("v2", "[defaults]\nd = 2\n[hosts]\nb = y x\na = web k=1\nd = new\n");
	CHECK_STR(import("v1", "store:i.db", false), "3 0 0 0");
	CHECK_STR(import("v1", "store:i.db", false), "0 0 0 3");
	CHECK_STR(import("v2", "store:i.db", false), "1 1 0 1");
	CHECK_STR(hosts_of("i.db", NULL), "a web k=1\nb y x\nc\nd new\n");
	CHECK_STR(import("v1", "store:i.db", true), "0 1 1 2");
	CHECK_STR(import("v2", "store:i.db", true), "1 1 1 1");
	CHECK_STR(hosts_of("i.db", NULL), "b y x\na web k=1\nd new\n");
	CHECK_STR(import("i.db", "store:i.db", true), "0 0 0 3");
	text = export_of("i.db", NULL);
	CHECK_STR(text, "[defaults]\nd = 2\n\n[hosts]\nb = y x\na = web k=1\nd = new\n");
	free(text);
	put_file("none", "[hosts]\n");
	CHECK_STR(import("none", "store:i.db", true), "0 0 3 0");
	CHECK_STR(hosts_of("i.db", NULL), "");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_round_trip), TEST(test_random_round_trips), TEST(test_export_limits),
		TEST(test_import), { NULL, NULL },
	};

	return inventory_test_main(tests, argc, argv);
}
