/* A host's first packet, whole, cut anywhere, and spoilt. */
#include "dt/ssh/kexinit.h"

#include <stdlib.h>

#include "dt/ssh/blob.h"
#include "tests/unit/test.h"

static const char keys[] = "rsa-sha2-512,ssh-ed25519";

/* Version lines and a packet of that message. */
static void make(struct buf *b, const char *version, int message, const char *list)
{
	struct buf p;

	buf_init(&p, 4096);
	CHECK_INT(buf_addc(&p, (char)4) || buf_addc(&p, (char)message) || buf_adds(&p, "cookie cookie 16") ||
			  blob_put_string(&p, "curve25519-sha256", 17) || blob_put_string(&p, list, strlen(list)) ||
			  blob_put_string(&p, "aes", 3) || buf_adds(&p, "pad4"),
		  0);
	CHECK_INT(buf_adds(b, version) || blob_put_string(b, p.data, p.len), 0);
	buf_release(&p);
}

/* Its list, or "": from a copy with nothing behind it. */
static const char *list_of(const char *data, size_t len)
{
	static char text[256];
	char *copy = malloc(len ? len : 1);
	struct buf out;

	memcpy(copy, data, len);
	buf_init(&out, sizeof(text) - 1);
	CHECK_INT(kexinit_hostkeys(copy, len, &out), 0);
	(void)snprintf(text, sizeof(text), "%s", out.data);
	buf_release(&out);
	free(copy);
	return text;
}

static void test_whole(void)
{
	struct buf b;

	buf_init(&b, 8192);
	make(&b, "SSH-2.0-x\r\n", 20, keys);
	CHECK_STR(list_of(b.data, b.len), keys);
	/* lines before the version (RFC 4253 4.2), and a packet to be ignored before it */
	buf_clear(&b);
	make(&b, "hello\r\n\nSSH-2.0-x y\n", 2, "not,this");
	make(&b, "", 20, keys);
	CHECK_STR(list_of(b.data, b.len), keys);
	buf_clear(&b);
	make(&b, "SSH-2.0-x\r\n", 1, "not,this");
	make(&b, "", 20, keys);
	CHECK_STR(list_of(b.data, b.len), "");
	buf_clear(&b);
	make(&b, "SSH-2.0-x\r\n", 20, "");
	CHECK_STR(list_of(b.data, b.len), "");
	buf_release(&b);
}

static void test_cut(void)
{
	struct buf b;

	buf_init(&b, 8192);
	make(&b, "hello\nSSH-2.0-x\r\n", 20, keys);
	for (size_t n = 0; n < b.len; n++)
		CHECK_STR(list_of(b.data, n), "");
	buf_release(&b);
}

static void test_spoilt(void)
{
	struct buf b;

	buf_init(&b, 8192);
	make(&b, "hello\nSSH-2.0-x\r\n", 20, keys);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
			(void)list_of(b.data, b.len);
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
		}
	buf_release(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_whole), TEST(test_cut), TEST(test_spoilt), { NULL, NULL } };

	return test_main(tests, argc, argv);
}
