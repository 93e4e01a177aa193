#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/ssh/pattern.h"
#include "dt/ssh/ssh_config_tree.h"

#define FILE_MAX ((size_t)16 << 20)
#define DEPTH_MAX 16
#define WHITE " \t\r\n"

static struct conf_file *read_at(const char *path, unsigned flags, int depth, struct dt_err *err);

static void line_release(struct conf_line *l)
{
	free(l->where);
	free(l->value);
	strs_release(&l->args);
	for (size_t i = 0; i < l->file_count; i++)
		conf_file_free(l->files[i]);
	free(l->files);
}

void conf_file_free(struct conf_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		line_release(&f->lines[i]);
	free(f->lines);
	free(f);
}

/*
 * Takes the keyword off a line, which is cut up: it ends at white space or at
 * one '=', which white space may surround, or is in double quotes.  *rest is
 * where the arguments begin.  NULL: its quote does not end; ssh passes over
 * such a line.
 */
static char *take_keyword(char *line, char **rest)
{
	char *word = line + strspn(line, WHITE), *end;
	bool quoted, equals;

	/* The white space before a line may have its '=' too, as ssh reads it. */
	if (word != line && *word == '=')
		word += 1 + strspn(word + 1, WHITE);
	quoted = *word == '"';
	word += quoted;
	end = word + strcspn(word, quoted ? "\"" : WHITE "=");
	if (quoted && !*end)
		return NULL;
	equals = *end == '=';
	*rest = end;
	if (*end) {
		*end++ = '\0';
		*rest = end + strspn(end, WHITE);
	}
	if (!quoted && !equals && **rest == '=')
		*rest += 1 + strspn(*rest + 1, WHITE);
	return word;
}

/*
 * Splits arguments at spaces and tabs; '#' at the start of one begins a
 * comment; quotes are ' and ", and a backslash keeps a quote, a backslash or
 * (outside of quotes) a space.  0, -1: no memory, 1: a quote does not end.
 */
static int split_arguments(const char *s, struct strs *args)
{
	char *word = malloc(strlen(s) + 1);
	int r = -1;

	if (!word)
		return -1;
	for (s += strspn(s, " \t"); *s && *s != '#'; s += strspn(s, " \t")) {
		char quote = '\0';
		size_t n = 0;

		for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
			if (*s == '\\' && (s[1] == '\'' || s[1] == '"' || s[1] == '\\' || (!quote && s[1] == ' ')))
				word[n++] = *++s;
			else if (!quote && (*s == '"' || *s == '\''))
				quote = *s;
			else if (quote && *s == quote)
				quote = '\0';
			else
				word[n++] = *s;
		}
		if (quote) {
			r = 1;
			goto out;
		}
		if (strs_addn(args, word, n) != 0)
			goto out;
	}
	r = 0;
out:
	free(word);
	return r;
}

/* "90", "1h30m": seconds.  0, or -1. */
static int parse_seconds(const char *s, long long *seconds)
{
	static const struct { const char *letters; long long scale; } units[] = {
		{ "sS", 1 }, { "mM", 60 }, { "hH", 3600 }, { "dD", 86400 }, { "wW", 604800 },
	};

	*seconds = 0;
	if (!*s)
		return -1;
	while (*s) {
		long long n = 0, scale = 0;
		const char *digits = s;

		for (; *s >= '0' && *s <= '9' && n <= INT_MAX; s++)
			n = n * 10 + (*s - '0');
		if (s == digits)
			return -1;
		for (size_t i = 0; *s && i < ARRAY_LEN(units); i++)
			if (strchr(units[i].letters, *s))
				scale = units[i].scale;
		if (*s && !scale)
			return -1;
		s += *s != '\0';
		*seconds += n * (scale ? scale : 1);
		if (*seconds > INT_MAX)
			return -1;
	}
	return 0;
}

static int parse_port(const char *s, long long *port)
{
	struct servent *service;

	if (parse_int(*s == '+' ? s + 1 : s, 1, 65535, port) == 0)
		return 0;
	service = getservbyname(s, "tcp");
	if (!service)
		return -1;
	*port = ntohs((uint16_t)service->s_port);
	return 0;
}

/* The plain word for one of several spellings, in any case; NULL: none of them, and *which are. */
static const char *parse_choice(const char *s, enum conf_form form, const char **which)
{
	static const struct { const char *text, *word; enum conf_form only; } choices[] = {
		{ "yes", "yes", FORM_ANY }, { "true", "yes", FORM_ANY }, { "no", "no", FORM_ANY }, { "false", "no", FORM_ANY },
		{ "off", "no", FORM_STRICT }, { "ask", "ask", FORM_STRICT }, { "accept-new", "accept-new", FORM_STRICT },
		{ "auto", "auto", FORM_TTY }, { "force", "force", FORM_TTY },
	};

	for (size_t i = 0; i < ARRAY_LEN(choices); i++)
		if (strcasecmp(s, choices[i].text) == 0 && (choices[i].only == FORM_ANY || choices[i].only == form))
			return choices[i].word;
	*which = form == FORM_STRICT ? "none of yes, no, ask, accept-new"
		 : form == FORM_TTY  ? "none of yes, no, auto, force"
				     : "neither yes nor no";
	return NULL;
}

/* Files as one text that reads back as them. */
static char *join_files(const struct strs *args)
{
	struct buf b;

	buf_init(&b, FILE_MAX);
	for (size_t i = 0; i < args->n; i++) {
		const char *s = args->v[i];
		bool quote = strpbrk(s, " \t\"'\\#") != NULL;

		if ((i && buf_addc(&b, ' ') != 0) || (quote && buf_addc(&b, '"') != 0))
			goto fail;
		for (; *s; s++)
			if ((strchr("\"'\\", *s) && buf_addc(&b, '\\') != 0) || buf_addc(&b, *s) != 0)
				goto fail;
		if (quote && buf_addc(&b, '"') != 0)
			goto fail;
	}
	return buf_steal(&b);
fail:
	buf_release(&b);
	return NULL;
}

static int bad(const struct conf_line *l, const char *why, struct dt_err *err)
{
	return err_set(err, ERR_USAGE, "%s: %s: %s", l->where, l->keyword->name, why);
}

/* Checks a line's value and brings it to its plain form. */
static int take_value(struct conf_line *l, const char *rest, struct dt_err *err)
{
	enum conf_form form = l->keyword->form;
	const char *arg = l->args.n ? l->args.v[0] : "", *word = arg, *which = NULL;
	char number[32];
	long long n;

	if (form == FORM_ANY)
		return 0;
	if (form == FORM_REST) {
		rest += strspn(rest, WHITE "=");
		l->value = strdup(rest);
		return l->value ? 0 : err_nomem(err);
	}
	for (size_t i = 0; i < l->args.n; i++)
		if (!*l->args.v[i])
			return bad(l, "empty argument", err);
	if (!l->args.n)
		return bad(l, "missing argument", err);
	if (form != FORM_FILES && l->args.n > 1)
		return bad(l, "extra arguments at end of line", err);
	switch (form) {
	case FORM_FLAG:
	case FORM_STRICT:
	case FORM_TTY:
		word = parse_choice(arg, form, &which);
		if (!word)
			return bad(l, which, err);
		break;
	case FORM_NUMBER:
		if (parse_int(arg, 0, INT_MAX, &n) != 0)
			return bad(l, "not a number", err);
		break;
	case FORM_PORT:
		if (parse_port(arg, &n) != 0)
			return bad(l, "not a port from 1 to 65535", err);
		(void)snprintf(number, sizeof(number), "%lld", n);
		word = number;
		break;
	case FORM_TIME:
		if (strcmp(arg, "none") == 0)
			break;
		if (parse_seconds(arg, &n) != 0)
			return bad(l, "not a time", err);
		(void)snprintf(number, sizeof(number), "%lld", n);
		word = n ? number : "none";	/* the same to ssh */
		break;
	case FORM_FILES:
		for (size_t i = 0; l->args.n > 1 && i < l->args.n; i++)
			if (strcasecmp(l->args.v[i], "none") == 0)
				return bad(l, "none must stand alone", err);
		l->value = join_files(&l->args);
		return l->value ? 0 : err_nomem(err);
	default:
		break;
	}
	l->value = strdup(word);
	if (!l->value)
		return err_nomem(err);
	if (form == FORM_LOWER)
		pattern_lower(l->value);
	return 0;
}

static int include_one(struct conf_line *l, const char *path, unsigned flags, int depth, struct dt_err *err)
{
	struct conf_file **v = realloc(l->files, (l->file_count + 1) * sizeof(struct conf_file *));

	if (!v)
		return err_nomem(err);
	l->files = v;
	v[l->file_count] = read_at(path, (flags & CONF_USER) | CONF_CHECK_OWNER | CONF_MAY_LACK, depth + 1, err);
	return v[l->file_count++] ? 0 : -1;
}

static int include(struct conf_line *l, unsigned flags, int depth, struct dt_err *err)
{
	for (size_t i = 0; i < l->args.n; i++) {
		const char *arg = l->args.v[i], *base;
		char *path = NULL;
		glob_t found;
		int r, n;

		if (!*arg)
			return bad(l, "empty argument", err);
		/* newer versions of ssh expand them, older ones do not */
		if (strchr(arg, '%') || strstr(arg, "${")) {
			l->odd = true;
			continue;
		}
		if (*arg == '~' && !(flags & CONF_USER))
			return bad(l, "no ~ in a system-wide file", err);
		base = *arg == '/' || *arg == '~' ? "" : flags & CONF_USER ? "~/.ssh/" : "/etc/ssh/";
		n = asprintf(&path, "%s%s", base, arg);
		if (n < 0)
			return err_nomem(err);
		r = glob(path, GLOB_TILDE, NULL, &found);
		free(path);
		if (r == GLOB_NOMATCH)
			continue;
		if (r != 0)
			return bad(l, "the folder cannot be read", err);
		for (size_t k = 0; k < found.gl_pathc && r == 0; k++)
			r = include_one(l, found.gl_pathv[k], flags, depth, err);
		globfree(&found);
		if (r != 0)
			return -1;
	}
	return 0;
}

/* One line, without its newline.  0, or -1; a blank one leaves *l without args. */
static int read_line(char *text, struct conf_line *l, unsigned flags, int depth, struct dt_err *err)
{
	size_t len = strlen(text);
	char *name, *rest;
	int r;

	while (len && strchr(WHITE "\f", text[len - 1]))
		text[--len] = '\0';
	name = take_keyword(text, &rest);
	if (!name || !*name || *name == '#')
		return 0;
	if (!*rest)
		return err_set(err, ERR_USAGE, "%s: no argument after keyword \"%s\"", l->where, name);
	l->keyword = conf_keyword_find(name);
	if (!l->keyword) {
		/* Whether it is an error, IgnoreUnknown says, which may depend on the host. */
		pattern_lower(name);
		return strs_add(&l->args, name) != 0 ? err_nomem(err) : 0;
	}
	l->keyword = conf_keyword_plain(l->keyword);
	l->system = !(flags & CONF_USER);
	if (l->keyword->treat == CONF_MATCH)
		return conf_match_read(l, rest, err);
	r = split_arguments(rest, &l->args);
	if (r != 0)
		return r < 0 ? err_nomem(err) : bad(l, "invalid quotes", err);
	if (take_value(l, rest, err) != 0)
		return -1;
	if (l->keyword->treat == CONF_INCLUDE && include(l, flags, depth, err) != 0)
		return -1;
	for (size_t i = 0; l->keyword->treat == CONF_HOST && i < l->args.n; i++)
		if (!*l->args.v[i])
			return bad(l, "empty argument", err);
	/* Only a comment behind the keyword: the line counts all the same. */
	return !l->args.n && strs_add(&l->args, "") != 0 ? err_nomem(err) : 0;
}

/* Debian's ssh lets a group write that is the user's own, with nobody else in it. */
static bool only_own_group(gid_t gid)
{
	struct passwd *pw = getpwuid(getuid());
	char *name = pw && pw->pw_gid == gid ? strdup(pw->pw_name) : NULL;
	struct group *gr = name ? getgrgid(gid) : NULL;
	bool own = gr && strcmp(gr->gr_name, name) == 0;

	for (char **m = own ? gr->gr_mem : NULL; m && *m; m++)
		own = own && strcmp(*m, name) == 0;
	free(name);
	return own;
}

static int check_owner(int fd, const char *path, bool *is_folder, struct dt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, ERR_USAGE, errno, "%s", path);
	*is_folder = S_ISDIR(st.st_mode);
	if ((st.st_uid == 0 || st.st_uid == getuid()) && !(st.st_mode & S_IWOTH) &&
	    (!(st.st_mode & S_IWGRP) || only_own_group(st.st_gid)))
		return 0;
	return err_set(err, ERR_USAGE, "%s: bad owner or permissions (others may write to it)", path);
}

static int add_line(struct conf_file *f, const struct conf_line *l)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct conf_line *v = realloc(f->lines, cap * sizeof(*v));

		if (!v)
			return -1;
		f->lines = v;
		f->cap = cap;
	}
	f->lines[f->n++] = *l;
	return 0;
}

static int read_lines(struct conf_file *f, const char *path, struct buf *text, unsigned flags, int depth,
		      struct dt_err *err)
{
	char *p = text->data, *end = p + text->len;

	for (size_t number = 1; p < end; number++) {
		char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
		struct conf_line l = { .keyword = NULL };

		if (newline)
			*newline = '\0';
		if (asprintf(&l.where, "%s:%zu", path, number) < 0) {
			l.where = NULL;
			return err_nomem(err);
		}
		if (read_line(p, &l, flags, depth, err) != 0) {
			line_release(&l);
			return -1;
		}
		if (!l.args.n) {
			line_release(&l);
		} else if (add_line(f, &l) != 0) {
			line_release(&l);
			return err_nomem(err);
		}
		p = next;
	}
	return 0;
}

static struct conf_file *read_at(const char *path, unsigned flags, int depth, struct dt_err *err)
{
	struct conf_file *f = calloc(1, sizeof(*f));
	struct buf text;
	bool is_folder = false;
	int fd = -1, r = -1;

	buf_init(&text, FILE_MAX);
	if (!f) {
		(void)err_nomem(err);
		goto out;
	}
	if (depth > DEPTH_MAX) {
		(void)err_set(err, ERR_USAGE, "%s: too many recursive configuration includes", path);
		goto out;
	}
	if ((flags & CONF_MAY_LACK) && access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		r = 0;
		goto out;
	}
	fd = open_file(path, err);
	if (fd < 0)
		goto out;
	if ((flags & CONF_CHECK_OWNER) && check_owner(fd, path, &is_folder, err) != 0)
		goto out;
	/* "Include conf.d/" followed by a star finds folders too: to ssh they are empty files */
	if (is_folder)
		r = 0;
	else if (read_fd(fd, path, &text, err) == 0)
		r = read_lines(f, path, &text, flags, depth, err);
out:
	if (fd >= 0)
		(void)close(fd);
	buf_release(&text);
	if (r != 0) {
		conf_file_free(f);
		f = NULL;
	}
	return f;
}

struct conf_file *conf_file_read(const char *path, unsigned flags, struct dt_err *err)
{
	return read_at(path, flags, 0, err);
}
