# What may be undone of a bundle, as receive.sh keeps it.  $1 its name, $2: all of it, the newest first (when, who, from
# where, folder); or newest: when, number and run of that.
if [ "$(id -u)" = 0 ]; then k=/var/lib/dt/undo/$1; else k=${XDG_STATE_HOME:-$HOME/.local/state}/dt/undo/$1; fi;
w=$2;
set --;
for i in "$k"/*/undo; do
	if [ -f "$i" ]; then set -- "${i%/*}" "$@"; fi;
done;
for i do
	read -r x y < "$i/by";
	if [ "$w" = newest ]; then echo "${y%% *} ${i##*/} $x"; break; fi;
	echo "$y $(cat "$i/folder")";
done;
