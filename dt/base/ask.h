/*
 * ask - questions to the one at the terminal (/dev/tty, whatever the streams are).
 *
 * As a job of a shell: in the background a question stops dt until it is
 * brought to the front; where it is stopped there (Ctrl-Z) the terminal is as
 * it was, and it asks again once it goes on.
 */
#ifndef DT_BASE_ASK_H
#define DT_BASE_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dt/base/err.h"
#include "dt/base/secret.h"

/*
 * "PROMPT: ", and a line typed without echo.  Without a terminal, a line of
 * standard input.  NULL: ERR_USAGE, no answer (a signal ends the question).
 */
struct secret *ask_secret(const char *prompt, struct dt_err *err);
/* The question as it stands, and a line without its newline ("" where none came).  False: no terminal. */
bool ask_line(const char *question, char *answer, size_t size);
/*
 * A child in our process group that asks at the terminal fd itself, to its
 * end: start (0 and *pid, or an errno) is called once dt is in the foreground.
 * dt is stopped and ended behind the child, which then has put the terminal
 * back before the shell has it; one that was stopped is killed, and another
 * started when dt goes on.  0 and *status as waitpid(2) has it, or an errno.
 */
int ask_child(int fd, int (*start)(void *arg, pid_t *pid), void *arg, int *status);
/* Where another thread takes the signals: what is readable ends a question, as a signal does.  -1: nothing. */
void ask_cancelled_by(int fd);

#endif
