#include "dt/run/modscript.h"

#include <stdlib.h>
#include <string.h>

#include "dt/base/buf.h"
#include "dt/run/param.h"

#define SCRIPT_LIMIT (16u << 20)
#define HEAD_LINES 50
#define PARAM_MAX 32
#define BLANKS " \t"

struct reader {
	struct modscript pub;	/* first: what the caller holds */
	struct dt_module mod;
	struct dt_verb verbs[2];
	struct dt_param params[PARAM_MAX + 1];
	struct strs choices[PARAM_MAX];
	size_t param_count;
	struct strs strings;	/* owns what the tables point to */
	bool has_where, has_kind;
};

static const char *keep(struct reader *r, const char *s, struct dt_err *err)
{
	if (strs_add(&r->strings, s) != 0) {
		(void)err_nomem(err);
		return NULL;
	}
	return r->strings.v[r->strings.n - 1];
}

/* The next word of *p, cut out in place; NULL at the end. */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, BLANKS), *end;

	if (!*word)
		return NULL;
	end = word + strcspn(word, BLANKS);
	*p = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static int read_choices(struct strs *out, const char *list, struct dt_err *err)
{
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, "|");

		if (!n)
			return err_set(err, ERR_MODULE, "choices=%s: an empty choice", list);
		if (strs_addn(out, p, n) != 0)
			return err_nomem(err);
		p += n;
		if (!*p)
			return 0;
	}
}

/* One of required, option, rest, default=, choices=.  1: it was; 0: help begins here; -1. */
static int read_flag(struct reader *r, struct dt_param *p, const char *word, struct dt_err *err)
{
	static const struct { const char *word; unsigned flag; } flags[] = {
		{ "required", DT_REQUIRED }, { "option", DT_OPTION }, { "rest", DT_REST },
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			p->flags |= flags[i].flag;
			return 1;
		}
	}
	if (str_starts(word, "default=")) {
		p->def = keep(r, word + strlen("default="), err);
		return p->def ? 1 : -1;
	}
	if (str_starts(word, "choices=")) {
		struct strs *list = &r->choices[r->param_count];

		if (list->n)
			return err_set(err, ERR_MODULE, "choices given twice");
		if (read_choices(list, word + strlen("choices="), err) != 0)
			return -1;
		p->choices = (const char *const *)list->v;
		return 1;
	}
	return 0;
}

/* NAME TYPE [required] [option] [rest] [default=VALUE] [choices=a|b] HELP... */
static int read_param(struct reader *r, char *text, struct dt_err *err)
{
	struct dt_param *p = &r->params[r->param_count];
	char *name = next_word(&text), *type = next_word(&text);

	if (r->param_count == PARAM_MAX)
		return err_set(err, ERR_MODULE, "more than %d parameters", PARAM_MAX);
	if (!name || !type)
		return err_set(err, ERR_MODULE, "param needs NAME TYPE HELP");
	if (param_type_parse(type, &p->type) != 0)
		return err_set(err, ERR_MODULE,
			       "parameter %s: no type \"%s\"; there are string, int, time, size, bool, choice, file",
			       name, type);
	for (;;) {
		char *word, *end;
		char cut;
		int flag;

		text += strspn(text, BLANKS);
		word = text;
		end = word + strcspn(word, BLANKS);
		cut = *end;
		*end = '\0';
		flag = read_flag(r, p, word, err);
		*end = cut;
		if (flag < 0)
			return -1;
		if (!flag)
			break;
		text = end;
	}
	p->help = keep(r, text, err);
	if (!p->help)
		return -1;
	p->name = keep(r, name, err);
	if (!p->name)
		return -1;
	r->param_count++;
	return 0;
}

static int read_where(struct reader *r, const char *value, struct dt_err *err)
{
	if (r->has_where)
		return err_set(err, ERR_MODULE, "where given twice");
	r->has_where = true;
	if (strcmp(value, "local") == 0)
		r->pub.script.where = SCRIPT_LOCAL;
	else if (strcmp(value, "remote") == 0)
		r->pub.script.where = SCRIPT_REMOTE;
	else
		return err_set(err, ERR_MODULE, "where is local or remote, not \"%s\"", value);
	return 0;
}

static int read_kind(struct reader *r, const char *value, struct dt_err *err)
{
	if (r->has_kind)
		return err_set(err, ERR_MODULE, "kind given twice");
	r->has_kind = true;
	if (strcmp(value, "info") == 0)
		r->verbs[0].kind = DT_INFO;
	else if (strcmp(value, "action") == 0)
		r->verbs[0].kind = DT_ACTION;
	else
		return err_set(err, ERR_MODULE, "kind is info or action, not \"%s\"", value);
	return 0;
}

/* What stands behind "dt:". */
static int read_line(struct reader *r, char *text, struct dt_err *err)
{
	char *key, *value;
	size_t n = strcspn(text, BLANKS "=");

	key = text;
	value = text + n + strspn(text + n, BLANKS);
	if (n == strlen("param") && strncmp(key, "param", n) == 0 && *value != '=')
		return read_param(r, value, err);
	if (*value != '=')
		return err_set(err, ERR_MODULE, "neither KEY = VALUE nor param: \"%s\"", text);
	value++;
	value += strspn(value, BLANKS);
	key[n] = '\0';
	if (strcmp(key, "where") == 0)
		return read_where(r, value, err);
	if (strcmp(key, "kind") == 0)
		return read_kind(r, value, err);
	if (strcmp(key, "summary") != 0)
		return err_set(err, ERR_MODULE, "no such key \"%s\"; there are summary, where, kind and param", key);
	if (r->mod.summary)
		return err_set(err, ERR_MODULE, "summary given twice");
	r->mod.summary = keep(r, value, err);
	return r->mod.summary ? 0 : -1;
}

/* The text behind "# dt:" of a line, or NULL where it is none. */
static char *dt_text(char *line)
{
	static const char *const comments[] = { "#", "//", "--" };

	line += strspn(line, BLANKS);
	for (size_t i = 0; i < ARRAY_LEN(comments); i++) {
		char *p = line + strlen(comments[i]);

		if (!str_starts(line, comments[i]))
			continue;
		p += strspn(p, BLANKS);
		if (!str_starts(p, "dt:"))
			return NULL;
		p += strlen("dt:");
		return p + strspn(p, BLANKS);
	}
	return NULL;
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n && strchr(BLANKS "\r", s[n - 1]))
		s[--n] = '\0';
}

static int read_head(struct reader *r, const char *path, struct dt_err *err)
{
	const char *p = r->pub.script.text;

	for (int number = 1; number <= HEAD_LINES && *p; number++) {
		size_t n = strcspn(p, "\n");
		char *line = strndup(p, n), *text;
		int fault = 0;

		if (!line)
			return err_nomem(err);
		trim_end(line);
		text = dt_text(line);
		if (text)
			fault = read_line(r, text, err);
		free(line);
		if (fault) {
			err_prefix(err, "%s:%d", path, number);
			return -1;
		}
		p += n + (p[n] == '\n');
	}
	if (!r->mod.summary)
		return err_set(err, ERR_MODULE, "%s: no \"# dt: summary = ...\" in its first %d lines", path, HEAD_LINES);
	if (!r->has_where)
		return err_set(err, ERR_MODULE, "%s: no \"# dt: where = local\" or remote in its first %d lines", path,
			       HEAD_LINES);
	return 0;
}

/* What the #! line says, or /bin/sh. */
static char *interpreter(const char *text)
{
	const char *p = text + 2;
	size_t n;

	if (!str_starts(text, "#!"))
		return strdup("/bin/sh");
	p += strspn(p, BLANKS);
	n = strcspn(p, "\r\n");
	while (n && strchr(BLANKS, p[n - 1]))
		n--;
	return n ? strndup(p, n) : strdup("/bin/sh");
}

/* The program that reads the script: behind env(1), its options and assignments. */
static const char *program(const struct strs *words)
{
	const char *last = words->v[0], *slash = strrchr(last, '/');

	if (strcmp(slash ? slash + 1 : last, "env") == 0) {
		for (size_t i = 1; i < words->n; i++) {
			last = words->v[i];
			if (str_starts(last, "-S") && last[2]) {
				last += 2;
				break;
			}
			if (*last != '-' && !strchr(last, '='))
				break;
		}
		slash = strrchr(last, '/');
	}
	return slash ? slash + 1 : last;
}

int script_argv(const struct script *s, struct strs *out)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh" };
	size_t n;

	for (const char *p = s->interpreter + strspn(s->interpreter, BLANKS); *p; p += n + strspn(p + n, BLANKS)) {
		n = strcspn(p, BLANKS);
		if (strs_addn(out, p, n) != 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (strcmp(program(out), shells[i]) == 0)
			return strs_add(out, "-s") != 0 || strs_add(out, "--") != 0 ? -1 : 0;
	return strs_add(out, "-");
}

static int read_text(struct script *s, const char *path, struct dt_err *err)
{
	struct buf text;

	buf_init(&text, SCRIPT_LIMIT);
	if (read_file(path, &text, err) != 0) {
		if (err->code == ERR_USAGE)
			err->code = ERR_MODULE;
		buf_release(&text);
		return -1;
	}
	s->len = text.len;
	if (memchr(text.data, '\0', text.len)) {
		buf_release(&text);
		return err_set(err, ERR_MODULE, "%s: a binary, not a script", path);
	}
	s->text = buf_steal(&text);
	s->interpreter = s->text ? interpreter(s->text) : NULL;
	return s->interpreter ? 0 : err_nomem(err);
}

struct modscript *modscript_read(const char *name, const char *path, struct dt_err *err)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r) {
		(void)err_nomem(err);
		return NULL;
	}
	r->mod.abi = DT_MODULE_ABI;
	r->mod.verbs = r->verbs;
	r->pub.mod = &r->mod;
	r->verbs[0].name = "";
	r->verbs[0].kind = DT_ACTION;
	r->verbs[0].params = r->params;
	r->mod.name = keep(r, name, err);
	if (!r->mod.name || read_text(&r->pub.script, path, err) != 0 || read_head(r, path, err) != 0)
		goto fail;
	r->verbs[0].summary = r->mod.summary;
	return &r->pub;
fail:
	modscript_free(&r->pub);
	return NULL;
}

void modscript_free(struct modscript *s)
{
	struct reader *r = (struct reader *)s;

	if (!r)
		return;
	free(r->pub.script.interpreter);
	free(r->pub.script.text);
	for (size_t i = 0; i < PARAM_MAX; i++)
		strs_release(&r->choices[i]);
	strs_release(&r->strings);
	free(r);
}
