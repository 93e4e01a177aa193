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
