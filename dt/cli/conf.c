#include "dt/cli/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/ini.h"
#include "dt/base/nearest.h"

#define SYSTEM_CONF "/etc/dt/dt.conf"
#define CONF_LIMIT (1u << 20)

static const char *const sections[] = { "dt", "selectors", "modules" };

/* One file while it is read. */
struct reader {
	struct conf *conf;
	struct options *options;
	enum option_source source;
	const char *path;
	int line_of[OPTION_MAX];	/* parallel to option_table: where this file sets it, 0: nowhere */
};

/* A path as a file names it: ~ is the home, and a relative one begins in the file's folder. */
static char *resolve(const char *conf_path, const char *value)
{
	const char *slash = strrchr(conf_path, '/');
	struct buf b;
	char *path;

	if (str_starts(value, "~/"))
		return expand_tilde(value);
	if (*value == '/' || !slash || strcmp(value, "-") == 0 || strcmp(value, "none") == 0)
		return strdup(value);
	buf_init(&b, CONF_LIMIT);
	if (buf_addf(&b, "%.*s/%s", (int)(slash - conf_path), conf_path, value) != 0)
		path = NULL;
	else
		path = buf_steal(&b);
	buf_release(&b);
	return path;
}

/* A source may have its format in front: "ini:~/hosts". */
static char *resolve_source(const char *conf_path, const char *value)
{
	size_t format = strspn(value, "abcdefghijklmnopqrstuvwxyz_");
	char *path = NULL, *rest;
	struct buf b;

	if (!format || value[format] != ':')
		return resolve(conf_path, value);
	rest = resolve(conf_path, value + format + 1);
	if (!rest)
		return NULL;
	buf_init(&b, CONF_LIMIT);
	if (buf_addf(&b, "%.*s:%s", (int)format, value, rest) == 0)
		path = buf_steal(&b);
	buf_release(&b);
	free(rest);
	return path;
}

static int set_path(struct reader *r, const struct option_spec *spec, const char *value, struct dt_err *err)
{
	bool is_source = spec->offset == offsetof(struct options, db);
	char *path;
	int result;

	if (!*value)
		return options_set(r->options, spec, value, err);
	path = is_source ? resolve_source(r->path, value) : resolve(r->path, value);
	if (!path)
		return err_nomem(err);
	result = options_set(r->options, spec, path, err);
	free(path);
	return result;
}

static int set_option(struct reader *r, const char *name, const char *value, int line, struct dt_err *err)
{
	const struct option_spec *spec;
	const char *near;
	char dashed[64];
	int *set_at;

	/* names of INI files are often written with underscores */
	(void)snprintf(dashed, sizeof(dashed), "%s", name);
	for (char *p = dashed; *p; p++)
		*p = *p == '_' ? '-' : *p;
	spec = option_by_name(dashed);
	if (spec && !spec->in_conf)
		return err_set(err, ERR_USAGE, "%s is for the command line alone", name);
	if (!spec) {
		near = option_nearest(name, true);
		return err_set(err, ERR_USAGE, "unknown key %.100s%s%s%s", name, near ? "; did you mean " : "",
			       near ? near : "", near ? "?" : "");
	}
	set_at = &r->line_of[spec - option_table];
	if (*set_at && spec->type != OPT_LIST)
		return err_set(err, ERR_USAGE, "%s is set already, in line %d", name, *set_at);
	*set_at = line;
	if (spec->is_path)
		return set_path(r, spec, value, err);
	return options_set(r->options, spec, value, err);
}

/* The one key of [selectors] and [modules]. */
static int add_dir(struct reader *r, struct strs *dirs, enum option_source *by, const char *name, const char *value,
		   struct dt_err *err)
{
	char *path;
	int result;

	if (strcmp(name, "dir") != 0)
		return err_set(err, ERR_USAGE, "unknown key %.100s; did you mean dir?", name);
	if (!*value)
		return err_set(err, ERR_USAGE, "dir: \"\" is empty");
	if (*by != r->source)
		strs_release(dirs);
	*by = r->source;
	path = resolve(r->path, value);
	result = path ? strs_add(dirs, path) : -1;
	free(path);
	return result == 0 ? 0 : err_nomem(err);
}

static int unknown_section(const char *section, struct dt_err *err)
{
	const char *near = nearest(section, sections, ARRAY_LEN(sections));

	if (!*section)
		return err_set(err, ERR_USAGE, "before the first section; options belong under [dt]");
	if (near)
		return err_set(err, ERR_USAGE, "unknown section [%.100s]; did you mean [%s]?", section, near);
	return err_set(err, ERR_USAGE, "unknown section [%.100s]; there are [dt], [selectors] and [modules]", section);
}

static int take_key(void *arg, const char *section, const char *name, const char *value, int line, bool more,
		    struct dt_err *err)
{
	struct reader *r = arg;
	bool is_dt = strcmp(section, "dt") == 0, is_selectors = strcmp(section, "selectors") == 0;

	(void)more;	/* a list may go on in the next line; of others, twice is too often */
	if (!is_dt && !is_selectors && strcmp(section, "modules") != 0)
		return unknown_section(section, err);
	if (!name)
		return 0;	/* the section's own line */
	if (is_dt)
		return set_option(r, name, value, line, err);
	if (is_selectors)
		return add_dir(r, &r->conf->selector_dirs, &r->conf->selectors_by, name, value, err);
	return add_dir(r, &r->conf->module_dirs, &r->conf->modules_by, name, value, err);
}

int conf_parse(struct conf *c, struct options *o, enum option_source source, const char *path, const char *text,
	       size_t len, struct dt_err *err)
{
	struct reader r = { .conf = c, .options = o, .source = source, .path = path };
	int result;

	o->source = source;
	result = ini_read(path, text, len, take_key, &r, err);
	o->source = SOURCE_COMMAND;
	return result;
}

static int read_one(struct conf *c, struct options *o, enum option_source source, const char *path, bool must_be,
		    struct dt_err *err)
{
	struct dt_err why = DT_ERR_INIT;
	struct buf text;
	int r;

	buf_init(&text, CONF_LIMIT);
	if (read_file(path, &text, &why) == 0) {
		r = conf_parse(c, o, source, path, text.data, text.len, err);
	} else if (!must_be && (why.sys == ENOENT || why.sys == ENOTDIR)) {
		r = 0;
	} else {
		*err = why;
		r = -1;
	}
	buf_release(&text);
	return r;
}

int conf_load(struct options *o, struct conf *c, struct dt_err *err)
{
	const char *named = getenv("DT_CONF");
	struct dt_err no_home = DT_ERR_INIT;
	char *path;
	int r;

	memset(c, 0, sizeof(*c));
	if (named && *named)
		return read_one(c, o, SOURCE_USER_CONF, named, true, err);
	if (read_one(c, o, SOURCE_SYSTEM_CONF, SYSTEM_CONF, false, err) != 0)
		return -1;
	path = xdg_path("XDG_CONFIG_HOME", ".config", "dt/dt.conf", &no_home);
	if (!path)
		return 0;	/* nobody's home: there is nothing of a user's to read */
	r = read_one(c, o, SOURCE_USER_CONF, path, false, err);
	free(path);
	return r;
}

void conf_release(struct conf *c)
{
	strs_release(&c->selector_dirs);
	strs_release(&c->module_dirs);
}
