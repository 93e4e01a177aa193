#include "sim_answer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum fault fault;
} faults[] = {
	{ "none", FAULT_NONE },
	{ "refuse", FAULT_REFUSE },
	{ "silent", FAULT_SILENT },
	{ "garbage-banner", FAULT_GARBAGE_BANNER },
	{ "endless-banner", FAULT_ENDLESS_BANNER },
	{ "close-banner", FAULT_CLOSE_BANNER },
	{ "close-kex", FAULT_CLOSE_KEX },
	{ "close-newkeys", FAULT_CLOSE_NEWKEYS },
	{ "wrong-hostkey", FAULT_WRONG_HOSTKEY },
	{ "close-auth", FAULT_CLOSE_AUTH },
	{ "login-refused", FAULT_LOGIN_REFUSED },
	{ "close-open", FAULT_CLOSE_OPEN },
	{ "channel-refused", FAULT_CHANNEL_REFUSED },
	{ "refuse-channel", FAULT_CHANNEL_REFUSED },
	{ "close-exec", FAULT_CLOSE_EXEC },
	{ "exec-refused", FAULT_EXEC_REFUSED },
	{ "refuse-exec", FAULT_EXEC_REFUSED },
	{ "silent-exec", FAULT_SILENT_EXEC },
	{ "close-output", FAULT_CLOSE_OUTPUT },
	{ "endless-output", FAULT_ENDLESS_OUTPUT },
	{ "slow-output", FAULT_SLOW_OUTPUT },
	{ "reset", FAULT_RESET },
	{ "eof-reset", FAULT_EOF_RESET },
	{ "status-reset", FAULT_STATUS_RESET },
	{ "no-status", FAULT_NO_STATUS },
	{ "no-eof", FAULT_NO_EOF },
	{ "two-statuses", FAULT_TWO_STATUSES },
	{ "status-signal", FAULT_STATUS_SIGNAL },
	{ "signal-status", FAULT_SIGNAL_STATUS },
	{ "late-status", FAULT_LATE_STATUS },
	{ "forged", FAULT_FORGED },
	{ "signal", FAULT_SIGNAL },
	{ "rest-refused", FAULT_REST_REFUSED },
	{ "rest-silent", FAULT_REST_SILENT },
	{ "rest-close", FAULT_REST_CLOSE },
	{ "rest-lie", FAULT_REST_LIE },
	{ "rest-flood", FAULT_REST_FLOOD },
};

static int parse_fault(const char *value, void *to)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (strcmp(faults[i].name, value) == 0) {
			*(enum fault *)to = faults[i].fault;
			return 0;
		}
	return -1;
}

/* A number with one of the units; its factor. */
struct unit {
	const char *name;
	double factor;
};

static int parse_number(const char *value, const struct unit *units, double max, double *number)
{
	char *end;

	if (!isdigit((unsigned char)*value))
		return -1;
	*number = strtod(value, &end);
	for (; units->name; units++)
		if (strcmp(end, units->name) == 0) {
			*number *= units->factor;
			return *number <= max ? 0 : -1;
		}
	return -1;
}

static int parse_time(const char *value, void *to)
{
	static const struct unit units[] = { { "ms", 1e6 }, { "us", 1e3 },   { "s", 1e9 }, { "", 1e9 },
					     { "m", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };
	double number;

	if (parse_number(value, units, 1e15, &number) != 0)
		return -1;
	*(int64_t *)to = (int64_t)number;
	return 0;
}

static int parse_size(const char *value, void *to)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 }
	};
	double number;

	if (parse_number(value, units, 1e15, &number) != 0)
		return -1;
	*(uint64_t *)to = (uint64_t)number;
	return 0;
}

int answer_percent(const char *value, void *ppm)
{
	static const struct unit units[] = { { "%", 1e4 }, { NULL, 0 } };
	double number;

	if (parse_number(value, units, 1e6, &number) != 0)
		return -1;
	*(uint32_t *)ppm = (uint32_t)(number + 0.5);
	return 0;
}

static int parse_count(const char *value, unsigned max, void *to)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };
	double number;

	if (parse_number(value, units, max, &number) != 0)
		return -1;
	*(unsigned *)to = (unsigned)number;
	return 0;
}

static int parse_status(const char *value, void *to)
{
	return parse_count(value, UINT32_MAX, to);
}

static int parse_startups(const char *value, void *to)
{
	return parse_count(value, 60000, to);
}

static int parse_signal(const char *value, void *to)
{
	size_t n = strlen(value);

	if (n == 0 || n >= sizeof(((struct answer *)0)->signal))
		return -1;
	memcpy(to, value, n + 1);
	return 0;
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

static int parse_text(const char *value, void *to)
{
	static const char names[] = "ntrs\\", are[] = "\n\t\r \\";
	struct text *t = malloc(sizeof(*t) + strlen(value) + 1), *old = *(struct text **)to;

	if (!t)
		return -1;
	t->len = 0;
	for (const char *p = value; *p; p++) {
		const char *name = *p == '\\' && p[1] ? strchr(names, p[1]) : NULL;

		if (name) {
			t->data[t->len++] = are[name - names];
			p++;
		} else if (*p == '\\' && p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0) {
			t->data[t->len++] = (char)(hex(p[2]) << 4 | hex(p[3]));
			p += 3;
		} else {
			t->data[t->len++] = *p;
		}
	}
	/* a path is read as a string */
	t->data[t->len] = '\0';
	free(old);
	*(struct text **)to = t;
	return 0;
}

#define MEMBER(m) offsetof(struct answer, m), sizeof(((struct answer *)0)->m)
static const struct {
	const char *name;
	size_t at, size;
	int (*parse)(const char *value, void *to);
} keys[] = {
	/* as ANSWER_FAULT and ANSWER_STDOUT say */
	{ "fault", MEMBER(fault), parse_fault },
	{ "stdout", MEMBER(text[0]), parse_text },
	{ "stderr", MEMBER(text[1]), parse_text },
	{ "stdout_size", MEMBER(size[0]), parse_size },
	{ "stderr_size", MEMBER(size[1]), parse_size },
	{ "status", MEMBER(status), parse_status },
	{ "signal", MEMBER(signal), parse_signal },
	{ "sleep", MEMBER(sleep), parse_time },
	{ "rtt", MEMBER(rtt), parse_time },
	{ "max_startups", MEMBER(max_startups), parse_startups },
	{ "drop", MEMBER(drop), answer_percent },
	/* as ANSWER_FILE says */
	{ "stdout_file", MEMBER(file), parse_text },
};
#define KEYS (sizeof(keys) / sizeof(*keys))

const char *answer_set(struct answer *a, const char *key, const char *value)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, key) == 0) {
			if (keys[i].parse(value, (char *)a + keys[i].at) != 0)
				return "not a value for this key";
			a->set |= 1u << i;
			return NULL;
		}
	return "no such key";
}

void answer_merge(struct answer *a, const struct answer *b)
{
	for (size_t i = 0; i < KEYS; i++)
		if (b->set & 1u << i)
			memcpy((char *)a + keys[i].at, (const char *)b + keys[i].at, keys[i].size);
	a->set |= b->set;
}

void answer_release(struct answer *a)
{
	for (int i = 0; i < 2; i++) {
		free(a->text[i]);
		a->text[i] = NULL;
	}
	free(a->file);
	a->file = NULL;
}

/* One word of KEY=VALUE, not terminated. */
static const char *set_word(struct answer *a, const char *word, size_t len)
{
	char copy[1024], *value;

	if (len >= sizeof(copy))
		return "too long";
	memcpy(copy, word, len);
	copy[len] = '\0';
	value = strchr(copy, '=');
	if (!value)
		return "a word without '='";
	*value++ = '\0';
	/* whoever logs in is not to read what we may */
	if (strcmp(copy, "stdout_file") == 0)
		return "only a rule may name a file";
	return answer_set(a, copy, value);
}

const char *answer_of_command(struct answer *a, const char *command)
{
	const char *fault = strstr(command, "fault="), *word = strstr(command, "sim:"), *wrong = NULL;

	if (fault)
		wrong = set_word(a, fault, 6 + strspn(fault + 6, "abcdefghijklmnopqrstuvwxyz-"));
	if (!word)
		return wrong;
	/* a quote is that of a shell around the command, as with sudo */
	for (word += 4; !wrong; word += strcspn(word, " \t\n'\"")) {
		word += strspn(word, " \t");
		if (strchr("\n'\"", *word))
			break;
		wrong = set_word(a, word, strcspn(word, " \t\n'\""));
	}
	return wrong;
}
