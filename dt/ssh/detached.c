#include "dt/ssh/detached.h"

#include <stdio.h>

#include "dt/base/quote.h"
#include "dt/base/util.h"

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
	"h=$(getent passwd \"$(id -u)\" || grep \"^$(id -un):\" /etc/passwd); h=${h##*:}; "
	KEEP_TOOLS "u=$(umask); umask 077; trap \"\" HUP; k=; "
	"[ \"$HOME\" ] && mkdir \"$HOME/.cache\"; "
	FOLDERS "[ \"$p\" ] && mkdir \"$p/dt\"; if ok \"$p\"; then k=$d/$2; break; fi; done; "
	"b=; read -r b </proc/sys/kernel/random/boot_id; s=$(st $$); "
	"[ \"$k\" ] && echo \"$$ ${s:--} ${b:--}\" >\"$k.pid\" || { "
	"echo \"--keep: no folder for it in the home or runtime folder\" >&3; exit 126; }; "
	"find \"$d\" -name \"dt-*\" -mtime +30 -exec rm -f {} \";\"; "
	"c() { head -c \"$1\" && : >\"$2\"; cat >/dev/null; }; "
	"{ { (umask $u; exec \"${h:-/bin/sh}\" -c \"$1\") </dev/null 3>&-; echo $? >\"$k.s\"; } 2>&1 >&4 4>&- | "
	"c \"$3\" \"$k.e\" 4>&- >\"$k.err\"; } 4>&1 | c \"$3\" \"$k.o\" >\"$k.out\"; "
	"s=; read -r s <\"$k.s\"; "
	"if [ \"$s\" ] && [ -f \"$k.e\" ] && [ -f \"$k.o\" ] && echo $s >\"$k.t\" && mv \"$k.t\" \"$k.end\"; then "
	"cat \"$k.out\"; cat \"$k.err\" >&3; exit $s; fi; "
	"echo \"--keep: the output or the exit status could not be written\" >&3; exit 126";

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

int detached_command(struct buf *out, const char *name, size_t max, const char *command)
{
	char bytes[24];
	const char *argv[] = { "/bin/sh", "-c", keeper, "dt", command, name, bytes };

	(void)snprintf(bytes, sizeof(bytes), "%zu", max);
	return buf_adds(out, "exec ") != 0 || quote_argv(out, argv, ARRAY_LEN(argv)) != 0 ? -1 : 0;
}

static int about(struct buf *out, const char *script, const char *name)
{
	const char *argv[] = { "/bin/sh", "-c", script, "dt", name };

	return quote_argv(out, argv, ARRAY_LEN(argv));
}

int detached_ask(struct buf *out, const char *name)
{
	return about(out, asker, name);
}

int detached_forget(struct buf *out, const char *name)
{
	return about(out, forgetter, name);
}
