#include "dt/cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/nearest.h"
#include "dt/report/journal.h"
#include "dt/run/limits.h"
#include "inventory/host.h"

static const char *const output_choices[] = {
	"omni", "jsonl", "pdsh", "gather", "diff", "host", "status", "compact", "table", "fold", NULL
};
static const char *const progress_choices[] = { "auto", "always", "never", "json", NULL };
static const char *const transport_choices[] = { "auto", "libssh2", "openssh", NULL };

static const char *const journal_choices[] = { "yes", "no", "required", NULL };

static const char *keep_fault(const char *text)
{
	struct journal_keep ignored;

	return journal_keep_parse(text, &ignored);
}

/* name, letter, type and the member that holds the value. */
#define OPT(n, l, t, member) .name = (n), .letter = (l), .type = (t), .offset = offsetof(struct options, member)

/* In the order of --help and of dt(1): what is selected, how it runs, how it is reached, what is shown, dt itself. */
const struct option_spec option_table[] = {
	{ OPT("db", 'D', OPT_LIST, db), .arg = "SOURCE", .is_path = true, .in_conf = true,
	  .help = "use this inventory; may repeat" },
	{ OPT("pretend", 'p', OPT_BOOL, pretend), .help = "show the plan, touch no host" },
	{ OPT("yes", 0, OPT_BOOL, yes), .help = "answer yes to questions of trust, import, --confirm" },

	{ OPT("coproc", 'C', OPT_INT, coproc), .arg = "N", .def = "100", .min = 1, .max = 100000, .in_conf = true,
	  .help = "at most N hosts at a time" },
	{ OPT("timeout", 'T', OPT_TIME, timeout_ms), .arg = "TIME", .in_conf = true,
	  .help = "to connect and log in to a host (10s)" },
	{ OPT("command-timeout", 0, OPT_TIME, command_timeout_ms), .arg = "TIME", .in_conf = true,
	  .help = "for the action on each host" },
	{ OPT("deadline", 0, OPT_TIME, deadline_ms), .arg = "TIME", .in_conf = true, .help = "for the whole run" },
	{ OPT("canary", 0, OPT_SHARE, canary), .arg = "N", .min = 1,
	  .help = "N or N% first; others only if all of them are okay" },
	{ OPT("batch", 0, OPT_SHARE, batch), .arg = "N", .min = 1, .help = "N or N% of the hosts, then the next ones" },
	{ OPT("pause", 0, OPT_TIME, pause_ms), .arg = "TIME", .help = "between batches, and after the canaries" },
	{ OPT("max-fail", 0, OPT_SHARE, max_fail), .arg = "N", .in_conf = true,
	  .help = "begin no more when more than N or N% have failed" },
	{ OPT("rate", 0, OPT_INT, rate), .arg = "N", .min = 1, .max = 1000000, .in_conf = true,
	  .help = "begin at most N hosts a second" },
	{ OPT("max-per", 0, OPT_LIST, max_per), .arg = "KEY=N", .check = limits_fault, .in_conf = true,
	  .help = "at most N (N%) at a time of an attribute, tag or via" },
	{ OPT("random-delay", 0, OPT_TIME, random_delay_ms), .arg = "TIME", .in_conf = true,
	  .help = "begin each host up to so much later" },
	{ OPT("confirm", 0, OPT_BOOL, confirm), .help = "ask for the number of hosts before anything begins" },
	{ OPT("confirm-over", 0, OPT_INT, confirm_over), .arg = "N", .min = 0, .max = 1000000000, .in_conf = true,
	  .help = "the same for runs on more than N hosts" },
	{ OPT("interactive", 'i', OPT_BOOL, interactive), .help = "one host at a time, with a terminal" },
	{ OPT("keep", 0, OPT_BOOL, keep), .help = "the command outlives dt; dt reconcile asks later" },

	{ OPT("user", 'u', OPT_TEXT, user), .arg = "NAME", .check = user_name_fault, .in_conf = true,
	  .help = "remote user" },
	{ OPT("port", 0, OPT_INT, port), .arg = "N", .min = 1, .max = 65535, .in_conf = true, .help = "remote port" },
	{ OPT("identity", 'I', OPT_LIST, identity), .arg = "FILE", .is_path = true, .in_conf = true,
	  .help = "log in with this key; may repeat" },
	{ OPT("ask-password", 'k', OPT_BOOL, ask_password), .help = "ask for the SSH password" },
	{ OPT("ask-sudo", 'K', OPT_BOOL, ask_sudo), .help = "ask for the sudo password" },
	{ OPT("jump", 'J', OPT_TEXT, jump), .arg = "HOSTS", .in_conf = true, .help = "go through these hosts (a,b)" },
	{ OPT("ssh-config", 'F', OPT_TEXT, ssh_config), .arg = "FILE", .is_path = true, .in_conf = true,
	  .help = "read this instead of ssh's own configuration" },
	{ OPT("known-hosts", 0, OPT_LIST, known_hosts), .arg = "FILE", .is_path = true, .in_conf = true,
	  .help = "host keys are here and nowhere else; may repeat" },
	{ OPT("accept-new", 0, OPT_BOOL, accept_new), .in_conf = true,
	  .help = "trust a host key seen for the first time" },
	{ OPT("transport", 0, OPT_CHOICE, transport), .arg = "NAME", .def = "auto", .choices = transport_choices,
	  .in_conf = true, .help = "auto, libssh2 or openssh" },

	{ OPT("output", 'o', OPT_CHOICE, output), .arg = "FORMAT", .def = "omni", .choices = output_choices,
	  .in_conf = true, .help = "omni, jsonl, gather, ...: see dt help output" },
	{ OPT("mask", 0, OPT_BOOL, mask), .in_conf = true, .help = "gather, diff: fold but for numbers, times, addresses" },
	{ OPT("progress", 0, OPT_CHOICE, progress), .arg = "WHEN", .def = "auto", .choices = progress_choices,
	  .in_conf = true, .help = "a live line on stderr: always, never, json" },
	{ OPT("stream", 0, OPT_BOOL, stream), .in_conf = true, .help = "each line of output as it arrives" },
	{ OPT("max-output", 0, OPT_SIZE, max_output), .arg = "SIZE", .def = "1M", .min = 1, .max = 1 << 30,
	  .in_conf = true, .help = "output kept of each host" },
	{ OPT("raw", 0, OPT_BOOL, raw), .help = "hosts' output unescaped" },
	{ OPT("max-status", 'S', OPT_BOOL, max_status), .in_conf = true,
	  .help = "exit with the largest remote status" },
	{ OPT("no-color", 'N', OPT_BOOL, no_color), .in_conf = true, .help = "no colour" },
	{ OPT("journal", 0, OPT_CHOICE, journal), .arg = "WHETHER", .def = "yes", .choices = journal_choices, .in_conf = true,
	  .help = "remember the run: yes, no, or required" },
	{ OPT("no-journal", 0, OPT_BOOL, no_journal), .help = "the same as --journal no" },
	{ OPT("journal-keep", 0, OPT_TEXT, journal_keep), .arg = "LIMIT", .def = "365d 1G", .check = keep_fault,
	  .in_conf = true, .help = "what stays remembered, by age and size" },
	{ OPT("journal-output", 0, OPT_SIZE, journal_output), .arg = "SIZE", .def = "1M", .min = 1, .max = 1 << 30,
	  .in_conf = true, .help = "output remembered of each host" },
	{ OPT("verbose", 'v', OPT_COUNT, verbose), .max = 9, .in_conf = true,
	  .help = "say what is done and why; -vv: each step" },

	{ OPT("help", 'h', OPT_BOOL, help), .help = "this, or help on the topic that follows" },
	{ OPT("version", 'V', OPT_BOOL, version), .help = "dt's version" },
	{ .name = NULL }
};
_Static_assert(ARRAY_LEN(option_table) <= OPTION_MAX, "OPTION_MAX is too small");

/* An option as its user wrote it: in dt.conf by its name alone. */
static const char *label(const struct options *o, const struct option_spec *spec, char *out, size_t size)
{
	if (o->source != SOURCE_COMMAND)
		(void)snprintf(out, size, "%s", spec->name);
	else if (spec->letter)
		(void)snprintf(out, size, "-%c, --%s", spec->letter, spec->name);
	else
		(void)snprintf(out, size, "--%s", spec->name);
	return out;
}

/* "OPTION: "VALUE" is WHAT". */
static int bad_value(const struct options *o, const struct option_spec *spec, const char *value, const char *what,
		     struct dt_err *err)
{
	char name[64];

	return err_set(err, ERR_USAGE, "%s: \"%.200s\" %s", label(o, spec, name, sizeof(name)), value, what);
}

static int bad_choice(const struct options *o, const struct option_spec *spec, const char *value,
		      struct dt_err *err)
{
	struct buf what;
	const char *near;
	size_t n;
	int r;

	buf_init(&what, 512);
	for (n = 0; spec->choices[n]; n++)
		(void)buf_addf(&what, "%s%s", n ? ", " : "is none of ", spec->choices[n]);
	near = nearest(value, spec->choices, n);
	if (near)
		(void)buf_addf(&what, "; did you mean %s?", near);
	r = bad_value(o, spec, value, what.data, err);
	buf_release(&what);
	return r;
}

static int set_bool(const struct options *o, const struct option_spec *spec, bool *out, const char *value,
		    struct dt_err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(value, words[i]) == 0) {
			*out = i % 2 != 0;
			return 0;
		}
	}
	return bad_value(o, spec, value, "is neither yes nor no", err);
}

static int set_int(const struct options *o, const struct option_spec *spec, long long *out, const char *value,
		   struct dt_err *err)
{
	char what[80];

	if (parse_int(value, spec->min, spec->max, out) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "is not a number from %lld to %lld", spec->min, spec->max);
	return bad_value(o, spec, value, what, err);
}

static int set_share(const struct options *o, const struct option_spec *spec, struct share *out, const char *value,
		     struct dt_err *err)
{
	char what[80];

	if (parse_share(value, spec->min, out) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "is neither a number from %lld nor a percentage from %lld%% to 100%%", spec->min,
		       spec->min);
	return bad_value(o, spec, value, what, err);
}

static int set_time(const struct options *o, const struct option_spec *spec, int64_t *out, const char *value,
		    struct dt_err *err)
{
	int64_t ms;

	if (parse_time_ms(value, &ms) != 0 || ms <= 0)
		return bad_value(o, spec, value, "is not a time above 0 such as 500ms, 10s, 2m or 1h", err);
	*out = ms;
	return 0;
}

static int set_size(const struct options *o, const struct option_spec *spec, uint64_t *out, const char *value,
		    struct dt_err *err)
{
	uint64_t n;

	if (parse_size(value, &n) != 0 || n < (uint64_t)spec->min || n > (uint64_t)spec->max)
		return bad_value(o, spec, value, "is not a size from 1 to 1G such as 4096, 64k or 1M", err);
	*out = n;
	return 0;
}

static int set_text(const struct options *o, const struct option_spec *spec, char **out, const char *value,
		    struct dt_err *err)
{
	const char *fault = !*value ? "is empty" : spec->check ? spec->check(value) : NULL;
	char *copy;

	if (fault)
		return bad_value(o, spec, value, fault, err);
	copy = strdup(value);
	if (!copy)
		return err_nomem(err);
	free(*out);
	*out = copy;
	return 0;
}

static int set_choice(const struct options *o, const struct option_spec *spec, char **out, const char *value,
		      struct dt_err *err)
{
	for (const char *const *c = spec->choices; *c; c++)
		if (strcmp(*c, value) == 0)
			return set_text(o, spec, out, value, err);
	return bad_choice(o, spec, value, err);
}

static int set_list(const struct options *o, const struct option_spec *spec, struct strs *out, const char *value,
		    struct dt_err *err)
{
	const char *fault = !*value ? "is empty" : spec->check ? spec->check(value) : NULL;

	if (fault)
		return bad_value(o, spec, value, fault, err);
	if (o->set_by[spec - option_table] != o->source)
		strs_release(out);
	return strs_add(out, value) == 0 ? 0 : err_nomem(err);
}

int options_set(struct options *o, const struct option_spec *spec, const char *value, struct dt_err *err)
{
	void *at = (char *)o + spec->offset;
	int r = -1;

	switch (spec->type) {
	case OPT_BOOL:
		r = set_bool(o, spec, at, value, err);
		break;
	case OPT_COUNT:
	case OPT_INT:
		r = set_int(o, spec, at, value, err);
		break;
	case OPT_SHARE:
		r = set_share(o, spec, at, value, err);
		break;
	case OPT_TIME:
		r = set_time(o, spec, at, value, err);
		break;
	case OPT_SIZE:
		r = set_size(o, spec, at, value, err);
		break;
	case OPT_TEXT:
		r = set_text(o, spec, at, value, err);
		break;
	case OPT_CHOICE:
		r = set_choice(o, spec, at, value, err);
		break;
	case OPT_LIST:
		r = set_list(o, spec, at, value, err);
		break;
	}
	if (r == 0)
		o->set_by[spec - option_table] = (unsigned char)o->source;
	return r;
}

static bool same_list(const struct strs *a, const struct strs *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->v[i], b->v[i]) == 0;
	return same;
}

static bool same_share(const struct share *a, const struct share *b)
{
	return a->n == b->n && a->percent == b->percent && a->given == b->given;
}

bool options_same(const struct options *a, const struct options *b, const struct option_spec *spec)
{
	const void *x = (const char *)a + spec->offset, *y = (const char *)b + spec->offset;

	switch (spec->type) {
	case OPT_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case OPT_COUNT:
	case OPT_INT:
		return *(const long long *)x == *(const long long *)y;
	case OPT_SHARE:
		return same_share(x, y);
	case OPT_TIME:
	case OPT_SIZE:
		return *(const int64_t *)x == *(const int64_t *)y;
	case OPT_TEXT:
	case OPT_CHOICE:
		return str_eq(*(char *const *)x, *(char *const *)y);
	case OPT_LIST:
		return same_list(x, y);
	}
	return false;
}

int options_init(struct options *o, struct dt_err *err)
{
	const char *no_color = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->source = SOURCE_BUILTIN;
	o->no_color = no_color && *no_color;	/* https://no-color.org: present and not empty */
	for (const struct option_spec *s = option_table; s->name; s++) {
		if (s->def && options_set(o, s, s->def, err) != 0) {
			options_release(o);
			return -1;
		}
	}
	o->source = SOURCE_COMMAND;
	return 0;
}

void options_release(struct options *o)
{
	for (const struct option_spec *s = option_table; s->name; s++) {
		void *at = (char *)o + s->offset;

		if (s->type == OPT_TEXT || s->type == OPT_CHOICE)
			free(*(char **)at);
		else if (s->type == OPT_LIST)
			strs_release(at);
	}
	memset(o, 0, sizeof(*o));
}
