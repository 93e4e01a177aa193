/*
 * lib_status - did an exit status come?
 */
#include "dt/base/util.h"
#include "dt/ssh/lib.h"

#define NO_STATUS 0x5ad0c0de	/* a host that sends this has sent none */
#define MARK 0x5a000000U

/* Within LIBSSH2_CHANNEL, in bytes; its other members are not touched. */
static size_t place;
static bool found;

bool lib_status_find(void)
{
	/* More than a channel has, and each word tells its own place. */
	static unsigned block[1024];
	unsigned got;

	for (unsigned i = 0; i < ARRAY_LEN(block); i++)
		block[i] = MARK + i;
	got = (unsigned)libssh2_channel_get_exit_status((LIBSSH2_CHANNEL *)(void *)block);
	found = got >= MARK && got - MARK < ARRAY_LEN(block);
	place = found ? (got - MARK) * sizeof(*block) : 0;
	return found;
}

bool lib_status_found(void)
{
	return found;
}

void lib_status_expect(struct lib *l, LIBSSH2_CHANNEL *channel)
{
	int *status = (int *)(void *)((char *)channel + place);

	*status = NO_STATUS;
	wire_watch(&l->wire, status);
}

int lib_status_take(struct lib *l, LIBSSH2_CHANNEL *channel, bool *twice)
{
	unsigned got = (unsigned)libssh2_channel_get_exit_status(channel);

	bool late = l->wire.late;

	*twice = l->wire.changes > 1;
	wire_watch(&l->wire, NULL);
	if (got == NO_STATUS || *twice || late)
		return -1;
	return got <= 255 ? (int)got : (got & 255) ? (int)(got & 255) : 255;
}
