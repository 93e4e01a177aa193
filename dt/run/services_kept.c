#include "dt/run/services_kept.h"

#include <stdatomic.h>
#include <stdlib.h>

struct kept {
	struct session **v;	/* by host; NULL: none */
	size_t n, max;
	atomic_size_t count;
};

struct kept *kept_new(size_t hosts, size_t max)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->v = calloc(hosts + 1, sizeof(struct session *));
	k->n = hosts;
	k->max = max;
	if (k->v)
		return k;
	free(k);
	return NULL;
}

static struct session *take_out(struct kept *k, size_t index)
{
	struct session *s = k->v[index];

	k->v[index] = NULL;
	if (s)
		atomic_fetch_sub(&k->count, 1);
	return s;
}

void kept_free(struct kept *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		session_close(take_out(k, i));
	free(k->v);
	free(k);
}

size_t kept_max(const struct kept *k)
{
	return k ? k->max : 0;
}

struct session *kept_take(struct kept *k, size_t index, const struct ssh_env *env, const struct session_hooks *hooks)
{
	struct session *s = take_out(k, index);

	if (!s || session_wake(s, env, hooks))
		return s;
	session_close(s);
	return NULL;
}

void kept_put(struct kept *k, size_t index, struct session *s)
{
	if (atomic_fetch_add(&k->count, 1) < k->max && session_rest(s)) {
		k->v[index] = s;
		return;
	}
	atomic_fetch_sub(&k->count, 1);
	session_close(s);
}

size_t kept_count(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i] && !session_serve(k->v[i]))
			session_close(take_out(k, i));
	return atomic_load(&k->count);
}

size_t kept_poll(const struct kept *k, struct pollfd *fds, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n && n < room; i++)
		if (k->v[i])
			fds[n++] = (struct pollfd){ .fd = session_fd(k->v[i]), .events = POLLIN };
	return n;
}

void kept_serve(struct kept *k, const struct pollfd *fds, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < k->n && at < n; i++) {
		if (!k->v[i])
			continue;
		if (fds[at++].revents && !session_serve(k->v[i]))
			session_close(take_out(k, i));
	}
}
