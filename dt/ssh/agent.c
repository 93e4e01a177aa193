#include "dt/ssh/agent.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/ssh/blob.h"

/* draft-miller-ssh-agent, 5.1 and 5.3 */
enum {
	AGENT_REQUEST_IDENTITIES = 11,
	AGENT_IDENTITIES_ANSWER = 12,
	AGENT_SIGN_REQUEST = 13,
	AGENT_SIGN_RESPONSE = 14
};
enum { AGENT_RSA_SHA2_256 = 2, AGENT_RSA_SHA2_512 = 4 };

#define MESSAGE_MAX (256 * 1024)	/* as ssh-agent(1) has it */
#define KEYS_MAX 2048
#define COMMENT_MAX 256
#define BUSY_MS 5	/* until the next try, when its queue of connections is full */

/* What happened to a wait that brought nothing. */
static int waited(int r, struct dt_err *err)
{
	if (r == 0)
		return err_set(err, ERR_TIMEOUT, "no answer from the SSH agent in time");
	return err_set(err, ERR_SKIPPED, "interrupted before it began");
}

/* A descriptor, or -1. */
static int agent_connect(const char *path, const struct ssh_env *env, int64_t deadline, struct dt_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return err_sys(err, ERR_AUTH, ENAMETOOLONG, "SSH agent");
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, ERR_LOCAL, errno, "SSH agent");
	while (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			r = err_sys(err, ERR_AUTH, errno, "SSH agent");
			goto fail;
		}
		/* unix(7): its queue is full, and no event tells when there is room again */
		r = ssh_wait(env, -1, 0, deadline_min(deadline, now_ms() + BUSY_MS));
		if (r < 0 || (deadline && now_ms() >= deadline)) {
			r = waited(r, err);
			goto fail;
		}
	}
	return fd;
fail:
	(void)close(fd);
	return r;
}

/* Sends or receives all of len bytes. */
static int transfer(int fd, short direction, char *data, size_t len, const struct ssh_env *env, int64_t deadline,
		    struct dt_err *err)
{
	while (len) {
		ssize_t n = direction == POLLOUT ? send(fd, data, len, MSG_NOSIGNAL) : recv(fd, data, len, 0);
		int r;

		if (n > 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (n == 0)
			return err_set(err, ERR_AUTH, "the SSH agent closed the connection");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(err, ERR_AUTH, errno, "SSH agent");
		r = ssh_wait(env, fd, direction, deadline);
		if (r <= 0)
			return waited(r, err);
	}
	return 0;
}

/* One request and its answer's body, which must be of that type; answer is an empty buffer. */
static int ask(const char *path, const struct buf *request, unsigned char type, struct buf *answer,
	       const struct ssh_env *env, int64_t deadline, struct dt_err *err)
{
	unsigned char head[4];
	struct blob h = { head, sizeof(head) };
	uint32_t len = 0;
	int fd = agent_connect(path, env, deadline, err), r = -1;
	char *to;

	if (fd < 0)
		return -1;
	if (transfer(fd, POLLOUT, request->data, request->len, env, deadline, err) != 0 ||
	    transfer(fd, POLLIN, (char *)head, sizeof(head), env, deadline, err) != 0)
		goto out;
	if (blob_u32(&h, &len) != 0 || !len || len > MESSAGE_MAX) {
		(void)err_set(err, ERR_AUTH, "the SSH agent sent nonsense");
		goto out;
	}
	to = buf_reserve(answer, len);
	if (!to) {
		(void)err_nomem(err);
		goto out;
	}
	if (transfer(fd, POLLIN, to, len, env, deadline, err) != 0)
		goto out;
	answer->len = len;
	if ((unsigned char)to[0] != type) {
		(void)err_set(err, ERR_AUTH, "the SSH agent refused");
		goto out;
	}
	buf_consume(answer, 1);
	r = 0;
out:
	(void)close(fd);
	return r;
}

int agent_list(const char *path, int64_t deadline, agent_key_fn *fn, void *arg, struct dt_err *err)
{
	static const struct ssh_env alone = { .cancel_fd = -1 };
	static const char bytes[] = { 0, 0, 0, 1, AGENT_REQUEST_IDENTITIES };
	struct buf request, answer;
	struct blob in, blob, text;
	char comment[COMMENT_MAX];
	uint32_t n;
	int r = 0;

	buf_init(&request, sizeof(bytes));
	buf_init(&answer, MESSAGE_MAX);
	if (buf_add(&request, bytes, sizeof(bytes)) != 0) {
		r = err_nomem(err);
		goto out;
	}
	r = ask(path, &request, AGENT_IDENTITIES_ANSWER, &answer, &alone, deadline, err);
	if (r != 0)
		goto out;
	in = (struct blob){ (const unsigned char *)answer.data, answer.len };
	if (blob_u32(&in, &n) != 0 || n > KEYS_MAX)
		goto nonsense;
	while (n-- && r == 0) {
		if (blob_string(&in, &blob) != 0 || blob_string(&in, &text) != 0)
			goto nonsense;
		blob_text(&text, comment, sizeof(comment));
		r = fn(arg, blob.p, blob.left, comment);
	}
	goto out;
nonsense:
	r = err_set(err, ERR_AUTH, "the SSH agent sent nonsense");
out:
	buf_release(&request);
	buf_release(&answer);
	return r;
}

static uint32_t sign_flags(const char *algorithm)
{
	if (strcmp(algorithm, "rsa-sha2-256") == 0)
		return AGENT_RSA_SHA2_256;
	return strcmp(algorithm, "rsa-sha2-512") == 0 ? AGENT_RSA_SHA2_512 : 0;
}

int agent_sign(const char *path, const void *blob, size_t blob_len, const char *algorithm, const void *data,
	       size_t len, struct buf *sig, const struct ssh_env *env, int64_t deadline, struct dt_err *err)
{
	struct buf body, request, answer;
	struct blob in, whole, bytes;
	int r = -1;

	buf_init(&body, MESSAGE_MAX);
	buf_init(&request, MESSAGE_MAX + 4);
	buf_init(&answer, MESSAGE_MAX);
	if (buf_addc(&body, AGENT_SIGN_REQUEST) != 0 || blob_put_string(&body, blob, blob_len) != 0 ||
	    blob_put_string(&body, data, len) != 0 || blob_put_u32(&body, sign_flags(algorithm)) != 0 ||
	    blob_put_string(&request, body.data, body.len) != 0) {
		(void)err_nomem(err);
		goto out;
	}
	if (ask(path, &request, AGENT_SIGN_RESPONSE, &answer, env, deadline, err) != 0)
		goto out;
	in = (struct blob){ (const unsigned char *)answer.data, answer.len };
	if (blob_string(&in, &whole) != 0)
		(void)err_set(err, ERR_AUTH, "the SSH agent sent nonsense");
	else if (blob_expect(&whole, algorithm) != 0)
		(void)err_set(err, ERR_AUTH, "the SSH agent cannot sign with %s", algorithm);
	else if (blob_string(&whole, &bytes) != 0)
		(void)err_set(err, ERR_AUTH, "the SSH agent sent nonsense");
	else
		r = buf_add(sig, bytes.p, bytes.left) == 0 ? 0 : err_nomem(err);
out:
	buf_release(&body);
	buf_release(&request);
	buf_release(&answer);
	return r;
}
