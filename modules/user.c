/*
 * user - accounts, groups and their keys on many hosts, brought to a state.
 *
 * survey asks each host in one command what it has; agree sees that a name has
 * the same uid everywhere, or nothing begins; run does, in one more command,
 * what differs.  What is wanted comes from the command line or an INI file.
 */
#include "dt_module.h"

#include "user/agree.h"
#include "user/host.h"
#include "user/ini.h"
#include "user/plan.h"
#include "user/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
	struct wants w;
	struct fleet hosts;
	char *questions;	/* stdin of survey.sh */
	size_t questions_len;
};

static int no_memory(struct dt_call *call, const struct dt_services *dt)
{
	dt->refuse(call, "out of memory");
	return DT_FAIL;
}

/* ---- what is asked of each host ---- */

static void ask_group(FILE *out, const char *list)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		const char *name = list + (*list == '+' || *list == '-');

		(void)fprintf(out, "g %.*s\n", (int)(list + len - name), name);
		list += len + (list[len] == ',');
	}
}

static void ask_user(FILE *out, const struct want *u)
{
	if (u->home)
		(void)fprintf(out, "d %s\n", u->home);
	if (u->make)
		(void)fprintf(out, "D /home/%s\n", u->name);
	(void)fprintf(out, "u %s\np %s\n", u->name, u->name);
	if (u->id != ID_ANY)
		(void)fprintf(out, "p %lld\n", u->id);
	if (u->shell)
		(void)fprintf(out, "s %s\n", u->shell);
	if (u->group)
		(void)fprintf(out, "g %s\n", u->group);
	if (u->groups)
		ask_group(out, u->groups);
}

static int make_questions(struct dt_call *call, const struct dt_services *dt, struct work *s, const char *const *names,
			  size_t n)
{
	FILE *out = open_memstream(&s->questions, &s->questions_len);

	if (!out)
		return no_memory(call, dt);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "n %s\np %s\n", names[i], names[i]);
	for (size_t i = 0; i < s->w.n; i++) {
		if (s->w.v[i].is_group)
			(void)fprintf(out, "g %s\n", s->w.v[i].name);
		else
			ask_user(out, &s->w.v[i]);
	}
	return fclose(out) == 0 ? DT_OK : no_memory(call, dt);
}

/* ---- what is wanted ---- */

static struct work *new_work(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = calloc(1, sizeof(*s));

	dt->set_state(call, s);
	dt->waits_in_services(call);
	if (!s) {
		(void)no_memory(call, dt);
		return NULL;
	}
	s->hosts.n = dt->host_count(call);
	s->hosts.found = calloc(s->hosts.n + 1, sizeof(*s->hosts.found));
	s->hosts.names = calloc(s->hosts.n + 1, sizeof(*s->hosts.names));
	if (!s->hosts.found || !s->hosts.names) {
		(void)no_memory(call, dt);
		return NULL;
	}
	for (size_t i = 0; i < s->hosts.n; i++)
		s->hosts.names[i] = dt->host(call, i)->name;
	s->w.min_uid = dt->arg(call, "min-uid") ? dt->arg_number(call, "min-uid") : ID_ANY;
	s->w.system = dt->arg_number(call, "system") != 0;
	s->w.remove_home = dt->arg_number(call, "remove-home") != 0;
	s->w.no_home = dt->arg_number(call, "no-home") != 0 || (s->w.system && !dt->arg_number(call, "create-home"));
	return s;
}

/* The one line of a file, or what is typed. */
static int get_hash(struct dt_call *call, const struct dt_services *dt, struct wants *w, struct want *u)
{
	const char *path = dt->arg(call, "password-hash-file"), *text, *wrong;
	size_t len, end;

	if (!path)
		return DT_OK;
	text = strcmp(path, "-") == 0 ? dt->ask(call, "password hash") : dt->read_file(call, path, &len);
	if (!text)
		return DT_FAIL;
	end = strcspn(text, "\r\n");
	u->hash = wants_own(w, strndup(text, end));
	if (!u->hash)
		return no_memory(call, dt);
	wrong = text[end + strspn(text + end, "\r\n")] ? "more than one line" : check_hash(u->hash);
	if (!wrong)
		return DT_OK;
	dt->refuse(call, "--password-hash-file %s: %s", path, wrong);
	return DT_FAIL;
}

/* What add and mod say of a user. */
static int get_options(struct dt_call *call, const struct dt_services *dt, struct work *s, struct want *u)
{
	size_t n;
	const char *const *files = dt->arg_list(call, "key", &n);
	int r = DT_OK;

	u->id = dt->arg(call, "uid") ? dt->arg_number(call, "uid") : ID_ANY;
	u->group = dt->arg(call, "group");
	u->groups = dt->arg(call, "groups");
	u->shell = dt->arg(call, "shell");
	u->home = dt->arg(call, "home");
	u->comment = dt->arg(call, "comment");
	u->expire = dt->arg(call, "expire") ? parse_expire(dt->arg(call, "expire")) : EXPIRE_AS_IS;
	for (size_t i = 0; r == DT_OK && i < n; i++)
		r = read_keys(call, dt, &s->w, &u->keys, files[i], true);
	return r == DT_OK ? get_hash(call, dt, &s->w, u) : r;
}

/* One want of a verb's positional "name" or each of "names". */
static struct want *add_named(struct dt_call *call, const struct dt_services *dt, struct work *s, const char *name,
			      bool group)
{
	struct want *u = NULL;

	if (strcmp(name, "root") == 0)
		dt->refuse(call, "root is never touched");
	else if ((u = wants_add(&s->w, name, group)) == NULL)
		(void)no_memory(call, dt);
	return u;
}

static int prepare_add(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = new_work(call, dt);
	struct want *u = s ? add_named(call, dt, s, dt->arg(call, "name"), false) : NULL;

	if (!u)
		return DT_FAIL;
	u->make = true;
	return get_options(call, dt, s, u) == DT_OK ? make_questions(call, dt, s, NULL, 0) : DT_FAIL;
}

static int prepare_mod(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = new_work(call, dt);
	struct want *u = s ? add_named(call, dt, s, dt->arg(call, "name"), false) : NULL;

	return u && get_options(call, dt, s, u) == DT_OK ? make_questions(call, dt, s, NULL, 0) : DT_FAIL;
}

static int prepare_names(struct dt_call *call, const struct dt_services *dt, enum state state, bool group)
{
	struct work *s = new_work(call, dt);
	const char *const *names;
	size_t n;

	if (!s)
		return DT_FAIL;
	names = dt->arg_list(call, "names", &n);
	for (size_t i = 0; i < n; i++) {
		struct want *u = add_named(call, dt, s, names[i], group);

		if (!u)
			return DT_FAIL;
		u->state = state;
	}
	return make_questions(call, dt, s, NULL, 0);
}

static int prepare_del(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_names(call, dt, STATE_ABSENT, false);
}

static int prepare_lock(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_names(call, dt, STATE_LOCKED, false);
}

static int prepare_unlock(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_names(call, dt, STATE_UNLOCKED, false);
}

static int prepare_group_del(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_names(call, dt, STATE_ABSENT, true);
}

static int prepare_group_add(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = new_work(call, dt);
	struct want *u = s ? add_named(call, dt, s, dt->arg(call, "name"), true) : NULL;

	if (!u)
		return DT_FAIL;
	u->make = true;
	u->id = dt->arg(call, "gid") ? dt->arg_number(call, "gid") : ID_ANY;
	return make_questions(call, dt, s, NULL, 0);
}

static int prepare_keys(struct dt_call *call, const struct dt_services *dt, bool add)
{
	struct work *s = new_work(call, dt);
	struct want *u = s ? add_named(call, dt, s, dt->arg(call, "name"), false) : NULL;
	const char *const *files;
	size_t n;

	if (!u)
		return DT_FAIL;
	u->keys_exclusive = dt->arg_number(call, "exclusive") != 0;
	files = dt->arg_list(call, "files", &n);
	for (size_t i = 0; i < n; i++)
		if (read_keys(call, dt, &s->w, add ? &u->keys : &u->dropped, files[i], false) != DT_OK)
			return DT_FAIL;
	return make_questions(call, dt, s, NULL, 0);
}

static int prepare_key_add(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_keys(call, dt, true);
}

static int prepare_key_del(struct dt_call *call, const struct dt_services *dt)
{
	return prepare_keys(call, dt, false);
}

static int prepare_apply(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = new_work(call, dt);

	if (!s || read_wants(call, dt, &s->w, dt->arg(call, "file")) != DT_OK)
		return DT_FAIL;
	for (size_t i = 0; i < s->w.n; i++)
		if (strcmp(s->w.v[i].name, "root") == 0) {
			dt->refuse(call, "%sroot is never touched", s->w.v[i].from);
			return DT_FAIL;
		}
	return make_questions(call, dt, s, NULL, 0);
}

static int prepare_list(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = new_work(call, dt);
	size_t n = 0;
	const char *const *names = dt->arg_list(call, "names", &n);

	return s ? make_questions(call, dt, s, names, n) : DT_FAIL;
}

/* ---- the hosts ---- */

static int ask(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, bool all)
{
	const struct work *s = dt->state(call);
	struct host h = { task, dt, dt->arg_number(call, "sudo") != 0 };

	return host_ask(&h, &s->hosts.found[dt->task_index(task)], s->questions, s->questions_len, all);
}

static int user_survey(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return ask(task, call, dt, false);
}

static int user_agree(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = dt->state(call);
	char *why = agree_ids(&s->w, &s->hosts);

	if (!why)
		return DT_OK;
	dt->refuse(call, "%s", why);
	free(why);
	return DT_FAIL;
}

/* Only a host that begins gets to know a hash: so that is compared here, and not in the survey. */
static int compare_hash(const struct host *h, const struct want *u, struct found *f)
{
	struct found again = { .whole = false };
	char *question;
	int len, r;

	if (!u->hash || !found_account(f, u->name))
		return DT_OK;
	len = asprintf(&question, "h %s %s\n", u->name, u->hash);
	if (len < 0)
		return h->dt->fail(h->task, 1, "out of memory");
	r = host_ask(h, &again, question, (size_t)len, false);
	if (r == DT_OK)
		found_compare(f, &again, u->name);
	found_free(&again);
	explicit_bzero(question, (size_t)len);
	free(question);
	return r;
}

static int user_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct work *s = dt->state(call);
	struct host h = { task, dt, dt->arg_number(call, "sudo") != 0 };
	struct found *f = &s->hosts.found[dt->task_index(task)];
	struct plan p;
	char *words = NULL;
	int r = DT_OK;

	for (size_t i = 0; r == DT_OK && i < s->w.n; i++)
		r = compare_hash(&h, &s->w.v[i], f);
	if (r != DT_OK)
		return r;
	r = plan_make(&p, &s->w, f);
	if (r == 0) {
		words = plan_words(&p, p.n);
		if (!words)
			r = plan_fault(&p, "out of memory");
	}
	if (r != 0)
		r = dt->fail(task, 1, "%s", p.fault);
	else if (!p.n)
		dt->message(task, "unchanged");
	else if (dt->arg_number(call, "check"))
		dt->message(task, "would be: %s", words);
	else
		r = host_change(&h, &p, words);
	free(words);
	plan_free(&p);
	return r;
}

static int show_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct work *s = dt->state(call);
	size_t n = 0;
	const char *const *names = dt->arg_list(call, "names", &n);
	int r = ask(task, call, dt, !n);

	if (r != DT_OK)
		return r;
	return show_accounts(task, dt, &s->w, &s->hosts.found[dt->task_index(task)], n ? names : NULL, n);
}

static int user_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct work *s = dt->state(call);

	if (!s)
		return DT_OK;
	for (size_t i = 0; s->hosts.found && i < s->hosts.n; i++)
		found_free(&s->hosts.found[i]);
	free(s->hosts.found);
	free(s->hosts.names);
	free(s->questions);
	for (size_t i = 0; i < s->w.n; i++)
		if (s->w.v[i].hash)
			explicit_bzero(s->w.v[i].hash, strlen(s->w.v[i].hash));
	wants_free(&s->w);
	free(s);
	return DT_OK;
}

/* ---- verbs ---- */

/* clang-format off */
#define OPTION(n, t, ...) { .name = n, .type = t, .flags = DT_OPTION, __VA_ARGS__ }
#define NAME(h) { .name = "name", .flags = DT_REQUIRED, .check = check_name, .help = h }
#define NAMES(h) { .name = "names", .flags = DT_REQUIRED | DT_MANY, .check = check_name, .help = h }
#define HOW \
	OPTION("sudo", DT_BOOL, .help = "as root, through sudo there"), \
	OPTION("system", DT_BOOL, .help = "accounts of the system too"), \
	OPTION("min-uid", DT_INT, .check = check_id, .help = "lowest uid of people; else the host's UID_MIN")
#define CHECK OPTION("check", DT_BOOL, .help = "change nothing; say what would change")
#define FIELDS \
	OPTION("uid", DT_INT, .check = check_id, .help = "its uid, the same everywhere"), \
	OPTION("group", DT_STRING, .check = check_group, .help = "its group, by name or gid; else one of its own"), \
	OPTION("groups", DT_STRING, .check = check_groups, \
	       .help = "member of these alone: a,b; or these more and less: +a,-b"), \
	OPTION("shell", DT_STRING, .check = check_shell, .help = "login shell"), \
	OPTION("home", DT_STRING, .check = check_home, .help = "home folder; else /home/NAME"), \
	OPTION("comment", DT_STRING, .check = check_comment, .help = "whose it is"), \
	OPTION("expire", DT_STRING, .check = check_expire, .help = "last day as 2030-12-31, or never"), \
	{ .name = "key", .type = DT_FILE, .flags = DT_OPTION | DT_MANY, .help = "file of one public key to add" }, \
	OPTION("password-hash-file", DT_STRING, .help = "file of a crypt(5) hash; - asks for it"), \
	OPTION("no-home", DT_BOOL, .help = "make no home folder"), \
	OPTION("create-home", DT_BOOL, .help = "make one with --system too")
/* clang-format on */

static const struct dt_param list_params[] = { HOW, { 0 } };
static const struct dt_param show_params[] = { HOW, NAMES("accounts"), { 0 } };
static const struct dt_param add_params[] = {
	FIELDS, HOW, CHECK, NAME("account to make, or to bring to this state"), { 0 }
};
static const struct dt_param mod_params[] = { FIELDS, HOW, CHECK, NAME("account that is there"), { 0 } };
static const struct dt_param del_params[] = {
	OPTION("remove-home", DT_BOOL, .help = "its home folder too, with all that is in it"),
	HOW, CHECK, NAMES("accounts to remove"), { 0 }
};
static const struct dt_param lock_params[] = { HOW, CHECK, NAMES("accounts"), { 0 } };
static const struct dt_param key_add_params[] = {
	OPTION("exclusive", DT_BOOL, .help = "remove all other keys"),
	HOW, CHECK, NAME("account"),
	{ .name = "files", .type = DT_FILE, .flags = DT_REQUIRED | DT_MANY,
	  .help = "files of public keys, with options or without" },
	{ 0 }
};
static const struct dt_param key_del_params[] = {
	HOW, CHECK, NAME("account"),
	{ .name = "files", .type = DT_FILE, .flags = DT_REQUIRED | DT_MANY, .help = "files of public keys" }, { 0 }
};
static const struct dt_param group_add_params[] = {
	OPTION("gid", DT_INT, .check = check_id, .help = "its gid, the same everywhere"),
	HOW, CHECK, NAME("group"), { 0 }
};
static const struct dt_param group_del_params[] = { HOW, CHECK, NAMES("groups"), { 0 } };
static const struct dt_param apply_params[] = {
	HOW, CHECK, { .name = "file", .type = DT_FILE, .flags = DT_REQUIRED, .help = "INI file, see dt-user(7)" }, { 0 }
};

#define CHANGE(n, s, p, prep) { \
	.name = n, .kind = DT_ACTION, .summary = s, .params = p, .prepare = prep, .survey = user_survey, \
	.agree = user_agree, .run = user_run, .finish = user_finish }
#define LOOK(n, s, p) { \
	.name = n, .kind = DT_INFO, .summary = s, .params = p, .prepare = prepare_list, .run = show_run, \
	.finish = user_finish }

static const struct dt_verb user_verbs[] = {
	LOOK("list", "accounts of people", list_params),
	LOOK("show", "these accounts", show_params),
	CHANGE("add", "make an account, or bring it to this state", add_params, prepare_add),
	CHANGE("mod", "change an account", mod_params, prepare_mod),
	CHANGE("del", "remove accounts", del_params, prepare_del),
	CHANGE("lock", "let nobody in: no password fits, and it is expired", lock_params, prepare_lock),
	CHANGE("unlock", "the reverse of lock", lock_params, prepare_unlock),
	CHANGE("key-add", "add public keys to authorized_keys", key_add_params, prepare_key_add),
	CHANGE("key-del", "remove public keys from authorized_keys", key_del_params, prepare_key_del),
	CHANGE("group-add", "make a group", group_add_params, prepare_group_add),
	CHANGE("group-del", "remove groups", group_del_params, prepare_group_del),
	CHANGE("apply", "bring accounts and groups to the state that a file declares", apply_params, prepare_apply),
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "user",
	.summary = "accounts, groups and their keys",
	.verbs = user_verbs,
};
