/* What ssh(1) logs, as proof of a command's end. */
#include "dt/ssh/openssh_log.h"

#include <string.h>

#include "tests/unit/test.h"

#define BEGUN "debug1: Sending command: x\r\n"
#define STATUS "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0\r\n"
#define SIGNAL "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0\r\n"
#define CLOSE "debug2: channel 0: rcvd close\r\n"
#define LAST(n) "debug1: Exit status " #n "\r\n"
#define MASTER(n) "debug1: mux_client_request_session: master session id: 2\r\ndebug2: Received exit status from master " #n "\r\n"

static void test_ends(void)
{
	static const struct {
		const char *log;
		int code;
		enum openssh_end end;
		int status;
	} cases[] = {
		{ BEGUN STATUS CLOSE LAST(0), 0, OPENSSH_STATUS, 0 },
		{ BEGUN STATUS CLOSE LAST(3), 3, OPENSSH_STATUS, 3 },
		{ BEGUN STATUS CLOSE LAST(255), 255, OPENSSH_STATUS, 255 },
		{ BEGUN STATUS CLOSE LAST(256), 0, OPENSSH_STATUS, 255 },
		{ BEGUN STATUS CLOSE LAST(257), 1, OPENSSH_STATUS, 1 },
		{ BEGUN SIGNAL CLOSE LAST(-1), 255, OPENSSH_SIGNAL, 0 },
		{ BEGUN CLOSE LAST(-1), 255, OPENSSH_UNKNOWN, 0 },
		{ BEGUN STATUS CLOSE LAST(-1), 255, OPENSSH_UNKNOWN, 0 },	/* 2^32-1 */
		{ MASTER(0), 0, OPENSSH_STATUS, 0 },
		{ MASTER(255), 255, OPENSSH_STATUS, 255 },
		{ BEGUN "debug2: Control master terminated unexpectedly\r\n", 255, OPENSSH_UNKNOWN, 0 },
		/* another version's words, a log that is cut, or none */
		{ BEGUN CLOSE "debug1: Exited with 0\r\n", 0, OPENSSH_UNKNOWN, 0 },
		{ BEGUN STATUS CLOSE "debug1: Exit status 0", 0, OPENSSH_UNKNOWN, 0 },
		{ BEGUN STATUS CLOSE "debug1: Exit status 0x\r\n", 0, OPENSSH_UNKNOWN, 0 },
		{ "", 0, OPENSSH_UNKNOWN, 0 },
		/* its last word is not its exit status */
		{ BEGUN STATUS CLOSE LAST(0), 255, OPENSSH_UNKNOWN, 0 },
		{ BEGUN STATUS CLOSE LAST(0) LAST(255), 0, OPENSSH_UNKNOWN, 0 },
		/* two, both kinds, and one that came too late */
		{ BEGUN STATUS STATUS CLOSE LAST(0), 0, OPENSSH_UNKNOWN, 0 },
		{ BEGUN STATUS SIGNAL CLOSE LAST(0), 0, OPENSSH_UNKNOWN, 0 },
		{ BEGUN CLOSE STATUS LAST(0), 0, OPENSSH_UNKNOWN, 0 },
		/* a host's debug message */
		{ BEGUN "debug1: Remote: x\r\n" STATUS LAST(0) "debug1: " CLOSE LAST(-1), 255, OPENSSH_UNKNOWN, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 200; step *= 7) {
			struct openssh_log g;
			struct buf text;
			int status = 0;
			size_t len = strlen(cases[i].log);

			buf_init(&text, 65536);
			openssh_log_init(&g, &text);
			for (size_t at = 0; at < len; at += step)
				openssh_log_add(&g, cases[i].log + at, len - at < step ? len - at : step);
			CHECK_INT(openssh_log_end(&g, cases[i].code, &status), cases[i].end);
			CHECK_INT(status, cases[i].status);
			CHECK_INT(g.begun, len > 0);
			openssh_log_release(&g);
			buf_release(&text);
		}
}

/* What is no debug message is ssh's reason; of a command that is shown, nothing is. */
static void test_text(void)
{
	static const char log[] = "Authenticated to h ([127.0.0.1]:22) using \"publickey\".\r\n"
				  "debug1: Sending command: echo\nexec request failed on channel 0\ndebug1: Exit status 0\r\n"
				  "Transferred: sent 1, received 2 bytes\r\n";
	struct openssh_log g;
	struct buf text;

	buf_init(&text, 65536);
	openssh_log_init(&g, &text);
	g.more = 2;
	openssh_log_add(&g, log, sizeof(log) - 1);
	CHECK(g.logged_in && g.begun && !g.has_final);
	CHECK_STR(text.data, "Authenticated to h ([127.0.0.1]:22) using \"publickey\".\nTransferred: sent 1, received 2 bytes\n");
	/* however much there is of it, the end stays */
	for (int i = 0; i < 1000; i++)
		openssh_log_add(&g, "a line that is long enough to be many\r\n", 39);
	openssh_log_add(&g, "the last one\r\n", 14);
	CHECK(text.len <= 16384 && text.len > 16000);
	CHECK_STR(text.data + text.len - 13, "the last one\n");
	openssh_log_release(&g);
	buf_release(&text);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_ends), TEST(test_text), { NULL, NULL } };

	return test_main(tests, argc, argv);
}
