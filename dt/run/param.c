#include "dt/run/param.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/util.h"

static const char *const type_names[] = {
	[DT_STRING] = "string", [DT_INT] = "int",	[DT_TIME] = "time", [DT_SIZE] = "size",
	[DT_BOOL] = "bool",	[DT_CHOICE] = "choice", [DT_FILE] = "file",
};

const char *param_type_name(enum dt_type type)
{
	return (size_t)type < ARRAY_LEN(type_names) ? type_names[type] : "?";
}

int param_type_parse(const char *word, enum dt_type *type)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (strcmp(word, type_names[i]) == 0) {
			*type = (enum dt_type)i;
			return 0;
		}
	}
	return -1;
}

static int choice_check(const struct dt_param *p, const char *value, struct dt_err *err)
{
	struct buf list;
	int r;

	buf_init(&list, 4096);
	for (const char *const *c = p->choices; *c; c++) {
		if (strcmp(*c, value) == 0) {
			buf_release(&list);
			return 0;
		}
		/* A list that does not fit is cut: the message is cut sooner. */
		if (buf_addf(&list, "%s%s", c == p->choices ? "" : ", ", *c) != 0)
			break;
	}
	r = err_set(err, ERR_MODULE, "\"%s\" is none of %s", value, list.data);
	buf_release(&list);
	return r;
}

static int file_check(const char *path, struct dt_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0 || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
		return err_sys(err, ERR_MODULE, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_sys(err, ERR_MODULE, EISDIR, "%s", path);
	return 0;
}

static int value_check(const struct dt_param *p, const char *value, long long *number, struct dt_err *err)
{
	const char *fault;
	int64_t ms;
	uint64_t bytes;

	switch (p->type) {
	case DT_INT:
		if (parse_int(value, LLONG_MIN, LLONG_MAX, number) != 0)
			return err_set(err, ERR_MODULE, "\"%s\" is not a whole number", value);
		break;
	case DT_TIME:
		if (parse_time_ms(value, &ms) != 0)
			return err_set(err, ERR_MODULE, "\"%s\" is not a time (500ms, 10s, 2m, 1h)", value);
		*number = ms;
		break;
	case DT_SIZE:
		if (parse_size(value, &bytes) != 0 || bytes > LLONG_MAX)
			return err_set(err, ERR_MODULE, "\"%s\" is not a size (4096, 64k, 10M, 1G)", value);
		*number = (long long)bytes;
		break;
	case DT_BOOL:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return err_set(err, ERR_MODULE, "\"%s\" is neither yes nor no", value);
		*number = *value == 'y';
		break;
	case DT_CHOICE:
		if (choice_check(p, value, err) != 0)
			return -1;
		break;
	case DT_FILE:
		if (file_check(value, err) != 0)
			return -1;
		break;
	case DT_STRING:
		break;
	}
	fault = p->check ? p->check(value) : NULL;
	return fault ? err_set(err, ERR_MODULE, "\"%s\" %s", value, fault) : 0;
}

int param_check(const struct dt_param *p, const char *value, long long *number, struct dt_err *err)
{
	long long n = 0;
	int r = value_check(p, value, &n, err);

	if (number)
		*number = r == 0 ? n : 0;
	if (r != 0)
		err_prefix(err, "%s%s", p->flags & DT_OPTION ? "--" : "", p->name);
	return r;
}

/* [a-z][a-z0-9-]* */
static bool name_ok(const char *s)
{
	return *s >= 'a' && *s <= 'z' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static const char *param_fault(const struct dt_param *first, const struct dt_param *p)
{
	if (!name_ok(p->name))
		return "a name is [a-z][a-z0-9-]*";
	for (const struct dt_param *q = first; q < p; q++)
		if (strcmp(q->name, p->name) == 0)
			return "two of one name";
	if ((size_t)p->type >= ARRAY_LEN(type_names))
		return "unknown type";
	if (p->flags & ~(unsigned)(DT_REQUIRED | DT_OPTION | DT_REST | DT_MANY))
		return "unknown flag";
	if ((p->flags & DT_REST) && (p->flags & (DT_OPTION | DT_MANY)))
		return "an option cannot take the rest";
	if ((p->flags & DT_MANY) && (p->def || p->type == DT_BOOL))
		return "one of many has no default, and is no bool";
	if ((p->letter || p->bare) && !(p->flags & DT_OPTION))
		return "only an option has a letter, or may stand without a value";
	for (const struct dt_param *q = first; q < p; q++)
		if (p->letter && q->letter == p->letter)
			return "two of one letter";
	if ((p->flags & DT_REQUIRED) && p->def)
		return "required, and yet it has a default";
	if (p->type == DT_BOOL && !(p->flags & DT_OPTION))
		return "a bool must be an option";
	if ((p->type == DT_CHOICE) != (p->choices && *p->choices))
		return p->type == DT_CHOICE ? "a choice without choices" : "choices, and yet it is no choice";
	if (!p->help || !*p->help)
		return "no help text";
	return NULL;
}

static int params_check(const struct dt_param *params, struct dt_err *err)
{
	const struct dt_param *rest = NULL, *optional = NULL;

	for (const struct dt_param *p = params; p && p->name; p++) {
		const char *fault = param_fault(params, p);

		if (!fault && !(p->flags & DT_OPTION)) {
			if (rest)
				fault = "stands after the one that takes the rest";
			else if (optional && (p->flags & DT_REQUIRED))
				fault = "required, and yet it stands after one that may be left out";
			if (p->flags & (DT_REST | DT_MANY))
				rest = p;
			if (!(p->flags & DT_REQUIRED))
				optional = p;
		}
		if (fault)
			return err_set(err, ERR_MODULE, "parameter %s: %s", p->name, fault);
		/* A file need not exist before it is wanted. */
		if (p->def && p->type != DT_FILE && param_check(p, p->def, NULL, err) != 0) {
			err_prefix(err, "default");
			return -1;
		}
	}
	return 0;
}

int param_check_module(const struct dt_module *m, struct dt_err *err)
{
	if (!m->summary || !*m->summary)
		return err_set(err, ERR_MODULE, "no summary");
	if (!m->verbs || !m->verbs[0].name)
		return err_set(err, ERR_MODULE, "no verbs");
	for (const struct dt_verb *v = m->verbs; v->name; v++) {
		if (*v->name && !name_ok(v->name))
			return err_set(err, ERR_MODULE, "verb %s: a name is [a-z][a-z0-9-]*", v->name);
		for (const struct dt_verb *w = m->verbs; w < v; w++)
			if (strcmp(v->name, w->name) == 0)
				return err_set(err, ERR_MODULE, "verb %s: two of one name", v->name);
		if (v->kind != DT_INFO && v->kind != DT_ACTION)
			return err_set(err, ERR_MODULE, "verb %s: unknown kind", v->name);
		if (params_check(v->params, err) != 0) {
			if (*v->name)
				err_prefix(err, "verb %s", v->name);
			return -1;
		}
	}
	return 0;
}
