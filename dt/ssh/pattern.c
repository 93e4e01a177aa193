#include "dt/ssh/pattern.h"

#include <string.h>

bool pattern_match(const char *s, const char *pattern, size_t len)
{
	const char *p = pattern, *end = pattern + len;
	const char *star = NULL, *resume = NULL;

	while (*s) {
		if (p < end && *p == '*') {
			star = ++p;
			resume = s;
		} else if (p < end && (*p == '?' || *p == *s)) {
			p++;
			s++;
		} else if (star) {
			/* Only the last star need ever take more: what earlier ones took is a shortest match. */
			p = star;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

int pattern_list_match(const char *s, const char *list)
{
	int found = 0;

	while (*list) {
		bool negated = *list == '!';
		size_t len;

		if (negated)
			list++;
		len = strcspn(list, ",");
		if (pattern_match(s, list, len)) {
			if (negated)
				return -1;
			found = 1;
		}
		list += len;
		if (*list == ',')
			list++;
	}
	return found;
}

bool pattern_list_is_plain(const char *list)
{
	if (strpbrk(list, "*?"))
		return false;
	for (; list; list = strchr(list, ',')) {
		if (*list == ',')
			list++;
		if (*list == '!')
			return false;
	}
	return true;
}

void pattern_lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}
