#include "dt/cli/complete_impl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dt/base/escape.h"
#include "dt/cli/wordlist.h"

/* More than a shell lets stand in one word. */
#define WORD_MAX (1UL << 20)
/* A folder with more than that is not read to its end. */
#define PATHS_MAX 10000

/* ---- candidates ---- */

/* May it stand on a terminal as it is?  (A backslash may, and escape doubles it.) */
static bool is_plain(const char *word)
{
	size_t len = strlen(word), slashes = 0;
	struct buf b;
	bool plain;

	buf_init(&b, 8 * WORD_MAX);
	for (const char *p = word; *p; p++)
		slashes += *p == '\\';
	plain = *word && escape(&b, word, len) == 0 && b.len == len + slashes;
	buf_release(&b);
	return plain;
}

static char *made_plain(const char *text)
{
	struct buf b;
	char *s;

	if (!*text || is_plain(text))
		return strdup(text);
	buf_init(&b, 8 * WORD_MAX);
	s = escape(&b, text, strlen(text)) == 0 ? buf_steal(&b) : NULL;
	buf_release(&b);
	return s;
}

static int add(struct completion *c, const char *word, const char *about, size_t rank)
{
	struct candidate *more = c->v;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;

		more = realloc(c->v, cap * sizeof(*more));
		if (!more)
			return -1;
		c->v = more;
		c->cap = cap;
	}
	more[c->n] = (struct candidate){ strdup(word), made_plain(about), rank };
	c->n++;
	return more[c->n - 1].word && more[c->n - 1].about ? 0 : -1;
}

void offer_ranked(struct completion *c, size_t skip, const char *candidate, const char *end, const char *about,
		  size_t rank)
{
	struct buf b;

	if (!str_starts(candidate, c->word + skip))
		return;
	buf_init(&b, WORD_MAX);
	if (buf_addf(&b, "%.*s%s%s", (int)skip, c->word, candidate, end) != 0)
		c->failed = true;
	else if (is_plain(b.data) && add(c, b.data, about ? about : "", rank) != 0)
		c->failed = true;
	buf_release(&b);
}

void offer(struct completion *c, size_t skip, const char *candidate, const char *end, const char *about)
{
	offer_ranked(c, skip, candidate, end, about, 0);
}

void offer_from(struct completion *c, size_t skip, complete_fn *list, const char *end)
{
	struct strs names = { 0 }, about = { 0 };

	if (list)
		list(c->src->arg, c->word + skip, &names, &about);
	for (size_t i = 0; i < names.n; i++)
		offer(c, skip, names.v[i], end, about.n == names.n ? about.v[i] : NULL);
	strs_release(&names);
	strs_release(&about);
}

void offer_choices(struct completion *c, size_t skip, const char *const *choices)
{
	for (; choices && *choices; choices++)
		offer(c, skip, *choices, "", NULL);
}

void offer_paths(struct completion *c, size_t skip)
{
	const char *typed = c->word + skip, *slash = strrchr(typed, '/'), *name = slash ? slash + 1 : typed;
	char *folder = slash ? strndup(typed, (size_t)(name - typed)) : strdup("."), *path = folder ? expand_tilde(folder) : NULL;
	size_t at = (size_t)(name - c->word);
	DIR *d = path ? opendir(path) : NULL;
	const struct dirent *e;

	while (d && c->n < PATHS_MAX && (e = readdir(d)) != NULL) {
		struct stat st;

		if (!str_starts(e->d_name, name) || (e->d_name[0] == '.' && *name != '.') || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		offer(c, at, e->d_name, fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode) ? "/" : "", NULL);
	}
	if (d)
		(void)closedir(d);
	free(path);
	free(folder);
}

static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : strcmp(x->word, y->word);
}

/* ---- the line ---- */

/* Where a word that is read begins, and what is read of it. */
struct reading {
	struct buf text;
	size_t start;
	bool any;
	char quote;
};

/* Words as a shell reads them, as far as this matters here; the last one is left in w.  words may be NULL. */
static int read_words(const char *line, struct strs *words, struct reading *w)
{
	int r = 0;

	for (const char *p = line; *p && r == 0; p++) {
		if (!w->quote && (*p == ' ' || *p == '\t' || *p == '\n')) {
			if (w->any && words)
				r = strs_add(words, w->text.data);
			buf_clear(&w->text);
			w->any = false;
			continue;
		}
		if (!w->any)
			w->start = (size_t)(p - line);
		w->any = true;
		if (w->quote ? *p == w->quote : *p == '\'' || *p == '"')
			w->quote = w->quote ? 0 : *p;
		else if (*p == '\\' && p[1] && (!w->quote || (w->quote == '"' && strchr("$`\"\\\n", p[1]))))
			r = buf_addc(&w->text, *++p);
		else
			r = buf_addc(&w->text, *p);
	}
	if (!w->any)
		w->start = strlen(line);
	return r;
}

int complete_last_word(const char *line, struct buf *text, size_t *start, char *quote)
{
	struct reading w = { .start = 0 };
	int r;

	buf_init(&w.text, WORD_MAX);
	r = read_words(line, NULL, &w);
	if (r == 0)
		r = buf_add(text, w.text.data, w.text.len);
	*start = w.start;
	*quote = w.quote;
	buf_release(&w.text);
	return r;
}

size_t complete_word_start(const char *line, char *quote)
{
	struct buf text;
	size_t start;
	char open;

	buf_init(&text, WORD_MAX);
	(void)complete_last_word(line, &text, &start, quote ? quote : &open);
	buf_release(&text);
	return start;
}

static int split(const char *line, struct strs *words)
{
	struct reading w = { .start = 0 };
	int r;

	buf_init(&w.text, WORD_MAX);
	r = read_words(line, words, &w);
	if (r == 0)
		r = strs_add(words, w.text.data);	/* the one to complete, maybe empty */
	buf_release(&w.text);
	return r;
}

/* ---- options ---- */

void complete_value(struct completion *c, const struct option_spec *s, size_t skip)
{
	offer_choices(c, skip, s->choices);
	if (s->is_path)
		offer_paths(c, skip);
	else if (strcmp(s->name, "jump") == 0)
		complete_hosts(c, skip);
}

void complete_option(struct completion *c)
{
	const char *eq = strchr(c->word, '=');
	char name[80];

	for (const struct option_spec *s = option_table; s->name; s++) {
		size_t len = strlen(s->name);

		if (eq && (size_t)(eq - c->word) == len + 2 && strncmp(c->word + 2, s->name, len) == 0)
			complete_value(c, s, len + 3);
		if (eq || len + 3 > sizeof(name))
			continue;
		memcpy(name, "--", 2);
		memcpy(name + 2, s->name, len + 1);
		offer(c, 0, name, "", s->help);
	}
}

/* Steps over options of dt at words[*i]; the one whose value the last word is, or NULL. */
static const struct option_spec *step_over(struct completion *c, struct options *o, size_t *i)
{
	struct dt_err ignored = DT_ERR_INIT;
	size_t n = c->words.n - 1;
	const struct option_spec *value = NULL;

	for (; *i < n && c->words.v[*i][0] == '-'; (*i)++) {
		value = *i + 1 == n ? option_wants_value(c->words.v[*i]) : NULL;
		if (!value)
			(void)options_take(o, c->words.v, n, i, &ignored);
	}
	return value;
}

/* ---- the whole ---- */

static void complete_first(struct completion *c)
{
	for (const struct word_spec *w = word_table; w->name; w++)
		offer(c, 0, w->name, "", w->help);
	complete_selection(c);
}

static void complete(struct completion *c, struct options *o)
{
	size_t n = c->words.n - 1, i = 1;
	const struct option_spec *value = step_over(c, o, &i);
	const char *first = i < n ? c->words.v[i] : NULL;

	if (first && !word_find(first)) {
		i++;
		value = step_over(c, o, &i);	/* they may stand behind the selection too */
	}
	if (value)
		complete_value(c, value, 0);
	else if (first && word_find(first))
		complete_word_arguments(c, first, i + 1);
	else if (i < n)
		complete_arguments(c, c->words.v[i], i + 1);
	else if (c->word[0] == '-')
		complete_option(c);
	else if (!first)
		complete_first(c);
	else
		offer_from(c, 0, c->src->modules, "");
}

static int hand_over(struct completion *c, struct strs *words, struct strs *about)
{
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_rank);
	for (size_t i = 0; i < c->n; i++)
		if ((!i || strcmp(c->v[i].word, c->v[i - 1].word) != 0) &&
		    (strs_add(words, c->v[i].word) != 0 || strs_add(about, c->v[i].about) != 0))
			return -1;
	return 0;
}

int complete_line(const char *line, struct options *o, const struct complete_source *src, struct strs *words,
		  struct strs *about, struct dt_err *err)
{
	struct completion c = { .src = src };
	struct options own;
	int r = 0;

	if (!o)
		r = options_init(&own, err);
	if (r != 0)
		return -1;
	r = split(line, &c.words);
	if (r == 0 && c.words.n > 1) {
		c.word = c.words.v[c.words.n - 1];
		complete(&c, o ? o : &own);
	}
	if (r == 0 && !c.failed)
		r = hand_over(&c, words, about);
	if (r != 0 || c.failed)
		r = err_nomem(err);
	for (size_t i = 0; i < c.n; i++) {
		free(c.v[i].word);
		free(c.v[i].about);
	}
	free(c.v);
	strs_release(&c.words);
	if (!o)
		options_release(&own);
	return r;
}
