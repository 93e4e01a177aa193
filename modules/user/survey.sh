# What is there?  Behind as.sh.  $1 the text that looks at keys as their owner,
# $2 "list" for lines N of all accounts.  stdin: lines "h NAME HASH" for SAME of S,
# "d HOME" that the next u shall have, "D HOME" where it is new, "u NAME", "n NAME"
# for N of one account, "s SHELL", "p USER" and "g GROUP" (name or number) for
# the name service.
#
# The answer is "I UID", "M UID_MIN", "P" and
# "G" with lines of passwd and group without passwords, "Q" and "R" with those of
# the name service, "W" where there is a shadow file, and of each line in it
# "S NAME LOCKED KIND EXPIRE SAME" (KIND: h a hash, e empty, n neither; SAME: it
# is HASH), "X SHELL" of those that can be run, "H NAME KIND UID" of homes, "K
# LINE" of keys of the H before it, the first a word, "N COUNT NAME", and "T NAME UID DAYS" of an end date that lock took.  "E" is the end.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
look=$1; all=$2; hash=; hashed=; home=; new=; room=2000000;
echo "I $me";
# What is said as the user $1 of group $2 and name $3: no more than we ask for, and not for longer.
keys() { as "$1" "$2" "$3" "$look" 2>/dev/null | $limit head -c 1001000 | tr -d "\000"; };
# The folder $h of account $1 with uid $2 and group $3, and keys in it ($4 text or count).
home() {
	while :; do case $h in ?*/) h=${h%/};; *) break;; esac; done;
	if [ -L "$h" ]; then k=l; elif [ -d "$h" ]; then k=d; elif [ -e "$h" ]; then k=o; else k=n; fi;
	o=$(ls -ldn -- "$h" 2>/dev/null | { read -r a b o x; echo "$o"; });
	if [ $4 = text ]; then printf "H %s %s %s\n" "$1" $k "${o:--}"; fi;
	if [ $k = d ] && [ "$o" = "$2" ]; then
		if [ $4 = text ]; then
			o=$(printf "%s\ntext\n" "$h" | keys "$2" "$3" "$1" | sed "s/^/K /");
			if [ ${#o} -gt 1200000 ] || [ ${#o} -gt $room ]; then o="K big"; fi;
			room=$((room-${#o})); printf "%s\n" "$o";
		else
			o=$(printf "%s\ncount\n" "$h" | keys "$2" "$3" "$1" | sed q);
			printf "N %s %s\n" "${o:--}" "$1";
		fi;
	elif [ $4 = count ] && [ $k = n ]; then printf "N 0 %s\n" "$1"; fi;
};
user() {
	there=;
	while IFS=: read -r n x u g c h s; do if [ "$n" = "$1" ]; then there=yes; break; fi; done < /etc/passwd;
	if [ "$there" ]; then home "$1" "$u" "$g" $2; else home=${home:-$new}; u=-; g=-; fi;
	if [ "$home" ] && [ "$home" != "$h" ]; then h=$home; home "$1" "$u" "$g" text; fi;
};
while read -r k v x; do case $k in UID_MIN) echo "M $v";; esac; done 2>/dev/null < /etc/login.defs;
sed "s/^\([^:]*\):[^:]*:/P \1:x:/" /etc/passwd;
sed "s/^\([^:]*\):[^:]*:/G \1:x:/" /etc/group;
while IFS= read -r line; do
	v=${line#? };
	case $line in
		"h "*) hashed=${v%% *}; hash=${v#* };;
		"d "*) home=$v;;
		"D "*) new=$v;;
		"u "*) user "$v" text; home=; new=;;
		"n "*) user "$v" count;;
		"s "*) if [ -f "$v" ] && [ -x "$v" ]; then echo "X $v"; fi;;
		"p "*) getent passwd "$v" 2>/dev/null | sed "s/^\([^:]*\):[^:]*:/Q \1:x:/";;
		"g "*) getent group "$v" 2>/dev/null | sed "s/^\([^:]*\):[^:]*:/R \1:x:/";;
	esac;
done;
if [ "$all" = list ]; then
	while IFS=: read -r n x u g c h s; do home "$n" "$u" "$g" count; done < /etc/passwd;
fi;
# What lock has kept for unlock.
for f in /var/lib/dt/locked/@*; do
	if [ -f "$f" ] && [ ! -L "$f" ] && read -r u d x < "$f"; then printf "T %s %s %s\n" "${f##*/@}" "$u" "$d"; fi;
done 2>/dev/null;
if [ -e /etc/shadow ]; then echo W; fi;
if [ -r /etc/shadow ]; then
	while IFS=: read -r n p a b c d e x f; do
		l=0; k=n; y=-;
		while :; do case $p in "!"*) l=1; p=${p#?};; *) break;; esac; done;
		case $p in "") k=e;; "*"*) ;; \$*) k=h;; *) if [ ${#p} -eq 13 ]; then k=h; fi;; esac;
		if [ "$n" = "$hashed" ] && [ "$p" = "$hash" ]; then y=same; fi;
		printf "S %s %s %s %s %s\n" "$n" $l $k "${x:--}" $y;
	done < /etc/shadow;
fi;
echo E;
