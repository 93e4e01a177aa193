#include "dt/ssh/openssh_log.h"

#include <stdio.h>
#include <string.h>

#include "dt/base/util.h"

#define LINE_SIZE 2048	/* of a longer one the beginning tells */
#define TEXT_MAX 16384

void openssh_log_init(struct openssh_log *g, struct buf *text)
{
	*g = (struct openssh_log){ .text = text };
	buf_init(&g->line, LINE_SIZE);
}

void openssh_log_release(struct openssh_log *g)
{
	buf_release(&g->line);
}

/* "NAME: channel N rtype WHAT reply 0" */
static bool is_request(const char *text, const char *what)
{
	const char *p = strstr(text, " rtype ");

	return str_starts(text, "client_input_channel_req: channel ") && p && str_starts(p + 7, what) &&
	       (p[7 + strlen(what)] == ' ' || !p[7 + strlen(what)]);
}

static bool is_number(const char *text, const char *head, long *number)
{
	int used = 0;

	return str_starts(text, head) && sscanf(text + strlen(head), "%ld%n", number, &used) == 1 && used > 0 &&
	       !text[strlen(head) + (size_t)used];
}

static void debug_line(struct openssh_log *g, const char *text)
{
	long number;

	if (str_starts(text, "Sending command: ") || str_starts(text, "mux_client_request_session: master session id: ")) {
		g->begun = true;
	} else if (str_starts(text, "channel ") && str_ends(text, ": rcvd close")) {
		g->closed = true;
	} else if (is_request(text, "exit-status")) {
		g->statuses += !g->closed;
	} else if (is_request(text, "exit-signal")) {
		g->signals += !g->closed;
	} else if (is_number(text, "Exit status ", &number)) {
		g->has_final = true;
		g->final = number;
		g->from_master = false;
	} else if (is_number(text, "Received exit status from master ", &number)) {
		g->has_final = g->from_master = true;
		g->final = number;
	}
}

static void take_line(struct openssh_log *g)
{
	struct buf *b = &g->line;
	bool keep = false;

	if (b->len && b->data[b->len - 1] == '\r')
		b->data[--b->len] = '\0';
	if (g->begun && g->more) {
		g->more--;
	} else if (b->len > 8 && memcmp(b->data, "debug", 5) == 0 && memcmp(b->data + 6, ": ", 2) == 0) {
		debug_line(g, b->data + 8);
		keep = b->data[5] == '1' && !g->begun;
	} else {
		keep = b->len > 0;
		g->logged_in |= str_starts(b->data, "Authenticated to ");
	}
	if (keep) {
		if (g->text->len + b->len + 1 > TEXT_MAX)
			buf_consume(g->text, g->text->len < b->len + 1 ? g->text->len : g->text->len + b->len + 1 - TEXT_MAX);
		(void)(buf_add(g->text, b->data, b->len) || buf_addc(g->text, '\n'));
	}
	buf_clear(b);
}

void openssh_log_add(struct openssh_log *g, const char *data, size_t len)
{
	while (len) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl ? (size_t)(nl - data) : len, room = LINE_SIZE - 1 - g->line.len;

		(void)buf_add(&g->line, data, n < room ? n : room);
		if (!nl)
			return;
		take_line(g);
		data += n + 1;
		len -= n + 1;
	}
}

enum openssh_end openssh_log_end(const struct openssh_log *g, int code, int *status)
{
	if (g->has_final && g->final >= 0 && (g->final & 255) == code &&
	    (g->from_master || (g->statuses == 1 && !g->signals))) {
		*status = g->final > 255 && !code ? 255 : code;
		return OPENSSH_STATUS;
	}
	if (g->has_final && g->final == -1 && code == 255 && g->signals == 1 && !g->statuses)
		return OPENSSH_SIGNAL;
	return OPENSSH_UNKNOWN;
}
