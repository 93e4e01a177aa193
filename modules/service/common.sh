# What look.sh, act.sh and keep.sh begin with.  $1 is the service folder, "" for the first usual one that is there.
#
# The answer of all of them, on stdout:
#
#	dt-service SECONDS DIR          the host's clock (date +%s), and the folder
#	S ALIVE NORMALLY STATUS LOG-ALIVE LOG-NORMALLY LOG-STATUS RESULT NAME/
#	C RESULT NAME/                  enable and disable: 0 as it was, 1 changed, 2 linked, 3 could not
#	M PATTERN/                      there is no such service
#	dt-service end
#
# or "dt-service none" (no service folder) or "dt-service closed" (it may not be entered) alone.  A
# name may contain a newline, but no slash.  ALIVE: y (a supervisor reads its FIFO), n, p (not permitted
# to look), x (others may change what is in its folder: not looked at); NORMALLY: u, d (a file "down");
# STATUS: the hexadecimal digits of supervise/status, 64 bytes at most, "-" where there is none, "." where
# it is empty, "!" where it may not be read.  Of a service without log service the three are "-".
# RESULT is "-" for a look; of a command: s sent, o state reached, l not reached in time, g no supervisor,
# p not permitted, b the status file makes no sense, k not known to that supervisor, t the supervisor does
# not read its FIFO, x as for ALIVE.
export LC_ALL=C; unset CDPATH IFS; set +f;
if [ "$1" ]; then d=$1; else
	d=; for x in /var/service /etc/service /service; do if [ -d "$x/" ]; then d=$x; break; fi; done;
fi;
shift;
if [ ! "$d" ] || [ ! -d "$d/" ]; then echo dt-service none; exit 0; fi;
cd "$d" 2>/dev/null || { echo dt-service closed; exit 0; };
# The answer begins: where it is told, for ages are taken from the clock.
begin() { printf "dt-service %s %s\n" "$(date +%s)" "$d"; };
# Is $1 the name of a service that fits one of the patterns behind it?
fits() { [ -d "./$1" ] || return 1; n=$1; shift; [ $# -gt 0 ] || return 0;
	for p do case $n in $p) return 0;; esac; done; return 1; };
# Says which patterns fit nothing.
missing() { for m do
		for n in *; do if fits "$n" "$m"; then continue 2; fi; done;
		printf "M %s/\n" "$m";
	done; };
# May nobody but root and we change what is in the folder where we are?  A name there then stays what it was seen
# to be.  In another, what was a FIFO is a link to any file by the time that a shell opens it to write, and it has
# no way to open without making or emptying that.
me=$(id -u);
safe() { set -- $(ls -ldn .); case $1 in ""|?????w*|????????w*) return 1;; esac;
	case $3 in 0|"$me") ;; *) return 1;; esac; };
# In a process of its own: goes to ./$1/supervise, or ends: with 1 where there is none, 2 where it may not be
# entered, 3 where it is not safe.
enter() { cd "./$1/supervise" 2>/dev/null ||
		{ if [ -d "./$1/supervise" ] || { [ -d "./$1" ] && [ ! -x "./$1" ]; }; then exit 2; fi; exit 1; };
	safe || exit 3; };
fifo() { [ -p "$1" ] && [ ! -L "$1" ]; };
# Writes $2 to the FIFO $1 of a safe folder, in a process of its own: 1 where nobody reads it, 2 where it may not be
# opened.  Only a reader lets a FIFO be opened for writing, so we are one ourselves (to read and write never
# blocks), but for no longer: the write then fails where there is no other.  With $3, the bytes, a newline among
# them, are taken back; the writers are closed before, so that this sees an end at worst, or waits where somebody
# else both reads and writes.
poke() { trap "" PIPE; exec 3<>"$1" 4>>"$1" 3>&- || exit 2; printf "$2" >&4 || exit 1; [ "$3" ] || exit 0;
	exec 3<"$1" 4>&- || exit 0; read -r x <&3; exit 0; };
# Runs $2... as a process, which is killed after $1 seconds; nothing is left of it.  A sleep that has just begun may
# still have our trap, and would pass over TERM.
bound() { t=$1; shift; "$@" 2>/dev/null & w=$!;
	( d=; k=; trap "d=1; kill -9 \$k" TERM; sleep "$t" & k=$!; [ "$d" ] || wait $k;
	if [ "$d" ]; then kill -9 $k; wait $k; else kill -9 $w; fi; ) >/dev/null 2>&1 & k=$!;
	{ wait $w; r=$?; kill $k; wait $k; } 2>/dev/null; return $r; };
# Sets a: does a supervisor of ./$1 live?  That of s6 has no FIFO but control, where it passes over a newline.
alive() { a=n;
	( enter "$1"; if fifo ok; then bound 2 poke ok "\n" take; elif fifo control; then bound 2 poke control "\n" "";
	else exit 1; fi; );
	case $? in 0|137) a=y;; 2) a=p;; 3) a=x;; esac; };
# In a safe folder this is read without waiting.
plain() { [ -f "$1" ] && [ ! -L "$1" ]; };
# Sets h: the digits of its status file.
digits() { h=$(enter "$1"; if plain status && [ ! -r status ]; then echo !; exit; fi;
		plain status && od -An -v -tx1 -N64 status 2>/dev/null) || h=-;
	set -- $h; IFS=; h="$*"; unset IFS; h=${h:-.}; };
side() { alive "$1"; digits "$1"; u=u; if [ -e "./$1/down" ]; then u=d; fi; l="$a $u $h"; };
# The line of service $1, whose command came to $2.
tell() { l="- - -"; if [ -e "./$1/log/run" ] || [ -d "./$1/log/supervise" ]; then side "$1/log"; fi;
	g=$l; side "$1"; printf "S %s %s %s %s/\n" "$l" "$g" "$2" "$1"; };
