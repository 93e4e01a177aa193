#include "dt/base/stack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

/* More than any page; it is never touched, so it costs addresses alone. */
#define GUARD 65536

struct stack {
	ucontext_t context;
	void (*fn)(void);
	char *map;		/* guard and stack; NULL: the thread's own */
	/* the address sanitizer's */
	const void *bottom;
	size_t size;
	void *fake;
	void *tsan;		/* the thread sanitizer's */
};

/* The last step in this thread, for a function that begins. */
static _Thread_local struct {
	struct stack *from, *to;
} step;

static void before(struct stack *from, struct stack *to)
{
	step.from = from;
	step.to = to;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
#endif
#ifdef __SANITIZE_THREAD__
	if (!from->map)
		from->tsan = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* In to; its fake stack, NULL at its first time. */
static void after(void *fake)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(fake, &step.from->bottom, &step.from->size);
#else
	(void)fake;
#endif
}

static void enter(void)
{
	after(NULL);
	step.to->fn();
	abort();
}

static void begin_at_enter(struct stack *s)
{
	(void)getcontext(&s->context);
	s->context.uc_stack.ss_sp = s->map + GUARD;
	s->context.uc_stack.ss_size = s->size;
	makecontext(&s->context, enter, 0);
}

struct stack *stack_new(size_t size, void (*fn)(void))
{
	struct stack *s = calloc(1, sizeof(*s));

	if (!s || !size)
		return s;
	s->map = mmap(NULL, GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (s->map == MAP_FAILED || mprotect(s->map + GUARD, size, PROT_READ | PROT_WRITE) != 0) {
		if (s->map != MAP_FAILED)
			(void)munmap(s->map, GUARD + size);
		free(s);
		return NULL;
	}
	s->fn = fn;
	s->bottom = s->map + GUARD;
	s->size = size;
	begin_at_enter(s);
#ifdef __SANITIZE_THREAD__
	s->tsan = __tsan_create_fiber(0);
#endif
	return s;
}

void stack_free(struct stack *s)
{
	if (s && s->map) {
#ifdef __SANITIZE_ADDRESS__
		__asan_unpoison_memory_region(s->bottom, s->size);
#endif
#ifdef __SANITIZE_THREAD__
		__tsan_destroy_fiber(s->tsan);
#endif
		(void)munmap(s->map, GUARD + s->size);
	}
	free(s);
}

void stack_switch(struct stack *from, struct stack *to)
{
	before(from, to);
#ifdef __SANITIZE_ADDRESS__
	/* its own swapcontext(3) prints a warning; it needs none, for we tell it of the step */
	volatile bool back = false;

	(void)getcontext(&from->context);
	if (!back) {
		back = true;
		(void)setcontext(&to->context);
	}
#else
	(void)swapcontext(&from->context, &to->context);
#endif
	after(from->fake);
}
