/*
 * bundle - a named set of files, and the steps around bringing it to a host.
 *
 * Bundles are sections of INI files.  What [mail.aliases] does not say,
 * [aliases] does, and after that [defaults]: the longest suffix that says it.
 */
#include "dt_module.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAID_MAX 2000
#define PARTS_MAX 64

/* ---- what the files say ---- */

struct setting {
	char *section, *key, *value;
	const char *path;	/* of the file */
};

struct bundles {
	struct setting *v;
	size_t n;
	const char *path;	/* of the file that is read */
	char *paths[256];	/* of all that were */
	size_t path_count;
	bool again;		/* this section was in a file before, which counts */
};

static const char *const keys[] = {
	"parts", "source", "target", "owner", "group", "mode", "exclude", "recursive", "delete", "mkdir", "sudo",
	"needed", "authentic", "before", "after_success", "after_failure", "after_before_failure", "after_denial", NULL,
};

/* Also of folders there: it goes into a path. */
static bool is_name(const char *s)
{
	return *s && *s != '.' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s) &&
	       strlen(s) < 100;
}

static const char *take(void *arg, const char *section, const char *key, const char *value)
{
	struct bundles *b = arg;
	struct setting *v;
	bool known = false;

	if (!key) {
		b->again = false;
		for (size_t i = 0; i < b->n; i++)
			if (strcmp(b->v[i].section, section) == 0) {
				if (b->v[i].path == b->path)
					return "this section was there before";
				b->again = true;
			}
		return is_name(section) ? NULL : "a name is of letters, digits, dots, _ and -";
	}
	if (!*section)
		return "it stands before the first section";
	for (const char *const *k = keys; *k; k++)
		known |= strcmp(*k, key) == 0;
	if (!known)
		return "there is no such key (dt help bundle lists them)";
	if (b->again)
		return NULL;
	v = realloc(b->v, (b->n + 1) * sizeof(*v));
	if (!v)
		return "out of memory";
	b->v = v;
	v[b->n] = (struct setting){ strdup(section), strdup(key), strdup(value), b->path };
	if (!v[b->n].section || !v[b->n].key || !v[b->n].value) {
		free(v[b->n].section);
		free(v[b->n].key);
		free(v[b->n].value);
		return "out of memory";
	}
	b->n++;
	return NULL;
}

static int read_one(struct dt_call *call, const struct dt_services *dt, struct bundles *b, const char *path)
{
	if (b->path_count == sizeof(b->paths) / sizeof(*b->paths)) {
		dt->refuse(call, "%s: too many files of bundles", path);
		return DT_FAIL;
	}
	b->path = b->paths[b->path_count++] = strdup(path);
	if (b->path)
		return dt->read_ini(call, path, take, b);
	dt->refuse(call, "out of memory");
	return DT_FAIL;
}

/* FOLDER/dt/bundles/ *.conf, in the order of their names. */
static int read_folder(struct dt_call *call, const struct dt_services *dt, struct bundles *b, const char *folder,
		       const char *below)
{
	char pattern[4096];
	int r = DT_OK;
	glob_t g;

	if (!folder || snprintf(pattern, sizeof(pattern), "%s%s/dt/bundles/*.conf", folder, below) >= (int)sizeof(pattern))
		return DT_OK;
	if (glob(pattern, 0, NULL, &g) != 0)
		return DT_OK;
	for (size_t i = 0; r == DT_OK && i < g.gl_pathc; i++)
		r = read_one(call, dt, b, g.gl_pathv[i]);
	globfree(&g);
	return r;
}

static int read_all(struct dt_call *call, const struct dt_services *dt, struct bundles *b)
{
	const char *file = dt->arg(call, "file"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char prefix[4096];
	ssize_t n;
	int r;

	if (file)
		return read_one(call, dt, b, file);
	r = config && *config == '/' ? read_folder(call, dt, b, config, "") : read_folder(call, dt, b, home, "/.config");
	if (r == DT_OK)
		r = read_folder(call, dt, b, "/etc", "");
	/* PREFIX/bin/dt has PREFIX/share */
	n = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);
	for (int i = 0; n > 0 && i < 2; i++) {
		prefix[n] = '\0';
		n = strrchr(prefix, '/') - prefix;
	}
	if (r == DT_OK && n > 0) {
		prefix[n] = '\0';
		r = read_folder(call, dt, b, prefix, "/share");
	}
	return r;
}

static const struct setting *in_section(const struct bundles *b, const char *section, const char *key)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->v[i].section, section) == 0 && strcmp(b->v[i].key, key) == 0)
			return &b->v[i];
	return NULL;
}

static bool has_section(const struct bundles *b, const char *section)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->v[i].section, section) == 0)
			return true;
	return false;
}

/* Of the longest suffix of the name that says it, then of the defaults. */
static const struct setting *find(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *s = NULL;

	for (const char *suffix = name; suffix && !s; suffix = strchr(suffix, '.') ? strchr(suffix, '.') + 1 : NULL)
		s = in_section(b, suffix, key);
	return s ? s : in_section(b, "defaults", key);
}

static const char *value_of(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *s = find(b, name, key);

	return s && *s->value ? s->value : NULL;
}

/* ---- one bundle, ready ---- */

struct step {
	const char *name;
	const char *command;	/* NULL: none */
	bool here;
};

struct part {
	char *name;
	struct dt_fileset *files, *look;	/* look: what would change, without a word */
	struct step needed, authentic, before, after_success, after_failure, after_before_failure, after_denial;
	bool sudo;
	char *words[2];		/* source and exclude, cut in words */
	const char **sources, **exclude;
	char **owned;		/* sources with the folder of their file before them */
	size_t owned_count;
};

struct state {
	struct bundles b;
	struct part parts[PARTS_MAX];
	size_t n;
	const char *stack[PARTS_MAX];	/* bundles that are being looked at */
	size_t depth;
};

/* "here: COMMAND", "there: COMMAND"; without a word before it, there. */
static int get_step(struct dt_call *call, const struct dt_services *dt, const struct bundles *b, const char *name,
		    const char *key, struct step *s)
{
	const char *value = value_of(b, name, key);

	s->name = key;
	s->command = NULL;
	if (!value)
		return DT_OK;
	s->here = strncmp(value, "here:", 5) == 0;
	s->command = s->here ? value + 5 : strncmp(value, "there:", 6) == 0 ? value + 6 : value;
	s->command += strspn(s->command, " \t");
	if (*s->command)
		return DT_OK;
	dt->refuse(call, "%s: %s: an empty command", name, key);
	return DT_FAIL;
}

static int get_flag(struct dt_call *call, const struct dt_services *dt, const struct bundles *b, const char *name,
		    const char *key, unsigned value, unsigned *flags)
{
	const char *text = value_of(b, name, key);

	if (!text || strcmp(text, "no") == 0)
		return DT_OK;
	if (strcmp(text, "yes") != 0) {
		dt->refuse(call, "%s: %s: yes or no, and not \"%s\"", name, key, text);
		return DT_FAIL;
	}
	*flags |= value;
	return DT_OK;
}

/* Cuts text at blanks into a list that ends with NULL. */
static const char **cut(char *text)
{
	const char **list = calloc(strlen(text) / 2 + 2, sizeof(*list));
	size_t n = 0;

	for (char *word; list && (word = strsep(&text, " \t")) != NULL;)
		if (*word)
			list[n++] = word;
	return list;
}

/* Sources are below the folder of the file that names them. */
static int place_sources(struct part *p, const char *file)
{
	const char *slash = strrchr(file, '/');
	int len = slash ? (int)(slash - file) + 1 : 0;
	size_t n = 0;

	while (p->sources[n])
		n++;
	p->owned = calloc(n + 1, sizeof(*p->owned));
	for (size_t i = 0; p->owned && i < n; i++) {
		if (*p->sources[i] == '/')
			continue;
		if (asprintf(&p->owned[p->owned_count], "%.*s%s", len, file, p->sources[i]) < 0)
			return DT_FAIL;
		p->sources[i] = p->owned[p->owned_count++];
	}
	return p->owned ? DT_OK : DT_FAIL;
}

static int get_files(struct dt_call *call, const struct dt_services *dt, const struct bundles *b, struct part *p)
{
	const struct setting *source = find(b, p->name, "source");
	const char *mode = value_of(b, p->name, "mode"), *exclude = value_of(b, p->name, "exclude");
	const char *action = dt->arg(call, "action");
	struct dt_files f = {
		.dest = value_of(b, p->name, "target"), .owner = value_of(b, p->name, "owner"),
		.group = value_of(b, p->name, "group"), .mode = -1, .keep = p->name,
	};
	char *end = NULL;

	if (!source || !*source->value || !f.dest) {
		dt->refuse(call, "%s: no %s", p->name, f.dest ? "source" : "target");
		return DT_FAIL;
	}
	if (mode)
		f.mode = strtol(mode, &end, 8);
	if (mode && (*end || f.mode < 0 || f.mode > 07777)) {
		dt->refuse(call, "%s: mode: octal, as 0644, and not \"%s\"", p->name, mode);
		return DT_FAIL;
	}
	if (get_flag(call, dt, b, p->name, "recursive", DT_FILES_RECURSIVE, &f.flags) != DT_OK ||
	    get_flag(call, dt, b, p->name, "delete", DT_FILES_DELETE, &f.flags) != DT_OK ||
	    get_flag(call, dt, b, p->name, "mkdir", DT_FILES_MKDIR, &f.flags) != DT_OK ||
	    get_flag(call, dt, b, p->name, "sudo", DT_FILES_SUDO, &f.flags) != DT_OK)
		return DT_FAIL;
	p->sudo = f.flags & DT_FILES_SUDO;
	p->words[0] = strdup(source->value);
	p->words[1] = strdup(exclude ? exclude : "");
	p->sources = p->words[0] ? cut(p->words[0]) : NULL;
	p->exclude = p->words[1] ? cut(p->words[1]) : NULL;
	if (!p->sources || !p->exclude || place_sources(p, source->path) != DT_OK) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	f.sources = p->sources;
	f.exclude = p->exclude;
	if (strcmp(action, "check") == 0)
		f.flags |= DT_FILES_CHECK;
	if (strcmp(action, "check") != 0 && strcmp(action, "apply") != 0)
		return DT_OK;
	p->files = dt->push_files(call, &f);
	f.flags |= DT_FILES_CHECK | DT_FILES_QUIET;
	if (p->files && p->before.command)
		p->look = dt->push_files(call, &f);
	return p->files && (p->look || !p->before.command) ? DT_OK : DT_FAIL;
}

static int get_part(struct dt_call *call, const struct dt_services *dt, struct state *s, const char *name)
{
	const struct bundles *b = &s->b;
	struct part *p;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->parts[i].name, name) == 0)
			return DT_OK; /* once is enough */
	if (s->n == PARTS_MAX) {
		dt->refuse(call, "%s: more than %d parts", name, PARTS_MAX);
		return DT_FAIL;
	}
	p = &s->parts[s->n];
	p->name = strdup(name);
	if (!p->name) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	s->n++;
	if (get_step(call, dt, b, name, "needed", &p->needed) != DT_OK ||
	    get_step(call, dt, b, name, "authentic", &p->authentic) != DT_OK ||
	    get_step(call, dt, b, name, "before", &p->before) != DT_OK ||
	    get_step(call, dt, b, name, "after_success", &p->after_success) != DT_OK ||
	    get_step(call, dt, b, name, "after_failure", &p->after_failure) != DT_OK ||
	    get_step(call, dt, b, name, "after_before_failure", &p->after_before_failure) != DT_OK ||
	    get_step(call, dt, b, name, "after_denial", &p->after_denial) != DT_OK)
		return DT_FAIL;
	return get_files(call, dt, b, p);
}

/* A bundle of parts is these, in order; one without is itself. */
static int get_bundle(struct dt_call *call, const struct dt_services *dt, struct state *s, const char *name)
{
	const struct setting *parts = in_section(&s->b, name, "parts");
	char *copy, *rest, *word;
	int r = DT_OK;

	for (size_t i = 0; i < s->depth; i++)
		if (strcmp(s->stack[i], name) == 0) {
			dt->refuse(call, "%s: it is a part of itself", name);
			return DT_FAIL;
		}
	if (!has_section(&s->b, name)) {
		dt->refuse(call, "there is no bundle %s%s%s", name, s->depth ? ", a part of " : "",
			   s->depth ? s->stack[s->depth - 1] : "");
		return DT_FAIL;
	}
	if (!parts)
		return get_part(call, dt, s, name);
	copy = strdup(parts->value);
	if (!copy || s->depth == PARTS_MAX) {
		free(copy);
		dt->refuse(call, "%s: too deep", name);
		return DT_FAIL;
	}
	s->stack[s->depth++] = name;
	rest = copy;
	while (r == DT_OK && (word = strsep(&rest, " \t")) != NULL)
		if (*word)
			r = get_bundle(call, dt, s, word);
	s->depth--;
	free(copy);
	return r;
}

static int bundle_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct state *s = calloc(1, sizeof(*s));
	const char *name = dt->arg(call, "name");

	if (!s) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->set_state(call, s);
	if (!is_name(name)) {
		dt->refuse(call, "\"%s\": a name is of letters, digits, dots, _ and -", name);
		return DT_FAIL;
	}
	if (read_all(call, dt, &s->b) != DT_OK)
		return DT_FAIL;
	return get_bundle(call, dt, s, name);
}

static void free_part(struct part *p)
{
	for (size_t i = 0; i < p->owned_count; i++)
		free(p->owned[i]);
	free(p->owned);
	free(p->sources);
	free(p->exclude);
	free(p->words[0]);
	free(p->words[1]);
	free(p->name);
}

static int bundle_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct state *s = dt->state(call);

	if (!s)
		return DT_OK;
	for (size_t i = 0; i < s->n; i++)
		free_part(&s->parts[i]);
	for (size_t i = 0; i < s->b.n; i++) {
		free(s->b.v[i].section);
		free(s->b.v[i].key);
		free(s->b.v[i].value);
	}
	for (size_t i = 0; i < s->b.path_count; i++)
		free(s->b.paths[i]);
	free(s->b.v);
	free(s);
	return DT_OK;
}

/* ---- on a host ---- */

struct run {
	struct dt_task *task;
	const struct dt_services *dt;
	const struct state *s;
	bool applied[PARTS_MAX];	/* something of it changed in this run */
	bool told;			/* a message was added */
};

struct said {
	char text[SAID_MAX + 1];
	size_t len;
};

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct said *s = arg;
	size_t n = len < SAID_MAX - s->len ? len : SAID_MAX - s->len;

	(void)stream;
	memcpy(s->text + s->len, data, n);
	s->len += n;
	s->text[s->len] = '\0';
}

/* Runs a step to its end.  DT_OK and *status (0 where there is no such step; -1: a signal), or what the service said. */
static int run_step(struct run *r, const struct part *p, const struct step *s, int *status, struct said *said)
{
	struct dt_exec e = { .command = s->command, .output = output, .arg = said };
	struct dt_exit end;
	int ret;

	*status = 0;
	said->len = 0;
	said->text[0] = '\0';
	if (!s->command)
		return DT_OK;
	if (!s->here && p->sudo)
		e.flags = DT_EXEC_SUDO;
	ret = s->here ? r->dt->local(r->task, &e, &end) : r->dt->exec(r->task, &e, &end);
	if (ret == DT_OK)
		*status = end.status;
	while (said->len && said->text[said->len - 1] == '\n')
		said->text[--said->len] = '\0';
	return ret;
}

static const char *comma(struct run *r)
{
	const char *text = r->told ? "; " : "";

	r->told = true;
	return text;
}

/* What was changed in this run is taken back, the last part first. */
static void take_back(struct run *r)
{
	for (size_t i = r->s->n; i-- > 0;)
		if (r->applied[i]) {
			const struct part *p = &r->s->parts[i];

			if (r->dt->undo(r->task, p->name, p->sudo) == DT_OK)
				r->dt->message(r->task, "%s%s: rolled back", comma(r), p->name);
			r->applied[i] = false;
		}
}

/* A step failed: what it leads to, and the line that says which it was. */
static int step_failed(struct run *r, const struct part *p, const struct step *s, int status, const struct said *said,
		       const struct step *after)
{
	struct said more;
	int then = 0;

	take_back(r);
	if (after && run_step(r, p, after, &then, &more) != DT_OK)
		then = -1;
	return r->dt->fail(r->task, status > 0 ? status : 1, "%s%s: %s failed%s%s%s%s", comma(r), p->name, s->name,
			   said && said->len ? ": " : "", said ? said->text : "", then ? "; and so did " : "",
			   then ? after->name : "");
}

/* DT_OK and *go: the host needs it, and takes it. */
static int may_go(struct run *r, const struct part *p, bool *go)
{
	struct said said;
	int status, ret;

	*go = false;
	ret = run_step(r, p, &p->needed, &status, &said);
	if (ret != DT_OK)
		return ret;
	if (status != 0) {
		r->dt->message(r->task, "%s%s: not needed", comma(r), p->name);
		return DT_OK;
	}
	ret = run_step(r, p, &p->authentic, &status, &said);
	if (ret != DT_OK)
		return ret;
	if (status != 0)
		return step_failed(r, p, &p->authentic, status, &said, &p->after_denial);
	*go = true;
	return DT_OK;
}

static int apply(struct run *r, size_t i)
{
	static const struct step transfer = { .name = "transfer" };
	const struct part *p = &r->s->parts[i];
	struct dt_files_done done = { 0 };
	struct said said;
	bool go;
	int status, ret = may_go(r, p, &go);

	if (ret != DT_OK || !go)
		return ret;
	if (p->before.command) {
		ret = r->dt->push(r->task, p->look, &done);
		if (ret != DT_OK)
			return ret;
		if (done.created || done.changed || done.deleted) {
			ret = run_step(r, p, &p->before, &status, &said);
			if (ret != DT_OK)
				return ret;
			if (status != 0)
				return step_failed(r, p, &p->before, status, &said, &p->after_before_failure);
		}
	}
	if (r->s->n > 1)
		r->dt->message(r->task, "%s%s: ", comma(r), p->name);
	ret = r->dt->push(r->task, p->files, &done);
	r->told = true;
	if (ret != DT_OK)
		return step_failed(r, p, &transfer, 1, NULL, &p->after_failure);
	r->applied[i] = done.created || done.changed || done.deleted;
	if (!r->applied[i])
		return DT_OK;
	ret = run_step(r, p, &p->after_success, &status, &said);
	if (ret != DT_OK)
		return ret;
	return status == 0 ? DT_OK : step_failed(r, p, &p->after_success, status, &said, &p->after_failure);
}

static int check(struct run *r, size_t i)
{
	const struct part *p = &r->s->parts[i];
	bool go;
	int ret = may_go(r, p, &go);

	if (ret != DT_OK || !go)
		return ret;
	if (r->s->n > 1)
		r->dt->message(r->task, "%s%s: ", comma(r), p->name);
	r->told = true;
	return r->dt->push(r->task, p->files, NULL);
}

static int rollback(struct run *r, size_t i)
{
	/* what came last goes first */
	const struct part *p = &r->s->parts[r->s->n - 1 - i];
	int ret = r->dt->undo(r->task, p->name, p->sudo);

	if (ret == DT_OK)
		r->dt->message(r->task, "%s%s: rolled back", comma(r), p->name);
	return ret;
}

/* Of what may be undone, the newest first: when, who, and how many files were there before. */
static int history(struct run *r, size_t i)
{
	static const char script[] =
		"if [ \"$(id -u)\" = 0 ]; then k=/var/lib/dt/undo/$1; else k=${XDG_STATE_HOME:-$HOME/.local/state}/dt/undo/$1; fi; "
		"for i in \"$k\"/*/undo; do if [ -f \"$i\" ]; then v=${i%/undo}; n=${v##*/}; "
		"echo \"${n%%-*} $(cat \"$v/by\") $(cat \"$v/folder\")\"; fi; done";
	const struct part *p = &r->s->parts[i];
	const char *argv[] = { "/bin/sh", "-c", script, "dt-history", p->name };
	struct said said = { .len = 0 };
	struct dt_exec e = { .output = output, .arg = &said, .flags = p->sudo ? DT_EXEC_SUDO : 0 };
	struct dt_exit end;
	int ret = DT_FAIL;

	e.command = r->dt->quote(r->task, argv, sizeof(argv) / sizeof(*argv));
	if (e.command)
		ret = r->dt->exec(r->task, &e, &end);
	if (ret != DT_OK)
		return ret;
	if (end.status != 0)
		return r->dt->fail(r->task, end.status > 0 ? end.status : 1, "%s", said.text);
	while (said.len && said.text[said.len - 1] == '\n')
		said.text[--said.len] = '\0';
	r->dt->message(r->task, "%s%s: %s", r->told ? "\n" : "", p->name, said.len ? said.text : "nothing to undo");
	r->told = true;
	return DT_OK;
}

static int bundle_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	struct run r = { .task = task, .dt = dt, .s = dt->state(call) };
	const char *action = dt->arg(call, "action");
	int (*each)(struct run *r, size_t i) = strcmp(action, "apply") == 0	 ? apply
					       : strcmp(action, "rollback") == 0 ? rollback
					       : strcmp(action, "history") == 0	 ? history
										 : check;
	int ret = DT_OK;

	for (size_t i = 0; ret == DT_OK && i < r.s->n; i++)
		ret = each(&r, i);
	return ret;
}

static const char *const actions[] = { "check", "apply", "rollback", "history", NULL };

static const struct dt_param bundle_params[] = {
	{ .name = "file", .type = DT_FILE, .flags = DT_OPTION, .help = "the INI file, instead of those in the bundles folders" },
	{ .name = "name", .flags = DT_REQUIRED, .help = "name of the bundle, a section of the file" },
	{ .name = "action", .type = DT_CHOICE, .def = "check", .choices = actions, .help = "what to do with it" },
	{ 0 }
};

static const struct dt_verb bundle_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "apply a named set of files with the steps around it, or take it back",
		.params = bundle_params,
		.prepare = bundle_prepare,
		.run = bundle_run,
		.finish = bundle_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "bundle",
	.summary = "apply a named set of files with the steps around it, or take it back",
	.verbs = bundle_verbs,
};
