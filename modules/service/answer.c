#include "service/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt_module.h"

#define SERVICES_MAX 4096
#define NAME_SIZE 256
#define CLOCK_LAST 253402300799LL /* of the year 9999: ages in milliseconds have room, too */
#define TEXT_MAX ((size_t)16 << 20)

static bool add_text(struct answer *a, const char *data, size_t len)
{
	char *grown;

	if (a->text_len + len > TEXT_MAX)
		return false;
	if (a->text_len + len >= a->text_room) {
		size_t room = (a->text_len + len) * 2 + 256;

		grown = realloc(a->text, room);
		if (!grown)
			return false;
		a->text = grown;
		a->text_room = room;
	}
	for (size_t i = 0; i < len; i++)
		a->text[a->text_len++] = data[i] ? data[i] : '?'; /* it is told as a string */
	a->text[a->text_len] = '\0';
	return true;
}

static struct service *add_service(struct answer *a, const char *name, char result)
{
	struct service *grown;

	if (!*name || strlen(name) >= NAME_SIZE || a->n == SERVICES_MAX)
		return NULL;
	if ((a->n & (a->n - 1)) == 0) {
		grown = realloc(a->v, (a->n ? a->n * 2 : 1) * sizeof(*a->v));
		if (!grown)
			return NULL;
		a->v = grown;
	}
	a->v[a->n] = (struct service){ .name = strdup(name), .result = result };
	return a->v[a->n].name ? &a->v[a->n++] : NULL;
}

/* Two digits each; how many bytes, or -1 where it is something else. */
static int hexadecimal(const char *digits, unsigned char *bytes, size_t size)
{
	static const char all[] = "0123456789abcdef";
	size_t n = 0;

	for (; digits[0] && digits[1]; digits += 2) {
		const char *high = strchr(all, digits[0]), *low = strchr(all, digits[1]);

		if (!high || !low || n == size)
			return -1;
		bytes[n++] = (unsigned char)((high - all) << 4 | (low - all));
	}
	return *digits ? -1 : (int)n;
}

/* "y u 4000..."; false where it makes no sense. */
static bool take_side(struct side *side, char alive, char normally, const char *digits, long long now)
{
	unsigned char bytes[64] = { 0 };
	int n;

	if (!strchr("ynpx", alive) || !strchr("ud", normally))
		return false;
	side->alive = alive == 'y' ? ALIVE_YES : alive == 'n' ? ALIVE_NO : alive == 'p' ? ALIVE_CLOSED : ALIVE_UNTRUSTED;
	side->down_file = normally == 'd';
	if (strcmp(digits, "-") == 0 || strcmp(digits, "!") == 0) {
		side->wrong = *digits == '-' ? "there is none" : "it may not be read";
		return true;
	}
	n = strcmp(digits, ".") == 0 ? 0 : hexadecimal(digits, bytes, sizeof(bytes));
	if (n < 0)
		return false;
	side->wrong = supervise_decode(bytes, (size_t)n, now, &side->s);
	side->size = (size_t)n;
	return true;
}

/* "S y u 4000... n d 4000... - NAME" */
static bool take_service(struct answer *a, const char *line)
{
	char alive, normally, log_alive, log_normally, result, own[132], log[132];
	struct service *s;
	int used = 0;

	if (sscanf(line, "S %c %c %131s %c %c %131s %c%n", &alive, &normally, own, &log_alive, &log_normally, log, &result,
		   &used) != 7 || line[used] != ' ' || !strchr("-solgpbktx", result))
		return false;
	s = add_service(a, line + used + 1, result);
	if (!s || !take_side(&s->own, alive, normally, own, a->now))
		return false;
	s->has_log = log_alive != '-';
	return !s->has_log || take_side(&s->log, log_alive, log_normally, log, a->now);
}

static bool take_head(struct answer *a, const char *line)
{
	int used = 0;

	a->none = strcmp(line, "dt-service none") == 0;
	a->closed = strcmp(line, "dt-service closed") == 0;
	if (a->none || a->closed) {
		a->whole = true;
		return true;
	}
	if (sscanf(line, "dt-service %18lld %n", &a->now, &used) != 1 || !used || line[used] != '/' || a->now < 0 ||
	    a->now > CLOCK_LAST)
		return false;
	(void)snprintf(a->dir, sizeof(a->dir), "%s", line + used);
	return true;
}

/* "F NAME": what follows is its log. */
static bool take_log(struct answer *a, const char *line)
{
	return add_service(a, line + 2, 'F') &&
	       (!a->heads || (add_text(a, "==> ", 4) && add_text(a, line + 2, strlen(line + 2)) && add_text(a, " <==\n", 5)));
}

/* A line without its end; those with a name without the slash too. */
static bool take_line(struct answer *a, const char *line)
{
	if (!*line)
		return true;
	if (strcmp(line, "dt-service end") == 0) {
		a->whole = true;
		return true;
	}
	if (line[1] != ' ')
		return false;
	switch (line[0]) {
	case 'S':
		return take_service(a, line);
	case 'F':
		return take_log(a, line);
	case 'C':
		return line[2] >= '0' && line[2] <= '3' && line[3] == ' ' && add_service(a, line + 4, line[2]);
	case 'M':
	case 'L':
	case 'R':
		return add_service(a, line + 2, line[0]) != NULL;
	default:
		return false;
	}
}

/* Does its line end in a slash too? */
static bool has_name(const struct answer *a)
{
	return a->begun && a->len && strchr("SCMFLR", a->line[0]);
}

static bool end_line(struct answer *a)
{
	bool name = has_name(a);

	a->line[name ? a->len - 1 : a->len] = '\0';
	a->len = 0;
	if (a->begun)
		return take_line(a, a->line);
	if (!*a->line)
		return true;
	a->begun = true;
	return take_head(a, a->line);
}

/* One byte of stdout. */
static bool take_byte(struct answer *a, char c)
{
	if (a->whole)
		return true;
	if (a->in_text) {
		a->in_text = c != '\n';
		return add_text(a, &c, 1);
	}
	if (a->begun && !a->len && c == ' ') {
		a->in_text = true;
		return true;
	}
	if (c == '\n' && (!has_name(a) || a->line[a->len - 1] == '/'))
		return end_line(a);
	if (a->len == sizeof(a->line) - 1)
		return false;
	a->line[a->len++] = c;
	return true;
}

void answer_add(void *arg, int stream, const char *data, size_t len)
{
	struct answer *a = arg;

	if (stream == DT_STDERR) {
		size_t room = sizeof(a->said) - 1 - a->said_len;

		len = len < room ? len : room;
		memcpy(a->said + a->said_len, data, len);
		a->said_len += len;
		return;
	}
	for (; len && !a->failed; len--, data++)
		a->failed = !take_byte(a, *data);
}

void answer_release(struct answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i].name);
	free(a->v);
	free(a->text);
}
