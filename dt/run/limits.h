/*
 * limits - what at most so many hosts at a time may share (--max-per).
 */
#ifndef DT_RUN_LIMITS_H
#define DT_RUN_LIMITS_H

#include "dt/base/err.h"
#include "dt/base/util.h"
#include "dt/run/pace.h"
#include "dt/run/plan.h"
#include "inventory/inventory.h"

/*
 * Makes the groups of "KEY=N" or "KEY=N%" (of the hosts of each group, at
 * least one): KEY is an attribute, one group for each of its values; "tag",
 * one for each tag; "tag:NAME", that one; "via", one for each jump host.
 * 0, or -1: ERR_USAGE (no limit; or, with must_apply, none of these hosts has
 * the attribute).
 */
int limits_add(struct pace *p, const char *spec, const struct inventory *inv, const struct hostset *hosts,
	       const struct plan *plan, bool must_apply, struct dt_err *err);
/* NULL, or what is wrong with such a text: "is not ...". */
const char *limits_fault(const char *spec);

#endif
