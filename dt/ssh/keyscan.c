/*
 * keyscan - the key of a host for dt trust: by a handshake of ours, or by ssh-keyscan(1).
 */
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "dt/ssh/lib.h"

/* The blob of the first line "NAME TYPE BASE64". */
static int take_line(char *text, struct buf *key)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *base64 = *line == '#' ? NULL : strrchr(line, ' ');
		size_t n;
		char *room;
		int len;

		if (!base64)
			continue;
		n = strlen(++base64);
		room = n < 65536 ? buf_reserve(key, n) : NULL;
		if (!room || n % 4)
			continue;
		len = EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)base64, (int)n);
		if (len < 16)
			continue;
		len -= (base64[n - 1] == '=') + (base64[n - 2] == '=');
		key->len += (size_t)len;
		return 0;
	}
	return -1;
}

static int by_program(const struct ssh_env *env, const struct target *t, int64_t deadline, struct buf *key,
		      struct dt_err *err)
{
	char port[16], *argv[] = { (char[]){ "ssh-keyscan" }, (char[]){ "-T" }, (char[]){ "10" }, (char[]){ "-p" },
				   port, (char[]){ "--" }, (char *)(uintptr_t)t->hostname, NULL };
	struct child c;
	struct buf out;
	char data[4096];
	int r;

	if (t->via)
		return err_set(err, ERR_CONNECT, "no key that libssh2 can read, and ssh-keyscan knows no jump hosts");
	(void)snprintf(port, sizeof(port), "%d", t->port);
	if (child_start(&c, argv, NULL, err) != 0)
		return -1;
	child_close(&c.in);
	buf_init(&out, 65536);
	for (;;) {
		ssize_t n;

		r = ssh_wait(env, c.out, POLLIN, deadline);
		if (r <= 0)
			break;
		n = read(c.out, data, sizeof(data));
		if (n <= 0 || buf_add(&out, data, (size_t)n) != 0)
			break;
	}
	child_end(&c);
	if (r <= 0)
		r = session_waited(r, "ssh-keyscan", err);
	else
		r = take_line(out.data, key) == 0 ? 0 : err_set(err, ERR_CONNECT, "the host shows no key");
	buf_release(&out);
	return r;
}

int session_fetch_key(const struct ssh_env *env, const struct target *t, int64_t deadline, struct buf *key,
		      struct dt_err *err)
{
	if (t->transport == TRANSPORT_LOCAL)
		return err_set(err, ERR_CONNECT, "this machine: it needs no host key");
	if (lib_fetch_key(env, t, deadline, key, err) == 0)
		return 0;
	if (err->code != ERR_UNSUPPORTED)
		return -1;
	if (t->connect_timeout_ms)
		deadline = deadline_min(deadline, now_ms() + t->connect_timeout_ms);
	return by_program(env, t, deadline, key, err);
}
