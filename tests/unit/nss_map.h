/*
 * nss_map - what the tests of contrib/nss_map share: files of their own in place of /etc/nssmap.conf,
 * /etc/passwd and /etc/group, and how an answer looks as text.
 */
#ifndef TESTS_UNIT_NSS_MAP_H
#define TESTS_UNIT_NSS_MAP_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contrib/nss_map/map.h"
#include "contrib/nss_map/service.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static char dir[64], conf[96], list[96], passwd[96], group[96];
static struct map_paths paths = { conf, passwd, group, 0 };

const struct map_paths *map_paths(void)
{
	return &paths;
}

/* In one go, as an administrator should. */
static inline void put_bytes(const char *path, const char *data, size_t len)
{
	char new[128];
	int fd;

	(void)snprintf(new, sizeof(new), "%s.%d", path, (int)gettid());
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len && close(fd) == 0 && rename(new, path) == 0);
}

static inline void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

/* @ALLOW@ in it is the path of the list. */
static inline const char *with_list(const char *text)
{
	static char filled[20000];
	const char *at = strstr(text, "@ALLOW@");

	if (!at)
		return text;
	(void)snprintf(filled, sizeof(filled), "%.*s%s%s", (int)(at - text), text, list,
		       at + strlen("@ALLOW@"));
	return filled;
}

static inline void put_conf(const char *text)
{
	put(conf, with_list(text));
}

static inline void start(void)
{
	put(passwd,
	    "root:x:0:0:root:/root:/bin/sh\nlocal:x:2100:100::/home/local:/bin/sh\nlast:x:2101:100::/:/bin/sh");
	put(group, "root:x:0:\nstaff:x:2500:local\n");
	put(list, "# who may\n\njoe\nann:2001\nweb1\nlocal\n");
	put_conf("mapped:x:5000:5001:Mapped user:/home:/bin/bash\n");
}

/* "NAME:x:UID:GID:GECOS:HOME:SHELL" into text, or what was said instead. */
static inline const char *told(enum nss_status s, int error, const struct passwd *p, char *text, size_t size)
{
	if (s == NSS_STATUS_SUCCESS)
		(void)snprintf(text, size, "%s:%s:%u:%u:%s:%s:%s", p->pw_name, p->pw_passwd, p->pw_uid,
			       p->pw_gid, p->pw_gecos, p->pw_dir, p->pw_shell);
	else if (error != ENOENT)
		(void)snprintf(text, size, "status %d: errno %d", s, error);
	else
		return s == NSS_STATUS_NOTFOUND	 ? "none"
		       : s == NSS_STATUS_UNAVAIL ? "unavailable"
						 : "strange";
	return text;
}

/* As test_main, in a folder of their own. */
static inline int nss_map_main(const struct test *tests, int argc, char **argv)
{
	int r;

	(void)umask(022);
	random_start();
	(void)snprintf(dir, sizeof(dir), "/tmp/dt-nss-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(conf, sizeof(conf), "%s/nssmap.conf", dir);
	(void)snprintf(list, sizeof(list), "%s/allow", dir);
	(void)snprintf(passwd, sizeof(passwd), "%s/passwd", dir);
	(void)snprintf(group, sizeof(group), "%s/group", dir);
	paths.owner = geteuid();
	r = test_main(tests, argc, argv);
	(void)unlink(conf);
	(void)unlink(list);
	(void)unlink(passwd);
	(void)unlink(group);
	(void)rmdir(dir);
	return r;
}

#endif
