/*
 * sim_command - what dt made of a command (dt/ssh/wrap.h), taken apart again.
 */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

#include <stdbool.h>

#define MARKER_LEN 19 /* "dt-" and 16 hexadecimal digits */

struct command {
	char *real; /* the command without its wrapper */
	bool wrapped; /* the status is expected xor WRAP_XOR */
	bool announced; /* the marker is expected on stderr */
	bool killer; /* ends the command of this marker */
	char marker[MARKER_LEN + 1]; /* "" where not wrapped and no killer */
};

/* 0, or -1: out of memory */
int command_parse(struct command *c, const char *line);
void command_release(struct command *c);

#endif
