#include "dt/report/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void spool_init(struct spool *s, size_t memory)
{
	buf_init(&s->tail, memory);
	s->fd = -1;
	s->written = 0;
}

void spool_release(struct spool *s)
{
	buf_release(&s->tail);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->written = 0;
}

uint64_t spool_end(const struct spool *s)
{
	return s->written + s->tail.len;
}

int spool_file(void)
{
	const char *dir = getenv("TMPDIR");
	struct buf path;
	int fd, sys;

	if (!dir || *dir != '/')
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	/* a file system without O_TMPFILE */
	buf_init(&path, 4096);
	if (buf_addf(&path, "%s/dt-XXXXXX", dir) != 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path.data, O_CLOEXEC);
	sys = errno;
	if (fd >= 0)
		(void)unlink(path.data);
	buf_release(&path);
	errno = sys;
	return fd;
}

static int write_out(struct spool *s, const char *data, size_t len)
{
	if (s->fd < 0)
		s->fd = spool_file();
	if (s->fd < 0)
		return -1;
	while (len) {
		ssize_t n = pwrite(s->fd, data, len, (off_t)s->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : ENOSPC;
			return -1;
		}
		s->written += (uint64_t)n;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int spool_add(struct spool *s, const void *data, size_t len)
{
	if (len > s->tail.max - s->tail.len) {
		if (s->tail.len && write_out(s, s->tail.data, s->tail.len) != 0)
			return -1;
		buf_clear(&s->tail);
	}
	if (len > s->tail.max)
		return write_out(s, data, len);
	if (buf_add(&s->tail, data, len) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

int spool_read(struct spool *s, uint64_t at, size_t len, struct buf *out)
{
	char *room = buf_reserve(out, len);
	size_t done = 0;

	if (!room) {
		errno = ENOMEM;
		return -1;
	}
	while (done < len && at + done < s->written) {
		uint64_t left = s->written - at - done;
		size_t want = len - done < left ? len - done : (size_t)left;
		ssize_t n = pread(s->fd, room + done, want, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return -1;
		}
		done += (size_t)n;
	}
	if (done < len)
		memcpy(room + done, s->tail.data + (at + done - s->written), len - done);
	room[len] = '\0';
	out->len += len;
	return 0;
}
