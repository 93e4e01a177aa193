/*
 * ask - questions to the one at the terminal (/dev/tty, whatever the streams are).
 */
#ifndef DT_BASE_ASK_H
#define DT_BASE_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "dt/base/err.h"
#include "dt/base/secret.h"

/*
 * "PROMPT: ", and a line typed without echo.  Without a terminal, a line of
 * standard input.  NULL: ERR_USAGE, no answer (a signal ends the question).
 */
struct secret *ask_secret(const char *prompt, struct dt_err *err);
/* The question as it stands, and a line without its newline ("" where none came).  False: no terminal. */
bool ask_line(const char *question, char *answer, size_t size);

#endif
