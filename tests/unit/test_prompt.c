/* Markers in a stream, however it is cut into chunks. */
#include "dt/ssh/prompt.h"

#include <stdlib.h>

#include "tests/unit/test.h"

static void collect(void *arg, const char *data, size_t len)
{
	(void)buf_add(arg, data, len);
}

/* Feeds text in chunks of size; the events come back as letters. */
static void feed(const char *text, size_t size, struct buf *out, char *events)
{
	struct prompt p;
	size_t len = strlen(text), n = 0;

	prompt_init(&p, "dt-ask:", "dt-go.");
	for (size_t i = 0; i < len; i += size) {
		enum prompt_event e = prompt_feed(&p, text + i, len - i < size ? len - i : size, collect, out);

		for (; e != PROMPT_NONE; e = prompt_feed(&p, "", 0, collect, out))
			events[n++] = e == PROMPT_ASKED ? 'a' : 'r';
	}
	prompt_end(&p, collect, out);
	prompt_release(&p);
	events[n] = '\0';
}

static void test_chunks(void)
{
	static const struct { const char *in, *out, *events; } cases[] = {
		{ "plain", "plain", "" },
		{ "lecture\ndt-ask:wrong\ndt-ask:", "lecture\nwrong\n", "aa" },
		{ "dt-ask:dt-go.output dt-ask: is text now", "output dt-ask: is text now", "ar" },
		{ "dt-go.dt-go.", "dt-go.", "r" },
		{ "dt-as dt-dt-ask:dt-", "dt-as dt-dt-", "a" },
		{ "", "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t size = 1; size < 50; size++) {
			struct buf out;
			char events[64];

			buf_init(&out, 4096);
			feed(cases[i].in, size, &out, events);
			CHECK_STR(out.data, cases[i].out);
			CHECK_STR(events, cases[i].events);
			buf_release(&out);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_chunks), { NULL, NULL } };

	return test_main(tests, argc, argv);
}
