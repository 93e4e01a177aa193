#include "dt/cli/help.h"

#include <stdio.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/nearest.h"
#include "dt/base/util.h"
#include "dt/cli/options.h"
#include "dt/cli/wordlist.h"

/* Where explanations begin. */
#define COLUMN 30

struct topic {
	const char *name, *text;
};

static const struct topic topics[] = {
	{ "selection",
	  "A selection says which hosts, in one argument:\n\n"
	  "  sys:web[01-20],db{1..3}  these hosts; the same as web[01-20],db{1..3}\n"
	  "  tag:a,b  tag:a,+b,-c     tagged a or b; a and b but not c\n"
	  "  exp:REGEX                names that match from their beginning\n"
	  "  var:KEY=VALUE            by an attribute; var:KEY~REGEX too\n"
	  "  all, nil                 every host of the inventory; none\n"
	  "  local:                   this machine, without SSH\n"
	  "  job:JOB, job:last:fail   hosts of an earlier run, by what became of them\n"
	  "  out:, file:PATH          names from standard input, from a file\n"
	  "  NAME:VALUE               what the program selectors/NAME prints\n\n"
	  "They combine with and, or, not and parentheses, or are chained with a colon:\n\n"
	  "  dt 'tag:linux and not exp:db' ssh date\n"
	  "  dt tag:linux:not:exp:db ssh date\n\n"
	  "A selection that matches no host is an error (exit status 7).\n"
	  "See dt-inventory(5).\n" },
	{ "output",
	  "-o FORMAT says how outcomes are written:\n\n"
	  "  omni   STATUS:ENCODING:PROGRAM:MODULE:HOST:MESSAGE, one line a host (default)\n"
	  "  jsonl  one JSON object a line\n"
	  "  pdsh   HOST: LINE for each line of output\n"
	  "  gather hosts with the same output together; --mask: but for numbers and the like\n"
	  "  diff   the output of most hosts, and how others differ\n"
	  "  host, status, compact   what dthost, dtstatus and dtcompact make of omni\n"
	  "  table  what a module found, in columns\n"
	  "  fold   names as ranges, web[01-20]; for the module list\n\n"
	  "A failure's message begins with its reason: resolve, connect, hostkey, auth,\n"
	  "timeout, lost, killed, exit N, skipped or local.\n"
	  "See dt-output(5).\n" },
	{ "exit",
	  "Exit status of dt:\n\n"
	  "    0  every host okay\n"
	  "    1  dt itself failed: disk full, output closed, ...\n"
	  "    2  usage, selection, inventory or configuration; no host was contacted\n"
	  "    3  the module could not be loaded or refused its arguments; the same\n"
	  "    4  at least one host was not reached, or was lost or too slow\n"
	  "    5  every host was reached, and on at least one the action failed\n"
	  "    6  stopped early by --max-fail or a failed canary\n"
	  "    7  the selection matched no host\n"
	  "  130  interrupted (128 and the signal's number)\n\n"
	  "With -S, where every host was reached: the largest remote status.\n" },
	{ "conf",
	  "/etc/dt/dt.conf, then ~/.config/dt/dt.conf, whose values win; options under\n"
	  "[dt] by their long names, below what the command line says:\n\n"
	  "  [dt]\n"
	  "  db = ~/hosts.ini\n"
	  "  coproc = 50\n\n"
	  "See dt.conf(5).\n" },
};

/* "  LEFT      RIGHT\n", the right side in its column, on a line of its own where the left is too long. */
static int add_entry(struct buf *out, const char *left, const char *right)
{
	struct buf safe;
	int r;

	buf_init(&safe, out->max);
	r = escape(&safe, right, strlen(right));
	if (r == 0)
		r = strlen(left) + 4 > COLUMN ? buf_addf(out, "  %s\n%*s%s\n", left, COLUMN, "", safe.data) :
			buf_addf(out, "  %-*s%s\n", COLUMN - 2, left, safe.data);
	buf_release(&safe);
	return r;
}

/* "-T, --timeout TIME" */
static const char *option_left(const struct option_spec *s, char *out, size_t size)
{
	char letter[5] = "    ";

	if (s->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", s->letter);
	(void)snprintf(out, size, "%s--%s%s%s", letter, s->name, s->arg ? " " : "", s->arg ? s->arg : "");
	return out;
}

static int add_options(struct buf *out)
{
	int r = 0;

	for (const struct option_spec *s = option_table; s->name && r == 0; s++) {
		char left[80], right[160];

		(void)snprintf(right, sizeof(right), "%s%s%s%s", s->help, s->def ? " (" : "", s->def ? s->def : "",
			       s->def ? ")" : "");
		r = add_entry(out, option_left(s, left, sizeof(left)), right);
	}
	return r;
}

static int add_words(struct buf *out)
{
	int r = 0;

	for (const struct word_spec *w = word_table; w->name && r == 0; w++) {
		char left[80];

		(void)snprintf(left, sizeof(left), "%s%s%s", w->name, *w->args ? " " : "", w->args);
		r = add_entry(out, left, w->help);
	}
	return r;
}

int help_usage(struct buf *out)
{
	int r;

	r = buf_adds(out, "dt [OPTIONS] SELECTION MODULE [ARGUMENTS...]   act on hosts over SSH, in parallel\n"
			  "dt WORD [ARGUMENTS...]                         about dt itself\n\n"
			  "Selections:\n"
			  "  web[01-20],db1  tag:linux,-old  exp:REGEX  var:KEY=VALUE  all  local:\n"
			  "  job:last:fail (dt jobs)  file:PATH  out: (standard input)\n"
			  "  combined with and, or, not and ( ), or chained: tag:linux:exp:web\n\n"
			  "Options:\n");
	if (r == 0)
		r = add_options(out);
	if (r == 0)
		r = buf_adds(out, "\nWords:\n");
	if (r == 0)
		r = add_words(out);
	if (r == 0)
		r = buf_adds(out, "\nExamples:\n"
				  "  dt tag:linux ssh date\n"
				  "  dt 'tag:web and not web07' sudo systemctl reload nginx\n"
				  "  dt -o jsonl all ssh uptime\n"
				  "  dt web[01-20] add\n");
	return r;
}

/* ---- modules ---- */

static const char *param_value(const struct dt_param *p)
{
	switch (p->type) {
	case DT_INT:
		return "N";
	case DT_TIME:
		return "TIME";
	case DT_SIZE:
		return "SIZE";
	case DT_FILE:
		return "FILE";
	case DT_CHOICE:
		return "CHOICE";
	case DT_BOOL:
		return NULL;
	case DT_STRING:
		break;
	}
	return "TEXT";
}

static int add_upper(struct buf *out, const char *s)
{
	int r = 0;

	for (; *s && r == 0; s++)
		r = buf_addc(out, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
	return r;
}

/* "--timeout TIME", "COMMAND...", "[ARGUMENTS...]" */
static int add_param_name(struct buf *out, const struct dt_param *p)
{
	const char *value = param_value(p);
	bool must = p->flags & DT_REQUIRED;

	if ((p->flags & DT_OPTION) && p->letter && buf_addf(out, "-%c, ", p->letter) != 0)
		return -1;
	if (p->flags & DT_OPTION)
		return p->bare ? buf_addf(out, "--%s[=%s]", p->name, value)
			       : buf_addf(out, "--%s%s%s", p->name, value ? " " : "", value ? value : "");
	return buf_adds(out, must ? "" : "[") || add_upper(out, p->name) ||
	       buf_adds(out, p->flags & (DT_REST | DT_MANY) ? "..." : "") || buf_adds(out, must ? "" : "]");
}

static int add_param(struct buf *out, const struct dt_param *p)
{
	struct buf left, right;
	int r;

	buf_init(&left, 4096);
	buf_init(&right, 4096);
	r = add_param_name(&left, p) || buf_adds(&right, p->help ? p->help : "");
	for (const char *const *c = p->choices; c && *c && r == 0; c++)
		r = buf_addf(&right, "%s%s", c == p->choices ? ": " : "|", *c);
	if (r == 0 && p->def)
		r = buf_addf(&right, " (%s)", p->def);
	if (r == 0 && (p->flags & DT_OPTION) && (p->flags & DT_REQUIRED))
		r = buf_adds(&right, "; must be given");
	if (r == 0)
		r = add_entry(out, left.data, right.data);
	buf_release(&left);
	buf_release(&right);
	return r ? -1 : 0;
}

static int add_verb(struct buf *out, const struct dt_module *m, const struct dt_verb *v)
{
	bool options = false, any = false;
	int r;

	for (const struct dt_param *p = v->params; p && p->name; p++)
		options |= (p->flags & DT_OPTION) != 0;
	r = buf_addf(out, "\ndt SELECTION %s%s%s%s", m->name, *v->name ? " " : "", v->name,
		     options ? " [OPTIONS]" : "");
	for (const struct dt_param *p = v->params; p && p->name && r == 0; p++)
		if (!(p->flags & DT_OPTION))
			r = buf_addc(out, ' ') || add_param_name(out, p);
	if (r == 0)
		r = buf_adds(out, "\n  ") || escape(out, v->summary, strlen(v->summary)) ||
		    buf_adds(out, v->kind == DT_INFO ? "; changes nothing\n" : "\n");
	for (const struct dt_param *p = v->params; p && p->name && r == 0; p++) {
		if (!any)
			r = buf_addc(out, '\n');
		any = true;
		if (r == 0)
			r = add_param(out, p);
	}
	return r ? -1 : 0;
}

int help_module(const struct dt_module *m, struct buf *out)
{
	int r = buf_addf(out, "%s - ", m->name) || escape(out, m->summary, strlen(m->summary)) || buf_addc(out, '\n');

	for (const struct dt_verb *v = m->verbs; v->name && r == 0; v++)
		r = add_verb(out, m, v);
	return r ? -1 : 0;
}

/* ---- topics ---- */

static const struct option_spec *option_topic(const char *topic)
{
	if (topic[0] == '-' && topic[1] && topic[1] != '-' && !topic[2])
		return option_by_letter(topic[1]);
	return option_by_name(str_starts(topic, "--") ? topic + 2 : topic);
}

static int help_option(const struct option_spec *s, struct buf *out)
{
	char left[80];
	int r = buf_addf(out, "%s\n  %s\n", option_left(s, left, sizeof(left)) + (s->letter ? 0 : 4), s->help);

	if (r == 0 && s->def)
		r = buf_addf(out, "  Default: %s\n", s->def);
	if (r == 0 && s->type == OPT_INT)
		r = buf_addf(out, "  A number from %lld to %lld\n", s->min, s->max);
	if (r == 0 && s->type == OPT_TIME)
		r = buf_adds(out, "  A time such as 500ms, 10s, 2m or 1h; a bare number is seconds\n");
	if (r == 0 && s->type == OPT_SIZE)
		r = buf_adds(out, "  A size such as 4096, 64k or 10M\n");
	if (r == 0 && s->in_conf)
		r = buf_addf(out, "  In dt.conf(5): %s = %s\n", s->name,
			     s->arg ? s->arg : s->type == OPT_COUNT ? "N" : "yes");
	return r;
}

static int help_word(const struct word_spec *word, struct buf *out)
{
	int r = buf_addf(out, "dt %s%s%s\n  %s\n", word->name, *word->args ? " " : "", word->args, word->help);

	if (r == 0 && word->parts)
		r = buf_addc(out, '\n');
	for (const struct word_part *p = word->parts; p && p->name && r == 0; p++)
		r = add_entry(out, p->name, p->help);
	if (r == 0 && word->options)
		r = buf_adds(out, "\nOptions of dt may stand before it and behind it: dt --help.\n");
	return r;
}

int help_topic(const char *topic, struct buf *out)
{
	const struct option_spec *option;
	const struct word_spec *word = word_find(topic);

	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (strcmp(topics[i].name, topic) == 0)
			return buf_adds(out, topics[i].text);
	if (word)
		return help_word(word, out);
	option = option_topic(topic);
	return option ? help_option(option, out) : -1;
}

const char *help_nearest(const char *topic)
{
	const char *names[128];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		names[n++] = topics[i].name;
	for (const struct word_spec *w = word_table; w->name && n < ARRAY_LEN(names); w++)
		names[n++] = w->name;
	for (const struct option_spec *s = option_table; s->name && n < ARRAY_LEN(names); s++)
		names[n++] = s->name;
	return nearest(str_starts(topic, "--") ? topic + 2 : topic, names, n);
}
