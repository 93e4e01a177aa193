#include "dt/report/color.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/util.h"

static const struct {
	const char *name;
	enum color color;
	const char *sgr;
} names[] = {
	{ "okay", COLOR_OKAY, "32" }, { "ok", COLOR_OKAY, "32" }, { "fail", COLOR_FAIL, "31" },
	{ "info", COLOR_INFO, "36" }, { "host", COLOR_HOST, "1" }, { "add", COLOR_ADD, "32" },
	{ "del", COLOR_DEL, "31" },
};

static void set(struct colors *c, const char *name, size_t name_len, const char *value, size_t len)
{
	if (len >= sizeof(c->sgr[0]) || strspn(value, "0123456789;") < len)
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strlen(names[i].name) != name_len || memcmp(names[i].name, name, name_len) != 0)
			continue;
		memcpy(c->sgr[names[i].color], value, len);
		c->sgr[names[i].color][len] = '\0';
	}
}

static void read_list(struct colors *c, const char *list)
{
	while (list && *list) {
		size_t len = strcspn(list, ":"), name = strcspn(list, "=:");

		if (name < len)
			set(c, list, name, list + name + 1, len - name - 1);
		list += len + (list[len] == ':');
	}
}

void colors_init(struct colors *c, const char *dt, const char *dtools)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		set(c, names[i].name, strlen(names[i].name), names[i].sgr, strlen(names[i].sgr));
	read_list(c, dtools);
	read_list(c, dt);
}

bool color_wanted(int fd, bool no_color)
{
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");

	return !no_color && !(none && *none) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}
