#include "sim_host.h"

#include <stdatomic.h>
#include <stdio.h>

#define FIRST 0x7f400000u /* 127.64.0.0 */
#define LOOP_MASK 0xffffffu /* what differs within 127.0.0.0/8 */

/* Only the pages of hosts that are used become memory. */
static _Atomic uint16_t attempts[LOOP_MASK + 1], startups[LOOP_MASK + 1];

void host_of_address(struct host *h, uint32_t address)
{
	h->address = address;
	(void)snprintf(h->dotted, sizeof(h->dotted), "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		       address >> 8 & 255, address & 255);
	if (address > FIRST && address - FIRST <= HOST_MAX)
		(void)snprintf(h->name, sizeof(h->name), "sim%05u.fleet", address - FIRST);
	else
		(void)snprintf(h->name, sizeof(h->name), "%s", h->dotted);
}

void host_of_number(struct host *h, uint32_t n)
{
	host_of_address(h, FIRST + n);
}

uint64_t host_hash(const char *text, uint64_t seed)
{
	uint64_t x = seed ^ 0x9e3779b97f4a7c15u;

	for (; *text; text++)
		x = (x ^ (unsigned char)*text) * 0x100000001b3u;
	/* the low bits of the sum alone would follow the last characters */
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

bool host_share(uint64_t hash, uint32_t ppm)
{
	return hash % 1000000 < ppm;
}

uint32_t host_attempt(uint32_t address)
{
	return atomic_fetch_add_explicit(&attempts[address & LOOP_MASK], 1, memory_order_relaxed);
}

uint32_t host_startups(uint32_t address, int change)
{
	_Atomic uint16_t *n = &startups[address & LOOP_MASK];

	return (uint16_t)(atomic_fetch_add_explicit(n, (uint16_t)change, memory_order_relaxed) + change);
}
