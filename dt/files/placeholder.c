#include "dt/files/placeholder.h"

#include <fnmatch.h>
#include <string.h>

const char *placeholder_in(const char *text)
{
	while ((text = strchr(text, '{')) != NULL && text[1] == '{')
		text += 2;
	return text;
}

static const char *tag_of(const struct dt_host *h, const char *pattern)
{
	for (const char *const *t = h->tags; t && *t; t++)
		if (fnmatch(pattern, *t, 0) == 0)
			return *t;
	return NULL;
}

static const char *attr_of(const struct dt_host *h, const char *key)
{
	for (const struct dt_attr *a = h->attrs; a && a->key; a++)
		if (strcmp(a->key, key) == 0)
			return a->value;
	return NULL;
}

/* One placeholder without its braces. */
static int fill_one(const char *text, const char *key, const struct dt_host *h, struct buf *out, struct dt_err *err)
{
	bool tag = strncmp(key, "tag:", 4) == 0, name = strcmp(key, "name") == 0;
	const char *value = tag ? tag_of(h, key + 4) : name || strcmp(key, "host") == 0 ? h->name : attr_of(h, key);
	size_t len;

	if (!value)
		return err_set(err, ERR_MODULE, tag ? "%s: no tag %s (in %s)" : "%s: no attribute %s (in %s)", h->name,
			       tag ? key + 4 : key, text);
	len = name ? strcspn(value, ".") : strlen(value);
	if (!len || strchr(value, '/') || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return err_set(err, ERR_MODULE, "%s: {%s} is \"%s\", which is no name of a file (in %s)", h->name, key,
			       value, text);
	return buf_add(out, value, len) == 0 ? 0 : err_nomem(err);
}

int placeholder_fill(const char *text, const struct dt_host *h, struct buf *out, struct dt_err *err)
{
	for (const char *p = text; *p;) {
		size_t plain = strcspn(p, "{"), len;
		char key[128];

		if (buf_add(out, p, plain) != 0)
			return err_nomem(err);
		p += plain;
		if (!*p)
			break;
		if (p[1] == '{') {
			if (buf_addc(out, '{') != 0)
				return err_nomem(err);
			p += 2;
			continue;
		}
		len = strcspn(p, "}");
		if (!p[len] || len < 2 || len > sizeof(key))
			return err_set(err, ERR_MODULE, "%s: a { without } (a brace itself is {{)", text);
		memcpy(key, p + 1, len - 1);
		key[len - 1] = '\0';
		if (fill_one(text, key, h, out, err) != 0)
			return -1;
		p += len + 1;
	}
	return 0;
}
