/*
 * stack - a stack of its own for a function, and the step from one to another.
 *
 * makecontext(3) with what the address and thread sanitizers must be told.
 * A stack stays with the thread that first stepped to it.
 */
#ifndef DT_BASE_STACK_H
#define DT_BASE_STACK_H

#include <stddef.h>

struct stack;

/*
 * size bytes, a multiple of the page size, with a page below that may not be touched;
 * fn must never return.  size 0: stands for the thread's own.  NULL: no memory.
 */
struct stack *stack_new(size_t size, void (*fn)(void));
/* Not the one in use; what its functions hold is lost. */
void stack_free(struct stack *s);
/* Leaves from, which must be in use, and goes on in to.  Returns when something steps back. */
void stack_switch(struct stack *from, struct stack *to);

#endif
