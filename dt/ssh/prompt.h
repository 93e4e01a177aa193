/*
 * prompt - finds two random markers in a stream of bytes and takes them out:
 * a password prompt to answer, and the word that it is past.
 */
#ifndef DT_SSH_PROMPT_H
#define DT_SSH_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/buf.h"

enum prompt_event { PROMPT_NONE, PROMPT_ASKED, PROMPT_READY };

struct prompt {
	const char *asked, *ready;	/* the markers; NULL: that one does not come */
	struct buf held;
	bool past;			/* ready was seen: everything passes */
};

void prompt_init(struct prompt *p, const char *asked, const char *ready);
void prompt_release(struct prompt *p);
/*
 * Takes a chunk; calls pass for what is no marker (what may be the start of
 * one is held back).  Returns the first event in it; call again with len 0
 * until PROMPT_NONE.
 */
enum prompt_event prompt_feed(struct prompt *p, const char *data, size_t len,
			      void (*pass)(void *arg, const char *data, size_t len), void *arg);
/* Passes what is held back: the stream has ended. */
void prompt_end(struct prompt *p, void (*pass)(void *arg, const char *data, size_t len), void *arg);

#endif
