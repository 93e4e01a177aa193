/*
 * sim_command - a command, and whether it is the one that ends others (dt/ssh/kill.h).
 */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

#include <stdbool.h>

struct command {
	char *real; /* what the host is asked to run */
	bool killer; /* it ends what else runs on this connection */
};

/* 0, or -1: out of memory */
int command_parse(struct command *c, const char *line);
void command_release(struct command *c);

#endif
