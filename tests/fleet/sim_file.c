#include "sim_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 65536 /* again has so much at least */

/* 0, or -1: errno says why. */
static int read_all(const char *path, char **data, size_t *len)
{
	FILE *in = fopen(path, "rb");
	size_t cap = 0, n = 1;

	if (!in)
		return -1;
	while (n) {
		if (*len == cap) {
			char *more = realloc(*data, cap = cap ? cap * 2 : PIECE);

			if (!more) {
				(void)fclose(in);
				return -1;
			}
			*data = more;
		}
		n = fread(*data + *len, 1, cap - *len, in);
		*len += n;
	}
	n = ferror(in) != 0;
	(void)fclose(in);
	return n ? -1 : 0;
}

/* So that a part of an endless answer is not written byte by byte. */
static int multiply(struct file *f)
{
	size_t times = f->again_len ? PIECE / f->again_len + 1 : 1;
	char *more = times > 1 ? realloc(f->again, times * f->again_len) : f->again;

	if (!more)
		return -1;
	f->again = more;
	for (size_t i = 1; i < times; i++)
		memcpy(more + i * f->again_len, more, f->again_len);
	f->again_len *= times;
	return 0;
}

int file_load(struct file *f, const char *path, const char *host)
{
	const char *mark = strstr(path, "%h");
	char name[1024];
	int n = mark ? snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - path), path, host, mark + 2)
		     : snprintf(name, sizeof(name), "%s", path);

	memset(f, 0, sizeof(*f));
	if (n < 0 || (size_t)n + sizeof(".again") > sizeof(name))
		return -1;
	if (read_all(name, &f->data, &f->len) == 0) {
		memcpy(name + n, ".again", sizeof(".again"));
		if (read_all(name, &f->again, &f->again_len) == 0 ? multiply(f) == 0 : errno == ENOENT)
			return 0;
	}
	file_release(f);
	return -1;
}

void file_release(struct file *f)
{
	free(f->data);
	free(f->again);
	memset(f, 0, sizeof(*f));
}
