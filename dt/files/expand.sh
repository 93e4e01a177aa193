# Which files fit patterns?  $1...: the patterns.  For each comes "S", and "N NAME//" for what fits; what has that very
# name goes before all that fits.  "E" is the end.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH; set +f;
for x do
	echo S;
	case $x in /*) y=$x;; *) y=./$x;; esac;
	if [ -e "$y" ] || [ -L "$y" ]; then printf "N %s//\n" "$x"; continue; fi;
	IFS=;
	for z in $y; do
		if [ -e "$z" ] || [ -L "$z" ]; then
			case $x in /*) ;; *) z=${z#./};; esac;
			printf "N %s//\n" "$z";
		fi;
	done;
	unset IFS;
done;
echo E;
