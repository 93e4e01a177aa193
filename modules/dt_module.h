/*
 * dt_module.h - the whole contract between dt and a loadable module.
 *
 * A module is a shared object that defines one symbol:
 *
 *	const struct dt_module dt_module = {
 *		.abi = DT_MODULE_ABI,
 *		.name = "hello",
 *		.summary = "say hello on every host",
 *		.verbs = hello_verbs,
 *	};
 *
 * It includes nothing of dt but this header, and calls dt only through
 * struct dt_services.  contrib/skeleton holds one to copy; dt-module(3) is
 * the manual.
 *
 * All strings are NUL-terminated.  Times are milliseconds, sizes bytes.
 */
#ifndef DT_MODULE_H
#define DT_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#define DT_MODULE_ABI 3

/* What a verb does to a host.  INFO changes nothing there. */
enum dt_kind { DT_INFO, DT_ACTION };

/* The type of a parameter; dt checks each value before any host is touched. */
enum dt_type {
	DT_STRING,	/* any text */
	DT_INT,		/* a decimal integer */
	DT_TIME,	/* 500ms, 10s, 2m, 1h; a bare number is seconds */
	DT_SIZE,	/* 4096, 64k, 10M, 1G */
	DT_BOOL,	/* an option without a value; yes or no in a script's environment */
	DT_CHOICE,	/* one of .choices */
	DT_FILE		/* a path that must be readable here */
};

enum {
	DT_REQUIRED = 1,	/* must be given */
	DT_OPTION = 2,		/* given as --name VALUE (--name for DT_BOOL) */
	DT_REST = 4,		/* takes all arguments that are left, verbatim */
	DT_MANY = 8		/* may be given several times (arg_list); the last positional one too */
};

/*
 * One parameter of a verb.  A table of them ends with a zeroed entry.
 * Options stand before the first positional argument where the verb has a
 * DT_REST parameter, and anywhere otherwise.
 */
struct dt_param {
	const char *name;		/* "command"; "stdin" for --stdin */
	enum dt_type type;
	unsigned flags;			/* DT_REQUIRED | DT_OPTION | DT_REST | DT_MANY */
	const char *def;		/* default value, or NULL */
	const char *const *choices;	/* NULL-terminated, for DT_CHOICE */
	const char *(*check)(const char *value); /* NULL: fine; else what is wrong */
	const char *help;		/* one line, no full stop */
	char letter;			/* 'r' for -r as well; 0: none */
	const char *bare;		/* the value of --name without one; others come as --name=VALUE */
};

/* One host, as the inventory knows it.  Owned by dt. */
struct dt_attr {
	const char *key, *value;
};
struct dt_host {
	const char *name;
	const char *const *tags;	/* NULL-terminated */
	const struct dt_attr *attrs;	/* ends with a NULL key */
};

struct dt_call;		/* one invocation of a verb on a set of hosts */
struct dt_task;		/* one host of it */
struct dt_services;

/* What the hooks return. */
enum {
	DT_OK = 0,
	DT_FAIL = -1	/* the action failed here, or prepare refuses */
};

/* The end of a command that was really received from the host. */
struct dt_exit {
	int status;		/* exit status 0-255; -1 when ended by a signal */
	char signal[16];	/* signal name without SIG ("KILL"), or "" */
};

enum {
	DT_EXEC_SUDO = 1,	/* run as root through sudo(8) */
	DT_EXEC_RAW = 2,	/* the host has no POSIX shell: a command that is to end is not ended there */
	DT_EXEC_BULK = 4,	/* many bytes will go: by the transport that is fastest for them */
	DT_EXEC_STDIN = 8,	/* a command on the host; its stdin is dt's own, after stdin_for_hosts */
	DT_EXEC_TTY = 16	/* a command on the host, without input; it has a terminal there, at which the end of file is typed */
};
enum { DT_STDOUT = 1, DT_STDERR = 2 };

/* One command on the host of a task (or, for local, here). */
struct dt_exec {
	const char *command;	/* text for the login shell (/bin/sh for local) */
	const char *in;		/* bytes for its stdin; NULL: end of file at once */
	size_t in_len;
	/*
	 * Or its stdin in pieces, for a command on the host: up to size bytes
	 * into room; returns how many, 0 at the end.
	 */
	size_t (*input)(void *arg, char *room, size_t size);
	const char *const *env;	/* local only: further NAME=VALUE, NULL-terminated */
	unsigned flags;		/* DT_EXEC_* */
	/*
	 * Where output goes: NULL adds it to the host's result (what the
	 * status line shows).  Else the module takes it, chunk by chunk;
	 * stream is DT_STDOUT or DT_STDERR.
	 */
	void (*output)(void *arg, int stream, const char *data, size_t len);
	void *arg;		/* of input and output */
	/*
	 * Of a command on the host: true, set by output or input, ends it.  exec
	 * then returns DT_FAIL, and what it means is the module's to say.
	 */
	const bool *enough;
};

/* What push brings, or pull fetches (dt(1)); all strings are borrowed until the call ends. */
struct dt_files {
	const char *const *sources;	/* NULL-terminated; with placeholders, as dest */
	const char *dest;
	const char *owner, *group;	/* names or numbers; NULL: as it is there */
	const char *backup;		/* suffix of what is replaced; NULL: no backup */
	const char *const *exclude;	/* glob patterns, NULL-terminated; or NULL */
	const char *keep;		/* push: keeps what undo needs under this name there; NULL: nothing */
	long long mode;			/* of files; -1: as their sources have it */
	long long rate;			/* bytes a second of all hosts together; 0: no limit */
	long long max_size;		/* pull: bytes that one host may send; 0: no limit */
	unsigned flags;			/* DT_FILES_* */
};
enum {
	DT_FILES_RECURSIVE = 1,	/* folders too */
	DT_FILES_CHECK = 2,	/* change nothing, say what would */
	DT_FILES_DELETE = 4,	/* delete what is in no source */
	DT_FILES_MKDIR = 8,	/* make the target folder */
	DT_FILES_QUICK = 16,	/* the same size and time are enough */
	DT_FILES_SUDO = 32,	/* as root, through sudo(8) */
	DT_FILES_PLAIN = 64,	/* do not compress */
	DT_FILES_PRESERVE = 128, /* times as they are; pull: modes too */
	DT_FILES_QUIET = 256	/* no message; for who tells it otherwise */
};
struct dt_fileset;	/* files, prepared for a call's hosts */

/* What push or pull did on one host. */
struct dt_files_done {
	size_t created, changed, deleted, unchanged;
	unsigned long long bytes;	/* of content that went over the wire */
};

/* One typed field of what a verb found; see row. */
struct dt_field {
	const char *name;	/* "pid": the same in every row of a verb, in the same order */
	enum dt_type type;	/* DT_STRING, DT_INT, DT_BOOL or DT_TIME (number is milliseconds; shown as seconds) */
	const char *text;	/* of DT_STRING; NULL: not known */
	long long number;	/* of the others */
	bool unknown;		/* of the others: not known */
};

/*
 * One "key = value" of an INI file; at the start of a section key and value
 * are NULL.  NULL, or static text that says what is wrong.
 */
typedef const char *dt_ini_fn(void *arg, const char *section, const char *key, const char *value, int line);

/*
 * What dt does for a module.  The table only grows at its end; .size tells a
 * module how much of it this dt has.
 */
struct dt_services {
	unsigned abi;
	size_t size;

	/*
	 * Arguments; any hook, any thread.  Names are those of .params.  arg
	 * is the text (DT_REST, DT_MANY: the words joined by spaces; DT_BOOL: "yes" or
	 * "no") or the default, NULL where there is neither.
	 */
	const char *(*arg)(const struct dt_call *, const char *name);
	long long (*arg_number)(const struct dt_call *, const char *name); /* INT, BOOL, TIME (ms), SIZE */
	const char *const *(*arg_list)(const struct dt_call *, const char *name, size_t *n); /* DT_REST, DT_MANY */

	/* prepare and finish; the main thread. */
	size_t (*host_count)(const struct dt_call *);
	const struct dt_host *(*host)(const struct dt_call *, size_t i);
	void (*set_state)(struct dt_call *, void *state);
	void *(*state)(const struct dt_call *);		/* run may call it too */
	/* prepare: says why it refuses (exit status 3); finish: why dt fails (1). */
	void (*refuse)(struct dt_call *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
	/* A local file, whole, NUL-terminated; freed by dt when the call ends. */
	const char *(*read_file)(struct dt_call *, const char *path, size_t *len);
	/* Bytes of dt's own standard input up to its end; read once; NULL and refuse() on error. */
	const char *(*read_stdin)(struct dt_call *, size_t *len);
	/* finish of a verb without run: the outcome of host i. */
	void (*report)(struct dt_call *, size_t i, int outcome, const char *fmt, ...)
		__attribute__((format(printf, 4, 5)));
	/*
	 * prepare: what is wrong with an attribute for the store (value "":
	 * with deleting it), or with a tag (value NULL); static text, NULL: fine.
	 */
	const char *(*store_fault)(const struct dt_call *, const char *key_or_tag, const char *value);
	/*
	 * finish: the inventory store.  All of a call's changes are one
	 * transaction, committed when finish returns DT_OK.  Each returns
	 * DT_OK, or DT_FAIL after refuse().  A finish that returns DT_FAIL has
	 * changed nothing: the transaction is rolled back.
	 * *changed tells whether anything was not so before.  A value ""
	 * deletes the attribute.
	 */
	int (*store_add)(struct dt_call *, const char *host, bool *changed);
	int (*store_del)(struct dt_call *, const char *host, bool *changed);
	int (*store_tag)(struct dt_call *, const char *host, const char *tag, bool on, bool *changed);
	int (*store_set)(struct dt_call *, const char *host, const char *key, const char *value, bool *changed);

	/* run; a worker thread. */
	const struct dt_host *(*task_host)(const struct dt_task *);
	/*
	 * Runs a command on the host (connects first where needed) or here.
	 * DT_OK: it ended, *end (may be NULL) says how.  Anything else: the
	 * host was not reached, was lost, ran out of time, ...; the outcome
	 * is already recorded, cannot be made okay again, and run should
	 * return that value.  Where run returns DT_FAIL without fail(), the end
	 * of its last command is what the result says ("exit 1: ").
	 */
	int (*exec)(struct dt_task *, const struct dt_exec *, struct dt_exit *end);
	int (*local)(struct dt_task *, const struct dt_exec *, struct dt_exit *end);
	/* Adds text to the host's result, as if it were output. */
	void (*message)(struct dt_task *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
	/* The action failed with this status: "exit STATUS: text".  Returns DT_FAIL. */
	int (*fail)(struct dt_task *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
	/*
	 * Single-quotes an argument vector for a POSIX shell, joined by spaces.
	 * Freed by dt when the task ends; NULL when out of memory (recorded).
	 */
	const char *(*quote)(struct dt_task *, const char *const *argv, size_t n);
	/* A formatted string; freed by dt when the task ends; NULL as above. */
	const char *(*format)(struct dt_task *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

	/*
	 * prepare: files for push or pull; everything that can be checked
	 * here is.  NULL after refuse(); freed by dt when the call ends.
	 */
	struct dt_fileset *(*push_files)(struct dt_call *, const struct dt_files *);
	struct dt_fileset *(*pull_files)(struct dt_call *, const struct dt_files *);
	/*
	 * run: brings or fetches them, and adds a message that says what
	 * changed.  DT_OK, and *done (may be NULL) is set, or as exec.
	 */
	int (*push)(struct dt_task *, const struct dt_fileset *, struct dt_files_done *done);
	int (*pull)(struct dt_task *, const struct dt_fileset *, struct dt_files_done *done);
	/*
	 * run: undoes the push that was kept under a name; sudo as that had it.
	 * run NULL: one of this task; else of the task that is named so there.
	 */
	int (*undo)(struct dt_task *, const char *keep, const char *run, bool sudo);
	/*
	 * prepare: reads an INI file.  each gets all of it in order (values that go
	 * on in further lines joined by spaces); where it says what is wrong,
	 * refuse() is called with file and line.
	 */
	int (*read_ini)(struct dt_call *, const char *path, dt_ini_fn *each, void *arg);

	/*
	 * prepare: says that run waits in services alone (no sleep, poll, lock
	 * or long computation of its own).  Then one thread carries many hosts,
	 * which costs less; else each host has a thread.
	 */
	void (*waits_in_services)(struct dt_call *);

	/*
	 * prepare: a secret, typed at the terminal without echo; "NAME: " is
	 * the prompt.  NULL after refuse() (no terminal, interrupted).  Wiped
	 * and freed by dt when the call ends.
	 */
	const char *(*ask)(struct dt_call *, const char *name);
	/* Which host of the call this is: the i of host(). */
	size_t (*task_index)(const struct dt_task *);
	/*
	 * run: one row of what was found, besides the words of message(): a
	 * JSON object of the end line's "rows", a line of -o table.
	 */
	void (*row)(struct dt_task *, const struct dt_field *fields, size_t n);
	/*
	 * run: a text of the module's own as a program of /bin/sh on the host,
	 * as exec runs a command (e->command is not looked at); words[0] is $0
	 * there, the others $1 and so on, however many and long.  What the
	 * login shell's start-up files say before it begins is no part of its
	 * output, and told with -v; where it does not begin, the host fails with
	 * what it said.  The text is one line, without single quotes, of 8000
	 * bytes at most: a csh takes no other.
	 */
	int (*sh)(struct dt_task *, const struct dt_exec *, const char *text, const char *const *words, size_t n,
		  struct dt_exit *end);
	/*
	 * prepare: exec will have DT_EXEC_STDIN: dt's own standard input to each
	 * host from its beginning, as it comes, and no more of it is read than
	 * some command wants.  Hosts may be so many bytes apart in it, which are
	 * kept in a file meanwhile.  DT_OK, or DT_FAIL after refuse().
	 */
	int (*stdin_for_hosts)(struct dt_call *, long long apart);
};

/*
 * One verb.  prepare (may be NULL) runs once on the main thread, before any
 * host is touched.  run (NULL for a verb about the inventory) runs once per
 * host, on a worker thread, several at a time; it returns DT_OK, DT_FAIL or
 * what a service returned.  finish (may be NULL) runs once on the main
 * thread after the last host, and also after a failed prepare.
 */
struct dt_verb {
	const char *name;		/* "" where the module has just one */
	enum dt_kind kind;
	const char *summary;
	const struct dt_param *params;	/* ends with a zeroed entry; may be NULL */
	int (*prepare)(struct dt_call *, const struct dt_services *);
	int (*run)(struct dt_task *, const struct dt_call *, const struct dt_services *);
	int (*finish)(struct dt_call *, const struct dt_services *);
	/*
	 * survey (may be NULL) runs as run does, on every host before run on
	 * any, and changes nothing there.  A host where it does not return
	 * DT_OK ends with that.  agree (may be NULL) follows once, on the main
	 * thread; DT_FAIL after refuse() says why no host may begin.  Nor does
	 * one begin where survey returned DT_FAIL by itself on any host, other
	 * than for a host that was not reached.  The hosts that do not begin
	 * end as skipped.  With survey, what is kept for a host in state() is
	 * found by task_index(): surveys run several at a time.
	 */
	int (*survey)(struct dt_task *, const struct dt_call *, const struct dt_services *);
	int (*agree)(struct dt_call *, const struct dt_services *);
};

struct dt_module {
	unsigned abi;			/* DT_MODULE_ABI; first, for ever */
	const char *name;		/* its file is NAME.so */
	const char *summary;
	const struct dt_verb *verbs;	/* ends with a zeroed entry (.name NULL) */
};

extern const struct dt_module dt_module;

#endif
