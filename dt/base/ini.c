#include "dt/base/ini.h"

#include <ini.h>
#include <string.h>

#include "dt/base/util.h"

struct reader {
	const char *text, *end;
	int line;
	bool indented;		/* the line given last begins with white space */
	char section[INI_SECTION_LIMIT + 1];
	char name[INI_LINE_LIMIT + 1];
	ini_fn *fn;
	void *arg;
	bool failed;
	struct dt_err *err;
};

static void fail(struct reader *r, int result)
{
	r->failed |= result != 0;
}

/* Tells of a section at its own line: libinih does only with its first entry. */
static void section_line(struct reader *r, const char *line, size_t len)
{
	const char *close = memchr(line, ']', len);
	size_t n = close ? (size_t)(close - line) - 1 : 0;

	if (!close) {
		fail(r, err_set(r->err, ERR_USAGE, "a section without its \"]\""));
		return;
	}
	if (n > INI_SECTION_LIMIT) {
		fail(r, err_set(r->err, ERR_USAGE, "the section's name has %zu bytes, %d are the most", n, INI_SECTION_LIMIT));
		return;
	}
	memcpy(r->section, line + 1, n);
	r->section[n] = '\0';
	r->name[0] = '\0';
	fail(r, r->fn(r->arg, r->section, NULL, NULL, r->line, false, r->err));
}

/*
 * libinih would take ';' behind a space for a comment also within quotes, and
 * split fe80::1 = x at its first ':'.  Both travel as bytes that no line may
 * hold, and come back in take().
 */
#define SEMICOLON '\1'
#define COLON '\2'
#define BRACKET '\3'	/* that a name begins with, and no section */

/* "[::1]:22 = x", and not "[hosts]" */
static bool is_name(const char *line)
{
	const char *close = *line == '[' ? strchr(line, ']') : NULL;

	size_t blank = close ? strspn(close + 1, " \t") : 0;

	return close && (close[1 + blank] == '=' || (!blank && close[1] && !strchr("\r\n;#", close[1]) && strchr(close, '=')));
}

static void protect(char *line)
{
	const char *equals = strchr(line, '=');
	bool quoted = false;

	if (*line == '[')
		*line = BRACKET;

	for (char *p = line; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == ';' && quoted)
			*p = SEMICOLON;
		else if (*p == ':' && p < equals && !strchr(" \t=", p[1]))
			*p = COLON;
	}
}

/* libinih 55 leaves a comment behind the value of a line that goes on. */
static void cut_comment(char *line)
{
	for (char *p = line + 1; *p; p++)
		if (*p == ';' && strchr(" \t", p[-1])) {
			*p = '\0';
			return;
		}
}

static void restore(char *out, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] == SEMICOLON ? ';' : text[i] == COLON ? ':' : text[i] == BRACKET ? '[' : text[i]);
	out[n] = '\0';
}

/* As fgets: one line with its newline. */
static char *read_line(char *out, int size, void *stream)
{
	struct reader *r = stream;
	const char *nl;
	size_t len, start;

	if (r->text == r->end || r->failed)
		return NULL;
	nl = memchr(r->text, '\n', (size_t)(r->end - r->text));
	len = (size_t)((nl ? nl : r->end) - r->text);
	r->line++;
	if (len > INI_LINE_LIMIT || len + 2 > (size_t)size) {
		fail(r, err_set(r->err, ERR_USAGE, "the line has %zu bytes, %d are the most; go on in an indented line below",
				len, INI_LINE_LIMIT));
		return NULL;
	}
	if (memchr(r->text, '\0', len) || memchr(r->text, SEMICOLON, len) || memchr(r->text, COLON, len) ||
	    memchr(r->text, BRACKET, len)) {
		fail(r, err_set(r->err, ERR_USAGE, "a control byte"));
		return NULL;
	}
	memcpy(out, r->text, len);
	out[len] = '\n';
	out[len + 1] = '\0';
	start = strspn(out, " \t\r\v\f");
	r->indented = start > 0;
	r->text = nl ? nl + 1 : r->end;
	if (out[start] == '[' && !(r->indented && r->name[0]) && !is_name(out + start))
		section_line(r, out + start, len - start);
	else
		protect(out + start);
	if (r->indented && r->name[0])
		cut_comment(out + start);
	return r->failed ? NULL : out;
}

/* libinih's handler: not 0 where all is well. */
static int take(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	bool more = r->indented && r->name[0];
	char plain[INI_LINE_LIMIT + 1];

	(void)section; /* cut at 49 bytes; ours is whole */
	if (r->failed)
		return 1;
	/* libinih remembers 49 bytes of a name for the lines that go on */
	if (!more)
		restore(r->name, sizeof(r->name), name);
	restore(plain, sizeof(plain), value);
	fail(r, r->fn(r->arg, r->section, r->name, plain, r->line, more, r->err));
	return 1;
}

int ini_read(const char *name, const char *text, size_t len, ini_fn *fn, void *arg, struct dt_err *err)
{
	struct reader r = { .text = text, .end = text + len, .fn = fn, .arg = arg, .err = err };
	int line;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.text += 3;
	line = ini_parse_stream(read_line, &r, take, &r);

	/* libinih reads on behind a line that is none; the first fault counts */
	if (r.failed && !(line > 0 && line < r.line)) {
		err_prefix(err, "%s:%d", name, r.line);
		return -1;
	}
	if (line > 0)
		return err_set(err, ERR_USAGE, "%s:%d: no \"=\" in the line", name, line);
	return line < 0 ? err_nomem(err) : 0;
}
