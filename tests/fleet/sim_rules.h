/*
 * sim_rules - which host answers how, from an INI file.
 *
 *	[*]				all hosts
 *	rtt = 20ms
 *	[sim0000*, 127.64.0.77]		patterns (fnmatch(3)) for names and addresses
 *	status = 3
 *	[* flaky]			a share of them, chosen by a hash of host and
 *	share = 1%			section's name, the same in each run; a word
 *	fault = close-auth		behind the patterns makes it another share
 *	[*]
 *	command = uptime*		only commands that match
 *	stdout = up 3 days\n
 *
 * Later sections override earlier ones, key by key; the keys are those of
 * sim_answer.h, and share and command.  A section's name has 48 bytes at the
 * most, a line 198 (Debian's inih).  '#' in a line begins no comment, ';' behind a
 * blank does.
 */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include "sim_answer.h"
#include "sim_host.h"

struct rules;

/* NULL, after a word on stderr, where it cannot be read or is wrong. */
struct rules *rules_load(const char *path);
void rules_free(struct rules *r);
/*
 * What holds for a host: with command NULL what sections without a command say, else
 * for that command.  r may be NULL.  The texts belong to the rules.
 */
void rules_answer(const struct rules *r, const struct host *host, const char *command, struct answer *a);

#endif
