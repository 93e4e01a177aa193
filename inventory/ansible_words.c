#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/ansible.h"
#include "inventory/host.h"

/* ---- words ---- */

const char *ansible_split(const char *line, struct strs *words)
{
	struct buf word;
	const char *fault = NULL;
	bool end = false;

	buf_init(&word, 1UL << 20);
	while (!fault && !end) {
		char quote = 0;
		int r = 0;

		line += strspn(line, " \t\r\v\f");
		if (!*line || *line == '#')
			break;
		buf_clear(&word);
		for (; *line && (quote || !strchr(" \t\r\v\f#", *line)); line++) {
			if (*line == quote) {
				quote = 0;
			} else if (!quote && (*line == '"' || *line == '\'')) {
				quote = *line;
			} else if (*line == '\\' && quote != '\'') {
				if (!line[1])
					break;
				if (quote && line[1] != '"' && line[1] != '\\')
					r |= buf_addc(&word, '\\');
				r |= buf_addc(&word, *++line);
			} else {
				r |= buf_addc(&word, *line);
			}
		}
		end = *line == '#';
		if (*line == '\\')
			fault = "a backslash with nothing behind it";
		else if (quote)
			fault = "a quote has no end";
		else if (r || strs_add(words, word.data) != 0)
			fault = "out of memory";
	}
	buf_release(&word);
	return fault;
}

/* ---- values ---- */

/* Nothing but white space and a comment. */
static bool is_rest(const char *s)
{
	s += strspn(s, " \t");
	return !*s || *s == '#';
}

static size_t digits_of(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] && (strchr(set, s[n]) || (s[n] == '_' && n && s[n - 1] != '_' && s[n + 1] && strchr(set, s[n + 1]))))
		n++;
	return n;
}

/* The length of a number of Python at s; 0: none.  *whole: decimal digits alone. */
static size_t number_of(const char *s, bool *whole)
{
	static const char dec[] = "0123456789", hex[] = "0123456789abcdefABCDEF";
	size_t sign = strspn(s, "+-"), n, more;

	*whole = false;
	s += sign;
	if (*s == '0' && s[1] && strchr("xX", s[1]) && (n = digits_of(s + 2, hex)) > 0)
		return sign + 2 + n;
	if (*s == '0' && s[1] && strchr("oO", s[1]) && (n = digits_of(s + 2, "01234567")) > 0)
		return sign + 2 + n;
	if (*s == '0' && s[1] && strchr("bB", s[1]) && (n = digits_of(s + 2, "01")) > 0)
		return sign + 2 + n;
	n = digits_of(s, dec);
	more = s[n] == '.' ? 1 + digits_of(s + n + 1, dec) : 0;
	if (!n && more < 2)
		return 0;
	*whole = !more;
	n += more;
	if (s[n] == 'e' || s[n] == 'E') {
		size_t at = n + 1 + (s[n + 1] == '+' || s[n + 1] == '-'), exponent = digits_of(s + at, dec);

		if (exponent) {
			*whole = false;
			n = at + exponent;
		}
	}
	/* 022 is no number of Python's */
	if (*whole && *s == '0' && strspn(s, "0_") < n)
		return 0;
	return sign + n;
}

/* The strings at s ('a' "b"), joined in out; false: something else stands there. */
static bool strings_of(const char *s, char *out)
{
	static const char from[] = "ntr\\'\"abfv", to[] = "\n\t\r\\'\"\a\b\f\v";
	bool any = false;

	for (;;) {
		size_t prefix = strspn(s, "uUrRbB");
		bool raw = memchr(s, 'r', prefix) || memchr(s, 'R', prefix);
		char quote = s[prefix];

		if (prefix > 2 || (quote != '"' && quote != '\''))
			break;
		/* of three quotes the outer two are an empty string each */
		for (s += prefix + 1; *s && *s != quote; s++) {
			const char *place = *s == '\\' && s[1] ? strchr(from, s[1]) : NULL;

			if (*s == '\\' && !s[1])
				return false;
			if (place && !raw)
				*out++ = to[place - from];
			else
				*out++ = *s;
			if (*s == '\\') {
				if (raw || !place)
					*out++ = s[1];
				s++;
			}
		}
		if (!*s)
			return false;
		any = true;
		s += 1 + strspn(s + 1, " \t");
	}
	*out = '\0';
	return any && is_rest(s);
}

enum ansible_kind ansible_value(char *text)
{
	const char *s = text + strspn(text, " \t");
	char *copy, *end;
	bool whole;
	size_t n;

	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = { "None", "True", "False" };

		n = strlen(names[i]);
		if (strncmp(s, names[i], n) == 0 && is_rest(s + n)) {
			memmove(text, names[i], n + 1);
			return i ? ANSIBLE_TEXT : ANSIBLE_NONE;
		}
	}
	n = number_of(s, &whole);
	if (n && is_rest(s + n)) {
		bool plus = *s == '+' && strspn(s, "+-") == 1;

		memmove(text, s + plus, n - plus);
		text[n - plus] = '\0';
		for (s = end = text; whole && (*end = *s) != '\0'; s++)
			end += *s != '_';
		return ANSIBLE_NUMBER;
	}
	copy = strdup(s);
	if (copy && strings_of(s, copy))
		memcpy(text, copy, strlen(copy) + 1);
	free(copy);
	s = text + strspn(text, " \t");
	return *s && strchr("[({", *s) ? ANSIBLE_COMPOUND : ANSIBLE_TEXT;
}

/* ---- hosts ---- */

const char *ansible_address(char *text, char **host, char **port)
{
	char *close = *text == '[' ? strrchr(text, ']') : NULL, *colon = NULL;
	size_t colons = 0;
	int depth = 0;
	long long n;

	*host = text;
	*port = NULL;
	if (close) {
		*close = '\0';
		if (host_is_address(text + 1) && (!close[1] || close[1] == ':')) {
			*host = text + 1;
			*port = close[1] ? close + 2 : NULL;
			return !*port || parse_int(*port, 1, 65535, &n) == 0 ? NULL : "has what is no port (1 to 65535) behind ':'";
		}
		*close = ']';
	}
	for (char *s = text; *s; s++) {
		depth += *s == '[' ? 1 : *s == ']' ? -1 : 0;
		if (*s == ':' && depth == 0) {
			colons++;
			colon = s;
		}
	}
	if (colons != 1)
		return NULL;
	*colon = '\0';
	*port = colon + 1;
	return parse_int(*port, 1, 65535, &n) == 0 ? NULL : "has what is no port (1 to 65535) behind ':'";
}

#define GROUPS_MAX 16

struct expansion {
	range_fn *fn;
	void *arg;
	struct dt_err *err;
	struct buf name;
	size_t count;
};

static int expand(struct expansion *x, const char *rest);

static int with(struct expansion *x, const char *text, const char *rest)
{
	size_t len = x->name.len;
	int r;

	if (buf_adds(&x->name, text) != 0)
		return err_set(x->err, ERR_USAGE, "the name is too long");
	r = expand(x, rest);
	x->name.len = len;
	x->name.data[len] = '\0';
	return r;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static int expand_letters(struct expansion *x, char low, char high, long long step, const char *rest)
{
	const char *s = strchr(letters, low), *last = strchr(letters, high);
	int r = 0;

	if (s > last)
		return err_set(x->err, ERR_USAGE, "the range [%c:%c] runs backwards", low, high);
	for (; r == 0 && s <= last; s += step > 52 ? 52 : step) {
		char text[2] = { *s, '\0' };

		r = with(x, text, rest);
	}
	return r;
}

static int expand_numbers(struct expansion *x, const char *low, const char *high, long long step, const char *rest)
{
	int width = *low == '0' && low[1] ? (int)strlen(low) : 0, r = 0;
	long long a = 0, b;
	char text[24];

	if ((*low && parse_int(low, 0, 999999999999999, &a) != 0) || parse_int(high, 0, 999999999999999, &b) != 0)
		return err_set(x->err, ERR_USAGE, "a range is [LOW:HIGH] or [LOW:HIGH:STEP], of numbers or of letters");
	if (width && strlen(high) != (size_t)width)
		return err_set(x->err, ERR_USAGE, "the ends of [%.20s:%.20s] are not equally long", low, high);
	if (a > b)
		return err_set(x->err, ERR_USAGE, "the range [%.20s:%.20s] runs backwards", low, high);
	for (; r == 0 && a <= b; a += step) {
		(void)snprintf(text, sizeof(text), "%0*lld", width, a);
		r = with(x, text, rest);
	}
	return r;
}

/* "LOW:HIGH[:STEP]", which is cut. */
static int expand_range(struct expansion *x, char *body, const char *rest)
{
	char *high = strchr(body, ':'), *step = high ? strchr(high + 1, ':') : NULL;
	long long by = 1;

	if (high)
		*high++ = '\0';
	if (step)
		*step++ = '\0';
	if (!high || !*high || (step && parse_int(step, 1, 999999999999999, &by) != 0))
		return err_set(x->err, ERR_USAGE, "a range is [LOW:HIGH] or [LOW:HIGH:STEP], of numbers or of letters");
	if (*body && !body[1] && !high[1] && strchr(letters, *body) && strchr(letters, *high))
		return expand_letters(x, *body, *high, by, rest);
	return expand_numbers(x, body, high, by, rest);
}

static int expand(struct expansion *x, const char *rest)
{
	const char *open = strchr(rest, '['), *close = open ? strchr(open, ']') : NULL;
	char head[256], body[64];

	if (!open) {
		size_t len = x->name.len;
		int r;

		if (++x->count > RANGE_LIMIT)
			return err_set(x->err, ERR_USAGE, "more than %d hosts", RANGE_LIMIT);
		if (buf_adds(&x->name, rest) != 0)
			return err_set(x->err, ERR_USAGE, "the name is too long");
		r = x->fn(x->arg, x->name.data, x->err);
		x->name.len = len;
		x->name.data[len] = '\0';
		return r;
	}
	if (!close || (size_t)(close - open) > sizeof(body) || (size_t)(open - rest) >= sizeof(head))
		return err_set(x->err, ERR_USAGE, "a range is [LOW:HIGH] or [LOW:HIGH:STEP], of numbers or of letters");
	if (open > rest) {
		memcpy(head, rest, (size_t)(open - rest));
		head[open - rest] = '\0';
		return with(x, head, open);
	}
	memcpy(body, open + 1, (size_t)(close - open) - 1);
	body[close - open - 1] = '\0';
	return expand_range(x, body, close + 1);
}

int ansible_expand(const char *pattern, range_fn *fn, void *arg, struct dt_err *err)
{
	struct expansion x = { .fn = fn, .arg = arg, .err = err };
	size_t groups = 0;
	int r;

	for (const char *p = pattern; *p; p++)
		groups += *p == '[';
	if (groups > GROUPS_MAX)
		return err_set(err, ERR_USAGE, "more than %d ranges in a name", GROUPS_MAX);
	buf_init(&x.name, 4096);
	r = expand(&x, pattern);
	buf_release(&x.name);
	return r;
}
