#include "sim_command.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 64

/* Undoes quote_arg(): '...', \x, plain characters.  Words are written one after another into to. */
static int split(const char *line, char *to, char *words[WORDS])
{
	int n = 0;
	bool quoted = false;

	while (*(line += strspn(line, " ")) && n < WORDS) {
		words[n++] = to;
		for (; *line && (quoted || *line != ' '); line++) {
			if (*line == '\'')
				quoted = !quoted;
			else if (*line == '\\' && !quoted && line[1])
				*to++ = *++line;
			else
				*to++ = *line;
		}
		*to++ = '\0';
	}
	return n;
}

static bool is_marker(const char *s)
{
	return strncmp(s, "dt-", 3) == 0 && strlen(s) == MARKER_LEN &&
	       s[3 + strspn(s + 3, "0123456789abcdef")] == '\0';
}

int command_parse(struct command *c, const char *line)
{
	size_t size = strlen(line) + 2;
	char *room = malloc(size), *words[WORDS];
	int n;

	memset(c, 0, sizeof(*c));
	if (!room)
		return -1;
	n = split(line, room, words);
	if (n == 6 && strcmp(words[0], "exec") == 0 && is_marker(words[4])) {
		c->wrapped = true;
		c->announced = strstr(words[3], "printf %s \"$0\" >&3") != NULL;
		memcpy(c->marker, words[4], sizeof(c->marker));
		c->real = strdup(words[5]);
	} else {
		if (n > 2 && strcmp(words[n - 2], "dt") == 0 && strncmp(words[n - 1], "d[t]-", 5) == 0 &&
		    strlen(words[n - 1]) == MARKER_LEN + 2) {
			c->killer = true;
			memcpy(c->marker, "dt", 2);
			memcpy(c->marker + 2, words[n - 1] + 4, MARKER_LEN - 1);
		}
		c->real = strdup(line);
	}
	free(room);
	return c->real ? 0 : -1;
}

void command_release(struct command *c)
{
	free(c->real);
	c->real = NULL;
}
