# The last lines of the logs of services: $1 how many, $2... patterns of names.  Behind common.sh, whose answer it ends:
# "F NAME/" and the text, each line of it behind a blank, then "R NAME/" where not all of it could be read; "L NAME/"
# where no log was found.
lines=$1; shift;
# In a process of its own.  The folder may belong to whom the log is written by, so that the file may be anything by
# now: a FIFO waits, and is left in time; a device has no end.
last() { exec <"$1" || exit 1; if [ -e /dev/fd/0 ] && [ ! -f /dev/fd/0 ]; then exit 1; fi; exec tail -n "$lines"; };
begin;
missing "$@";
for s in *; do if fits "$s" "$@"; then
	file=;
	# where the log service says that it writes, where that is usual, or what it has open
	for f in log/main log main; do
		f=./$s/$f/current; if [ -f "$f" ]; then file=$f; break; fi;
	done;
	if [ ! "$file" ]; then
		pid=$(enter "$s/log"; plain pid && cat pid 2>/dev/null);
		case $pid in *[!0-9]*) pid=;; esac;
		if [ "$pid" ]; then
			for f in "/proc/$pid/fd/"*; do x=$(readlink "$f"); case $x in */current) file=$x; break;; esac; done;
		fi;
	fi;
	if [ ! "$file" ] && [ -f "/var/log/$s/current" ]; then file=/var/log/$s/current; fi;
	if [ ! "$file" ]; then printf "L %s/\n" "$s";
	else
		printf "F %s/\n" "$s"; exec 4>&1;
		r=$( { { bound 60 last "$file"; echo $? >&3; } | sed "s/^/ /" >&4; } 3>&1; ); echo;
		[ "$r" = 0 ] || printf "R %s/\n" "$s";
	fi;
fi; done;
echo dt-service end;
