# Ends what a command has left running, and tells of it: "gone", "left", or
# "unknown" where this host does not let that be seen.
# $1 NAME=VALUE, an entry that all processes of the command began with in their environment: by sshd(8),
# SSH_CONNECTION. $2 where it was begun on this machine, its process, or "none"; else "". $3 how long before this script the command was sent, in
# hundredths of a second; "" where nothing ran here before it.
#
# It is what has that entry, and what is below that. Not ended are this script, what
# it came from (its login shell, sudo), and what began before the command: another process may
# have had the same entry once, and of one connection there may be commands before it.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
exec 2>/dev/null;
m=$1; r=$2; a=$3; mine=" "; floor=0; done=" "; sees=1;
if [ -r /proc/self/stat ]; then
	# Of the process $1: st its state, pp its parent, se its session, be its begin in hundredths of a second.
	look() {
		l=; while read -r w; do l="$l$w "; done </proc/$1/stat;
		l=${l##*) }; set -- $l; [ "${20}" ] || return 1;
		st=$1; pp=$2; se=$4; be=${20};
	};
	z=-zx; printf "a\0b\0" | grep -qzxF b || z=;
	has() { grep -qF $z -e "$m" "/proc/$1/environ"; };
	entries() { grep -lF $z -e "$m" /proc/[0-9]*/environ; };
	# All whose parent is in the list $b join it.
	grow() {
		more=1;
		while [ "$more" ]; do
			more=;
			for q in /proc/[0-9]*; do
				q=${q#/proc/};
				case $b$mine in *" $q "*) continue;; esac;
				look "$q" || continue;
				case $b in *" $pp "*) b="$b$q "; more=1;; esac;
			done;
		done;
	};
	# Children of $1 into whose environment only root may look (sudo) may be of this command.
	closed() {
		for q in /proc/[0-9]*; do
			q=${q#/proc/}; [ -r "/proc/$q/environ" ] && continue;
			look "$q" || continue;
			case $b$mine in *" $q "*) continue;; esac;
			[ "$pp" = "$1" ] && b="$b$q ";
		done;
	};
else
	# No /proc: BSD, macOS. Where ps(1) shows no environment, what has left its parent is not seen.
	look() { st=; pp=; se=; be=; set -- $(ps -o ppid= -o state= -p "$1"); [ "$2" ] || return 1; pp=$1; st=$2; be=0; };
	shows() { ps -AEww -o pid= -o command= || ps -Aeww -o pid= -o command=; };
	has() { case $(ps -o comm= -p "$1") in (*sshd*|*dropbear*) return 1;; esac; };
	entries() { shows | grep -F -e "$m" | while read -r q w; do echo "/proc/$q/environ"; done; };
	grow() {
		more=1;
		while [ "$more" ]; do
			more=;
			ps -A -o pid= -o ppid= >/dev/null || return;
			for q in $(ps -A -o pid= -o ppid= | while read -r q w; do
				case $b$mine in (*" $q "*) continue;; esac;
				case $b in (*" $w "*) echo "$q";; esac; done); do
				b="$b$q "; more=1;
			done;
		done;
	};
	closed() { b="$b$1 "; grow; b=" ${b#*" $1 "}"; };
	case " $(entries | tr "\n" " ") " in *"/$$/"*) ;; *) sees=;; esac;
fi;
# What this script came from: up to the first without the entry behind those that have it.
p=$$; top=;
while [ "$p" ] && [ "$p" -gt 1 ] && look "$p"; do
	if has "$p"; then top=$be; elif [ "$top" ]; then break; fi;
	mine="$mine$p "; p=$pp;
done;
b=; [ -z "$r" ] || b="$r ";
if [ -z "$r" ]; then
	[ "$top" ] && [ "$p" -gt 1 ] || { echo unknown; exit 0; };
	look "$p"; floor=$be;
	if [ "$a" ]; then
		a=$((top - a - a / 10 - 200));
		[ "$a" -le "$floor" ] || floor=$a;
	fi;
else
	mine=" $$ ";
fi;
# Does one of $t still run?
alive() {
	for q in $t; do
		look "$q" || continue;
		case $st in Z*|X*) ;; *) return 0;; esac;
	done;
	return 1;
};
i=0; from=$b;
while :; do
	b=" $from";
	for f in $(entries); do
		f=${f#/proc/}; f=${f%/environ};
		case $b$mine in *" $f "*) ;; *) b="$b$f ";; esac;
	done;
	[ "$r" ] || closed "$p";
	grow;
	t=;
	for q in $b; do
		look "$q" || continue;
		case $mine in *" $q "*|*" $pp "*) continue;; esac;
		case $st in Z*|X*) continue;; esac;
		[ "$be" -ge "$floor" ] || continue;
		if [ "$a" ] && [ "$se" ] && has "$se" && look "$se" && [ "$be" -lt "$floor" ]; then continue; fi;
		t="$t $q";
	done;
	[ "$t" ] || break;
	i=$((i + 1));
	if [ "$i" -ge 5 ]; then echo left; exit 0; fi;
	for q in $t; do
		case $done in *" $q "*) kill -KILL "$q";; *) kill -TERM "$q"; done="$done$q ";; esac;
	done;
	n=0;
	while [ "$n" -lt 10 ] && alive; do
		n=$((n + 1)); sleep 0.1 || sleep 1;
	done;
done;
[ "$sees" ] && echo gone || echo unknown;
