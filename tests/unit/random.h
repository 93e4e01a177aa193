/*
 * random - numbers for tests that try many inputs.
 *
 * A run draws a new seed; DT_TEST_SEED gives it (a failing test says which).
 * DT_TEST_ROUNDS lowers the number of rounds (sanitizers are slow).
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t random_state;

static inline void random_start(void)
{
	const char *given = getenv("DT_TEST_SEED");

	if (given)
		random_state = strtoull(given, NULL, 0);
	else if (getrandom(&random_state, sizeof(random_state), 0) != (ssize_t)sizeof(random_state))
		abort();
	if (!random_state)
		random_state = 1;
}

static inline void random_again(uint64_t seed)
{
	(void)fprintf(stderr, "again with DT_TEST_SEED=0x%llx\n", (unsigned long long)seed);
}

/* xorshift64* (Vigna 2014). */
static inline uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(2685821657736338717);
}

/* 0 to n-1. */
static inline size_t random_below(size_t n)
{
	return (size_t)((random_next() >> 16) % n);
}

static inline long random_rounds(long usual)
{
	const char *given = getenv("DT_TEST_ROUNDS");
	long n = given ? strtol(given, NULL, 10) : usual;

	return n > 0 && n < usual ? n : usual;
}

#endif
