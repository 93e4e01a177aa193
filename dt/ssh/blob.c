#include "dt/ssh/blob.h"

#include <string.h>

int blob_bytes(struct blob *b, size_t n, struct blob *out)
{
	if (n > b->left)
		return -1;
	*out = (struct blob){ b->p, n };
	b->p += n;
	b->left -= n;
	return 0;
}

int blob_u32(struct blob *b, uint32_t *n)
{
	struct blob v;

	*n = 0;
	if (blob_bytes(b, 4, &v) != 0)
		return -1;
	*n = (uint32_t)v.p[0] << 24 | (uint32_t)v.p[1] << 16 | (uint32_t)v.p[2] << 8 | v.p[3];
	return 0;
}

int blob_string(struct blob *b, struct blob *out)
{
	uint32_t n;

	*out = (struct blob){ b->p, 0 };
	return blob_u32(b, &n) != 0 ? -1 : blob_bytes(b, n, out);
}

int blob_mpint(struct blob *b, struct blob *out)
{
	if (blob_string(b, out) != 0 || (out->left && out->p[0] & 0x80))
		return -1;
	while (out->left && !*out->p) {
		out->p++;
		out->left--;
	}
	return 0;
}

int blob_expect(struct blob *b, const char *text)
{
	struct blob s;

	return blob_string(b, &s) == 0 && blob_is(&s, text) ? 0 : -1;
}

bool blob_is(const struct blob *b, const char *text)
{
	return b->left == strlen(text) && memcmp(b->p, text, b->left) == 0;
}

void blob_text(const struct blob *b, char *out, size_t size)
{
	size_t n = b->left < size - 1 ? b->left : size - 1;

	memcpy(out, b->p, n);
	out[n] = '\0';
}

int blob_put_u32(struct buf *b, uint32_t n)
{
	unsigned char v[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
			       (unsigned char)n };

	return buf_add(b, v, sizeof(v));
}

int blob_put_string(struct buf *b, const void *data, size_t len)
{
	if (len > UINT32_MAX || blob_put_u32(b, (uint32_t)len) != 0)
		return -1;
	return buf_add(b, data, len);
}

int blob_put_mpint(struct buf *b, const unsigned char *data, size_t len)
{
	bool high;

	while (len && !*data) {
		data++;
		len--;
	}
	high = len && data[0] & 0x80;	/* a zero before it keeps it from being negative */
	if (len >= UINT32_MAX || blob_put_u32(b, (uint32_t)(len + high)) != 0 || (high && buf_addc(b, '\0') != 0))
		return -1;
	return buf_add(b, data, len);
}

static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int blob_base64(struct buf *out, const char *text, size_t len)
{
	uint32_t bits = 0;
	size_t digits = 0, pads = 0;

	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text[i]);

		if (strchr(" \t\r\n", text[i]) && text[i])
			continue;
		if (text[i] == '=')
			pads++;
		else if (v < 0 || pads)
			return -1;
		bits = bits << 6 | (v < 0 ? 0 : (uint32_t)v);
		if (++digits % 4 == 0) {
			char bytes[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };

			if (pads > 2 || (pads && (bits & (pads == 1 ? 0xff : 0xffff))) ||
			    buf_add(out, bytes, 3 - pads) != 0)
				return -1;
			bits = 0;
		}
	}
	return digits % 4 || pads > 2 ? -1 : 0;
}
