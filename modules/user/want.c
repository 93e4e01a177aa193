#include "user/want.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_LONGEST 32	/* utmp(5) has room for no more */
#define HASH_LONGEST 384 /* CRYPT_OUTPUT_SIZE of crypt(3) */

static const char name_begins[] = "abcdefghijklmnopqrstuvwxyz_";
static const char name_has[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
static const char digits[] = "0123456789";

void *wants_own(struct wants *w, void *memory)
{
	void **v = memory ? realloc(w->owned, (w->owned_count + 1) * sizeof(*v)) : NULL;

	if (!v) {
		free(memory);
		return NULL;
	}
	w->owned = v;
	return v[w->owned_count++] = memory;
}

struct want *wants_add(struct wants *w, const char *name, bool is_group)
{
	struct want *v = realloc(w->v, (w->n + 1) * sizeof(*v));
	char *copy = wants_own(w, strdup(name));

	w->v = v ? v : w->v;
	if (!v || !copy)
		return NULL;
	v += w->n++;
	*v = (struct want){
		.name = copy, .from = "", .is_group = is_group, .id = ID_ANY, .expire = EXPIRE_AS_IS, .new_id = ID_ANY,
		.new_gid = ID_ANY,
	};
	return v;
}

void wants_free(struct wants *w)
{
	for (size_t i = 0; i < w->owned_count; i++)
		free(w->owned[i]);
	free(w->owned);
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].keys.v);
		free(w->v[i].dropped.v);
	}
	free(w->v);
}

const char *wants_key(struct wants *w, struct key_list *list, const char *line)
{
	struct key_line k = { .line = wants_own(w, strdup(line)) }, *v;
	const char *wrong = k.line ? public_key_parse(&k.key, k.line, true) : "out of memory";

	for (size_t i = 0; !wrong && i < list->n; i++)
		if (public_key_same(&list->v[i].key, &k.key))
			return strcmp(list->v[i].line, k.line) == 0 ? NULL : "this key was there before";
	v = wrong ? NULL : realloc(list->v, (list->n + 1) * sizeof(*v));
	if (!v)
		return wrong ? wrong : "out of memory";
	list->v = v;
	v[list->n++] = k;
	return NULL;
}

/* Whatever useradd(8) or a person has made, but what no field of passwd(5), no list and no tool takes for a name. */
const char *check_name(const char *name)
{
	if (!*name || strlen(name) >= NAME_SIZE)
		return "a name has 1 to 255 bytes";
	if (strchr("-+~", *name) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "no name begins with -, + or ~, or is . or ..";
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f || strchr(":,/", *name))
			return "a name has no blank, no control byte and no : , or /";
	return NULL;
}

const char *check_new_name(const char *name)
{
	size_t len = strlen(name), n = len && strchr(name_begins, *name) ? strspn(name, name_has) : 0;

	if (len > NAME_LONGEST)
		return "a name has at most 32 letters";
	return n && (n == len || (n + 1 == len && name[n] == '$')) ? NULL :
		"a name is of small letters, digits, _ and -, and begins with a letter or _";
}

long long parse_id(const char *text)
{
	size_t len = strlen(text);
	long long id = len && len <= 10 && strspn(text, digits) == len ? strtoll(text, NULL, 10) : ID_ANY;

	return id <= ID_MAX && id != 65535 ? id : ID_ANY;
}

const char *check_id(const char *text)
{
	return parse_id(text) > 0 ? NULL : "a number from 1 to 4294967294, and not 65535";
}

const char *check_group(const char *text)
{
	return *text && !text[strspn(text, digits)] ? check_id(text) : check_name(text);
}

const char *check_groups(const char *text)
{
	char name[NAME_SIZE];
	bool some = strchr("+-", *text) && *text;
	const char *wrong = NULL;
	size_t len;

	/* none at all */
	if (!*text)
		return NULL;
	for (;; text += len + 1) {
		if ((*text && strchr("+-", *text)) != some)
			return "either groups, or +GROUP and -GROUP";
		text += some;
		len = strcspn(text, ",");
		if (len >= NAME_SIZE)
			return "a name has 1 to 255 bytes";
		memcpy(name, text, len);
		name[len] = '\0';
		wrong = check_name(name);
		if (wrong || !text[len])
			return wrong;
	}
}

/* What cannot stand in a field of passwd(5), or be shown. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static const char *check_path(const char *text)
{
	if (*text != '/')
		return "a path begins with /";
	if (strlen(text) > 1000)
		return "a path this long";
	return strchr(text, ':') || has_control(text) ? "a path without : and control bytes" : NULL;
}

const char *check_shell(const char *text)
{
	return check_path(text);
}

const char *check_home(const char *text)
{
	const char *wrong = check_path(text), *part;

	for (; !wrong && *text; text = part + strcspn(part, "/")) {
		size_t len;

		part = text + 1;
		len = strcspn(part, "/");
		if (!len || (len <= 2 && strspn(part, ".") >= len))
			wrong = "a path without //, . and .., and no / at its end";
	}
	return wrong;
}

const char *check_comment(const char *text)
{
	bool wrong = strlen(text) > 1000 || strchr(text, ':') || has_control(text);

	return wrong ? "text without : and control bytes" : NULL;
}

/* Days since 1970, or -1. */
static long long days(const char *text)
{
	struct tm tm = { .tm_isdst = 0 };
	const char *end = strlen(text) == 10 ? strptime(text, "%Y-%m-%d", &tm) : NULL;
	int day = tm.tm_mday;
	time_t t = end && !*end ? timegm(&tm) : -1;

	/* the 31st of February is made one of March */
	return t >= 0 && tm.tm_mday == day ? t / 86400 : -1;
}

const char *check_expire(const char *text)
{
	return strcmp(text, "never") == 0 || days(text) > EXPIRE_LOCKED ? NULL : "a date as 2030-12-31, or never";
}

long long parse_expire(const char *text)
{
	return strcmp(text, "never") == 0 ? EXPIRE_NEVER : days(text);
}

const char *check_hash(const char *text)
{
	/* their prefixes, and the letters of what is behind the last $ */
	static const struct { const char *prefix; size_t len; } kinds[] = {
		{ "$y$", 43 }, { "$gy$", 43 }, { "$7$", 43 }, { "$2a$", 53 }, { "$2b$", 53 }, { "$2y$", 53 },
		{ "$6$", 86 }, { "$5$", 43 }, { "$sha1$", 28 }, { "$1$", 22 },
	};
	static const char wrong[] = "a hash of crypt(5), as mkpasswd(1) prints it";
	const char *last = strrchr(text, '$');

	if (strlen(text) >= HASH_LONGEST || has_control(text) || strpbrk(text, " :;*!\\"))
		return wrong;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c > '~')
			return wrong;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, n) == 0)
			return last >= text + n && strlen(last + 1) == kinds[i].len ? NULL : wrong;
	}
	return wrong;
}

bool in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; len && (p = strstr(p, name)) != NULL; p++)
		if ((p == list || p[-1] == ',') && (p[len] == ',' || !p[len]))
			return true;
	return false;
}
