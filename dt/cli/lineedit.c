#include "dt/cli/lineedit.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "dt/base/log.h"
#include "dt/base/quote.h"
#include "dt/cli/complete.h"

#define HISTORY_LINES 5000
#define HISTORY_BYTES (1UL << 20)
#define SHOWN_MOST 100	/* candidates */

struct lineedit {
	EditLine *el;
	History *history;
	struct lineedit_hooks hooks;
	const char *prompt;
	char *path;
	struct buf line;
	char pending[8];	/* bytes of a character that is not whole */
	size_t pending_len;
	bool given_up;
	bool dropped;		/* bytes that make no character */
};

static struct lineedit *of(EditLine *el)
{
	void *p = NULL;

	(void)el_get(el, EL_CLIENTDATA, &p);
	return p;
}

static char *prompt_of(EditLine *el)
{
	/* editline(3) has it without const */
	return (char *)(uintptr_t)of(el)->prompt;
}

/* Adds a byte to what is pending.  1, 0 at the end, or -1. */
static int read_byte(struct lineedit *e)
{
	ssize_t r;

	do {
		if (e->hooks.wait(e->hooks.arg, STDIN_FILENO) != 0) {
			e->given_up = true;
			errno = EINTR;
			return -1;
		}
		r = read(STDIN_FILENO, e->pending + e->pending_len, 1);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	e->pending_len += r > 0;
	return (int)r;
}

/* One character; EL_GETCFN of editline(3): 1, 0 at the end, or -1. */
static int read_char(EditLine *el, wchar_t *c)
{
	struct lineedit *e = of(el);

	for (bool more = true;;) {
		mbstate_t state = { 0 };
		int r = more ? read_byte(e) : 1;
		size_t n;

		if (r <= 0)
			return r;
		n = mbrtowc(c, e->pending, e->pending_len, &state);
		more = n == (size_t)-2 && e->pending_len < sizeof(e->pending);
		if (more)
			continue;
		if (n != (size_t)-1 && n != (size_t)-2) {
			e->pending_len = 0;
			return 1;
		}
		/* no character of this locale; but its last byte may begin one */
		e->dropped = true;
		more = e->pending_len == 1;
		e->pending[0] = e->pending[e->pending_len - 1];
		e->pending_len = !more;
	}
}

/* ---- completion ---- */

static size_t common(const struct strs *words)
{
	size_t n = strlen(words->v[0]);

	for (size_t i = 1; i < words->n; i++)
		for (size_t k = 0; k < n; k++)
			if (words->v[i][k] != words->v[0][k])
				n = k;
	return n;
}

static size_t columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

static void show(const struct strs *words, const struct strs *about)
{
	size_t widest = 0, shown = words->n < SHOWN_MOST ? words->n : SHOWN_MOST, wide = columns(), each;
	bool described = false;

	for (size_t i = 0; i < shown; i++) {
		if (strlen(words->v[i]) > widest)
			widest = strlen(words->v[i]);
		described |= i < about->n && *about->v[i];
	}
	described &= shown <= 40;
	each = described || widest + 2 > wide ? 1 : wide / (widest + 2);
	for (size_t i = 0; i < shown; i++) {
		if (i % each == 0)
			(void)fputs("\n", stdout);
		if (described && *about->v[i])
			(void)printf("%-*s  %.*s", (int)widest, words->v[i], (int)(wide > widest + 3 ? wide - widest - 3 : 0),
				     about->v[i]);
		else
			(void)printf("%-*s", (int)widest + 2, words->v[i]);
	}
	if (words->n > shown)
		(void)printf("\n%zu more", words->n - shown);
	(void)fputs("\n", stdout);
	(void)fflush(stdout);
}

/* What stands for len bytes of text behind what is typed, as quote_split reads them. */
static int add_typed(struct buf *out, const char *text, size_t len, char quote)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		if (!quote && strchr(" \t'\"\\", text[i]))
			r = buf_addc(out, '\\');
		r |= buf_addc(out, text[i]);
	}
	return r;
}

static unsigned char complete(EditLine *el, int key)
{
	const LineInfo *l = el_line(el);
	struct lineedit *e = of(el);
	struct strs words = { 0 }, about = { 0 }, typed = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct buf before, more;
	unsigned char answer = CC_ERROR;
	char quote = 0;
	size_t at, have, same;

	(void)key;
	buf_init(&before, 1UL << 20);
	buf_init(&more, 65536);
	if (buf_add(&before, l->buffer, (size_t)(l->cursor - l->buffer)) != 0 ||
	    e->hooks.complete(e->hooks.arg, before.data, &words, &about, &err) != 0 || !words.n)
		goto out;
	at = complete_word_start(before.data, &quote);
	/* how much of the candidates is typed: without the quotes */
	(void)buf_addc(&before, quote ? quote : '\0');
	(void)quote_split(before.data + at, &typed, &err);
	have = typed.n ? strlen(typed.v[0]) : 0;
	same = common(&words);
	if (same > have && add_typed(&more, words.v[0] + have, same - have, quote) != 0)
		goto out;
	/* the word is whole */
	if (words.n == 1 && same && !strchr(":=~/", words.v[0][same - 1]) &&
	    ((quote && buf_addc(&more, quote) != 0) || buf_addc(&more, ' ') != 0))
		goto out;
	if (more.len) {
		answer = el_insertstr(el, more.data) == 0 ? CC_REFRESH : CC_ERROR;
	} else if (words.n > 1) {
		show(&words, &about);
		answer = CC_REDISPLAY;
	}
out:
	buf_release(&before);
	buf_release(&more);
	strs_release(&words);
	strs_release(&about);
	strs_release(&typed);
	return answer;
}

/* ---- history ---- */

static void enter(struct lineedit *e, const char *line)
{
	HistEvent ev;

	(void)history(e->history, &ev, H_ENTER, line);
}

/* The end of the file, whole lines, at most so many bytes; how long the file is. */
static size_t read_end(const char *path, size_t most, struct buf *text)
{
	/* never waits, whatever it is */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct dt_err ignored = DT_ERR_INIT;
	struct stat st = { 0 };
	size_t size = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
	size_t from = size > most ? size - most : 0;
	const char *line;

	if (size && (lseek(fd, (off_t)from, SEEK_SET) < 0 || read_fd(fd, path, text, &ignored) != 0))
		buf_clear(text);
	if (fd >= 0)
		(void)close(fd);
	line = from ? memchr(text->data, '\n', text->len) : NULL;
	if (from)
		buf_consume(text, line ? (size_t)(line + 1 - text->data) : text->len);
	return size;
}

static void load(struct lineedit *e)
{
	struct buf text;
	char *next, *p;

	buf_init(&text, HISTORY_BYTES * 2);
	(void)read_end(e->path, HISTORY_BYTES, &text);
	for (p = text.data; (next = strchr(p, '\n')) != NULL; p = next + 1) {
		*next = '\0';
		if (*p)
			enter(e, p);
	}
	buf_release(&text);
}

/* The newer lines stay where the file has grown too large; another shell's line of this moment may go with the others. */
static void trim(const struct lineedit *e)
{
	struct buf text;
	char *path = NULL;
	int fd = -1;

	buf_init(&text, HISTORY_BYTES * 2);
	if (read_end(e->path, HISTORY_BYTES / 2, &text) > HISTORY_BYTES && asprintf(&path, "%s.new", e->path) >= 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len)
			(void)rename(path, e->path);
		else if (fd >= 0)
			(void)unlink(path);
	}
	if (fd >= 0)
		(void)close(fd);
	free(path);
	buf_release(&text);
}

/* At once, in one write: two shells lose nothing of each other's. */
static void remember(struct lineedit *e, const char *line)
{
	struct buf text;
	int fd;

	/* as shells have it: what begins with a blank is nobody's business */
	if (!*line || *line == ' ')
		return;
	enter(e, line);
	if (!e->path)
		return;
	fd = open(e->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	buf_init(&text, 1UL << 20);
	if (buf_addf(&text, "%s\n", line) == 0)
		(void)!write(fd, text.data, text.len);
	buf_release(&text);
	(void)close(fd);
}

/* ---- the editor ---- */

struct lineedit *lineedit_new(const char *program, const char *path, const struct lineedit_hooks *hooks,
			      struct dt_err *err)
{
	struct lineedit *e = calloc(1, sizeof(*e));
	HistEvent ev;

	if (e) {
		buf_init(&e->line, 4UL << 20);
		e->hooks = *hooks;
		e->path = path ? strdup(path) : NULL;
		e->history = history_init();
		e->el = el_init(program, stdin, stdout, stderr);
	}
	if (!e || !e->history || !e->el || (path && !e->path)) {
		lineedit_free(e);
		(void)err_set(err, ERR_FAIL, "the terminal cannot be used");
		return NULL;
	}
	(void)history(e->history, &ev, H_SETSIZE, HISTORY_LINES);
	(void)history(e->history, &ev, H_SETUNIQUE, 1);
	(void)el_set(e->el, EL_CLIENTDATA, e);
	(void)el_set(e->el, EL_EDITOR, "emacs");
	(void)el_set(e->el, EL_SIGNAL, 1);
	(void)el_set(e->el, EL_PROMPT, prompt_of);
	(void)el_set(e->el, EL_HIST, history, e->history);
	(void)el_set(e->el, EL_GETCFN, read_char);
	(void)el_set(e->el, EL_ADDFN, "dt-complete", "candidates for the word", complete);
	(void)el_set(e->el, EL_BIND, "^I", "dt-complete", NULL);
	(void)el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	(void)el_source(e->el, NULL);
	if (e->path) {
		trim(e);
		load(e);
	}
	return e;
}

void lineedit_free(struct lineedit *e)
{
	if (!e)
		return;
	if (e->el)
		el_end(e->el);
	if (e->history)
		history_end(e->history);
	buf_release(&e->line);
	free(e->path);
	free(e);
}

int lineedit_read(struct lineedit *e, const char *prompt, const char **line)
{
	const char *text;
	int n = 0;

	e->prompt = prompt;
	e->given_up = e->dropped = false;
	e->pending_len = 0;
	el_resize(e->el);
	text = el_gets(e->el, &n);
	if (e->given_up)
		return -1;
	if (!text || n <= 0)
		return 0;
	buf_clear(&e->line);
	if (buf_add(&e->line, text, text[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n) != 0)
		return -1;
	remember(e, e->line.data);
	*line = e->line.data;
	if (!e->dropped)
		return 1;
	log_error("not run: some of what was typed makes no characters here (see LC_CTYPE)");
	*line = "";
	return 1;
}
