/*
 * wrap - how a command is run on a host so that its end can be proved.
 *
 * libssh2 says exit status 0 also where none came.  So a POSIX sh on the
 * host runs the command in the user's own shell and exits with its status
 * xor WRAP_XOR: success arrives as that number, and 0 can only mean that
 * nothing came.  A status of WRAP_XOR itself is told by SIGUSR2.  With ssh(1)
 * it is 255 that is said also where none came: a command whose status becomes
 * that is told by the marker on stderr, once more at its end.  The marker in
 * the wrapper's argument vector lets a second command find and end its process
 * group.
 */
#ifndef DT_SSH_WRAP_H
#define DT_SSH_WRAP_H

#include <stdbool.h>

#include "dt/base/buf.h"

#define WRAP_XOR 85
#define WRAP_MARKER_SIZE 20	/* "dt-" 16 hexadecimal digits, NUL */

void wrap_marker(char marker[WRAP_MARKER_SIZE]);
/*
 * The text to send for a command.  announce (for ssh(1)): it writes the marker to
 * stderr when it begins, and as said above (for the caller to take out).  0, or -1: no memory.
 */
int wrap_command(struct buf *out, const char *marker, const char *command, bool announce);
/*
 * The command that ends the process group of a wrapped one: TERM, then KILL
 * after a second; prints WRAP_GONE or WRAP_LEFT.  become (may be NULL) goes before it.
 */
int wrap_kill(struct buf *out, const char *marker, const char *become);
#define WRAP_GONE "gone\n"
#define WRAP_LEFT "left\n"

#endif
