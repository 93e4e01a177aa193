#include "lib/public_key.h"

#include <stdlib.h>
#include <string.h>

/* The fields of a key in its blob: type, curve if any, key, others; each a length in 4 bytes and its bytes. */
static const struct type {
	const char *name, *curve;
	size_t fields, key;	/* how many; the key's bytes, 0: any */
} types[] = {
	{ "ssh-ed25519", NULL, 2, 32 },
	{ "ssh-rsa", NULL, 3, 0 },
	{ "ssh-dss", NULL, 5, 0 },
	{ "ecdsa-sha2-nistp256", "nistp256", 3, 65 },
	{ "ecdsa-sha2-nistp384", "nistp384", 3, 97 },
	{ "ecdsa-sha2-nistp521", "nistp521", 3, 133 },
	{ "sk-ssh-ed25519@openssh.com", NULL, 3, 32 },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 4, 65 },
	{ 0 }
};

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The bytes of base64 text, 3 for 4, or 0 where sshd would not take it. */
static size_t decode(const char *text, size_t len, unsigned char *out)
{
	unsigned bits = 0;
	size_t n = 0, pad = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len - pad; i++) {
		const char *digit = strchr(base64, text[i]);

		if (!digit)
			return 0;
		bits = bits << 6 | (unsigned)(digit - base64);
		if (i % 4)
			out[n++] = (unsigned char)(bits >> (6 - i % 4 * 2));
	}
	/* the last digit has bits that belong to no byte */
	return len % 4 || bits & ((1U << pad * 2) - 1) ? 0 : n;
}

/* Is the blob a key of that type, whole, and nothing behind it? */
static bool is_key(const struct type *type, const unsigned char *blob, size_t len)
{
	size_t i, n, key = type->curve ? 2 : 1;

	for (i = 0; len >= 4; i++, blob += n, len -= n) {
		const char *text = i == 0 ? type->name : i < key ? type->curve : NULL;

		n = (size_t)blob[0] << 24 | (size_t)blob[1] << 16 | (size_t)blob[2] << 8 | blob[3];
		blob += 4;
		len -= 4;
		if (!n || n > len || (i == key && type->key && n != type->key))
			return false;
		if (text && (n != strlen(text) || memcmp(blob, text, n) != 0))
			return false;
	}
	return len == 0 && i == type->fields;
}

static const struct type *find_type(const char *name, size_t len)
{
	for (const struct type *t = types; t->name; t++)
		if (strlen(t->name) == len && memcmp(t->name, name, len) == 0)
			return t;
	return NULL;
}

/* TYPE BLOB COMMENT; its type, NULL where that is none. */
static const struct type *split(struct public_key *k, const char *line)
{
	*k = (struct public_key){ .options = line, .type = line, .type_len = strcspn(line, " \t") };
	k->blob = line + k->type_len;
	k->blob += strspn(k->blob, " \t");
	k->blob_len = strcspn(k->blob, " \t\r");
	k->comment = k->blob + k->blob_len;
	k->comment += strspn(k->comment, " \t\r");
	return find_type(k->type, k->type_len);
}

/* What stands behind options, whose blanks are in quotes: an index.  0 where a quote is open. */
static size_t skip_options(const char *line)
{
	bool quoted = false;
	size_t i;

	for (i = 0; line[i] && (quoted || !strchr(" \t", line[i])); i++) {
		if (line[i] == '\\' && line[i + 1] == '"')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
	}
	return quoted ? 0 : i;
}

/* The same behind options, where it is nothing as it stands. */
static const struct type *split_behind_options(struct public_key *k, const char *line)
{
	const struct type *type = split(k, line);
	size_t len = type ? 0 : skip_options(line);

	if (!len)
		return type;
	type = split(k, line + len + strspn(line + len, " \t"));
	k->options = line;
	k->options_len = len;
	return type;
}

const char *public_key_parse(struct public_key *k, const char *line, bool with_options)
{
	const struct type *type = with_options ? split_behind_options(k, line) : split(k, line);
	unsigned char bytes[8192];

	for (const char *c = line; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return "a control byte";
	if (!type)
		return strstr(line, "PRIVATE KEY") ? "a private key; its public half is in the file with .pub" :
			"no public key in a line of its own";
	if (k->blob_len > sizeof(bytes) || !is_key(type, bytes, decode(k->blob, k->blob_len, bytes)))
		return "a public key that is cut short, not base64, or of another type";
	/* every key begins with the 00 00 00 of a length */
	for (const char *c = k->comment; (c = strstr(c, "AAAA")) != NULL; c++)
		if (strspn(c, base64) >= 40)
			return "two public keys on a line";
	return NULL;
}

bool public_key_find(struct public_key *k, const char *line)
{
	line += strspn(line, " \t");
	return *line && *line != '#' && split_behind_options(k, line) && k->blob_len;
}

static int take_lines(struct dt_call *call, const struct dt_services *dt, const char *path, char *text,
		      public_key_fn *take, void *arg)
{
	bool found = false;
	char *line;

	for (int number = 1; (line = strsep(&text, "\n")) != NULL; number++) {
		const char *wrong;

		line += strspn(line, " \t");
		if (*line && line[strlen(line) - 1] == '\r')
			line[strlen(line) - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		wrong = take(arg, line);
		if (wrong) {
			dt->refuse(call, "%s:%d: %s", path, number, wrong);
			return DT_FAIL;
		}
		found = true;
	}
	if (found)
		return DT_OK;
	dt->refuse(call, "%s: no public key in it", path);
	return DT_FAIL;
}

int public_key_file(struct dt_call *call, const struct dt_services *dt, const char *path, public_key_fn *take, void *arg)
{
	size_t len;
	const char *text = dt->read_file(call, path, &len);
	char *copy;
	int r = DT_FAIL;

	if (!text)
		return DT_FAIL;
	if (memchr(text, '\0', len)) {
		dt->refuse(call, "%s: not a file of public keys", path);
		return DT_FAIL;
	}
	copy = strdup(text);
	if (copy)
		r = take_lines(call, dt, path, copy, take, arg);
	else
		dt->refuse(call, "out of memory");
	free(copy);
	return r;
}

bool public_key_same(const struct public_key *a, const struct public_key *b)
{
	return a->type_len == b->type_len && a->blob_len == b->blob_len && memcmp(a->type, b->type, a->type_len) == 0 &&
	       memcmp(a->blob, b->blob, a->blob_len) == 0;
}
