#include "sim_command.h"

#include <stdlib.h>
#include <string.h>

int command_parse(struct command *c, const char *line)
{
	c->killer = strstr(line, " dt-kill ") != NULL;
	c->real = strdup(line);
	return c->real ? 0 : -1;
}

void command_release(struct command *c)
{
	free(c->real);
	c->real = NULL;
}
