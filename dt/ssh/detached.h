/*
 * detached - a command that outlives its connection, and what asks for it later.
 */
#ifndef DT_SSH_DETACHED_H
#define DT_SSH_DETACHED_H

#include <stddef.h>

#include "dt/base/buf.h"

/*
 * The text to send for a command of this name (letters, digits, '-'): it runs
 * in the login shell, below a POSIX sh and without stdin; its output goes to
 * files, at most max bytes of each stream, and comes when it has ended.  These
 * files stay until detached_forget.  They are NAME.* in the folder dt (0700)
 * in ~/.cache, or in the runtime folder, $XDG_RUNTIME_DIR or /run/user/UID:
 * its pid with start and boot, out, err, and end, which holds the exit status
 * once both streams have ended.  Where there is no folder it does not begin,
 * and ends with status 126.  The runtime folder comes last because it is gone
 * after the last logout.  0, or -1: no memory.
 */
int detached_command(struct buf *out, const char *name, size_t max, const char *command);
/*
 * The command that asks what became of it.  It prints a line, and behind
 * "ended" both outputs:
 *
 *	ended STATUS BYTES-OF-STDOUT BYTES-OF-STDERR
 *	running PID
 *	gone		no process, no status: it was killed, or the host has booted
 *	none		no such name
 */
int detached_ask(struct buf *out, const char *name);
int detached_forget(struct buf *out, const char *name);

#endif
