/*
 * err - an error on its way up, complete and printable as it stands.
 *
 * A function that can fail takes a struct dt_err * (never NULL) and returns
 * -1 (or NULL) after err_set; on success it leaves the error untouched.
 * Bytes from elsewhere may be put in as they are: who prints a message to a
 * terminal escapes it (base/escape.h).
 */
#ifndef DT_BASE_ERR_H
#define DT_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum err_code {
	ERR_NONE = 0,
	ERR_FAIL,	/* dt itself failed: disk, memory, a bug */
	ERR_USAGE,	/* command line, selection, inventory, configuration */
	ERR_MODULE,	/* a module could not be loaded or refused its arguments */
	ERR_EMPTY,	/* the selection matched no host */
	/* what can happen to a session; the order of life */
	ERR_RESOLVE,
	ERR_CONNECT,	/* TCP, or the handshake before the host key was known */
	ERR_HOSTKEY,
	ERR_AUTH,
	ERR_UNSUPPORTED, /* this transport cannot speak to the host; another may */
	ERR_TIMEOUT,
	ERR_LOST,	/* the action may have begun; its end is not known */
	ERR_KILLED,	/* cancelled by us after the action began */
	ERR_SKIPPED,	/* cancelled before it began */
	ERR_LOCAL	/* something here, for this host alone (fork, memory) */
};

struct dt_err {
	enum err_code code;
	int sys;	/* errno where one was the cause, else 0 */
	char msg[480];	/* no trailing newline; too long text ends in "..." */
};

#define DT_ERR_INIT { ERR_NONE, 0, "" }

/* Sets the error; returns -1, so that a function can return err_set(...). */
int err_set(struct dt_err *e, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* errno's text as it stands inside a sentence, "connection refused", in out, which is returned. */
const char *err_text(int sys, char *out, size_t size);
/* The same as err_set, with ": " and that text behind. */
int err_sys(struct dt_err *e, enum err_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Out of memory: ERR_LOCAL, since in a worker it is that host's result. */
int err_nomem(struct dt_err *e);
/* Puts "text: " before a message that is there already. */
void err_prefix(struct dt_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
