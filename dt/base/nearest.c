#include "dt/base/nearest.h"

#include <string.h>

/* Nobody mistypes a longer word into one of ours; it also bounds the rows on the stack. */
#define WORD_MAX 64

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters of a are rows, letters of b columns; three rows are enough for swaps. */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= blen; j++)
		last[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			now[j] = min(last[j - 1] + (a[i - 1] != b[j - 1]), min(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[blen];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), best = (len + 2) / 3 + 1;
	const char *found = NULL, *longer = NULL;

	if (!len || len > WORD_MAX)
		return NULL;
	best = min(best, len);	/* a word with every letter wrong is another word */
	for (size_t i = 0; i < n; i++) {
		const char *c = candidates[i];
		size_t clen = c ? strlen(c) : 0, d;

		if (!clen || clen > WORD_MAX)
			continue;
		d = distance(word, len, c, clen);
		if (d < best) {
			best = d;
			found = c;
		}
		if (!longer && len >= 3 && strncmp(word, c, len) == 0)
			longer = c;
	}
	return found ? found : longer;
}
