/* Candidates inside of a selection (dt-inventory(5)): its operators, selectors and their values. */
#include <string.h>

#include "dt/cli/complete_impl.h"
#include "inventory/select.h"

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

size_t last_item(const char *word, size_t from)
{
	size_t at = from;

	for (size_t i = from; word[i]; i++)
		if (word[i] == ',')
			at = i + 1;
	if (word[at] == '+' || word[at] == '-')
		at++;
	return at;
}

void complete_hosts(struct completion *c, size_t skip)
{
	offer_from(c, last_item(c->word, skip), c->src->hosts, "");
}

void complete_job(struct completion *c, size_t skip, bool live)
{
	complete_fn *list = live ? c->src->running : c->src->jobs;
	struct strs numbers = { 0 }, about = { 0 };

	if (!live)
		offer(c, skip, "last", "", "the newest run that contacted hosts");
	if (list)
		list(c->src->arg, c->word + skip, &numbers, &about);
	for (size_t i = 0; i < numbers.n; i++)
		offer_ranked(c, skip, numbers.v[i], "", about.n == numbers.n ? about.v[i] : NULL, i + 1);
	strs_release(&numbers);
	strs_release(&about);
}

/* What may follow "job:42:". */
static void complete_result(struct completion *c, size_t at)
{
	for (const char *const *r = select_results; *r; r++)
		offer(c, at, *r, "", "that ended so");
	offer(c, at, "rc", "=", "with this exit status");
	offer(c, at, "out", "~", "whose output matches");
}

/* Attributes that mean something to dt; others are the inventory's own. */
static void complete_key(struct completion *c, size_t at)
{
	static const char *const keys[] = {
		"address", "connect_timeout", "hostkey_alias", "identity", "known_hosts", "port", "shell", "transport", "user", "via",
	};

	if (strpbrk(c->word + at, "=~"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		offer(c, at, keys[i], "=", NULL);
}

/* A link of a chain that begins at this place. */
static void complete_link(struct completion *c, size_t at)
{
	static const struct {
		const char *name, *about;
	} selectors[] = {
		{ "sys", "hosts by their names" }, { "tag", "hosts with a tag" }, { "exp", "names that match a regex" },
		{ "var", "hosts by an attribute" }, { "file", "names from a file" }, { "not", "all but these" },
		{ "out", "names from standard input" }, { "local", "this machine, without SSH" },
		{ "job", "hosts of an earlier run" },
	};

	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		offer(c, at, selectors[i].name, ":", selectors[i].about);
	offer(c, at, "all", "", "every host of the inventory");
	offer(c, at, "nil", "", "no host");
	if (c->word[at])	/* all names of the inventory, for nothing typed, would help nobody */
		complete_hosts(c, at);
	offer_from(c, at, c->src->selectors, ":");
}

/* What follows a colon; link: where its selector begins. */
static void complete_linked(struct completion *c, size_t first, size_t link, size_t at)
{
	const char *selector = c->word + link;

	if (str_starts(selector, "tag:"))
		offer_from(c, last_item(c->word, at), c->src->tags, "");
	else if (str_starts(selector, "sys:"))
		complete_hosts(c, at);
	else if (str_starts(selector, "file:"))
		offer_paths(c, at);
	else if (str_starts(selector, "job:"))
		complete_job(c, at, false);
	else if (str_starts(selector, "var:"))
		complete_key(c, at);
	else if (!str_starts(selector, "exp:")) {
		if (link >= first + 4 && strncmp(selector - 4, "job:", 4) == 0 && (link == first + 4 || selector[-5] == ':'))
			complete_result(c, at);
		complete_link(c, at);
	}
}

void complete_selection(struct completion *c)
{
	const char *colon, *word = c->word;
	size_t at = strlen(word), link;

	while (at && word[at - 1] != ' ' && word[at - 1] != '(')
		at--;
	if (behind_operand(word, at)) {
		offer(c, at, "and", "", NULL);
		offer(c, at, "or", "", NULL);
		return;
	}
	if (at)
		offer(c, at, "not", "", NULL);
	colon = strrchr(word + at, ':');
	if (!colon) {
		complete_link(c, at);
		return;
	}
	for (link = (size_t)(colon - word); link > at && word[link - 1] != ':'; link--)
		;
	complete_linked(c, at, link, (size_t)(colon - word) + 1);
}
