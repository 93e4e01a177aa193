/*
 * select - the selection language (dt-inventory(5)): text to a set of hosts.
 *
 *	expr   = term { ("and" | "or") term }		and binds closer than or
 *	term   = "not" term | "(" expr ")" | chain
 *	chain  = first { ":" link }			links are and-ed; not: negates the next
 *	first  = link | word				a word is sys:word
 *	link   = SELECTOR ":" value | "all" | "nil" | "not:" first | "job:" JOB [ ":" result ]
 *	result = one of the words of select_results | "rc=" N | "out~" REGEX
 *
 * Before ":" a word must not look like a selector's name, a letter and then
 * letters, digits, '_' and '-': web[01-20]:tag:prod is fine, db1:tag:prod is
 * an unknown selector and is written sys:db1:tag:prod.  Behind job:42: a result
 * is always taken as one, and what is none must begin the next link:
 * job:42:fail:tag:web is job:42:fail and tag:web.
 *
 * "not" never brings in a host that no source knows and that was only named
 * elsewhere in the expression; as a filter behind "and" it lets one pass.
 */
#ifndef INVENTORY_SELECT_H
#define INVENTORY_SELECT_H

#include "dt/base/err.h"
#include "inventory/inventory.h"

/* What job: asks: hosts of an earlier run, in the order of that run. */
struct select_job {
	const char *job;	/* "42", "last", "last-1" */
	const char *result;	/* of select_results; NULL: any */
	int rc;			/* -1: any */
	struct match *output;	/* for match_bytes; NULL: any */
};
/* Calls found for each host; here: it is this machine, as local: has it.  0, or -1. */
typedef int select_found_fn(void *to, const char *host, bool here, struct dt_err *err);
typedef int select_job_fn(void *arg, const struct select_job *q, select_found_fn *found, void *to, struct dt_err *err);

/*
 * "okay", "fail" (all that are not okay), and the words of outcomes; ends with
 * NULL.
 */
extern const char *const select_results[];

/* Where external selectors are looked for, in order; from dt.conf and the installation. */
struct select_options {
	const struct strs *selector_dirs;	/* may be NULL */
	int stdin_fd;				/* what out: reads; -1: refused */
	bool stdin_read;			/* set where out: has read it */
	select_job_fn *job;			/* what knows earlier runs; NULL: job: is refused */
	void *job_arg;
};

/*
 * Evaluates text into *out (inventory order, each host once).  An empty
 * set is no error here.  0, or -1: ERR_USAGE with the text and a caret
 * under the fault's place, or the failure of a source or external selector.
 * out: and external selectors are read at most once per expression.
 */
int select_hosts(struct inventory *inv, const char *text, struct select_options *opt,
		 struct hostset *out, struct dt_err *err);

/*
 * Explains for one host: calls fn for each link of the expression with its
 * text and whether the host matches it.
 */
int select_explain(struct inventory *inv, const char *text, struct select_options *opt,
		   const struct host *h, void (*fn)(void *arg, const char *link, bool matches), void *arg,
		   struct dt_err *err);

#endif
