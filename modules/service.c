/*
 * service - services of runit, daemontools and s6 on every host: what they do, and what they shall do.
 *
 * What a host is asked in one command is in service/ (look.sh, act.sh, ...); its files are decoded here
 * (service/supervise.h), so that no sv(8) is needed there.
 */
#include "dt_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/answer.h"
#include "service/say.h"

static const char look_sh[] =
#include "service/common.sh.h"
#include "service/look.sh.h"
	;
static const char act_sh[] =
#include "service/common.sh.h"
#include "service/act.sh.h"
	;
static const char keep_sh[] =
#include "service/common.sh.h"
#include "service/keep.sh.h"
	;
static const char log_sh[] =
#include "service/common.sh.h"
#include "service/log.sh.h"
	;

/* As a file of that name, or a pattern of several. */
static const char *check_name(const char *name)
{
	if (!*name || strlen(name) > 255)
		return "a service has a name, of at most 255 bytes";
	if (*name == '-' || *name == '.')
		return "no service's name begins with a dot or a hyphen";
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 127 || *name == '/')
			return "a service's name has no slash and no control byte; --dir names the folder";
	return NULL;
}

static const char *check_dir(const char *dir)
{
	if (*dir != '/' || strlen(dir) > 1000)
		return "a service folder's path begins with a slash";
	for (; *dir; dir++)
		if ((unsigned char)*dir < ' ' || *dir == 127)
			return "a service folder's path has no control byte";
	return NULL;
}

static const char *check_lines(const char *value)
{
	long n = strtol(value, NULL, 10);

	return n >= 1 && n <= 100000 ? NULL : "1 to 100000";
}

static const char *check_wait(const char *value)
{
	/* a shell there counts in milliseconds, of 32 bits at worst */
	return strlen(value) < 8 ? NULL : "at most 7 characters";
}

static const char *attribute(const struct dt_host *host, const char *key)
{
	for (const struct dt_attr *a = host->attrs; a && a->key; a++)
		if (strcmp(a->key, key) == 0)
			return a->value;
	return NULL;
}

static int service_prepare(struct dt_call *call, const struct dt_services *dt)
{
	for (size_t i = 0; i < dt->host_count(call); i++) {
		const struct dt_host *host = dt->host(call, i);
		const char *dir = attribute(host, "service_dir"), *wrong = dir ? check_dir(dir) : NULL;

		if (wrong) {
			dt->refuse(call, "%s: service_dir: %s", host->name, wrong);
			return DT_FAIL;
		}
	}
	dt->waits_in_services(call);
	return DT_OK;
}

/*
 * Runs a text of this folder with the folder, these words and the names of the call behind it.  DT_OK: the host's
 * answer is whole, and there is such a folder.
 */
static int ask(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, const char *script,
	       const char *const *words, size_t n, struct answer *a)
{
	const char *dir = dt->arg(call, "dir"), **argv;
	struct dt_exec exec = { .output = answer_add, .arg = a, .enough = &a->failed };
	const char *const *names;
	struct dt_exit end;
	size_t count;
	int r;

	if (!dir)
		dir = attribute(dt->task_host(task), "service_dir");
	names = dt->arg_list(call, "names", &count);
	argv = calloc(count + n + 2, sizeof(*argv));
	if (!argv)
		return dt->fail(task, 1, "out of memory");
	argv[0] = "dt-service";
	argv[1] = dir ? dir : "";
	if (n)
		memcpy(argv + 2, words, n * sizeof(*argv));
	if (count)
		memcpy(argv + 2 + n, names, count * sizeof(*argv));
	if (dt->arg_number(call, "sudo"))
		exec.flags = DT_EXEC_SUDO;
	r = dt->sh(task, &exec, script, argv, count + n + 2, &end);
	free(argv);
	if (a->failed)
		return dt->fail(task, 1, "the host's answer makes no sense");
	if (r != DT_OK)
		return r;
	if (!a->whole)
		return dt->fail(task, end.status > 0 ? end.status : 1, "%s",
				a->said_len ? a->said : "the host could not say what it has");
	if (a->none)
		return dt->fail(task, 1, "there is no folder %s", dir ? dir : "/var/service, /etc/service or /service");
	if (a->closed)
		return dt->fail(task, 1, "the service folder may not be entered");
	return DT_OK;
}

/* ---- status, list ---- */

static int look(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, bool lenient)
{
	const struct judge j = { .lenient = lenient };
	struct answer a = { .n = 0 };
	int r = ask(task, call, dt, look_sh, NULL, 0, &a);

	if (r == DT_OK && a.n)
		r = say_services(task, dt, &a, &j);
	else if (r == DT_OK && lenient)
		dt->message(task, "no service in %s", a.dir);
	else if (r == DT_OK)
		r = dt->fail(task, 1, "no service in %s", a.dir);
	answer_release(&a);
	return r;
}

static int status_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return look(task, call, dt, false);
}

static int list_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return look(task, call, dt, true);
}

/* ---- commands ---- */

/* Bytes for supervise/control: runsv(8), supervise(8), s6-svc(8). */
struct order {
	const char *name, *runit, *others;
	bool up;	/* where it is waited for, the service runs in the end */
};

static int act(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, const struct order *o)
{
	const struct judge j = { .command = o->name, .up = o->up, .gone = strcmp(o->name, "exit") == 0,
				 .wait = dt->arg_number(call, "wait") > 0 || !*o->runit };
	const char *words[] = { o->name, o->runit, o->others, NULL };
	struct answer a = { .n = 0 };
	int r;

	words[3] = dt->format(task, "%lld", dt->arg(call, "wait") ? dt->arg_number(call, "wait") : 0);
	if (!words[3])
		return DT_FAIL;
	r = ask(task, call, dt, act_sh, words, 4, &a);
	if (r == DT_OK)
		r = say_services(task, dt, &a, &j);
	answer_release(&a);
	return r;
}

#define ORDER(verb, runit, others, up) \
	static int verb##_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt) \
	{ \
		static const struct order o = { #verb, runit, others, up }; \
		return act(task, call, dt, &o); \
	}
ORDER(up, "u", "u", true)
ORDER(down, "d", "d", false)
ORDER(once, "o", "o", false)
ORDER(restart, "tcu", "tcu", true)
ORDER(pause, "p", "p", false)
ORDER(cont, "c", "c", false)
ORDER(hup, "h", "h", false)
ORDER(alarm, "a", "a", false)
ORDER(int, "i", "i", false)
ORDER(quit, "q", "q", false)
ORDER(usr1, "1", "1", false)
ORDER(usr2, "2", "2", false)
ORDER(term, "t", "t", false)
ORDER(kill, "k", "k", false)
/* those of others end when their service does, and do not end it */
ORDER(exit, "x", "dx", false)
ORDER(check, "", "", false)

/* ---- enable, disable ---- */

static int keep(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt, const char *verb)
{
	bool enable = strcmp(verb, "enable") == 0;
	const char *words[] = { verb, enable ? dt->arg(call, "from") : "" };
	const char *const did[] = { "unchanged", enable ? "enabled" : "disabled", "linked and enabled", "not changed" };
	struct answer a = { .n = 0 };
	bool fault = false;
	int r = ask(task, call, dt, keep_sh, words, 2, &a);

	for (size_t i = 0; r == DT_OK && i < a.n; i++) {
		const struct service *s = &a.v[i];
		bool there = s->result >= '0' && s->result <= '3';
		const struct dt_field fields[] = {
			{ .name = "name", .text = s->name },
			{ .name = "did", .text = there ? did[s->result - '0'] : "missing" },
		};

		dt->row(task, fields, 2);
		dt->message(task, "%s%s %s", i ? "\n" : "", s->name, fields[1].text);
		if (!there)
			dt->message(task, ": no such service in %s", a.dir);
		if (s->result == '3' && a.said_len)
			dt->message(task, ": %s", a.said);
		fault = fault || !there || s->result == '3';
	}
	answer_release(&a);
	return fault ? dt->fail(task, 1, "%s", "") : r;
}

static int enable_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return keep(task, call, dt, "enable");
}

static int disable_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	return keep(task, call, dt, "disable");
}

/* ---- log ---- */

static int log_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const char *words[] = { dt->arg(call, "lines") };
	struct answer a = { .n = 0 };
	const char *const *names;
	bool fault = false;
	size_t n;
	int r;

	names = dt->arg_list(call, "names", &n);
	a.heads = n > 1 || strpbrk(names[0], "*?[") != NULL;
	r = ask(task, call, dt, log_sh, words, 1, &a);
	if (r == DT_OK && a.text)
		dt->message(task, "%s", a.text);
	for (size_t i = 0; r == DT_OK && i < a.n; i++) {
		const char *name = a.v[i].name;

		if (a.v[i].result == 'F')
			continue;
		if (a.v[i].result == 'M')
			dt->message(task, "%s missing: no such service in %s\n", name, a.dir);
		else
			dt->message(task, "%s: %s\n", name,
				    a.v[i].result == 'L' ? "no log found" : "its log could not be read to its end");
		fault = true;
	}
	answer_release(&a);
	return fault ? dt->fail(task, 1, "%s", "") : r;
}

/* ---- the table ---- */

#define DIR \
	{ .name = "dir", .flags = DT_OPTION, .check = check_dir, \
	  .help = "the service folder; else the host's service_dir, /var/service, /etc/service or /service" }
#define SUDO { .name = "sudo", .type = DT_BOOL, .flags = DT_OPTION, .help = "as root there, through sudo" }
#define NAMES(need) \
	{ .name = "names", .flags = (need) | DT_MANY, .check = check_name, .help = "services, by name or pattern" }
#define WAIT(value) \
	{ .name = "wait", .type = DT_TIME, .flags = DT_OPTION, .def = (value), .check = check_wait, \
	  .help = "until the state is reached; fail after this time" }

static const struct dt_param look_params[] = { DIR, SUDO, NAMES(0), { 0 } };
static const struct dt_param order_params[] = { DIR, SUDO, WAIT("0"), NAMES(DT_REQUIRED), { 0 } };
static const struct dt_param wait_params[] = { DIR, SUDO, WAIT("7s"), NAMES(DT_REQUIRED), { 0 } };
static const struct dt_param enable_params[] = {
	DIR, SUDO,
	{ .name = "from", .flags = DT_OPTION, .def = "/etc/sv", .check = check_dir,
	  .help = "where a service that is not in the folder is linked from" },
	NAMES(DT_REQUIRED), { 0 }
};
static const struct dt_param disable_params[] = { DIR, SUDO, NAMES(DT_REQUIRED), { 0 } };
static const struct dt_param log_params[] = {
	DIR, SUDO,
	{ .name = "lines", .letter = 'n', .type = DT_INT, .flags = DT_OPTION, .def = "10", .check = check_lines,
	  .help = "so many of its last lines" },
	NAMES(DT_REQUIRED), { 0 }
};

#define VERB(verb, what, args, text) \
	{ .name = #verb, .kind = (what), .summary = (text), .params = (args), .prepare = service_prepare, .run = verb##_run }

static const struct dt_verb service_verbs[] = {
	VERB(status, DT_INFO, look_params, "what services do; fails where one is not as it should be"),
	VERB(list, DT_INFO, look_params, "what services do"),
	VERB(check, DT_INFO, wait_params, "is a service in the state that it is wanted in, and its ./check content?"),
	VERB(up, DT_ACTION, order_params, "start it, and again when it ends"),
	VERB(down, DT_ACTION, order_params, "end it, and do not start it again"),
	VERB(once, DT_ACTION, order_params, "start it, and not again when it ends"),
	VERB(restart, DT_ACTION, wait_params, "end it, and start it again"),
	VERB(pause, DT_ACTION, order_params, "send it STOP"),
	VERB(cont, DT_ACTION, order_params, "send it CONT"),
	VERB(hup, DT_ACTION, order_params, "send it HUP"),
	VERB(alarm, DT_ACTION, order_params, "send it ALRM"),
	VERB(int, DT_ACTION, order_params, "send it INT"),
	VERB(quit, DT_ACTION, order_params, "send it QUIT"),
	VERB(usr1, DT_ACTION, order_params, "send it USR1"),
	VERB(usr2, DT_ACTION, order_params, "send it USR2"),
	VERB(term, DT_ACTION, order_params, "send it TERM"),
	VERB(kill, DT_ACTION, order_params, "send it KILL"),
	VERB(exit, DT_ACTION, order_params, "end it and its supervisor"),
	VERB(enable, DT_ACTION, enable_params, "let it start by itself: no file down; linked where it is not there"),
	VERB(disable, DT_ACTION, disable_params, "let it not start by itself: a file down"),
	VERB(log, DT_INFO, log_params, "the last lines of its log"),
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "service",
	.summary = "services of runit, daemontools and s6",
	.verbs = service_verbs,
};
