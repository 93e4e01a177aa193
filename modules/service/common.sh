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
# name may contain a newline, but no slash.  ALIVE: y (a supervisor reads its FIFO), n, p (not
# permitted to look); NORMALLY: u, d (a file "down"); STATUS: the hexadecimal digits of
# supervise/status, 64 bytes at most, "-" where there is none, "." where it is empty, "!" where it
# may not be read.  Of a service without log service the three are "-".  RESULT is "-" for a look; of a command:
# s sent, o state reached, l not reached in time, g no supervisor, p not permitted, b the status file makes no
# sense, k not known to that supervisor, t the supervisor does not read its FIFO.
export LC_ALL=C; unset CDPATH IFS; set +f;
if [ "$1" ]; then d=$1; else
	d=; for x in /var/service /etc/service /service; do if [ -d "$x/" ]; then d=$x; break; fi; done;
fi;
shift;
if [ ! "$d" ] || [ ! -d "$d/" ]; then printf "\ndt-service none\n"; exit 0; fi;
cd "$d" 2>/dev/null || { printf "\ndt-service closed\n"; exit 0; };
# The answer begins: where it is told, for ages are taken from the clock.
begin() { printf "\ndt-service %s %s\n" "$(date +%s)" "$d"; };
# Is $1 the name of a service that fits one of the patterns behind it?
fits() { [ -d "./$1" ] || return 1; n=$1; shift; [ $# -gt 0 ] || return 0;
	for p do case $n in $p) return 0;; esac; done; return 1; };
# Says which patterns fit nothing.
missing() { for m do
		for n in *; do if fits "$n" "$m"; then continue 2; fi; done;
		printf "M %s/\n" "$m";
	done; };
# Writes $2 to the FIFO $1, in a process of its own: 1 where nobody reads it, 2 where it may not be opened.
# Only a reader lets a FIFO be opened for writing, so we are one ourselves (to read and write never blocks), but
# for no longer: the write then fails where there is no other.  With $3, the bytes, a newline among them, are
# taken back; the writers are closed before, so that this sees an end at worst.
poke() { trap "" PIPE; exec 3<>"$1" 4>"$1" 3>&- || exit 2; printf "$2" >&4 || exit 1; [ "$3" ] || exit 0;
	exec 3<"$1" 4>&- || exit 0; read -r x <&3; exit 0; };
# Runs $2... as a process, which is killed after $1 seconds; nothing is left of it.
bound() { t=$1; shift; "$@" 2>/dev/null & w=$!;
	( d=; k=; trap "d=1; kill \$k" TERM; sleep "$t" & k=$!; [ "$d" ] || wait $k;
	if [ "$d" ]; then kill $k; wait $k; else kill -9 $w; fi; ) >/dev/null 2>&1 & k=$!;
	{ wait $w; r=$?; kill $k; wait $k; } 2>/dev/null; return $r; };
# Sets a: does a supervisor of ./$1 live?  That of s6 has no FIFO but control, where it passes over a newline.
alive() { a=n; f=./$1/supervise;
	if [ -p "$f/ok" ]; then ( poke "$f/ok" "\n" take ) 2>/dev/null;
	elif [ -p "$f/control" ]; then bound 2 poke "$f/control" "\n" "";
	elif [ -d "$f" ] && [ ! -x "$f" ]; then a=p; return;
	else return; fi;
	case $? in 0|137) a=y;; 2) a=p;; esac; };
# Sets h: the digits of its status file.
digits() { h=-; set -- "./$1/supervise/status"; if [ ! -f "$1" ]; then return; fi;
	if [ ! -r "$1" ]; then h=!; return; fi;
	set -- $(od -An -v -tx1 -N64 "$1" 2>/dev/null); IFS=; h="$*"; unset IFS; h=${h:-.}; };
side() { alive "$1"; digits "$1"; u=u; if [ -e "./$1/down" ]; then u=d; fi; l="$a $u $h"; };
# The line of service $1, whose command came to $2.
tell() { l="- - -"; if [ -e "./$1/log/run" ] || [ -d "./$1/log/supervise" ]; then side "$1/log"; fi;
	g=$l; side "$1"; printf "S %s %s %s %s/\n" "$l" "$g" "$2" "$1"; };
