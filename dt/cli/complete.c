#include "dt/cli/complete.h"

#include <stdlib.h>
#include <string.h>

#include "dt/cli/wordlist.h"

static const char *const bash_script =
	"# dt(1) for bash, printed by \"dt completion bash\"; dt itself finds the candidates.\n"
	"_dt()\n"
	"{\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} breaks= cut= i\n"
	"\tlocal last=${line##*[[:space:]]}\n"
	"\tmapfile -t COMPREPLY < <(\"$1\" completion words \"$line\" 2>/dev/null)\n"
	"\t# Candidates are whole words, but bash takes what stands behind a : or = for one.\n"
	"\t[[ $COMP_WORDBREAKS == *:* ]] && breaks+=:\n"
	"\t[[ $COMP_WORDBREAKS == *=* ]] && breaks+==\n"
	"\tif [[ $breaks && $word != [\\\"\\']* && $last == *[$breaks]* ]]; then\n"
	"\t\tcut=${last%\"${last##*[$breaks]}\"}\n"
	"\t\tfor i in \"${!COMPREPLY[@]}\"; do\n"
	"\t\t\tCOMPREPLY[i]=${COMPREPLY[i]#\"$cut\"}\n"
	"\t\tdone\n"
	"\tfi\n"
	"\tif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]]; then\n"
	"\t\tcompopt -o nospace 2>/dev/null\n"
	"\tfi\n"
	"}\n"
	"complete -o default -F _dt dt\n";

int complete_script(const char *shell, struct buf *out, struct dt_err *err)
{
	if (strcmp(shell, "bash") != 0)
		return err_set(err, ERR_USAGE, "completion is for bash, not for %.100s", shell);
	return buf_adds(out, bash_script) == 0 ? 0 : err_nomem(err);
}

/* One completion while it is found. */
struct completion {
	const struct complete_source *src;
	struct strs words;	/* of the line, quotes taken off; the last is the one to complete */
	const char *word;	/* that one */
	struct strs found;
	bool failed;		/* out of memory */
};

/* A candidate for what follows the first skip bytes of the word. */
static void offer(struct completion *c, size_t skip, const char *candidate, const char *end)
{
	size_t typed = strlen(c->word + skip);
	struct buf b;

	if (strncmp(candidate, c->word + skip, typed) != 0)
		return;
	buf_init(&b, 1u << 20);
	if (buf_addf(&b, "%.*s%s%s", (int)skip, c->word, candidate, end) != 0 || strs_add(&c->found, b.data) != 0)
		c->failed = true;
	buf_release(&b);
}

static void offer_from(struct completion *c, size_t skip,
		       void (*list)(void *arg, const char *prefix, struct strs *out), const char *end)
{
	struct strs names = { 0 };

	list(c->src->arg, c->word + skip, &names);
	for (size_t i = 0; i < names.n; i++)
		offer(c, skip, names.v[i], end);
	strs_release(&names);
}

/* ---- the line ---- */

/* Words as a shell reads them, as far as this matters here. */
static int split(const char *line, struct strs *words)
{
	struct buf b;
	bool any = false;
	char quote = 0;
	int r = 0;

	buf_init(&b, 1u << 20);
	for (const char *p = line; *p && r == 0; p++) {
		if (!quote && (*p == ' ' || *p == '\t' || *p == '\n')) {
			if (any)
				r = strs_add(words, b.data);
			buf_clear(&b);
			any = false;
			continue;
		}
		any = true;
		if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? 0 : *p;
		else if (*p == '\\' && quote != '\'' && p[1])
			r = buf_addc(&b, *++p);
		else
			r = buf_addc(&b, *p);
	}
	if (r == 0)
		r = strs_add(words, b.data);	/* the one to complete, maybe empty */
	buf_release(&b);
	return r;
}

/* ---- selections ---- */

static bool is_operator(const char *word, size_t len)
{
	return (len == 3 && strncmp(word, "and", 3) == 0) || (len == 2 && strncmp(word, "or", 2) == 0) ||
	       (len == 3 && strncmp(word, "not", 3) == 0);
}

/* Is the operand that ends before at complete, so that an operator follows? */
static bool behind_operand(const char *word, size_t at)
{
	size_t end = at, begin;

	while (end && word[end - 1] == ' ')
		end--;
	if (!end || end == at || word[end - 1] == '(')
		return false;
	for (begin = end; begin && word[begin - 1] != ' ' && word[begin - 1] != '('; begin--)
		;
	return !is_operator(word + begin, end - begin);
}

/* What follows the last comma and its sign. */
static size_t last_item(const char *word, size_t from)
{
	size_t at = from;

	for (size_t i = from; word[i]; i++)
		if (word[i] == ',')
			at = i + 1;
	if (word[at] == '+' || word[at] == '-')
		at++;
	return at;
}

/* A link of a chain that begins at this place. */
static void complete_link(struct completion *c, size_t at)
{
	static const char *const selectors[] = { "sys", "tag", "exp", "var", "file", "not", "out", "local", "job" };

	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		offer(c, at, selectors[i], ":");
	offer(c, at, "all", "");
	offer(c, at, "nil", "");
	if (c->word[at])	/* all names of the inventory, for nothing typed, would help nobody */
		offer_from(c, last_item(c->word, at), c->src->hosts, "");
	offer_from(c, at, c->src->selectors, ":");
}

static void complete_selection(struct completion *c)
{
	const char *colon, *word = c->word;
	size_t at = strlen(word), link;

	while (at && word[at - 1] != ' ' && word[at - 1] != '(')
		at--;
	if (behind_operand(word, at)) {
		offer(c, at, "and", "");
		offer(c, at, "or", "");
		return;
	}
	if (at)
		offer(c, at, "not", "");
	colon = strrchr(word + at, ':');
	if (!colon) {
		complete_link(c, at);
		return;
	}
	for (link = (size_t)(colon - word); link > at && word[link - 1] != ':'; link--)
		;
	at = (size_t)(colon - word) + 1;
	if (strncmp(word + link, "tag:", 4) == 0)
		offer_from(c, last_item(word, at), c->src->tags, "");
	else if (strncmp(word + link, "sys:", 4) == 0)
		offer_from(c, last_item(word, at), c->src->hosts, "");
	else if (strncmp(word + link, "exp:", 4) != 0 && strncmp(word + link, "var:", 4) != 0 &&
		 strncmp(word + link, "file:", 5) != 0)
		complete_link(c, at);
}

/* ---- options ---- */

static void offer_choices(struct completion *c, size_t skip, const char *const *choices)
{
	for (; choices && *choices; choices++)
		offer(c, skip, *choices, "");
}

static void complete_option(struct completion *c)
{
	const char *eq = strchr(c->word, '=');
	char name[80];

	for (const struct option_spec *s = option_table; s->name; s++) {
		size_t len = strlen(s->name);

		if (eq && (size_t)(eq - c->word) == len + 2 && strncmp(c->word + 2, s->name, len) == 0)
			offer_choices(c, len + 3, s->choices);
		if (eq || len + 3 > sizeof(name))
			continue;
		memcpy(name, "--", 2);
		memcpy(name + 2, s->name, len + 1);
		offer(c, 0, name, "");
	}
}

/* The option among dt's own whose value the next word is; NULL: none. */
static const struct option_spec *wants_value(const char *word)
{
	const struct option_spec *s;

	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-') {
		s = option_by_name(word + 2);
		return s && option_has_value(s) ? s : NULL;
	}
	for (const char *p = word + 1; *p; p++) {
		s = option_by_letter(*p);
		if (!s)
			return NULL;
		if (option_has_value(s))
			return p[1] ? NULL : s;
	}
	return NULL;
}

/* ---- modules ---- */

static const struct dt_verb *find_verb(const struct dt_module *m, const char *name)
{
	for (const struct dt_verb *v = m->verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static void offer_params(struct completion *c, const struct dt_verb *v)
{
	bool rest = false;
	char name[80] = "--";

	for (const struct dt_param *p = v->params; p && p->name; p++) {
		rest |= (p->flags & DT_REST) != 0;
		if (!(p->flags & DT_OPTION) || strlen(p->name) + 3 > sizeof(name))
			continue;
		memcpy(name + 2, p->name, strlen(p->name) + 1);
		offer(c, 0, name, "");
	}
	if (!rest)
		complete_option(c);
}

/* first: the index of the first word behind the module's name. */
static void complete_arguments(struct completion *c, const char *module, size_t first)
{
	const struct dt_module *m = c->src->module(c->src->arg, module);
	size_t n = c->words.n - 1;	/* words before the one to complete */
	const struct dt_verb *v = NULL;
	const char *before = n > first ? c->words.v[n - 1] : "";

	if (!m)
		return;
	if (n > first)
		v = find_verb(m, c->words.v[first]);
	else
		for (const struct dt_verb *each = m->verbs; each->name; each++)
			if (*each->name)
				offer(c, 0, each->name, "");
	if (!v)
		v = find_verb(m, "");
	if (!v)
		return;
	if (c->word[0] == '-') {
		offer_params(c, v);
		return;
	}
	for (const struct dt_param *p = v->params; p && p->name; p++)
		if ((p->flags & DT_OPTION) && str_starts(before, "--") && strcmp(before + 2, p->name) == 0)
			offer_choices(c, 0, p->choices);
}

/* ---- dt's words ---- */

static void complete_word_arguments(struct completion *c, const char *word)
{
	static const char *const topics[] = { "selection", "output", "exit", "conf" };

	if (strcmp(word, "help") == 0) {
		for (size_t i = 0; i < ARRAY_LEN(topics); i++)
			offer(c, 0, topics[i], "");
		offer_from(c, 0, c->src->modules, "");
	} else if (strcmp(word, "inventory") == 0) {
		offer(c, 0, "import", "");
		offer(c, 0, "export", "");
	} else if (strcmp(word, "completion") == 0) {
		offer(c, 0, "bash", "");
	} else if (strcmp(word, "trust") == 0 || strcmp(word, "why") == 0) {
		complete_selection(c);
	}
}

static void complete_first(struct completion *c)
{
	for (const struct word_spec *w = word_table; w->name; w++)
		offer(c, 0, w->name, "");
	complete_selection(c);
}

static void complete(struct completion *c, struct options *o)
{
	struct dt_err ignored = DT_ERR_INIT;
	size_t n = c->words.n - 1, i;
	const struct option_spec *value = NULL;
	const char *first;

	for (i = 1; i < n && c->words.v[i][0] == '-'; i++) {
		value = i + 1 == n ? wants_value(c->words.v[i]) : NULL;
		if (!value)
			(void)options_take(o, c->words.v, n, &i, &ignored);
	}
	first = i < n ? c->words.v[i] : NULL;
	if (value)
		offer_choices(c, 0, value->choices);
	else if (!first && c->word[0] == '-')
		complete_option(c);
	else if (!first)
		complete_first(c);
	else if (word_find(first))
		complete_word_arguments(c, first);
	else if (i + 1 == n)
		offer_from(c, 0, c->src->modules, "");
	else
		complete_arguments(c, c->words.v[i + 1], i + 2);
}

int complete_words(const char *line, struct options *o, const struct complete_source *src, struct buf *out,
		   struct dt_err *err)
{
	struct completion c = { .src = src };
	int r = split(line, &c.words);

	if (r == 0 && c.words.n > 1) {
		c.word = c.words.v[c.words.n - 1];
		complete(&c, o);
	}
	strs_sort(&c.found);
	for (size_t i = 0; i < c.found.n && r == 0; i++)
		if (!i || strcmp(c.found.v[i], c.found.v[i - 1]) != 0)
			r = buf_addf(out, "%s\n", c.found.v[i]);
	strs_release(&c.found);
	strs_release(&c.words);
	return r != 0 || c.failed ? err_nomem(err) : 0;
}
