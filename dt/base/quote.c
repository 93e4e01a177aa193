#include "dt/base/quote.h"

#include <string.h>

/* Characters that no shell treats specially anywhere in a word. */
static const char plain[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";

int quote_arg(struct buf *b, const char *arg)
{
	const char *p = arg;

	if (*arg && arg[strspn(arg, plain)] == '\0')
		return buf_adds(b, arg);
	if (buf_addc(b, '\'') != 0)
		return -1;
	while (*p) {
		/* fish reads backslashes inside single quotes; csh expands '!' there */
		size_t n = strcspn(p, "'\\!");

		if (buf_add(b, p, n) != 0)
			return -1;
		p += n;
		if (*p && buf_addf(b, "'\\%c'", *p++) != 0)
			return -1;
	}
	return buf_addc(b, '\'');
}

int quote_argv(struct buf *b, const char *const *argv, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((i && buf_addc(b, ' ') != 0) || quote_arg(b, argv[i]) != 0)
			return -1;
	return 0;
}

int quote_next(const char **line, struct buf *word, struct dt_err *err)
{
	const char *p = *line + strspn(*line, " \t\n");
	char quote = 0;

	buf_clear(word);
	*line = p;
	if (!*p)
		return 0;
	for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		/* between double quotes a backslash is one but before these (2.2.3) */
		if (*p == '\\' && quote != '\'' && p[1] && (!quote || strchr("$`\"\\", p[1])))
			p++;
		if (buf_addc(word, *p) != 0)
			return err_nomem(err);
	}
	if (quote)
		return err_set(err, ERR_USAGE, "a quote is not closed: %.100s", *line);
	*line = p;
	return 1;
}

int quote_split(const char *line, struct strs *words, struct dt_err *err)
{
	struct buf word;
	int r;

	buf_init(&word, 4UL << 20);
	while ((r = quote_next(&line, &word, err)) > 0)
		if (strs_add(words, word.data) != 0) {
			r = err_nomem(err);
			break;
		}
	buf_release(&word);
	return r;
}
