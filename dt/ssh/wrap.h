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

#include <stddef.h>

#include "dt/base/buf.h"

#define WRAP_XOR 85
#define WRAP_MARKER_SIZE 20	/* "dt-" 16 hexadecimal digits, NUL */

/*
 * A command that shall outlive the connection: it runs without stdin, its
 * output goes to files and comes when it has ended, and these files stay until
 * wrap_forget.  They are NAME.* in the folder dt (0700) in ~/.cache, or in the
 * runtime folder, $XDG_RUNTIME_DIR or /run/user/UID: its pid with start and
 * boot, out, err, and end, which holds the exit status once both streams have
 * ended.  Where there is no folder it does not begin, and ends with status 126.
 * The runtime folder comes last because it is gone after the last logout.
 */
struct wrap_keep {
	const char *name;	/* letters, digits, '-' */
	size_t max;		/* bytes that are kept of each stream */
};

void wrap_marker(char marker[WRAP_MARKER_SIZE]);
/*
 * The text to send for a command.  announce (for ssh(1)): it writes the marker to
 * stderr when it begins, and as said above (for the caller to take out).  keep may be NULL.  0, or -1: no memory.
 */
int wrap_command(struct buf *out, const char *marker, const char *command, bool announce, const struct wrap_keep *keep);
/*
 * The command that asks what became of a kept one.  It prints a line, and
 * behind "ended" both outputs:
 *
 *	ended STATUS BYTES-OF-STDOUT BYTES-OF-STDERR
 *	running PID
 *	gone		no process, no status: it was killed, or the host has booted
 *	none		no such name
 */
int wrap_ask(struct buf *out, const char *name);
int wrap_forget(struct buf *out, const char *name);
/*
 * The command that ends the process group of a wrapped one: TERM, then KILL
 * after a second; prints WRAP_GONE or WRAP_LEFT.  become (may be NULL) goes before it.
 */
int wrap_kill(struct buf *out, const char *marker, const char *become);
#define WRAP_GONE "gone\n"
#define WRAP_LEFT "left\n"

#endif
