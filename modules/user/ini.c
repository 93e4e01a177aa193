#include "user/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key of the section that is being read; files and lines of keys may repeat. */
struct reader {
	struct dt_call *call;
	const struct dt_services *dt;
	struct wants *w;
	const char *path;
	char **seen;		/* keys of this section */
	size_t seen_count;
	const char **files;	/* of keys: for the want of files_of */
	size_t *files_of;
	size_t files_count;
};

/* Where the keys of a file go. */
struct key_file {
	struct wants *w;
	struct key_list *list;
	bool one;
	size_t lines;
};

static const char *take_key(void *arg, const char *line)
{
	struct key_file *f = arg;

	if (++f->lines > 1 && f->one)
		return "a second line, where one key is meant";
	return wants_key(f->w, f->list, line);
}

int read_keys(struct dt_call *call, const struct dt_services *dt, struct wants *w, struct key_list *list,
	      const char *path, bool one)
{
	struct key_file f = { .w = w, .list = list, .one = one };

	return public_key_file(call, dt, path, take_key, &f);
}

/* ---- the values of one section ---- */

typedef const char *set_fn(struct reader *r, struct want *u, const char *value);

static const char *copy_to(struct reader *r, const char **to, const char *value, const char *wrong)
{
	if (wrong)
		return wrong;
	*to = wants_own(r->w, strdup(value));
	return *to ? NULL : "out of memory";
}

static const char *set_id(struct reader *r, struct want *u, const char *value)
{
	(void)r;
	u->id = parse_id(value);
	return check_id(value);
}

/* The group of a user by its number. */
static const char *set_gid(struct reader *r, struct want *u, const char *value)
{
	return u->group ? "group and gid say the same" : copy_to(r, &u->group, value, check_id(value));
}

static const char *set_group(struct reader *r, struct want *u, const char *value)
{
	return u->group ? "group and gid say the same" : copy_to(r, &u->group, value, check_group(value));
}

/* "a, b" as well as "a,b". */
static const char *set_groups(struct reader *r, struct want *u, const char *value)
{
	char *list = wants_own(r->w, strdup(value));
	size_t n = 0;

	if (!list)
		return "out of memory";
	for (const char *c = value; *c; c++) {
		if (*c != ' ' && *c != '\t')
			list[n++] = *c;
		else if (n && list[n - 1] != ',' && c[strspn(c, " \t")] != ',' && c[strspn(c, " \t")])
			list[n++] = ',';
	}
	list[n] = '\0';
	u->groups = list;
	return check_groups(list);
}

static const char *set_shell(struct reader *r, struct want *u, const char *value)
{
	return copy_to(r, &u->shell, value, check_shell(value));
}

static const char *set_home(struct reader *r, struct want *u, const char *value)
{
	return copy_to(r, &u->home, value, check_home(value));
}

static const char *set_comment(struct reader *r, struct want *u, const char *value)
{
	return copy_to(r, &u->comment, value, check_comment(value));
}

static const char *set_expire(struct reader *r, struct want *u, const char *value)
{
	const char *wrong = check_expire(value);

	(void)r;
	if (!wrong)
		u->expire = parse_expire(value);
	return wrong;
}

static const char *set_state(struct reader *r, struct want *u, const char *value)
{
	(void)r;
	if (strcmp(value, "present") == 0)
		u->state = u->is_group ? STATE_AS_IS : STATE_UNLOCKED;
	else if (strcmp(value, "absent") == 0)
		u->state = STATE_ABSENT;
	else if (strcmp(value, "locked") == 0 && !u->is_group)
		u->state = STATE_LOCKED;
	else
		return u->is_group ? "present or absent" : "present, absent or locked";
	return NULL;
}

static const char *set_key(struct reader *r, struct want *u, const char *value)
{
	return wants_key(r->w, &u->keys, value);
}

static const char *set_exclusive(struct reader *r, struct want *u, const char *value)
{
	(void)r;
	u->keys_exclusive = strcmp(value, "yes") == 0;
	return u->keys_exclusive || strcmp(value, "no") == 0 ? NULL : "yes or no";
}

static const struct key {
	const char *name;
	set_fn *set;	/* NULL: a file, which is read behind the others */
	bool of_group, of_user, repeats;
} known[] = {
	{ "uid", set_id, false, true, false },
	{ "gid", set_gid, false, true, false },
	{ "gid", set_id, true, false, false },
	{ "group", set_group, false, true, false },
	{ "groups", set_groups, false, true, false },
	{ "shell", set_shell, false, true, false },
	{ "home", set_home, false, true, false },
	{ "comment", set_comment, false, true, false },
	{ "expire", set_expire, false, true, false },
	{ "state", set_state, true, true, false },
	{ "key", set_key, false, true, true },
	{ "keys", NULL, false, true, true },
	{ "keys_exclusive", set_exclusive, false, true, false },
};

/* A file of keys, below the folder of the INI file. */
static const char *add_file(struct reader *r, const char *value)
{
	const char *slash = *value == '/' ? NULL : strrchr(r->path, '/');
	const char **files = realloc(r->files, (r->files_count + 1) * sizeof(*files));
	size_t *of = realloc(r->files_of, (r->files_count + 1) * sizeof(*of));
	char *path;

	r->files = files ? files : r->files;
	r->files_of = of ? of : r->files_of;
	if (!files || !of ||
	    asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - r->path) : 0, slash ? r->path : "", value) < 0)
		return "out of memory";
	files[r->files_count] = wants_own(r->w, path);
	of[r->files_count] = r->w->n - 1;
	return files[r->files_count++] ? NULL : "out of memory";
}

static void forget_seen(struct reader *r)
{
	for (size_t i = 0; i < r->seen_count; i++)
		free(r->seen[i]);
	r->seen_count = 0;
}

static const char *begin_section(struct reader *r, const char *section, int line)
{
	bool is_group = strncmp(section, "group ", 6) == 0;
	const char *name = strchr(section, ' '), *wrong;
	struct want *u;
	char *from;

	forget_seen(r);
	if (!name || (!is_group && strncmp(section, "user ", 5) != 0))
		return "a section is [user NAME] or [group NAME]";
	name += strspn(name, " ");
	wrong = check_name(name);
	for (size_t i = 0; !wrong && i < r->w->n; i++)
		if (r->w->v[i].is_group == is_group && strcmp(r->w->v[i].name, name) == 0)
			wrong = "this section was there before";
	if (wrong)
		return wrong;
	u = wants_add(r->w, name, is_group);
	if (!u || asprintf(&from, "%s:%d: ", r->path, line) < 0)
		return "out of memory";
	u->from = wants_own(r->w, from);
	u->make = true;
	return u->from ? NULL : "out of memory";
}

static const char *mark_seen(struct reader *r, const struct key *k)
{
	char **v = realloc(r->seen, (r->seen_count + 1) * sizeof(*v));

	if (!v)
		return "out of memory";
	r->seen = v;
	for (size_t i = 0; i < r->seen_count; i++)
		if (strcmp(v[i], k->name) == 0)
			return k->repeats ? NULL : "this key was there before";
	v[r->seen_count] = strdup(k->name);
	return v[r->seen_count++] ? NULL : "out of memory";
}

static const char *take(void *arg, const char *section, const char *key, const char *value, int line)
{
	struct reader *r = arg;
	struct want *u = r->w->n ? &r->w->v[r->w->n - 1] : NULL;
	const struct key *k = NULL;
	const char *wrong;

	if (!key)
		return begin_section(r, section, line);
	if (!*section || !u)
		return "it stands before the first section";
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, key) == 0 && (u->is_group ? known[i].of_group : known[i].of_user))
			k = &known[i];
	if (!k)
		return "there is no such key (see dt-user(7))";
	wrong = mark_seen(r, k);
	if (wrong)
		return wrong;
	return k->set ? k->set(r, u, value) : add_file(r, value);
}

/*
 * The line where a value ends at " ;", or 0: for the reader of dt's INI files
 * that begins a comment, but here it is more likely a part that would be lost.
 */
static int cut_line(const char *text)
{
	for (int line = 1; *text; line++) {
		bool quoted = false, comment;

		text += strspn(text, " \t\r");
		comment = *text == ';' || *text == '#' || *text == '[';
		for (; *text && *text != '\n'; text++) {
			quoted = quoted != (*text == '"');
			if (*text == ';' && !comment && !quoted && (text[-1] == ' ' || text[-1] == '\t'))
				return line;
		}
		text += *text == '\n';
	}
	return 0;
}

static bool names_group(const struct want *u, const char *group)
{
	char more[NAME_SIZE + 1];

	(void)snprintf(more, sizeof(more), "+%s", group);
	return (u->group && strcmp(u->group, group) == 0) ||
	       (u->groups && (in_list(u->groups, group) || in_list(u->groups, more)));
}

/* What no single value shows. */
static const char *fault_of(const struct wants *w, const struct want *u)
{
	if (u->state == STATE_ABSENT && (u->keys.n || u->group || u->groups || u->shell || u->home || u->comment ||
					 u->expire != EXPIRE_AS_IS || u->keys_exclusive))
		return "absent, and yet more is said of it";
	if (u->state == STATE_LOCKED && u->expire != EXPIRE_AS_IS)
		return "locked is an expire date of its own";
	for (size_t i = 0; !u->is_group && i < w->n; i++)
		if (w->v[i].is_group && w->v[i].state == STATE_ABSENT && names_group(u, w->v[i].name))
			return "in a group that is absent";
	for (const struct want *o = w->v; o < u; o++)
		if (o->is_group == u->is_group && o->id != ID_ANY && o->id == u->id && o->state != STATE_ABSENT)
			return u->is_group ? "this gid is another's above" : "this uid is another's above";
	return NULL;
}

int read_wants(struct dt_call *call, const struct dt_services *dt, struct wants *w, const char *path)
{
	struct reader r = { .call = call, .dt = dt, .w = w, .path = path };
	int ret = dt->read_ini(call, path, take, &r);
	const char *text = NULL;
	size_t len;

	if (ret == DT_OK) {
		text = dt->read_file(call, path, &len);
		ret = text ? DT_OK : DT_FAIL;
	}
	if (text && cut_line(text)) {
		dt->refuse(call, "%s:%d: what is behind \" ;\" would be lost; a comment has a line of its own", path,
			   cut_line(text));
		ret = DT_FAIL;
	}
	for (size_t i = 0; ret == DT_OK && i < r.files_count; i++)
		ret = read_keys(call, dt, w, &w->v[r.files_of[i]].keys, r.files[i], false);
	for (size_t i = 0; ret == DT_OK && i < w->n; i++) {
		const char *wrong = fault_of(w, &w->v[i]);

		if (wrong) {
			dt->refuse(call, "%s%s: %s", w->v[i].from, w->v[i].name, wrong);
			ret = DT_FAIL;
		}
	}
	if (ret == DT_OK && !w->n) {
		dt->refuse(call, "%s: no user and no group in it", path);
		ret = DT_FAIL;
	}
	forget_seen(&r);
	free(r.seen);
	free(r.files);
	free(r.files_of);
	return ret;
}
