/*
 * openssh_rest - a session of ssh(1) between two runs: its control master,
 * ssh_config(5) ControlPersist, lives on, and is asked and ended over its
 * socket.  The messages: OpenSSH's PROTOCOL.mux, 1 and 2.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dt/ssh/openssh.h"

#define END_MS 500	/* what a master may take to hear of its end */

/* A connection to the master; -1: there is none. */
static int master_connect(const struct openssh *o)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (!*o->dir || (size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s/m", o->dir) >= sizeof(to.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static bool is_alive(const struct session *s)
{
	int fd = master_connect(s->state);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

void openssh_end_master(const struct openssh *o)
{
	/* MUX_MSG_HELLO with version 4, then MUX_C_TERMINATE with request 0: length, type, value */
	static const unsigned char words[] = {
		0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4,
		0, 0, 0, 8, 0x10, 0, 0, 0x05, 0, 0, 0, 0,
	};
	struct pollfd p = { .fd = master_connect(o), .events = POLLIN };
	int64_t deadline = now_ms() + END_MS;
	char heard[256];

	if (p.fd < 0)
		return;
	if (send(p.fd, words, sizeof(words), MSG_NOSIGNAL) == (ssize_t)sizeof(words))
		while (poll(&p, 1, deadline_poll_ms(deadline)) > 0 && recv(p.fd, heard, sizeof(heard), 0) > 0)
			;
	(void)close(p.fd);
}

/* What has run is over; where the master is not, the next command needs no login. */
bool openssh_rest(struct session *s)
{
	struct openssh *o = s->state;

	while (o->processes) {
		struct process *p = o->processes;

		o->processes = p->next;
		openssh_process_free(p);
	}
	return o->lasting && is_alive(s);
}

bool openssh_serve(struct session *s)
{
	return is_alive(s);
}

bool openssh_wake(struct session *s)
{
	return is_alive(s);
}

int openssh_fd(const struct session *s)
{
	(void)s;
	return -1;
}
