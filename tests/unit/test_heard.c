#include <string.h>

#include "dt/ssh/heard.h"
#include "test.h"

#define PACKET(h, bytes) heard_packet(h, (const unsigned char *)(bytes), sizeof(bytes) - 1)

static void opening(struct heard *h, const char *text)
{
	memset(h, 0, sizeof(*h));
	for (; *text; text++)	/* as it may come: a byte at a time */
		heard_opening(h, text, 1);
}

static void test_greetings(void)
{
	static const struct {
		const char *text, *greeting;
		bool other, penalty;
	} cases[] = {
		{ "", "", false, false },
		{ "SSH-2.0-OpenSSH_9.2\r\n\0\1", "", false, false },
		{ "SSH-1.99-x\n", "", false, false },
		{ "SSH-1.5-old\n", "SSH-1.5-old", true, false },
		{ "SSH-1.5-ol", "SSH-1.5-ol", false, false },
		{ "Exceeded MaxStartups\r\n", "Exceeded MaxStartups", false, false },
		{ "Not allowed at this time\r\n", "Not allowed at this time", false, true },
		{ "Welcome\r\nto SSH-1.5-x\r\nSSH-2.0-x\r\n", "Welcome\r\nto SSH-1.5-x", false, false },
		{ "SSH: be nice\nSSH-2.0-x\n", "SSH: be nice", false, false },
	};
	char text[HEARD_TEXT];
	struct heard h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		opening(&h, cases[i].text);
		CHECK_STR(heard_greeting(&h, text), cases[i].greeting);
		CHECK_INT(heard_other_version(&h), cases[i].other);
		CHECK_INT(heard_penalty(&h), cases[i].penalty);
	}
	memset(&h, 0, sizeof(h));
	for (int i = 0; i < 1000; i++)
		heard_opening(&h, "flood", 5);
	CHECK_INT(strlen(heard_greeting(&h, text)), HEARD_TEXT - 1);
	CHECK(strcmp(text + HEARD_TEXT - 4, "...") == 0);
}

static void test_packets(void)
{
	struct heard h = { .listening = true };

	PACKET(&h, "\63\0\0\0\22publickey,password\1");
	CHECK_INT(h.refusals, 1);
	CHECK(h.partial);
	CHECK_STR(h.methods, "publickey,password");
	PACKET(&h, "\63\0\0\0\11publickey\0 padding");
	CHECK_INT(h.refusals, 2);
	CHECK(!h.partial);
	CHECK_STR(h.methods, "publickey");
	PACKET(&h, "\63\0\0\0\0\0");
	CHECK_INT(h.refusals, 3);
	CHECK_STR(h.methods, "");
	/* what is no such packet */
	PACKET(&h, "");
	PACKET(&h, "\63");
	PACKET(&h, "\63\0\0\0\11publicke");
	PACKET(&h, "\63\377\377\377\377publickey\0");
	PACKET(&h, "\63\0\0\0\11public\nky\0");
	PACKET(&h, "\63\0\0\0\11publickey\2");
	PACKET(&h, "\64\0\0\0\11publickey\0");
	CHECK_INT(h.refusals, 3);
	PACKET(&h, "\65\0\0\0\5\n hi\n\0\0\0\0");
	CHECK_STR(h.banner, "hi");
	PACKET(&h, "\65\0\0\0\0\0\0\0\0");	/* an empty one says nothing new */
	CHECK_STR(h.banner, "hi");
	PACKET(&h, "\65\0\0\0\3a\0b\0\0\0\0");
	CHECK_STR(h.banner, "a b");
	h.listening = false;
	PACKET(&h, "\65\0\0\0\3xyz\0\0\0\0");
	CHECK_STR(h.banner, "a b");
}

static void test_errors(void)
{
	struct heard h = { .listening = true };
	struct dt_err err = DT_ERR_INIT;
	char long_text[2000];

	(void)err_set(&err, ERR_AUTH, "no");
	heard_add(&h, &err);
	CHECK_STR(err.msg, "no");
	heard_disconnect(&h, "too much\n", 9);
	heard_add(&h, &err);
	CHECK_STR(err.msg, "no; the host says: too much");
	heard_add(&h, &err);	/* once */
	CHECK_STR(err.msg, "no; the host says: too much");
	memset(long_text, 'x', sizeof(long_text));
	heard_disconnect(&h, long_text, sizeof(long_text));
	(void)err_set(&err, ERR_AUTH, "%.400s", long_text);
	heard_add(&h, &err);
	CHECK(strlen(err.msg) < sizeof(err.msg));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_greetings), TEST(test_packets), TEST(test_errors), { NULL, NULL },
	};

	return test_main(tests, argc, argv);
}
