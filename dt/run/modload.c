#include "dt/run/modload.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/escape.h"
#include "dt/base/log.h"
#include "dt/base/nearest.h"
#include "dt/base/path.h"
#include "dt/run/modscript.h"
#include "dt/run/param.h"

enum { OBJECTS = 1, SCRIPTS = 2 };

struct folder {
	char *path;
	unsigned kinds;		/* what is looked for there */
};

struct loaded {
	struct module pub;
	struct modscript *script;
	struct loaded *next;
	char name[];
};

struct modload {
	struct folder *folders;
	size_t n, cap;
	struct loaded *modules;
};

/* --- where they are --- */

static int add_folder(struct modload *l, size_t at, const char *path, unsigned kinds, struct dt_err *err)
{
	char *copy = strdup(path);

	if (copy && l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct folder *v = realloc(l->folders, cap * sizeof(*v));

		if (!v) {
			free(copy);
			copy = NULL;
		} else {
			l->folders = v;
			l->cap = cap;
		}
	}
	if (!copy)
		return err_nomem(err);
	memmove(l->folders + at + 1, l->folders + at, (l->n - at) * sizeof(*l->folders));
	l->folders[at].path = copy;
	l->folders[at].kinds = kinds;
	l->n++;
	return 0;
}

static int add_path_variable(struct modload *l, const char *list, struct dt_err *err)
{
	char *copy = strdup(list), *rest = copy, *dir;
	int r = 0;

	if (!copy)
		return err_nomem(err);
	/* An empty or relative entry would make it depend on where dt is called. */
	while (r == 0 && (dir = strsep(&rest, ":")))
		if (*dir == '/')
			r = add_folder(l, l->n, dir, OBJECTS | SCRIPTS, err);
	free(copy);
	return r;
}

static int add_installed(struct modload *l, const char *prefix, const char *sub, unsigned kinds, struct dt_err *err)
{
	char *path = NULL;
	int r;

	if (asprintf(&path, "%s/lib/dt/%s", prefix, sub) < 0)
		return err_nomem(err);
	r = add_folder(l, l->n, path, kinds, err);
	free(path);
	return r;
}

static int add_default_folders(struct modload *l, struct dt_err *err)
{
	const char *list = getenv("DT_MODULE_PATH");
	struct dt_err no_home = DT_ERR_INIT;
	char *user, *prefix;
	int r = -1;

	if (list && (geteuid() == 0 || getauxval(AT_SECURE)))
		log_warn("DT_MODULE_PATH is ignored: root loads modules from folders of dt.conf and of the installation");
	else if (list && add_path_variable(l, list, err) != 0)
		return -1;
	user = xdg_path("XDG_CONFIG_HOME", ".config", "dt/modules", &no_home);
	prefix = install_prefix();
	if (user && add_folder(l, l->n, user, SCRIPTS, err) != 0)
		goto out;
	if (add_folder(l, l->n, "/etc/dt/modules", SCRIPTS, err) != 0)
		goto out;
	if (prefix && (add_installed(l, prefix, "modules", OBJECTS, err) != 0 ||
		       add_installed(l, prefix, "scripts", SCRIPTS, err) != 0))
		goto out;
	r = 0;
out:
	free(user);
	free(prefix);
	return r;
}

struct modload *modload_new(struct dt_err *err)
{
	struct modload *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)err_nomem(err);
		return NULL;
	}
	if (add_default_folders(l, err) != 0) {
		modload_free(l);
		return NULL;
	}
	return l;
}

int modload_add_dir(struct modload *l, const char *dir, struct dt_err *err)
{
	return add_folder(l, 0, dir, OBJECTS | SCRIPTS, err);
}

static void loaded_free(struct loaded *m)
{
	if (m->pub.handle)
		(void)dlclose(m->pub.handle);
	modscript_free(m->script);
	free(m->pub.path);
	free(m);
}

void modload_free(struct modload *l)
{
	struct loaded *next;

	if (!l)
		return;
	for (struct loaded *m = l->modules; m; m = next) {
		next = m->next;
		loaded_free(m);
	}
	for (size_t i = 0; i < l->n; i++)
		free(l->folders[i].path);
	free(l->folders);
	free(l);
}

/* --- one of them --- */

static bool name_ok(const char *name)
{
	return *name && strchr("-_", *name) == NULL && strlen(name) <= NAME_MAX - 3 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static const struct dt_module *load_object(struct loaded *m, struct dt_err *err)
{
	const char *path = m->pub.path;
	const struct dt_module *mod;

	m->pub.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!m->pub.handle) {
		const char *reason = dlerror();

		/* It begins with the path already, mostly. */
		if (reason && str_starts(reason, path))
			(void)err_set(err, ERR_MODULE, "%s", reason);
		else
			(void)err_set(err, ERR_MODULE, "%s: %s", path, reason ? reason : "cannot be loaded");
		return NULL;
	}
	mod = dlsym(m->pub.handle, "dt_module");
	if (!mod) {
		(void)err_set(err, ERR_MODULE, "%s: no symbol dt_module", path);
		return NULL;
	}
	if (mod->abi != DT_MODULE_ABI) {
		(void)err_set(err, ERR_MODULE, "%s: made for module ABI %u, and this dt has %d", path, mod->abi,
			      DT_MODULE_ABI);
		return NULL;
	}
	return mod;
}

static const struct dt_module *load_script(struct loaded *m, struct dt_err *err)
{
	if (access(m->pub.path, X_OK) != 0) {
		(void)err_set(err, ERR_MODULE, "%s: not executable", m->pub.path);
		return NULL;
	}
	m->script = modscript_read(m->name, m->pub.path, err);
	if (!m->script)
		return NULL;
	m->pub.script = &m->script->script;
	return m->script->mod;
}

static int check_module(const struct loaded *m, struct dt_err *err)
{
	const struct dt_module *mod = m->pub.mod;
	const char *file = strrchr(m->pub.path, '/') + 1;
	size_t len = strlen(file) - (str_ends(file, ".so") ? 3 : 0);

	/* a symbolic link is another name for it */
	if (!mod->name || (strcmp(mod->name, m->name) != 0 && (strlen(mod->name) != len || strncmp(mod->name, file, len) != 0)))
		return err_set(err, ERR_MODULE, "calls itself \"%s\"", mod->name ? mod->name : "");
	if (param_check_module(mod, err) != 0)
		return -1;
	/* What a script does is in its text. */
	for (const struct dt_verb *v = mod->verbs; v->name && !m->script; v++)
		if (!v->run && !v->finish)
			return err_set(err, ERR_MODULE, "verb \"%s\": neither run nor finish", v->name);
	return 0;
}

static struct loaded *load(const char *name, const char *path, bool script, struct dt_err *err)
{
	struct loaded *m = calloc(1, sizeof(*m) + strlen(name) + 1);

	if (!m) {
		(void)err_nomem(err);
		return NULL;
	}
	memcpy(m->name, name, strlen(name) + 1);
	if (path_check(path, err) != 0)
		goto fail;
	m->pub.path = realpath(path, NULL);
	if (!m->pub.path) {
		(void)err_sys(err, ERR_MODULE, errno, "%s", path);
		goto fail;
	}
	m->pub.mod = script ? load_script(m, err) : load_object(m, err);
	if (!m->pub.mod)
		goto fail;
	if (check_module(m, err) != 0) {
		err_prefix(err, "%s", m->pub.path);
		goto fail;
	}
	return m;
fail:
	loaded_free(m);
	return NULL;
}

/* FOLDER/NAME[.so] where something that is no folder has that name, malloced; *out NULL else. */
static int candidate(const struct folder *f, const char *name, const char *suffix, unsigned kind, char **out,
		     struct dt_err *err)
{
	struct stat st = { 0 };

	*out = NULL;
	if (!(f->kinds & kind))
		return 0;
	if (asprintf(out, "%s/%s%s", f->path, name, suffix) < 0) {
		*out = NULL;
		return err_nomem(err);
	}
	/*
	 * A folder of another user's HOME (sudo -u, su -m) is no place of ours.
	 * Any other fault is the module's, and loading it tells.
	 */
	if ((stat(*out, &st) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) || S_ISDIR(st.st_mode)) {
		free(*out);
		*out = NULL;
	}
	return 0;
}

/* 1: *out is it, or NULL with the error; 0: not in this folder. */
static int load_from(const struct folder *f, const char *name, struct loaded **out, struct dt_err *err)
{
	char *object = NULL, *script = NULL;
	int r = 1;

	*out = NULL;
	if (candidate(f, name, ".so", OBJECTS, &object, err) != 0 || candidate(f, name, "", SCRIPTS, &script, err) != 0)
		goto out;
	if (object && script)
		(void)err_set(err, ERR_MODULE, "%s: two of one name: %s.so and %s", f->path, name, name);
	else if (object || script)
		*out = load(name, object ? object : script, script != NULL, err);
	else
		r = 0;
out:
	free(object);
	free(script);
	return r;
}

/* --- all of them --- */

/* The module's name that a file name stands for, in *len bytes of it; false: none. */
static bool file_module(const struct folder *f, const char *file, char *name, size_t size)
{
	bool object = str_ends(file, ".so");
	size_t n = strlen(file) - (object ? 3 : 0);

	if (n >= size || !(f->kinds & (object ? OBJECTS : SCRIPTS)))
		return false;
	memcpy(name, file, n);
	name[n] = '\0';
	return name_ok(name);
}

static int names_in(const struct folder *f, struct strs *names, struct dt_err *err)
{
	DIR *d = opendir(f->path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return 0;
	while (r == 0 && (e = readdir(d))) {
		char name[NAME_MAX + 1];
		struct stat st;

		if (!file_module(f, e->d_name, name, sizeof(name)) || strs_has(names, name) ||
		    fstatat(dirfd(d), e->d_name, &st, 0) != 0 || S_ISDIR(st.st_mode))
			continue;
		/* What is not executable beside scripts is a note or a library of theirs. */
		if (!str_ends(e->d_name, ".so") && !(st.st_mode & S_IXUSR))
			continue;
		if (strs_add(names, name) != 0)
			r = err_nomem(err);
	}
	(void)closedir(d);
	return r;
}

static int all_names(const struct modload *l, struct strs *names, struct dt_err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (names_in(&l->folders[i], names, err) != 0)
			return -1;
	strs_sort(names);
	return 0;
}

static void not_found(const struct modload *l, const char *name, struct dt_err *err)
{
	struct strs names = { 0 };
	const char *near = NULL;

	if (all_names(l, &names, err) == 0) {
		near = nearest(name, (const char *const *)names.v, names.n);
		if (near)
			(void)err_set(err, ERR_MODULE, "there is none; did you mean %s?", near);
		else
			(void)err_set(err, ERR_MODULE, "there is none (dt modules lists them)");
	}
	strs_release(&names);
}

const struct module *modload_get(struct modload *l, const char *name, struct dt_err *err)
{
	struct loaded *m;
	int found = 0;

	for (m = l->modules; m; m = m->next)
		if (strcmp(m->name, name) == 0)
			return &m->pub;
	if (!name_ok(name)) {
		struct buf shown;

		buf_init(&shown, 1024);
		(void)escape(&shown, name, strnlen(name, 200));
		(void)err_set(err, ERR_MODULE, "module \"%s\": a name is [a-z0-9][a-z0-9_-]*", shown.data);
		buf_release(&shown);
		return NULL;
	}
	for (size_t i = 0; i < l->n && !found; i++)
		found = load_from(&l->folders[i], name, &m, err);
	if (!found)
		not_found(l, name, err);
	if (!m) {
		err_prefix(err, "module %s", name);
		return NULL;
	}
	m->next = l->modules;
	l->modules = m;
	return &m->pub;
}

int modload_list(struct modload *l, void (*fn)(void *arg, const char *name, const struct module *m,
					       const struct dt_err *err), void *arg, struct dt_err *err)
{
	struct strs names = { 0 };
	int r = all_names(l, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		struct dt_err one = DT_ERR_INIT;
		const struct module *m = modload_get(l, names.v[i], &one);

		fn(arg, names.v[i], m, m ? NULL : &one);
	}
	strs_release(&names);
	return r;
}
