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

/* A line of a section; key "": its first. */
struct setting {
	const char *section, *key, *value;
	const char *path;	/* of the file */
	int line;
};

struct bundles {
	struct dt_call *call;
	const struct dt_services *dt;
	struct setting *v;
	size_t n;
	const char *path;	/* of the file that is read */
	void **owned;		/* all memory that is pointed to */
	size_t owned_count;
	bool again;		/* this section was in a file before, which counts */
};

/* The steps come first, in the order of enum which. */
static const char *const keys[] = {
	"needed", "authentic", "before", "after_success", "after_failure", "after_before_failure", "after_denial",
	"parts", "source", "target", "owner", "group", "mode", "exclude", "recursive", "delete", "mkdir", "sudo", NULL,
};
enum which { NEEDED, AUTHENTIC, BEFORE, AFTER_SUCCESS, AFTER_FAILURE, AFTER_BEFORE_FAILURE, AFTER_DENIAL, STEPS };

/* Also of folders there: it goes into a path. */
static bool is_name(const char *s)
{
	return *s && *s != '.' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s) &&
	       strlen(s) < 100;
}

static const struct setting *in_section(const struct bundles *b, const char *section, const char *key)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct setting *v = &b->v[i];

		if (strcmp(v->section, section) == 0 && strcmp(v->key, key) == 0)
			return v;
	}
	return NULL;
}

static int no_memory(const struct bundles *b)
{
	b->dt->refuse(b->call, "out of memory");
	return DT_FAIL;
}

/* What was allocated, until finish; NULL: no memory. */
static void *own(struct bundles *b, void *memory)
{
	void **v = memory ? realloc(b->owned, (b->owned_count + 1) * sizeof(*v)) : NULL;

	if (!v) {
		free(memory);
		return NULL;
	}
	b->owned = v;
	return v[b->owned_count++] = memory;
}

static const char *add(struct bundles *b, const char *section, const char *key, const char *value, int line)
{
	struct setting *v = realloc(b->v, (b->n + 1) * sizeof(*v));

	if (!v)
		return "out of memory";
	b->v = v;
	v += b->n;
	*v = (struct setting){ own(b, strdup(section)), own(b, strdup(key)), own(b, strdup(value)), b->path, line };
	if (!v->section || !v->key || !v->value)
		return "out of memory";
	b->n++;
	return NULL;
}

static const char *begin_section(struct bundles *b, const char *section, int line)
{
	const struct setting *before = in_section(b, section, "");

	b->again = before;
	if (before && before->path == b->path)
		return "this section was there before";
	if (!is_name(section))
		return "a name is of letters, digits, dots, _ and -";
	return b->again ? NULL : add(b, section, "", "", line);
}

static const char *take(void *arg, const char *section, const char *key, const char *value, int line)
{
	struct bundles *b = arg;
	bool known = false;

	if (!key)
		return begin_section(b, section, line);
	if (!*section)
		return "it stands before the first section";
	for (const char *const *k = keys; *k; k++)
		known |= strcmp(*k, key) == 0;
	if (!known)
		return "there is no such key (dt help bundle lists them)";
	if (b->again)
		return NULL;
	return in_section(b, section, key) ? "this key was there before" : add(b, section, key, value, line);
}

static int read_one(struct bundles *b, const char *path)
{
	b->path = own(b, strdup(path));
	return b->path ? b->dt->read_ini(b->call, path, take, b) : no_memory(b);
}

/* FOLDER/dt/bundles/ *.conf, in the order of their names. */
static int read_folder(struct bundles *b, const char *folder, const char *below)
{
	char pattern[4096];
	int r = DT_OK;
	glob_t g;

	if (!folder ||
	    snprintf(pattern, sizeof(pattern), "%s%s/dt/bundles/*.conf", folder, below) >= (int)sizeof(pattern) ||
	    glob(pattern, 0, NULL, &g) != 0)
		return DT_OK;
	for (size_t i = 0; r == DT_OK && i < g.gl_pathc; i++)
		r = read_one(b, g.gl_pathv[i]);
	globfree(&g);
	return r;
}

static int read_all(struct bundles *b)
{
	const char *file = b->dt->arg(b->call, "file"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char prefix[4096];
	ssize_t n;
	int r;

	if (file)
		return read_one(b, file);
	r = config && *config == '/' ? read_folder(b, config, "") : read_folder(b, home, "/.config");
	if (r == DT_OK)
		r = read_folder(b, "/etc", "");
	/* PREFIX/bin/dt has PREFIX/share */
	n = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);
	for (int i = 0; n > 0 && i < 2; i++) {
		prefix[n] = '\0';
		n = strrchr(prefix, '/') - prefix;
	}
	if (r == DT_OK && n > 0) {
		prefix[n] = '\0';
		r = read_folder(b, prefix, "/share");
	}
	return r;
}

/* Of the longest suffix of the name that says it, then of the defaults.  NULL: nothing, or that there is none. */
static const struct setting *find(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *v = NULL;

	for (const char *suffix = name; suffix && !v; suffix = strchr(suffix, '.') ? strchr(suffix, '.') + 1 : NULL)
		v = in_section(b, suffix, key);
	v = v ? v : in_section(b, "defaults", key);
	return v && *v->value ? v : NULL;
}

static const char *value_of(const struct bundles *b, const char *name, const char *key)
{
	const struct setting *v = find(b, name, key);

	return v ? v->value : NULL;
}

/* A value of a bundle is wrong. */
static int wrong(const struct bundles *b, const char *name, const struct setting *v, const char *why, const char *what)
{
	b->dt->refuse(b->call, "%s:%d: %s: %s = %s: %s%s", v->path, v->line, name, v->key, v->value, why, what);
	return DT_FAIL;
}

/* ---- one bundle, ready ---- */

struct step {
	const char *name;
	const char *command;	/* NULL: none */
	bool here;
};

struct part {
	const char *name;
	struct dt_fileset *files, *look;	/* look: what would change, without a word */
	struct step steps[STEPS];
	bool sudo;
};

struct state {
	struct bundles b;
	struct part parts[PARTS_MAX];
	size_t n;
	const struct setting *stack[PARTS_MAX];	/* the parts of bundles that are being looked at */
	size_t depth;
};

/* "here: COMMAND", "there: COMMAND"; without a word before it, there. */
static int get_step(const struct bundles *b, const char *name, const char *key, struct step *s)
{
	const struct setting *v = find(b, name, key);

	s->name = key;
	if (!v)
		return DT_OK;
	s->here = strncmp(v->value, "here:", 5) == 0;
	s->command = v->value + (s->here ? 5 : strncmp(v->value, "there:", 6) == 0 ? 6 : 0);
	s->command += strspn(s->command, " \t");
	return *s->command ? DT_OK : wrong(b, name, v, "an empty command", "");
}

static int get_flags(const struct bundles *b, const char *name, unsigned *flags)
{
	static const struct { const char *key; unsigned flag; } all[] = {
		{ "recursive", DT_FILES_RECURSIVE }, { "delete", DT_FILES_DELETE }, { "mkdir", DT_FILES_MKDIR },
		{ "sudo", DT_FILES_SUDO },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct setting *v = find(b, name, all[i].key);

		if (v && strcmp(v->value, "yes") == 0)
			*flags |= all[i].flag;
		else if (v && strcmp(v->value, "no") != 0)
			return wrong(b, name, v, "yes or no", "");
	}
	if ((*flags & DT_FILES_DELETE) && !(*flags & DT_FILES_RECURSIVE))
		return wrong(b, name, find(b, name, "delete"), "it needs recursive = yes", "");
	return DT_OK;
}

static int get_mode(const struct bundles *b, const char *name, long long *mode)
{
	const struct setting *v = find(b, name, "mode");
	char *end;

	if (!v)
		return DT_OK;
	*mode = strtol(v->value, &end, 8);
	return !*end && *mode >= 0 && *mode <= 07777 ? DT_OK : wrong(b, name, v, "octal, as 0644", "");
}

/* Cuts text at blanks into a list that ends with NULL; words that do not begin with a slash are below folder. */
static const char *const *cut(struct bundles *b, const char *text, const char *folder, int len)
{
	char *rest = own(b, strdup(text)), *path;
	const char **list = own(b, calloc(strlen(text) / 2 + 2, sizeof(*list)));
	size_t n = 0;

	for (const char *word; rest && list && (word = strsep(&rest, " \t")) != NULL;) {
		if (!*word)
			continue;
		if (len && *word != '/')
			word = asprintf(&path, "%.*s%s", len, folder, word) < 0 ? NULL : own(b, path);
		if (!word)
			return NULL;
		list[n++] = word;
	}
	return list;
}

static int get_files(struct bundles *b, struct part *p)
{
	const struct setting *source = find(b, p->name, "source");
	const char *exclude = value_of(b, p->name, "exclude"), *action = b->dt->arg(b->call, "action"), *slash;
	struct dt_files f = {
		.dest = value_of(b, p->name, "target"), .owner = value_of(b, p->name, "owner"),
		.group = value_of(b, p->name, "group"), .mode = -1, .keep = p->name,
	};

	if (!source || !f.dest) {
		b->dt->refuse(b->call, "%s: no %s", p->name, f.dest ? "source" : "target");
		return DT_FAIL;
	}
	if (get_mode(b, p->name, &f.mode) != DT_OK || get_flags(b, p->name, &f.flags) != DT_OK)
		return DT_FAIL;
	p->sudo = f.flags & DT_FILES_SUDO;
	slash = strrchr(source->path, '/');
	f.sources = cut(b, source->value, source->path, slash ? (int)(slash + 1 - source->path) : 0);
	f.exclude = cut(b, exclude ? exclude : "", "", 0);
	if (!f.sources || !f.exclude)
		return no_memory(b);
	if (strcmp(action, "check") == 0)
		f.flags |= DT_FILES_CHECK;
	if (strcmp(action, "check") != 0 && strcmp(action, "apply") != 0)
		return DT_OK;
	p->files = b->dt->push_files(b->call, &f);
	f.flags |= DT_FILES_CHECK | DT_FILES_QUIET;
	if (p->files && p->steps[BEFORE].command)
		p->look = b->dt->push_files(b->call, &f);
	return p->files && (p->look || !p->steps[BEFORE].command) ? DT_OK : DT_FAIL;
}

static int get_part(struct state *s, const char *name)
{
	struct bundles *b = &s->b;
	struct part *p = &s->parts[s->n];

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->parts[i].name, name) == 0)
			return DT_OK; /* once is enough */
	if (s->n == PARTS_MAX) {
		b->dt->refuse(b->call, "%s: more than %d parts", name, PARTS_MAX);
		return DT_FAIL;
	}
	p->name = name;
	s->n++;
	for (int i = 0; i < STEPS; i++)
		if (get_step(b, name, keys[i], &p->steps[i]) != DT_OK)
			return DT_FAIL;
	return get_files(b, p);
}

static int get_bundle(struct state *s, const char *name);

static int get_parts(struct state *s, const struct setting *parts)
{
	char *rest = own(&s->b, strdup(parts->value)), *word;
	int r = rest ? DT_OK : no_memory(&s->b);

	s->stack[s->depth++] = parts;
	while (r == DT_OK && (word = strsep(&rest, " \t")) != NULL)
		if (*word)
			r = get_bundle(s, word);
	s->depth--;
	return r;
}

/* A bundle of parts is these, in order; one without is itself. */
static int get_bundle(struct state *s, const char *name)
{
	const struct setting *parts = in_section(&s->b, name, "parts"), *of = s->depth ? s->stack[s->depth - 1] : NULL;

	for (size_t i = 0; i < s->depth; i++)
		if (strcmp(s->stack[i]->section, name) == 0)
			return wrong(&s->b, of->section, of, "a part of itself: ", name);
	if (!in_section(&s->b, name, "")) {
		if (of)
			return wrong(&s->b, of->section, of, "there is no bundle ", name);
		s->b.dt->refuse(s->b.call, "there is no bundle %s", name);
		return DT_FAIL;
	}
	if (!parts)
		return get_part(s, name);
	if (!*parts->value)
		return wrong(&s->b, name, parts, "it names none", "");
	return s->depth < PARTS_MAX ? get_parts(s, parts) : wrong(&s->b, name, parts, "too deep", "");
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
	s->b.call = call;
	s->b.dt = dt;
	if (!is_name(name)) {
		dt->refuse(call, "\"%s\": a name is of letters, digits, dots, _ and -", name);
		return DT_FAIL;
	}
	return read_all(&s->b) == DT_OK ? get_bundle(s, name) : DT_FAIL;
}

static int bundle_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct state *s = dt->state(call);

	if (!s)
		return DT_OK;
	for (size_t i = 0; i < s->b.owned_count; i++)
		free(s->b.owned[i]);
	free(s->b.owned);
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
	bool told;			/* a message was added, and no semicolon behind it */
};

struct said {
	char text[SAID_MAX + 1];
	size_t len;
	bool begins;			/* an empty line on stdout comes first, and has not yet */
};

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct said *s = arg;
	size_t n;

	if (s->begins && stream == DT_STDOUT && len && *data == '\n') {
		s->begins = false;
		data++;
		len--;
	}
	n = len < SAID_MAX - s->len ? len : SAID_MAX - s->len;
	memcpy(s->text + s->len, data, n);
	s->len += n;
	s->text[s->len] = '\0';
}

static void trim(struct said *s)
{
	while (s->len && s->text[s->len - 1] == '\n')
		s->text[--s->len] = '\0';
}

/*
 * Runs a step to its end.  DT_OK and *status (0 where there is no such step; -1: a signal), or what the service said.
 * said->begins is left where sudo(8) did not let it begin.
 */
static int run_step(struct run *r, const struct part *p, const struct step *s, int *status, struct said *said)
{
	bool sudo = p->sudo && !s->here;
	struct dt_exec e = { .output = output, .arg = said, .flags = sudo ? DT_EXEC_SUDO : 0 };
	struct dt_exit end;
	int ret;

	*status = 0;
	*said = (struct said){ .begins = sudo };
	if (!s->command)
		return DT_OK;
	e.command = sudo ? r->dt->format(r->task, "echo\n%s", s->command) : s->command;
	if (!e.command)
		return DT_FAIL;
	ret = s->here ? r->dt->local(r->task, &e, &end) : r->dt->exec(r->task, &e, &end);
	if (ret == DT_OK)
		*status = end.status;
	trim(said);
	return ret;
}

static const char *comma(struct run *r)
{
	const char *text = r->told ? "; " : "";

	r->told = true;
	return text;
}

/* run: which of those kept; NULL: what this one did. */
static int undo(struct run *r, const struct part *p, const char *run)
{
	int ret;

	r->dt->message(r->task, "%s%s: ", comma(r), p->name);
	ret = r->dt->undo(r->task, p->name, run, p->sudo);
	r->dt->message(r->task, "%s", ret == DT_OK ? "rolled back" : " (not taken back)");
	return ret;
}

/* What was changed in this run is taken back, the last part first. */
static void take_back(struct run *r)
{
	for (size_t i = r->s->n; i-- > 0; r->applied[i] = false)
		if (r->applied[i])
			(void)undo(r, &r->s->parts[i], NULL);
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

/* A step that has to end well. */
static int must(struct run *r, const struct part *p, enum which step, enum which after)
{
	struct said said;
	int status, ret = run_step(r, p, &p->steps[step], &status, &said);

	return ret != DT_OK || !status ? ret : step_failed(r, p, &p->steps[step], status, &said, &p->steps[after]);
}

/* DT_OK and *go: the host needs it, and takes it. */
static int may_go(struct run *r, const struct part *p, bool *go)
{
	const struct step *needed = &p->steps[NEEDED];
	struct said said;
	int status, ret = run_step(r, p, needed, &status, &said);

	*go = false;
	if (ret != DT_OK)
		return ret;
	/* from 126 on, a status says that it could not run, or what ended it */
	if (status != 0 && (said.begins || status < 0 || status >= 126))
		return step_failed(r, p, needed, status, &said, NULL);
	*go = status == 0;
	if (*go)
		return must(r, p, AUTHENTIC, AFTER_DENIAL);
	r->dt->message(r->task, "%s%s: not needed", comma(r), p->name);
	return DT_OK;
}

/* changed: also where it only would. */
static int bring(struct run *r, const struct part *p, const struct dt_fileset *files, bool *changed)
{
	static const struct step transfer = { .name = "transfer" };
	struct dt_files_done done = { 0 };

	if (r->dt->push(r->task, files, &done) != DT_OK) {
		r->told = true;
		return step_failed(r, p, &transfer, 1, NULL, &p->steps[AFTER_FAILURE]);
	}
	*changed = done.created || done.changed || done.deleted;
	return DT_OK;
}

/* Runs before where something would change. */
static int prepare(struct run *r, const struct part *p)
{
	bool would = false;
	int ret;

	/* looking is quiet, but for what is wrong */
	r->dt->message(r->task, "%s", comma(r));
	r->told = false;
	ret = bring(r, p, p->look, &would);
	return would ? must(r, p, BEFORE, AFTER_BEFORE_FAILURE) : ret;
}

static void begin_message(struct run *r, const struct part *p)
{
	if (r->s->n > 1)
		r->dt->message(r->task, "%s%s: ", comma(r), p->name);
	r->told = true;
}

static int apply(struct run *r, size_t i)
{
	const struct part *p = &r->s->parts[i];
	bool go;
	int ret = may_go(r, p, &go);

	if (ret == DT_OK && go && p->look)
		ret = prepare(r, p);
	if (ret != DT_OK || !go)
		return ret;
	begin_message(r, p);
	ret = bring(r, p, p->files, &r->applied[i]);
	return r->applied[i] ? must(r, p, AFTER_SUCCESS, AFTER_FAILURE) : ret;
}

static int check(struct run *r, size_t i)
{
	const struct part *p = &r->s->parts[i];
	bool go;
	int ret = may_go(r, p, &go);

	if (ret != DT_OK || !go)
		return ret;
	begin_message(r, p);
	return r->dt->push(r->task, p->files, NULL);
}

/* What may be undone of a part: all, the newest first, or TIME NUMBER RUN of the newest (receive.sh keeps them). */
static int kept(struct run *r, const struct part *p, const char *which, struct said *said)
{
	static const char script[] =
		"if [ \"$(id -u)\" = 0 ]; then k=/var/lib/dt/undo/$1; else k=${XDG_STATE_HOME:-$HOME/.local/state}/dt/undo/$1; fi; "
		"n=; a=; for i in \"$k\"/*/undo; do if [ -f \"$i\" ]; then v=${i%/*}; read -r x y < \"$v/by\"; "
		"n=\"${y%% *} ${v##*/} $x\"; a=\"$y $(cat \"$v/folder\")\n$a\"; fi; done; "
		"if [ $2 = all ]; then echo \"$a\"; else echo \"$n\"; fi";
	const char *argv[] = { "/bin/sh", "-c", script, "dt-kept", p->name, which };
	struct dt_exec e = { .output = output, .arg = said, .flags = p->sudo ? DT_EXEC_SUDO : 0 };
	struct dt_exit end;
	int ret;

	*said = (struct said){ .len = 0 };
	e.command = r->dt->quote(r->task, argv, sizeof(argv) / sizeof(*argv));
	ret = e.command ? r->dt->exec(r->task, &e, &end) : DT_FAIL;
	trim(said);
	if (ret == DT_OK && end.status != 0)
		ret = r->dt->fail(r->task, end.status > 0 ? end.status : 1, "%s%s: %s", comma(r), p->name, said->text);
	return ret;
}

/* The last apply of all parts, what came last first. */
static int rollback(struct run *r, const char *name)
{
	char of[PARTS_MAX][80] = { "" }, *last = of[0], *run;
	struct said said;
	int ret = DT_OK;

	for (size_t i = 0; i < r->s->n; i++) {
		ret = kept(r, &r->s->parts[i], "newest", &said);
		if (ret != DT_OK)
			return ret;
		(void)snprintf(of[i], sizeof(of[i]), "%.79s", said.text);
		last = strcmp(of[i], last) > 0 ? of[i] : last;
	}
	run = strrchr(last, ' ');
	if (!run)
		return r->dt->fail(r->task, 1, "%s: there is nothing to undo", name);
	for (size_t i = r->s->n; ret == DT_OK && i-- > 0;)
		if (strstr(of[i], run))
			ret = undo(r, &r->s->parts[i], run + 1);
	return ret;
}

/* Of what may be undone: when, who, and where. */
static int history(struct run *r, size_t i)
{
	const struct part *p = &r->s->parts[i];
	struct said said;
	int ret = kept(r, p, "all", &said);

	if (ret == DT_OK)
		r->dt->message(r->task, "%s%s: %s", r->told ? "\n" : "", p->name, said.len ? said.text : "nothing to undo");
	r->told = true;
	return ret;
}

static int bundle_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	struct run r = { .task = task, .dt = dt, .s = dt->state(call) };
	const char *action = dt->arg(call, "action");
	int ret = DT_OK;

	if (strcmp(action, "rollback") == 0)
		return rollback(&r, dt->arg(call, "name"));
	for (size_t i = 0; ret == DT_OK && i < r.s->n; i++)
		ret = strcmp(action, "apply") == 0 ? apply(&r, i) : strcmp(action, "history") == 0 ? history(&r, i) : check(&r, i);
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
