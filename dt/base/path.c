#include "dt/base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40	/* path_resolution(7) */

/* One component: NULL, or why it cannot be trusted; *link: it leads elsewhere. */
static const char *component_fault(const char *path, bool last, bool *link)
{
	struct stat st;

	*link = false;
	if (lstat(path, &st) != 0)
		return "cannot be looked at";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to another user";
	*link = S_ISLNK(st.st_mode);
	if (*link)
		return NULL;
	if (last && !S_ISREG(st.st_mode))
		return "is no regular file";
	if (!last && !S_ISDIR(st.st_mode))
		return "is no folder";
	/* In a sticky folder of root, others cannot replace what is not theirs. */
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && (last || st.st_uid != 0 || !(st.st_mode & S_ISVTX)))
		return "may be written by others";
	return NULL;
}

/* What the link path, of len bytes, leads to, and rest behind it; malloced. */
static char *follow(const char *path, size_t len, const char *rest)
{
	char target[PATH_MAX], *next = NULL;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	size_t parent = len;

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	while (parent && path[parent - 1] != '/')
		parent--;
	return asprintf(&next, "%.*s%s%s", *target == '/' ? 0 : (int)parent, path, target, rest) < 0 ? NULL : next;
}

/* The path as it is written, component by component: a link could be replaced as well as what it leads to. */
static const char *walk(const char *path, int links, struct strs *culprit)
{
	char *here = strdup(path), *next;
	const char *fault = !here || *path != '/' || links > LINKS_MAX ? "cannot be looked at" : NULL;
	size_t len = 0;
	bool last = false, link;

	while (!fault && !last) {
		size_t end = len ? len + strcspn(path + len, "/") : 1;
		const char *rest = path + end + strspn(path + end, "/");

		last = !*rest;
		here[end] = '\0';
		fault = component_fault(here, last, &link);
		if (!fault && link) {
			next = follow(here, end, path + end);
			free(here);
			fault = next ? walk(next, links + 1, culprit) : "cannot be looked at";
			free(next);
			return fault;
		}
		if (!fault)
			memcpy(here, path, (size_t)(rest - path));
		len = (size_t)(rest - path);
	}
	if (fault)
		(void)strs_add(culprit, here ? here : path);
	free(here);
	return fault;
}

const char *path_fault(const char *path, struct strs *culprit)
{
	char *dir = *path == '/' ? NULL : getcwd(NULL, 0), *whole = NULL;
	const char *fault = "cannot be looked at";

	if (*path == '/')
		return walk(path, 0, culprit);
	if (dir && asprintf(&whole, "%s/%s", dir, path) >= 0) {
		fault = walk(whole, 0, culprit);
		free(whole);
	}
	free(dir);
	return fault;
}

int path_check(const char *path, struct dt_err *err)
{
	struct strs culprit = { 0 };
	const char *fault = path_fault(path, &culprit);

	if (fault && culprit.n && strcmp(culprit.v[0], path) != 0)
		(void)err_set(err, ERR_MODULE, "%s: not safe: %s %s", path, culprit.v[0], fault);
	else if (fault)
		(void)err_set(err, ERR_MODULE, "%s: not safe: it %s", path, fault);
	strs_release(&culprit);
	return fault ? -1 : 0;
}
