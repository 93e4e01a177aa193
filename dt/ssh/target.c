#include "dt/ssh/target.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOLD 2	/* keys passed over that an error tells of; -v tells of all */

void target_add_passed_over(const struct target *t, struct dt_err *err)
{
	size_t n = 0;

	for (; t->passed_over && t->passed_over[n]; n++) {
		size_t len = strlen(err->msg);

		if (n < TOLD)
			(void)snprintf(err->msg + len, sizeof(err->msg) - len, "%s%.120s", n ? ", " : "; passed over: ",
				       t->passed_over[n]);
	}
	if (n > TOLD) {
		size_t len = strlen(err->msg);

		(void)snprintf(err->msg + len, sizeof(err->msg) - len, " and %zu more (-v tells)", n - TOLD);
	}
}

bool target_has_master(const struct target *t)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct stat st;
	bool answers;
	int fd;

	if (!t->control_path || strlen(t->control_path) >= sizeof(to.sun_path) || stat(t->control_path, &st) != 0 ||
	    !S_ISSOCK(st.st_mode))
		return false;
	memcpy(to.sun_path, t->control_path, strlen(t->control_path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	answers = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return answers;
}
