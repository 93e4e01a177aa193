/*
 * sim_host - which host an address of loopback is, and what is counted for each.
 *
 * Host N (from 1) is simNNNNN.fleet at 127.64.0.0 + N.  Any other address of
 * 127.0.0.0/8 is a host too, and its name is the address.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_NAME_SIZE 24
#define HOST_MAX (0x3fffff - 1) /* N at the most */

struct host {
	uint32_t address; /* host byte order */
	char name[HOST_NAME_SIZE];
	char dotted[HOST_NAME_SIZE]; /* "127.64.0.1" */
};

void host_of_address(struct host *h, uint32_t address);
void host_of_number(struct host *h, uint32_t n);

/* 64 well-mixed bits of a text, the same in every process. */
uint64_t host_hash(const char *text, uint64_t seed);
/* Does this fall into a share of so many in a million? */
bool host_share(uint64_t hash, uint32_t ppm);

/* Which connection to this address is this, from 0?  Safe in all threads. */
uint32_t host_attempt(uint32_t address);
/* One more, or one less, that has not logged in; how many there are now. */
uint32_t host_startups(uint32_t address, int change);

#endif
