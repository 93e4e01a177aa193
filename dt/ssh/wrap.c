#include "dt/ssh/wrap.h"

#include <string.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"

#define STR_(x) #x
#define STR(x) STR_(x)

/*
 * $0 is the marker, $1 the command.  The wrapper's own stderr goes nowhere:
 * some shells would say "Killed" there.  No newline, quote, backslash or
 * exclamation mark, so that any login shell passes it on unchanged.
 */
#define WRAPPER(before, after) \
	"exec 3>&2 2>/dev/null; " before \
	"(exec \"${SHELL:-/bin/sh}\" -c \"$1\") 2>&3 3>&-; s=$?; " after \
	"exit $((s ^ " STR(WRAP_XOR) "))"
#define ANNOUNCE "printf %s \"$0\" >&3; "
static const char wrapper[] = WRAPPER("", "[ $s -eq " STR(WRAP_XOR) " ] && kill -USR2 $$; ");
static const char announcing[] = WRAPPER(ANNOUNCE, "[ $((s ^ " STR(WRAP_XOR) ")) -eq 255 ] && " ANNOUNCE);

/*
 * $1 is a pattern for the marker that does not match itself.  Where the
 * wrapper leads its process group (sshd makes it a session leader) the group
 * is ended; else (dropbear) the wrapper and its descendants.  Where the
 * wrapper itself has ended but something that it left holds the channel, all
 * of this connection is ended but the killers themselves.  Zombies that
 * nobody reaps do not count as alive.
 */
static const char killer[] =
	"p=$(grep -lzx -e \"$1\" /proc/[0-9]*/cmdline 2>/dev/null | sed -n \"s,^/proc/,,;s,/cmdline$,,p;q\"); "
	"[ -r /proc/self/cmdline ] || p=$(ps -A -o pid= -o args= 2>/dev/null | grep -e \"$1\" | { read -r a b; echo $a; }); "
	"left() { for f in $(grep -lF -e \"SSH_CONNECTION=$SSH_CONNECTION\" /proc/[0-9]*/environ 2>/dev/null); do "
	"grep -qF -e \"$1\" ${f%environ}cmdline 2>/dev/null || { f=${f#/proc/}; echo ${f%/environ}; }; done; }; "
	"t=; [ \"$p\" ] || { if [ -z \"$SSH_CONNECTION\" ] || [ ! -r /proc/self/environ ]; then echo unknown; exit 0; fi; "
	"t=$(left \"$1\"); [ \"$t\" ] || { echo gone; exit 0; }; }; "
	"stat() { l=; { read -r l < /proc/$1/stat; } 2>/dev/null; l=${l##*) }; }; "
	"tree() { echo $1; for f in /proc/[0-9]*; do f=${f#/proc/}; stat $f; set -- $1 $l; "
	"if [ \"$3\" = \"$1\" ]; then tree $f; fi; done; }; "
	"g=; if [ -z \"$t\" ]; then stat $p; set -- $l; g=$3; [ \"$g\" ] || g=$(ps -o pgid= -p $p | tr -d \" \"); "
	"if [ \"$g\" = $p ]; then t=-$p; else t=$(tree $p); g=; fi; fi; "
	"alive() { if [ \"$g\" ]; then kill -0 $t 2>/dev/null || return 1; fi; "
	"if [ -r /proc/self/stat ]; then for f in /proc/[0-9]*; do f=${f#/proc/}; stat $f; set -- $l; "
	"case $1 in Z|X|\"\") continue;; esac; "
	"if [ \"$g\" ]; then if [ \"$3\" = $g ]; then return 0; fi; "
	"else for q in $t; do if [ $f = $q ]; then return 0; fi; done; fi; done; return 1; "
	"else kill -0 $t 2>/dev/null; fi; }; "
	"kill -TERM $t 2>/dev/null; i=0; "
	"while alive; do i=$((i+1)); "
	"if [ $i -eq 10 ]; then kill -KILL $t 2>/dev/null; fi; "
	"if [ $i -ge 20 ]; then echo left; exit 0; fi; "
	"sleep 0.1 2>/dev/null || sleep 1; done; echo gone";

void wrap_marker(char marker[WRAP_MARKER_SIZE])
{
	memcpy(marker, "dt-", 3);
	random_hex(marker + 3, 8);
}

int wrap_command(struct buf *out, const char *marker, const char *command, bool announce)
{
	const char *argv[] = { "/bin/sh", "-c", announce ? announcing : wrapper, marker, command };

	return buf_adds(out, "exec ") != 0 || quote_argv(out, argv, ARRAY_LEN(argv)) != 0 ? -1 : 0;
}

int wrap_kill(struct buf *out, const char *marker, const char *become)
{
	char pattern[WRAP_MARKER_SIZE + 4] = "d[t]";
	const char *argv[] = { "/bin/sh", "-c", killer, "dt", pattern };

	memcpy(pattern + 4, marker + 2, strlen(marker + 2) + 1);
	if (become && (buf_adds(out, become) != 0 || buf_addc(out, ' ') != 0))
		return -1;
	return quote_argv(out, argv, ARRAY_LEN(argv));
}
