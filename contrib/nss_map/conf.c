/* conf - /etc/nssmap.conf, read whole and checked whole: where one line is wrong, none counts. */
#include "contrib/nss_map/lines.h"
#include "contrib/nss_map/map.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Of the C locale, whichever the process has. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_more(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* It is asked for every line of the list, and strspn(3) makes a table each time. */
bool map_is_name(const char *s)
{
	size_t n = 1;

	if (!is_letter(*s))
		return false;
	/* no further than a name may go: what a caller has is as long as it likes */
	while (n <= MAP_NAME_MAX && is_more(s[n]))
		n++;
	return !s[n] && n <= MAP_NAME_MAX;
}

bool map_fits(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool map_is_member(const struct map_group *g, const char *name)
{
	for (const char *m = g->members; m && *m;) {
		size_t n = strcspn(m, ",");
		char one[MAP_NAME_MAX + 2];

		/* its length was checked when it was read */
		memcpy(one, m, n);
		one[n] = '\0';
		if (*one == '@' ? map_fits(one + 1, name) : strcmp(one, name) == 0)
			return true;
		m += n + (m[n] == ',');
	}
	return false;
}

uint32_t map_hash(const char *name, uint32_t lo, uint32_t hi)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return lo + ((uint32_t)(h >> 32) ^ (uint32_t)h) % (hi - lo + 1);
}

/* ---- the parts of a line ---- */

/* Up to the next colon; NULL: there is none left. */
static char *field(char **rest)
{
	return strsep(rest, ":");
}

/* A user's or group's number; not the two that mean "none" where it has 16 or 32 bits. */
static bool number(const char *s, uint32_t *n)
{
	uint64_t v = 0;
	size_t len = strspn(s, "0123456789");

	if (len == 0 || len > 10 || s[len] || (*s == '0' && len > 1))
		return false;
	for (; *s; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	*n = (uint32_t)v;
	return v < UINT32_MAX && v != UINT16_MAX;
}

static bool is_pattern(const char *s)
{
	size_t n = 0;

	while (is_more(s[n]) || s[n] == '*' || s[n] == '?')
		n++;
	return !s[n] && n > 0 && n <= MAP_NAME_MAX;
}

static bool range(char *s, uint32_t *lo, uint32_t *hi)
{
	const char *first = strsep(&s, "-");

	return number(first, lo) && number(s ? s : first, hi) && (s ? *lo < *hi : true);
}

static bool is_path(const char *s)
{
	return *s == '/';
}

/* A number alone in another's range would give two names one account. */
static bool apart(const struct map_conf *c, const struct map_rule *r)
{
	for (size_t i = 0; i < c->rule_count; i++) {
		const struct map_rule *o = &c->rules[i];

		if ((o->lo == o->hi) != (r->lo == r->hi) && o->lo <= r->hi && r->lo <= o->hi)
			return false;
	}
	return true;
}

static bool add_rule(struct map_conf *c, char *line)
{
	struct map_rule *r = &c->rules[c->rule_count];
	char *name = field(&line), *password = field(&line), *uid = field(&line), *gid = field(&line);
	char *gecos = field(&line), *home = field(&line), *shell = field(&line);

	if (!shell || line || c->rule_count == MAP_RULES_MAX)
		return false;
	*r = (struct map_rule){
		.name = name, .gecos = gecos, .home = home, .shell = shell, .pattern = *name == '@'
	};
	r->name += r->pattern;
	if (strcmp(password, "x") != 0 || !(r->pattern ? is_pattern(r->name) : map_is_name(name)))
		return false;
	if (!range(uid, &r->lo, &r->hi) || !number(gid, &r->gid) || r->lo < c->floor || r->gid < c->floor)
		return false;
	/* only a list tells of two names with one number, and whose number it is */
	if (r->lo != r->hi && !c->allow)
		return false;
	if (!is_path(home) || (*shell && !is_path(shell)) || !apart(c, r))
		return false;
	for (size_t n = strlen(home); n && home[n - 1] == '/'; n--)
		home[n - 1] = '\0';
	c->rule_count++;
	return true;
}

static bool members(const char *m)
{
	for (;;) {
		char one[MAP_NAME_MAX + 2];
		size_t n = strcspn(m, ",");

		if (n >= sizeof(one))
			return false;
		memcpy(one, m, n);
		one[n] = '\0';
		if (!(*one == '@' ? is_pattern(one + 1) : map_is_name(one)))
			return false;
		if (!m[n])
			return true;
		m += n + 1;
	}
}

static bool add_group(struct map_conf *c, char *line)
{
	struct map_group *g = &c->groups[c->group_count];
	const char *name = field(&line), *password = field(&line), *gid = field(&line);
	char *of = field(&line);

	if (!of || line || c->group_count == MAP_GROUPS_MAX)
		return false;
	*g = (struct map_group){ .name = name, .members = of };
	if (strcmp(password, "x") != 0 || !map_is_name(name) || !number(gid, &g->gid) || g->gid < c->floor)
		return false;
	c->group_count++;
	return !*of || members(of);
}

/* "WORD VALUE": the value where the line begins with this word, else NULL. */
static char *value(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\t'))
		return NULL;
	return line + n + strspn(line + n, " \t");
}

static bool take(struct map_conf *c, char *line)
{
	bool first = c->rule_count == 0 && c->group_count == 0;
	char *v;

	if (!*line || *line == '#')
		return true;
	/* before all that they hold for: of a file that lost its end, nothing is let in that was not */
	if ((v = value(line, "floor")) != NULL)
		return first && number(v, &c->floor) && c->floor > 0;
	if ((v = value(line, "allow")) != NULL) {
		first = first && !c->allow;
		c->allow = v;
		return first && is_path(v);
	}
	if ((v = value(line, "group")) != NULL)
		return add_group(c, v);
	return add_rule(c, line);
}

/* ---- the file ---- */

/* All of it into c->text; 0 or an errno. */
static int read_all(struct map_conf *c)
{
	const struct map_paths *p = map_paths();
	size_t len = 0;
	ssize_t n;
	int fd, e = map_open(p->conf, &p->owner, MAP_CONF_MAX, &fd);

	if (e)
		return e;
	do {
		n = read(fd, c->text + len, sizeof(c->text) - len);
		len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && len < sizeof(c->text)) || (n < 0 && errno == EINTR));
	e = n < 0 ? errno : 0;
	(void)close(fd);
	if (e)
		return e;
	/* the last line's newline says that it is whole */
	if (len == sizeof(c->text) || (len && c->text[len - 1] != '\n'))
		return EBADMSG;
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)c->text[i] < ' ' && c->text[i] != '\n' && c->text[i] != '\t') ||
		    c->text[i] == 0x7f)
			return EBADMSG;
	c->text[len] = '\0';
	return 0;
}

enum nss_status map_conf_read(struct map_conf *c, int *error)
{
	int e = read_all(c);
	char *rest = c->text;

	c->rule_count = c->group_count = 0;
	c->allow = NULL;
	c->floor = MAP_FLOOR;
	while (!e && rest)
		if (!take(c, strsep(&rest, "\n")))
			e = EBADMSG;
	return e ? map_failed(e, error) : NSS_STATUS_SUCCESS;
}
