#include "dt/ssh/kexinit.h"

#include <string.h>

#include "dt/ssh/blob.h"

#define MSG_DISCONNECT 1
#define MSG_KEXINIT 20
#define COOKIE 16

/* Passes over the version line and the lines that may come before it. */
static int pass_version(struct blob *b)
{
	for (;;) {
		const unsigned char *newline = memchr(b->p, '\n', b->left);
		struct blob line;

		if (!newline || blob_bytes(b, (size_t)(newline - b->p) + 1, &line) != 0)
			return -1;
		if (line.left > 4 && memcmp(line.p, "SSH-", 4) == 0)
			return 0;
	}
}

/* The payload of the next packet. */
static int take_packet(struct blob *b, struct blob *payload)
{
	struct blob packet, padding;

	if (blob_string(b, &packet) != 0 || blob_bytes(&packet, 1, &padding) != 0 || *padding.p > packet.left)
		return -1;
	return blob_bytes(&packet, packet.left - *padding.p, payload);
}

int kexinit_hostkeys(const void *data, size_t len, struct buf *out)
{
	struct blob b = { data, len }, packet, part, keys;

	if (!len || pass_version(&b) != 0)
		return 0;
	while (take_packet(&b, &packet) == 0) {
		if (blob_bytes(&packet, 1, &part) != 0 || *part.p == MSG_DISCONNECT)
			return 0;
		if (*part.p != MSG_KEXINIT)
			continue;
		if (blob_bytes(&packet, COOKIE, &part) != 0 || blob_string(&packet, &part) != 0 ||
		    blob_string(&packet, &keys) != 0)
			return 0;
		return keys.left ? buf_add(out, keys.p, keys.left) : 0;
	}
	return 0;
}
