#include "tests/unit/selecting.h"

static void test_words(void)
{
	CHECK_STR(hosts("all"), ALL);
	CHECK_STR(hosts("all:"), ALL);
	CHECK_STR(hosts("nil"), "");
	CHECK_STR(hosts("nil:"), "");
	CHECK_STR(hosts("web01"), "web01");
	CHECK_STR(hosts("sys:web01"), "web01");
	CHECK_STR(hosts("db02,web01,db02"), "web01 db02");
	CHECK_STR(hosts("zz,web02,aa,web01,zz"), "web01 web02 zz aa");
	CHECK_STR(hosts("web[01-03],db{01,02}"), "web01 web02 db01 db02 web03");
	CHECK_STR(hosts("order or android or nothing or allx or nile or not-x"),
		  "order android nothing allx nile not-x");
	CHECK_STR(hosts("sys:all,nil"), "all nil");
	CHECK_STR(hosts("\"all\" or \"not\" or \"and\""), "all not and");
	/* addresses, with and without a zone, are no selectors */
	CHECK_STR(hosts("2001:db8::7"), "2001:db8::7");
	CHECK_STR(hosts("::1 or fe80::1%eth0 or [fe80::2] or dead:beef::"),
		  "::1 fe80::1%eth0 fe80::2 dead:beef::");
	CHECK_STR(hosts("(fe80::1)and(sys:fe80::1)"), "fe80::1");
	CHECK_STR(hosts("fe80::1,fe80::2,web01"), "web01 fe80::1 fe80::2");
	CHECK_STR(hosts("2001:db8::[7-8]"), "2001:db8::7 2001:db8::8");
	fault_says("sys:-x", "the host name \"-x\" begins with '-'");
	fault_says("\"a b\"", "the host name \"a b\" holds a character that is not allowed");
	fault_says("web[3-2]", "the range runs backwards\n  web[3-2]\n      ^");
	fault_says("a,,b", "an empty name in the list\n  a,,b\n    ^");
	fault_says("n[1-1000000],x", "more than 1000000 hosts");
}

static void test_tags(void)
{
	CHECK_STR(hosts("tag:web"), "web01 web02");
	CHECK_STR(hosts("tag:nosuch"), "");
	CHECK_STR(hosts("tag:db,web"), "web01 web02 db01 db02");
	CHECK_STR(hosts("tag:web,+eu"), "web02");
	CHECK_STR(hosts("tag:linux,-web"), "db01");
	CHECK_STR(hosts("tag:web,db,+eu,-bsd"), "web02");
	CHECK_STR(hosts("tag:linux,db,-eu,+web"), "web01");
	CHECK_STR(hosts("tag:web,-eu,v6"), "web01 2001:db8::7");
	CHECK_STR(hosts("tag:+web"), "web01 web02");
	CHECK_STR(hosts("tag:-linux"), "db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("tag:-linux,web"), "web01 web02 db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("tag:-linux,-v6"), "db02 gw.example.org");
}

static void test_regexes(void)
{
	CHECK_STR(hosts("exp:web"), "web01 web02");
	CHECK_STR(hosts("exp:eb"), "");
	CHECK_STR(hosts("exp:.*01$"), "web01 db01");
	CHECK_STR(hosts("(exp:(web|db)01)and(tag:db)"), "db01");
	CHECK_STR(hosts("exp:web(0\" \"?1)"), "web01");
	CHECK_STR(hosts("exp:\"web01 ?\""), "web01");
	CHECK_STR(hosts("exp:2001:db8"), "2001:db8::7");
	CHECK_STR(hosts("exp:[[:alpha:]]+01"), "web01 db01");
	CHECK_STR(hosts("exp:(?:web01|x:all)"), "web01");
	CHECK_STR(hosts("exp:.*\\.org$:tag:bsd"), "gw.example.org");
	CHECK_STR(hosts("(exp:web01|\\()"), "web01");
	fault_says("tag:web and exp:[a", "regex: missing terminating ]");
	fault_says("exp:a**", "\n  a**\n");
	fault_says("exp:(a", "regex: missing closing parenthesis");
}

static void test_variables(void)
{
	CHECK_STR(hosts("var:user=root"), "gw.example.org");
	CHECK_STR(hosts("var:user=Root"), "");
	CHECK_STR(hosts("var:site=\"New York\""), "gw.example.org");
	CHECK_STR(hosts("var:\"site=New York\":tag:bsd"), "gw.example.org");
	CHECK_STR(hosts("var:site~York"), "gw.example.org");
	CHECK_STR(hosts("var:site~^York"), "");
	CHECK_STR(hosts("var:user~(o|x){2}"), "gw.example.org");
	CHECK_STR(hosts("var:transport=libssh2"), "db02");
	CHECK_STR(hosts("var:shell=no"), "");
	CHECK_STR(hosts("var:nosuch="), "");
	fault_says("var:site~(", "regex: ");
}

static void test_chains(void)
{
	CHECK_STR(hosts("tag:linux:exp:web"), "web01 web02");
	CHECK_STR(hosts("tag:linux:not:tag:web"), "db01");
	CHECK_STR(hosts("tag:linux:not:not:tag:web"), "web01 web02");
	CHECK_STR(hosts("not:tag:linux"), "db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("not:not:not:tag:linux:tag:v6"), "2001:db8::7");
	CHECK_STR(hosts("all:tag:web:all"), "web01 web02");
	CHECK_STR(hosts("tag:web:nil"), "");
	CHECK_STR(hosts("not:nil:not:all"), "");
	CHECK_STR(hosts("tag:eu:not:exp:db:sys:web02,db02"), "web02");
	CHECK_STR(hosts("sys:adhoc:not:tag:web"), "adhoc");
	CHECK_STR(hosts("not tag:linux:exp:web"), "db01 db02 gw.example.org 2001:db8::7");
	/* a bare word: first, or behind not: */
	CHECK_STR(hosts("web[01-03]:tag:eu"), "web02");
	CHECK_STR(hosts("web02,db02:tag:web"), "web02");
	CHECK_STR(hosts("gw.example.org:tag:bsd"), "gw.example.org");
	CHECK_STR(hosts("\"db01\":tag:db"), "db01");
	CHECK_STR(hosts("sys:db01:tag:db"), "db01");
	CHECK_STR(hosts("1a:not:tag:x"), "1a");
	CHECK_STR(hosts("tag:db:not:db01"), "db02");
	CHECK_STR(hosts("tag:db:not:db01:tag:eu"), "fault");
	CHECK_STR(hosts("tag:db:not:db[01-03]:tag:eu"), "");
}

static void test_expressions(void)
{
	CHECK_STR(hosts("tag:web or tag:db and tag:eu"), "web01 web02 db02");
	CHECK_STR(hosts("tag:db and tag:eu or tag:web"), "web01 web02 db02");
	CHECK_STR(hosts("(tag:web or tag:db) and tag:eu"), "web02 db02");
	CHECK_STR(hosts("not tag:web and tag:eu"), "db02");
	CHECK_STR(hosts("not (tag:web and tag:eu)"), "web01 db01 db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("not not tag:web"), "web01 web02");
	CHECK_STR(hosts("not not not tag:web and not tag:db"), "gw.example.org 2001:db8::7");
	CHECK_STR(hosts("tag:web and not tag:eu"), "web01");
	CHECK_STR(hosts("not tag:web or not tag:eu"), "web01 db01 db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("(tag:web)and(tag:eu)or(tag:v6)"), "web02 2001:db8::7");
	CHECK_STR(hosts(" \ttag:web\n\tand not(tag:eu ) "), "web01");
	CHECK_STR(hosts("((( web01 )))"), "web01");
	CHECK_STR(hosts("db01 or web01 or tag:web or db01"), "web01 web02 db01");
}

/* Hosts that no source knows. */
static void test_ad_hoc(void)
{
	CHECK_STR(hosts("all and sys:adhoc"), "");
	CHECK_STR(hosts("sys:adhoc and not tag:x"), "adhoc");
	CHECK_STR(hosts("not tag:x and sys:adhoc"), "adhoc");
	CHECK_STR(hosts("adhoc and not adhoc"), "");
	CHECK_STR(hosts("not tag:linux or adhoc"), "db02 gw.example.org 2001:db8::7 adhoc");
	CHECK_STR(hosts("not adhoc"), ALL);
	CHECK_STR(hosts("not tag:x"), ALL);
	CHECK_STR(hosts("adhoc and nil or not tag:linux"), "db02 gw.example.org 2001:db8::7");
	CHECK_STR(hosts("not (adhoc and tag:x)"), ALL);
	CHECK_STR(hosts("adhoc and (not tag:x or tag:web)"), "adhoc");
	CHECK_STR(hosts("adhoc and not (tag:x and not tag:web)"), "adhoc");
	CHECK_STR(hosts("(not tag:x or adhoc) and (not tag:linux or web01)"),
		  "web01 db02 gw.example.org 2001:db8::7 adhoc");
	CHECK_STR(hosts("(not tag:x or adhoc) and not adhoc"), ALL);
	CHECK_STR(hosts("not (not tag:x or adhoc)"), "");
}

/* The message is WHAT, the text, and a caret under this column. */
static void caret(const char *text, const char *what, int column)
{
	char want[400];

	CHECK_STR(hosts(text), "fault");
	CHECK_INT(error.code, ERR_USAGE);
	(void)snprintf(want, sizeof(want), "%s\n  %s\n  %*s^", what, text, column, "");
	CHECK_STR(error.msg, want);
}

static void test_carets(void)
{
	char text[400];

	caret("", "a selector is missing", 0);
	caret("tag:web and", "a selector is missing", 11);
	caret("tag:web and or tag:db", "a selector is missing", 12);
	caret("or tag:x", "a selector is missing", 0);
	caret("tag:x or ()", "a selector is missing", 10);
	caret("not", "a selector is missing", 3);
	caret("tag:web:not:", "a selector is missing", 12);
	caret("tag:a or (tag:web", "the parenthesis has no end", 9);
	caret("tag:web)", "closes a parenthesis that is not open", 7);
	caret("tag:web tag:db", "\"and\" or \"or\" is missing", 8);
	caret("tga:x", "unknown selector \"tga:\"; is it tag: ?", 0);
	caret("web01 and (fiel:x)", "unknown selector \"fiel:\"; is it file: ?", 11);
	caret("a or zzzzzz:x", "unknown selector \"zzzzzz:\"; a host is sys:zzzzzz", 5);
	caret("db01:tag:db", "unknown selector \"db01:\"; a host is sys:db01", 0);
	caret("tag:db and not:db01:tag:db", "unknown selector \"db01:\"; a host is sys:db01", 15);
	caret("tag:db:db01", "the tag \"db:db01\" holds a character that is not allowed", 4);
	caret("job:1", "job: earlier runs are not to be had here", 0);
	caret("tag:web:job:1", "job: earlier runs are not to be had here", 8);
	caret("tag:", "no value", 4);
	caret("web01 or exp:", "no value", 13);
	caret("tag:a,b!", "the tag \"b!\" holds a character that is not allowed", 6);
	caret("tag:a,,b", "the tag \"\" is empty", 6);
	caret("tag:a,-+b", "the tag \"-+b\" begins with '-' or '+'", 6);
	caret("tag:a:b", "the tag \"a:b\" holds a character that is not allowed", 4);
	caret("all:x", "this selector takes no value", 4);
	caret("a or out:x", "this selector takes no value", 9);
	caret("var:x", "neither KEY=VALUE nor KEY~REGEX", 4);
	caret("var:1x=2", "the key \"1x\" is not allowed", 4);
	caret("tag:a or sys:\"web", "the quote has no end", 13);
	caret("web01 or out:", "out: reads standard input, which is not to be had here", 9);
	/* columns are characters, not bytes; a long text is cut, white space is blank */
	caret("tag:\xc3\xa4\xc3\xb6 and )", "a selector is missing", 11);
	CHECK_STR(hosts("web01\nor\t)"), "fault");
	CHECK_STR(error.msg, "a selector is missing\n  web01 or )\n           ^");
	memset(text, 'a', sizeof(text));
	memcpy(text + 300, " ) or b", 8);
	CHECK_STR(hosts(text), "fault");
	CHECK_HAS(error.msg, "aaa ) or b\n");
	CHECK(strchr(error.msg, ')') && strchr(error.msg, '^') &&
	      strcspn(strchr(error.msg, '\n') + 1, ")") == strlen(strrchr(error.msg, '\n') + 1) - 1);
}

static void test_depth(void)
{
	static const char *const opening[] = { "(", "not ", "not(" };
	struct buf b;

	buf_init(&b, 100000);
	for (size_t kind = 0; kind < ARRAY_LEN(opening); kind++) {
		size_t each = kind == 2 ? 2 : 1;

		for (size_t depth = 200; depth <= 202; depth += each) {
			buf_clear(&b);
			for (size_t i = 0; i < depth / each; i++)
				CHECK_INT(buf_adds(&b, opening[kind]), 0);
			CHECK_INT(buf_adds(&b, "web01"), 0);
			for (size_t i = 0; kind != 1 && i < depth / each; i++)
				CHECK_INT(buf_addc(&b, ')'), 0);
			if (depth == 200)
				CHECK_STR(hosts(b.data), "web01");
			else
				fault_says(b.data, "more than 200 deep");
		}
	}
	/* what stands side by side is not deep */
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_adds(&b, "(not:not:web01) or not all or all:sys:web01 and "), 0);
	CHECK_INT(buf_adds(&b, "all"), 0);
	CHECK_STR(hosts(b.data), "web01");
	buf_release(&b);
}

int main(int argc, char **argv)
{
	static const char *const made[] = { NULL };
	static const struct test tests[] = {
		TEST(test_words), TEST(test_tags), TEST(test_regexes), TEST(test_variables),
		TEST(test_chains), TEST(test_expressions), TEST(test_ad_hoc), TEST(test_carets),
		TEST(test_depth), { NULL, NULL },
	};

	return selecting_main(tests, made, argc, argv);
}
