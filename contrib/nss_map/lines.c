#include "contrib/nss_map/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int map_open(const char *path, const uid_t *owner, size_t max, int *fd)
{
	struct stat st;
	int e = 0;

	/* NONBLOCK: someone could have made a FIFO of it */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, &st) != 0)
		e = errno;
	else if (!S_ISREG(st.st_mode))
		e = EBADMSG;
	else if (owner &&
		 (st.st_uid != *owner || (st.st_mode & (S_IWGRP | S_IWOTH)) || (uintmax_t)st.st_size > max))
		e = EBADMSG;
	if (e) {
		(void)close(*fd);
		*fd = -1;
	}
	return e;
}

int lines_open(struct lines *l, const char *path, const uid_t *owner, size_t max)
{
	l->ours = owner != NULL;
	l->at_end = false;
	l->begin = l->end = l->at = 0;
	l->max = max;
	l->error = map_open(path, owner, max, &l->fd);
	return l->error;
}

/* Reads on behind what is in data, which is moved to its beginning.  false: nothing more comes, or no room. */
static bool fill(struct lines *l)
{
	ssize_t n;

	memmove(l->data, l->data + l->begin, l->end - l->begin);
	l->end -= l->begin;
	l->begin = 0;
	/* one byte is left for a NUL behind a last line */
	if (l->at_end || l->end == sizeof(l->data) - 1)
		return false;
	do {
		n = read(l->fd, l->data + l->end, sizeof(l->data) - 1 - l->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		l->error = errno;
	else
		l->end += (size_t)n;
	l->at_end = n <= 0;
	return n > 0;
}

/* Of a line that does not fit: what is behind its beginning. */
static void skip(struct lines *l)
{
	const char *newline = NULL;

	do {
		l->at += l->end - l->begin;
		l->begin = l->end;
		if (!fill(l))
			return;
		newline = memchr(l->data, '\n', l->end);
	} while (!newline);
	l->begin = (size_t)(newline - l->data) + 1;
	l->at += l->begin;
}

static bool is_clean(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	return true;
}

char *lines_next(struct lines *l)
{
	char *line, *newline;
	size_t len;

	if (l->error)
		return NULL;
	while (!(newline = memchr(l->data + l->begin, '\n', l->end - l->begin)) && fill(l))
		;
	line = l->data + l->begin;
	len = newline ? (size_t)(newline - line) : l->end - l->begin;
	if (l->error || (!newline && len == 0))
		return NULL;
	if (l->ours && (!newline || !is_clean(line, len) || l->at + len + 1 > l->max)) {
		l->error = EBADMSG;
		return NULL;
	}
	if (newline) {
		*newline = '\0';
		l->begin += len + 1;
		l->at += len + 1;
		return line;
	}
	if (!l->at_end) {
		/* the beginning is enough to know whose line it is */
		memcpy(l->head, line, sizeof(l->head) - 1);
		l->head[sizeof(l->head) - 1] = '\0';
		skip(l);
		return l->head;
	}
	line[len] = '\0';
	l->begin = l->end;
	l->at += len;
	return line;
}

void lines_seek(struct lines *l, size_t at)
{
	l->at_end = false;
	l->begin = l->end = 0;
	l->at = at;
	if (!l->error && lseek(l->fd, (off_t)at, SEEK_SET) < 0)
		l->error = errno;
}

void lines_close(struct lines *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}
