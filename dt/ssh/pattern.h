/*
 * pattern - names against patterns as ssh_config(5), PATTERNS, has them.
 *
 * '*' matches any run of characters, '?' exactly one.  Case counts; where a
 * file's names do not care for it, both sides are put in lower case before.
 */
#ifndef DT_SSH_PATTERN_H
#define DT_SSH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Does the whole of s match the pattern of len bytes?  No recursion: time is at most |s| * len. */
bool pattern_match(const char *s, const char *pattern, size_t len);

/*
 * A list with commas, where '!' before a pattern turns it round.
 * 1: some pattern matches; 0: none does; -1: one with '!' does, whatever the rest says.
 */
int pattern_list_match(const char *s, const char *list);

/* Are all its items plain names, without wildcard or negation? */
bool pattern_list_is_plain(const char *list);

/* ASCII letters in lower case, in place. */
void pattern_lower(char *s);

#endif
