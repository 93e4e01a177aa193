/*
 * openssh - what the files of the openssh transport share.
 */
#ifndef DT_SSH_OPENSSH_H
#define DT_SSH_OPENSSH_H

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "dt/ssh/openssh_log.h"
#include "dt/ssh/transport.h"

struct process {
	struct child child;
	int log;		/* the FIFO for ssh's own messages */
	struct process *next;
};

struct openssh {
	char dir[64];		/* of the control socket, "m"; "": commands run here, without ssh(1) */
	struct process *processes;
	bool shared;		/* the control master is the user's own, at target.control_path */
	bool lasting;		/* the control master is a process of its own, and not one of these */
};

void openssh_process_free(struct process *p);

/* ---- openssh_rest.c: transport_ops ---- */

bool openssh_rest(struct session *s);
bool openssh_serve(struct session *s);
bool openssh_wake(struct session *s);
int openssh_fd(const struct session *s);
/* Ends a control master that is a process of its own. */
void openssh_end_master(const struct openssh *o);

/* ---- openssh_argv.c: what ssh(1) is told.  Each: 0, or not: no memory ---- */

/* folder holds the control socket; log is for -E. */
int openssh_argv(struct strs *argv, const struct session *s, const char *folder, bool master, bool tty,
		 const char *log, const char *command);
/*
 * To see a host's key and go no further: on stderr comes, beside ssh's own
 * words of LogLevel DEBUG2, "TOKEN HOSTNAME TYPE BASE64".  algorithms is
 * HostKeyAlgorithms, or NULL: as configured.
 */
int openssh_scan_argv(struct strs *argv, const struct session *s, const char *token, const char *algorithms);
/* The same with our own terminal. */
int openssh_attached_argv(struct strs *argv, const struct session *s, const char *log, const char *command);

/*
 * A command of this machine, as sshd(8) would run it: in the home folder, with none of a connection's variables;
 * entry is one more, NAME=VALUE.
 */
int local_argv(struct strs *argv, const char *entry, const char *command);

/* ---- openssh_words.c: what ssh(1) says ---- */

#define SAID_MAX 16384

struct openssh_said {
	struct openssh_log events;
	struct buf log;		/* its own words: the lines of -E, but no debug messages above level 1 */
	struct buf early;	/* what stderr said before the command began (a ProxyCommand, a banner) */
};
void openssh_said_init(struct openssh_said *w);
void openssh_said_release(struct openssh_said *w);
/* It said that it logged in; of a control master that there was already it says nothing. */
bool openssh_logged_in(const struct openssh_said *w);
/*
 * Its own failure, as an error; -1.  may_have_begun: as far as the caller
 * knows; where false, these words tell whether it can have.
 */
int openssh_failure(const struct session *s, const struct openssh_said *w, bool may_have_begun, int64_t deadline,
		    struct dt_err *err);

#endif
