#include "dt/ssh/kill.h"

#include <inttypes.h>
#include <stdio.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"

static const char script[] =
#include "dt/ssh/kill.sh.h"
	;

int kill_command(struct buf *out, const struct kill_what *what)
{
	const char *argv[] = { "/bin/sh", "-c", script, "dt-kill" };
	char pid[24] = "none", age[24] = "";

	if (what->pid > 0)
		(void)snprintf(pid, sizeof(pid), "%ld", (long)what->pid);
	if (what->age_ms >= 0)
		(void)snprintf(age, sizeof(age), "%" PRId64, what->age_ms / 10);
	if ((what->become && (buf_adds(out, what->become) != 0 || buf_addc(out, ' ') != 0)) ||
	    quote_argv(out, argv, ARRAY_LEN(argv)) != 0 || buf_addc(out, ' ') != 0)
		return -1;
	/* the login shell knows it: sudo(8) would not hand it on */
	if (what->entry ? quote_arg(out, what->entry) != 0 : buf_adds(out, "\"SSH_CONNECTION=$SSH_CONNECTION\"") != 0)
		return -1;
	return buf_addf(out, " '%s' '%s'", what->entry ? pid : "", age);
}
