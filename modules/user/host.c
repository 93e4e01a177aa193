#include "user/host.h"

#include <stdlib.h>
#include <string.h>

static const char survey_script[] =
#include "user/as.sh.h"
#include "user/survey.sh.h"
	;
static const char change_script[] =
#include "user/as.sh.h"
#include "user/change.sh.h"
	;
static const char look_script[] =
#include "user/look.sh.h"
	;
static const char keys_script[] =
#include "user/keys.sh.h"
	;

struct survey {
	struct found *found;
	bool enough;
};

static void survey_output(void *arg, int stream, const char *data, size_t len)
{
	struct survey *s = arg;

	if (stream == DT_STDERR)
		found_said(s->found, data, len);
	else if (!s->found->fault && !found_add(s->found, data, len))
		s->enough = true;
}

int host_ask(const struct host *h, struct found *f, const char *questions, size_t len, bool all)
{
	const struct dt_services *dt = h->dt;
	struct survey survey = { .found = f };
	const char *argv[] = { "dt-user", look_script, all ? "list" : "" };
	struct dt_exec exec = {
		.in = questions, .in_len = len, .output = survey_output, .arg = &survey,
		.enough = &survey.enough, .flags = h->sudo ? DT_EXEC_SUDO : 0,
	};
	struct dt_exit end = { .status = 0 };
	int r;

	r = dt->sh(h->task, &exec, survey_script, argv, sizeof(argv) / sizeof(*argv), &end);
	if (r != DT_OK && !f->fault)
		return r;
	found_read(f);
	if (!f->fault)
		return DT_OK;
	return dt->fail(h->task, end.status > 0 ? end.status : 1, "%s%s%s", f->fault, f->said_len ? ": " : "", f->said);
}

/* "D NUMBER" of the steps that were done, and what went wrong. */
struct change {
	size_t done;
	struct {
		char text[400];
		size_t len;
	} line, said;
};

static void change_output(void *arg, int stream, const char *data, size_t len)
{
	struct change *c = arg;

	for (; len; len--, data++) {
		char *text = stream == DT_STDERR ? c->said.text : c->line.text;
		size_t *n = stream == DT_STDERR ? &c->said.len : &c->line.len;

		if (stream == DT_STDOUT && *data == '\n') {
			size_t number = strncmp(text, "D ", 2) == 0 ? strtoul(text + 2, NULL, 10) : 0;

			c->done = number == c->done + 1 ? number : c->done;
			*n = 0;
		} else if (*n < sizeof(c->said.text) - 1) {
			text[(*n)++] = *data;
		}
		text[*n] = '\0';
	}
}

/* What a host said, without its last newlines. */
static const char *trimmed(struct change *c)
{
	while (c->said.len && strchr(" \t\r\n", c->said.text[c->said.len - 1]))
		c->said.text[--c->said.len] = '\0';
	return c->said.len ? c->said.text : "it did not say why";
}

int host_change(const struct host *h, const struct plan *p, const char *words)
{
	const struct dt_services *dt = h->dt;
	const char *argv[] = { "dt-user", keys_script };
	struct change c = { .done = 0 };
	struct dt_exec exec = {
		.in = p->program, .in_len = p->program_len, .output = change_output, .arg = &c,
		.flags = h->sudo ? DT_EXEC_SUDO : 0,
	};
	struct dt_exit end = { .status = 0 };
	const struct step *s;
	char *done;
	int r;

	r = dt->sh(h->task, &exec, change_script, argv, sizeof(argv) / sizeof(*argv), &end);
	if (r != DT_OK)
		return r;
	if (c.done == p->n && end.status == 0) {
		dt->message(h->task, "%s", words);
		return DT_OK;
	}
	s = &p->steps[c.done < p->n ? c.done : p->n - 1];
	/* what a word stands for may be of several steps */
	while (!*s->words && s + 1 < p->steps + p->n && strcmp(s[1].subject, s->subject) == 0)
		s++;
	done = plan_words(p, c.done);
	r = dt->fail(h->task, end.status > 0 ? end.status : 1, "%s: not %s: %s%s%s", s->subject, s->words, trimmed(&c),
		     done && *done ? "; done before: " : "", done ? done : "");
	free(done);
	return r;
}
