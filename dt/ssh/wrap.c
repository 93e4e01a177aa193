#include "dt/ssh/wrap.h"

#include <stdio.h>
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
#define WRAPPER(before, run, after) \
	"exec 3>&2 2>/dev/null; " before run after \
	"exit $((s ^ " STR(WRAP_XOR) "))"
#define RUN "(exec \"${SHELL:-/bin/sh}\" -c \"$1\") 2>&3 3>&-; s=$?; "
#define AFTER "[ $s -eq " STR(WRAP_XOR) " ] && kill -USR2 $$; "
#define ANNOUNCE "printf %s \"$0\" >&3; "
#define ANNOUNCE_AFTER "[ $((s ^ " STR(WRAP_XOR) ")) -eq 255 ] && " ANNOUNCE

/* A kept command runs below a shell of its own, so that the marker stays that of the wrapper alone. */
#define RUN_KEPT "(exec /bin/sh -c \"$2\" dt \"$1\" \"$3\" \"$4\") 2>&3 3>&-; s=$?; "

/* ok PARENT: is PARENT/dt a folder, no link, of ours alone?  st PID: when it began; a zombie never did. */
#define FOLDERS "for p in \"$HOME/.cache\" \"${XDG_RUNTIME_DIR:-/run/user/$(id -u)}\"; do "
#define KEEP_TOOLS \
	"ok() { d=$1/dt; [ \"$1\" ] && [ -O \"$1\" ] && " \
	"case $(ls -ld \"$d\") in drwx------*) [ -O \"$d\" ];; *) false;; esac; }; " \
	"st() { l=; read -r l </proc/$1/stat; l=${l##*) }; set -- $l; " \
	"case $1 in Z|X) ;; *) echo ${20};; esac; }; "
/*
 * $1 is the command, $2 the name, $3 how much is kept of each stream: through
 * head, so that they cannot fill the disk, nor end the command.
 */
static const char keeper[] =
	"exec 3>&2 2>/dev/null; "
	KEEP_TOOLS "u=$(umask); umask 077; trap \"\" HUP; k=; "
	"[ \"$HOME\" ] && mkdir \"$HOME/.cache\"; "
	FOLDERS "[ \"$p\" ] && mkdir \"$p/dt\"; if ok \"$p\"; then k=$d/$2; break; fi; done; "
	"b=; read -r b </proc/sys/kernel/random/boot_id; s=$(st $$); "
	"[ \"$k\" ] && echo \"$$ ${s:--} ${b:--}\" >\"$k.pid\" || { "
	"echo \"--keep: no folder for it in the home or runtime folder\" >&3; exit 126; }; "
	"find \"$d\" -name \"dt-*\" -mtime +30 -exec rm -f {} \";\"; "
	"c() { head -c \"$1\" && : >\"$2\"; cat >/dev/null; }; "
	"{ { (umask $u; exec \"${SHELL:-/bin/sh}\" -c \"$1\") </dev/null 3>&-; echo $? >\"$k.s\"; } 2>&1 >&4 4>&- | "
	"c \"$3\" \"$k.e\" 4>&- >\"$k.err\"; } 4>&1 | c \"$3\" \"$k.o\" >\"$k.out\"; "
	"s=; read -r s <\"$k.s\"; "
	"if [ \"$s\" ] && [ -f \"$k.e\" ] && [ -f \"$k.o\" ] && echo $s >\"$k.t\" && mv \"$k.t\" \"$k.end\"; then "
	"cat \"$k.out\"; cat \"$k.err\" >&3; exit $s; fi; "
	"echo \"--keep: the output or the exit status could not be written\" >&3; exit 126";

static const char *const wrappers[2][2] = {
	{ WRAPPER("", RUN, AFTER), WRAPPER(ANNOUNCE, RUN, ANNOUNCE_AFTER) },
	{ WRAPPER("", RUN_KEPT, AFTER), WRAPPER(ANNOUNCE, RUN_KEPT, ANNOUNCE_AFTER) },
};

/* Whether it lives is looked at first: who ends meanwhile has left its status before. */
static const char asker[] =
	"exec 2>/dev/null; " KEEP_TOOLS
	FOLDERS "if ok \"$p\" && [ -f \"$d/$1.pid\" ]; then k=$d/$1; a=; s=; b=; read -r a s b <\"$k.pid\"; "
	"h=-; read -r h </proc/sys/kernel/random/boot_id; v=; "
	"if [ \"$b\" = \"$h\" ]; then if [ \"$s\" = - ]; then kill -0 \"$a\" && v=1; "
	"elif [ \"$(st \"$a\")\" = \"$s\" ]; then v=1; fi; fi; "
	"if [ -f \"$k.end\" ]; then read -r e <\"$k.end\"; echo ended $e $(wc -c <\"$k.out\") $(wc -c <\"$k.err\"); "
	"cat \"$k.out\" \"$k.err\"; exit; elif [ \"$v\" ]; then echo running $a; else echo gone; fi; exit; fi; done; echo none";
static const char forgetter[] =
	"exec 2>/dev/null; " KEEP_TOOLS FOLDERS "if ok \"$p\"; then rm -f \"$d/$1\".*; fi; done; exit 0";

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

int wrap_command(struct buf *out, const char *marker, const char *command, bool announce, const struct wrap_keep *keep)
{
	char max[24];
	const char *argv[] = { "/bin/sh", "-c", wrappers[keep != NULL][announce], marker, command, keeper, keep ? keep->name : "",
			       max };

	(void)snprintf(max, sizeof(max), "%zu", keep ? keep->max : 0);
	return buf_adds(out, "exec ") != 0 || quote_argv(out, argv, ARRAY_LEN(argv) - (keep ? 0 : 3)) != 0 ? -1 : 0;
}

static int about(struct buf *out, const char *script, const char *name)
{
	const char *argv[] = { "/bin/sh", "-c", script, "dt", name };

	return quote_argv(out, argv, ARRAY_LEN(argv));
}

int wrap_ask(struct buf *out, const char *name)
{
	return about(out, asker, name);
}

int wrap_forget(struct buf *out, const char *name)
{
	return about(out, forgetter, name);
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
