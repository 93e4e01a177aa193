#include "dt/ssh/guard.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local jmp_buf *guarded;
static _Thread_local char reason[160];

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
	if (guarded)
		longjmp(*guarded, 1);
	(void)dprintf(2, "%s\n", reason);
	abort();
}

bool guard_call(void (*fn)(void *), void *arg)
{
	jmp_buf here;

	if (setjmp(here) != 0) {
		guarded = NULL;
		return false;
	}
	guarded = &here;
	fn(arg);
	guarded = NULL;
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
