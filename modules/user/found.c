#include "user/found.h"

#include "user/want.h"

#include <stdlib.h>
#include <string.h>

bool found_add(struct found *f, const char *data, size_t len)
{
	if (len > FOUND_MAX - f->len) {
		f->fault = "the host says more than 4 MiB";
		return false;
	}
	if (f->len + len + 1 > f->size) {
		size_t size = 2 * (f->len + len) + 4096;
		char *text = realloc(f->text, size);

		if (!text) {
			f->fault = "out of memory";
			return false;
		}
		f->text = text;
		f->size = size;
	}
	memcpy(f->text + f->len, data, len);
	f->len += len;
	f->text[f->len] = '\0';
	return true;
}

void found_said(struct found *f, const char *data, size_t len)
{
	size_t room = sizeof(f->said) - 1 - f->said_len;

	len = len < room ? len : room;
	memcpy(f->said + f->said_len, data, len);
	f->said_len += len;
	f->said[f->said_len] = '\0';
}

/* The next of n elements of size, zeroed; the array doubles.  NULL: no memory, or too many. */
static void *grow(struct found *f, void **array, size_t *n, size_t size)
{
	if (*n >= FOUND_COUNT_MAX) {
		f->fault = "the host has too many accounts or groups";
		return NULL;
	}
	if ((*n & (*n - 1)) == 0) {
		void *v = realloc(*array, (*n ? 2 * *n : 1) * size);

		if (!v) {
			f->fault = "out of memory";
			return NULL;
		}
		*array = v;
	}
	return memset((char *)*array + (*n)++ * size, 0, size);
}

/* Cuts a line at its colons; true where there are n fields. */
static bool cut(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fields[i] = line ? strsep(&line, ":") : NULL;
	return fields[n - 1] && !line;
}

static void take_account(struct found *f, char *line, bool foreign)
{
	char *v[7];
	struct account *a;

	if (!cut(line, v, 7) || !*v[0] || parse_id(v[2]) == ID_ANY || parse_id(v[3]) == ID_ANY)
		return;
	a = grow(f, (void **)&f->accounts, &f->account_count, sizeof(*a));
	if (a)
		*a = (struct account){
			.name = v[0], .uid = parse_id(v[2]), .gid = parse_id(v[3]), .comment = v[4], .home = v[5],
			.shell = v[6], .foreign = foreign, .expire = EXPIRE_NEVER, .keys = -1, .kept = EXPIRE_AS_IS,
		};
}

static void take_group(struct found *f, char *line, bool foreign)
{
	char *v[4];
	struct group *g;

	if (!cut(line, v, 4) || !*v[0] || parse_id(v[2]) == ID_ANY)
		return;
	g = grow(f, (void **)&f->groups, &f->group_count, sizeof(*g));
	if (g)
		*g = (struct group){ .name = v[0], .gid = parse_id(v[2]), .members = v[3], .foreign = foreign };
}

/* A name of an account, and which it is. */
struct name {
	const char *text;
	size_t i;
};

/* Of those with one name the first comes first: local ones stand before foreign ones. */
static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	return r ? r : x->i < y->i ? -1 : x->i > y->i;
}

static void sort_names(struct found *f)
{
	f->names = calloc(f->account_count + 1, sizeof(*f->names));
	if (!f->names) {
		f->fault = "out of memory";
		return;
	}
	for (size_t i = 0; i < f->account_count; i++)
		f->names[i] = (struct name){ .text = f->accounts[i].name, .i = i };
	qsort(f->names, f->account_count, sizeof(*f->names), by_name);
}

static struct account *first_account(const struct found *f, const char *name)
{
	size_t low = 0, high = f->names ? f->account_count : 0, end = high;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(f->names[middle].text, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && strcmp(f->names[low].text, name) == 0 ? &f->accounts[f->names[low].i] : NULL;
}

static struct account *local_account(const struct found *f, const char *name)
{
	struct account *a = first_account(f, name);

	return a && !a->foreign ? a : NULL;
}

/* "NAME LOCKED KIND EXPIRE SAME" */
static void take_shadow(struct found *f, char *line)
{
	char *v[5];
	struct account *a;

	for (size_t i = 0; i < 5; i++)
		v[i] = line ? strsep(&line, " ") : NULL;
	a = v[4] && !line ? local_account(f, v[0]) : NULL;
	if (!a || a->shadow_known)
		return;
	a->shadow_known = true;
	a->locked = *v[1] == '1';
	a->password = *v[2];
	a->expire = parse_id(v[3]);	/* "-": never */
	a->same_hash = strcmp(v[4], "same") == 0;
}

/* "NAME KIND UID".  Of a line that is none, what follows is no home's. */
static void take_home(struct found *f, char *line)
{
	char *name = strsep(&line, " "), *kind = line ? strsep(&line, " ") : NULL;
	struct home *h = line && *kind ? grow(f, (void **)&f->homes, &f->home_count, sizeof(*h)) : NULL;

	f->in_home = h != NULL;
	if (h)
		*h = (struct home){ .name = name, .kind = *kind, .uid = parse_id(line) };
}

/* Lines are moved together to be the text that they are of; the last newline is look.sh's own. */
static void take_keys(struct found *f, char *line, size_t len)
{
	struct home *h = f->home_count ? &f->homes[f->home_count - 1] : NULL;

	if (!h || !f->in_home)
		return;
	if (!h->word && strcmp(line, "second") == 0) {
		h->second = true;
		return;
	}
	if (!h->word) {
		h->word = line;
		return;
	}
	if (!h->keys) {
		h->keys = line;
	} else {
		h->keys[h->keys_len++] = '\n';
		memmove(h->keys + h->keys_len, line, len);
	}
	h->keys_len += len;
	h->keys[h->keys_len] = '\0';
}

static void take_count(struct found *f, char *line)
{
	char *count = strsep(&line, " ");
	struct account *a = line ? local_account(f, line) : NULL;

	if (a)
		a->keys = parse_id(count);
}

/* "NAME UID DAYS": of this account, and not of one that had its name before. */
static void take_kept(struct found *f, char *line)
{
	char *name = strsep(&line, " "), *uid = line ? strsep(&line, " ") : NULL;
	struct account *a = line ? local_account(f, name) : NULL;

	if (a && a->uid == parse_id(uid) && parse_id(line) != ID_ANY)
		a->kept = parse_id(line);
}

static void take_shell(struct found *f, const char *path)
{
	const char **s = grow(f, (void **)&f->shells, &f->shell_count, sizeof(*s));

	if (s)
		*s = path;
}

/* What is no lowest uid of people would move the ids that are chosen for all hosts. */
static void take_min_uid(struct found *f, long long id)
{
	if (id >= 1 && id <= IDS_TOP)
		f->min_uid = id;
}

static void take_later(struct found *f, char *line)
{
	char **l = grow(f, (void **)&f->later, &f->later_count, sizeof(*l));

	if (l)
		*l = line;
}

static void take_line(struct found *f, char *line, size_t len)
{
	char *rest = line + 2;

	/* what is between the lines of one home would be overwritten */
	f->in_home = f->in_home && strncmp(line, "K ", 2) == 0;
	if (strcmp(line, "E") == 0) {
		f->whole = true;
	} else if (strcmp(line, "W") == 0) {
		f->shadow = true;
	} else if (len >= 2 && line[1] == ' ') {
		switch (*line) {
		case 'I': f->uid = parse_id(rest); break;
		case 'M': take_min_uid(f, parse_id(rest)); break;
		case 'P': case 'Q': take_account(f, rest, *line == 'Q'); break;
		case 'G': case 'R': take_group(f, rest, *line == 'R'); break;
		case 'H': take_home(f, rest); break;
		case 'K': take_keys(f, rest, len - 2); break;
		case 'N': case 'S': case 'T': take_later(f, line); break;
		case 'X': take_shell(f, rest); break;
		default: break;
		}
	}
}

void found_read(struct found *f)
{
	char *line, *rest = f->text, *end = f->text + f->len;

	f->uid = ID_UNKNOWN;
	f->min_uid = 1000;
	while (!f->fault && !f->whole && rest && rest < end) {
		char *newline = memchr(rest, '\n', (size_t)(end - rest));

		line = rest;
		rest = newline ? newline + 1 : end;
		if (!newline)
			newline = end;
		*newline = '\0';
		if (memchr(line, '\0', (size_t)(newline - line)))
			f->fault = "a NUL byte in the host's answer";
		take_line(f, line, (size_t)(newline - line));
	}
	if (!f->fault && !f->whole)
		f->fault = "the host did not say what it has";
	if (!f->fault)
		sort_names(f);
	for (size_t i = 0; !f->fault && i < f->later_count; i++) {
		if (*f->later[i] == 'S')
			take_shadow(f, f->later[i] + 2);
		else if (*f->later[i] == 'T')
			take_kept(f, f->later[i] + 2);
		else
			take_count(f, f->later[i] + 2);
	}
}

void found_free(struct found *f)
{
	free(f->text);
	free(f->accounts);
	free(f->groups);
	free(f->homes);
	free(f->shells);
	free(f->later);
	free(f->names);
}

const struct account *found_account(const struct found *f, const char *name)
{
	return first_account(f, name);
}

void found_compare(struct found *f, const struct found *other, const char *name)
{
	const struct account *theirs = local_account(other, name);
	struct account *a = local_account(f, name);

	if (a)
		a->same_hash = theirs && theirs->same_hash;
}

const struct account *found_uid(const struct found *f, long long uid)
{
	for (size_t i = 0; i < f->account_count; i++)
		if (f->accounts[i].uid == uid)
			return &f->accounts[i];
	return NULL;
}

const struct group *found_group(const struct found *f, const char *name)
{
	for (size_t i = 0; i < f->group_count; i++)
		if (strcmp(f->groups[i].name, name) == 0)
			return &f->groups[i];
	return NULL;
}

const struct group *found_gid(const struct found *f, long long gid)
{
	for (size_t i = 0; i < f->group_count; i++)
		if (f->groups[i].gid == gid)
			return &f->groups[i];
	return NULL;
}

const struct home *found_home(const struct found *f, const char *name)
{
	for (size_t i = f->home_count; i-- > 0;)
		if (strcmp(f->homes[i].name, name) == 0)
			return &f->homes[i];
	return NULL;
}

bool found_shell(const struct found *f, const char *path)
{
	for (size_t i = 0; i < f->shell_count; i++)
		if (strcmp(f->shells[i], path) == 0)
			return true;
	return false;
}

bool account_closed(const struct account *a)
{
	return a->shadow_known && (a->locked || a->password == 'n') && a->expire == EXPIRE_LOCKED;
}
