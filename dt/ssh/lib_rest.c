/*
 * lib_rest - a libssh2 session between two runs.
 *
 * The channel of the next command is asked for at once, so that the command
 * itself costs one round trip.  After a while of silence the host may be gone
 * without a word: then another channel is opened first, which tells.
 */
#include <poll.h>

#include "dt/base/fiber.h"
#include "dt/base/util.h"
#include "dt/ssh/lib.h"

#define WINDOW (256 * 1024)
#define PACKET 32768
#define FRESH_MS 15000	/* so long a session is believed to live on */
#define REST_BYTES (1 << 20)	/* what a host may send while nobody asks it anything: answers, keepalives, a new key */

LIBSSH2_CHANNEL *lib_channel(struct lib *l)
{
	LIBSSH2_CHANNEL *channel = libssh2_channel_open_ex(l->session, "session", 7, WINDOW, PACKET, NULL, 0);

	l->opening = !channel && libssh2_session_last_errno(l->session) == LIBSSH2_ERROR_EAGAIN;
	return channel;
}

LIBSSH2_CHANNEL *lib_take_spare(struct lib *l)
{
	LIBSSH2_CHANNEL *channel = l->spare;

	if (!channel || now_ms() >= l->rested + FRESH_MS)
		return NULL;
	l->spare = NULL;
	return channel;
}

static bool is_alive(const struct lib *l)
{
	return l->session && !l->wire.eof && !l->wire.error;
}

/* Nothing else of libssh2's reads without a channel. */
static bool has_more(const struct lib *l)
{
	struct pollfd p = { .fd = l->wire.fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* One step with what there is to read.  False: libssh2 is at its end with it. */
static bool step(struct lib *l)
{
	char data[256];

	if (l->opening || (!l->spare && has_more(l))) {
		l->spare = lib_channel(l);
		/* refused (MaxSessions): it is asked for again when the host has something to say */
		return l->spare || l->opening || libssh2_session_last_errno(l->session) == LIBSSH2_ERROR_CHANNEL_FAILURE;
	}
	if (l->spare && (libssh2_channel_read(l->spare, data, sizeof(data)) != LIBSSH2_ERROR_EAGAIN ||
			 libssh2_channel_eof(l->spare))) {
		/* a host may close what lies idle; what it still holds open goes with the session */
		(void)libssh2_channel_free(l->spare);
		l->spare = NULL;
	}
	return true;
}

struct serve_call {
	struct lib *l;
	int result;
};

static void serve_guarded(void *arg)
{
	struct serve_call *c = arg;
	struct lib *l = c->l;
	uint64_t received;

	do {
		received = l->wire.received;
		l->wire.burst = 0;
		c->result = step(l) ? 0 : -1;
	} while (c->result == 0 && l->wire.received != received && l->wire.received - l->received_at_rest < REST_BYTES);
	wire_flush(&l->wire);
}

static bool serve(struct session *s)
{
	struct lib *l = s->state;
	struct serve_call call = { .l = l };
	struct dt_err err;

	return is_alive(l) && lib_guarded(s, ERR_LOST, serve_guarded, &call, &call.result, &err) == 0 && is_alive(l) &&
	       l->wire.received - l->received_at_rest < REST_BYTES;
}

bool lib_serve(struct session *s)
{
	struct lib *l = s->state;
	uint64_t received = l->wire.received;

	if (!serve(s))
		return false;
	if (l->wire.received != received)
		l->rested = now_ms();
	return true;
}

bool lib_rest(struct session *s)
{
	struct lib *l = s->state;
	bool alive;

	l->opening = !l->spare;
	l->rested = now_ms();
	l->received_at_rest = l->wire.received;
	alive = serve(s);
	fiber_release(l->wire.fd);
	return alive;
}

bool lib_wake(struct session *s)
{
	struct lib *l = s->state;

	fiber_hold(l->wire.fd);
	s->login_deadline = session_connect_deadline(s, 0);
	/* what is read now may have come long ago */
	return serve(s);
}

int lib_fd(const struct session *s)
{
	return ((const struct lib *)s->state)->wire.fd;
}
