#include "dt/ssh/guard.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dt/base/fiber.h"

/* Read before anything waits, so it is not another fiber's. */
static _Thread_local char reason[160];

/* Where to jump to; several guarded calls wait at a time in a thread, each in a fiber of its own. */
static void **guarded(void)
{
	return fiber_slot();
}

struct abandoned {
	void *object;
	struct abandoned *next;
};
static _Atomic(struct abandoned *) graveyard;

/* glibc's signature, assert.h */
_Noreturn void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function);

_Noreturn void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
	(void)snprintf(reason, sizeof(reason), "%s:%u: %s: %s", file, line, function ? function : "?", assertion);
	if (*guarded())
		longjmp(*(jmp_buf *)*guarded(), 1);
	(void)dprintf(2, "%s\n", reason);
	abort();
}

bool guard_call(void (*fn)(void *), void *arg)
{
	jmp_buf here;

	if (setjmp(here) != 0) {
		*guarded() = NULL;
		return false;
	}
	*guarded() = &here;
	fn(arg);
	*guarded() = NULL;
	return true;
}

const char *guard_reason(void)
{
	return reason;
}

void guard_abandon(void *object)
{
	struct abandoned *a = malloc(sizeof(*a));

	if (!a)
		return;
	a->object = object;
	a->next = atomic_load(&graveyard);
	while (!atomic_compare_exchange_weak(&graveyard, &a->next, a))
		;
}
