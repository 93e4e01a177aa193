# The last lines of the logs of services: $1 how many, $2... patterns of names.  Behind common.sh, whose answer it ends:
# "F NAME/" and the text, each line of it behind a blank; "L NAME/" where no log was found.
lines=$1; shift;
begin;
missing "$@";
for s in *; do if fits "$s" "$@"; then
	file=;
	# where the log service says that it writes, where that is usual, or what it has open
	for f in log/main log main; do
		f=./$s/$f/current; if [ -f "$f" ]; then file=$f; break; fi;
	done;
	if [ ! "$file" ]; then
		read -r pid 2>/dev/null < "./$s/log/supervise/pid" || pid=;
		case $pid in *[!0-9]*) pid=;; esac;
		if [ "$pid" ]; then
			for f in "/proc/$pid/fd/"*; do x=$(readlink "$f"); case $x in */current) file=$x; break;; esac; done;
		fi;
	fi;
	if [ ! "$file" ] && [ -f "/var/log/$s/current" ]; then file=/var/log/$s/current; fi;
	if [ ! "$file" ]; then printf "L %s/\n" "$s";
	else printf "F %s/\n" "$s"; tail -n "$lines" "$file" | sed "s/^/ /"; echo; fi;
fi; done;
echo dt-service end;
