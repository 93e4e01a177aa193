/*
 * sim_wire - what stands between a connection's socket and libssh: the delay line.
 *
 * libssh has no door for a transport of one's own.  It uses poll(), recv() and
 * send(), and here are functions of these names, which stand before libc's.  For
 * the descriptor of the current wire they know without a system call what can be
 * read and written; for any other they do what libc's do.  So a connection that has
 * a delay needs no second descriptor, and what libssh writes message by message
 * leaves in one segment a turn.
 *
 * With a delay, all bytes and the end of the stream are shown to libssh that long
 * after they have come, also where several messages are on their way.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;

struct wire {
	int fd;
	bool readable; /* there are bytes, or the end, in the socket */
	bool unsure; /* of that, so ask */
	bool hung_up; /* there are no more behind those */
	bool eof; /* the stream's end was read from the socket, at eof_at */
	bool broken; /* writing failed */
	bool through; /* send() goes to the socket at once */
	int64_t delay, eof_at; /* nanoseconds */
	struct chunk *first, *last; /* read, and not yet due or not yet taken */
	char *out; /* to be written: out_len bytes from out_at */
	size_t out_at, out_len, out_room;
};

void wire_init(struct wire *w, int fd, int64_t delay);
/* Frees memory; the descriptor stays. */
void wire_release(struct wire *w);
/* Calls of libssh in this thread are about this one from now on, or about none. */
void wire_current(struct wire *w);
/* epoll has said this of the descriptor (watched edge-triggered). */
void wire_events(struct wire *w, uint32_t events);
/* When libssh should be called because of the delay; 0: no time known. */
int64_t wire_due(const struct wire *w);
/* Adds bytes to be written, for connections without libssh.  0, or -1: out of memory */
int wire_add(struct wire *w, const void *data, size_t len);
/* Writes what the socket takes. */
void wire_flush(struct wire *w);
/* Reads and forgets what has come; true at the end of the stream. */
bool wire_drain(struct wire *w);

#endif
