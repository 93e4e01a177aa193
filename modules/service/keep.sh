# enable, disable: $1 the verb, $2 the folder of services that may be linked, $3... patterns of names.  Behind
# common.sh.
verb=$1; from=$2; shift 2;
begin;
for s in *; do if fits "$s" "$@"; then
	f=./$s/down; r=0;
	if [ $verb = enable ]; then
		if [ -e "$f" ] || [ -L "$f" ]; then r=1; rm -f "$f" || r=3; fi;
	elif [ ! -e "$f" ]; then
		# a link that leads nowhere is not followed
		r=1; ( set -C; : > "$f" ) || r=3;
	fi;
	printf "C %s %s/\n" $r "$s";
fi; done;
for m do
	for n in *; do if fits "$n" "$m"; then continue 2; fi; done;
	if [ $verb = enable ] && [ -x "$from/$m/run" ] && [ -d "$from/$m" ]; then
		r=2; ln -s "$from/$m" "./$m" || r=3; printf "C %s %s/\n" $r "$m";
	else printf "M %s/\n" "$m"; fi;
done;
echo dt-service end;
