# Puts files in their places.  $1 the target folder, $2 random digits, $3
# "mkdir" where that folder may be made, $4 zstd or "-", $5 a name under which
# what is needed to undo it is kept, or "-", $6 KiB of content, $7 the run that
# this is part of.  stdin: huge files, a line each of numbers (its own, blocks of
# 64 KiB, bytes behind these, all bytes) and then its content; an empty line; a tar
# archive of t/, the files, where huge ones are empty, of do, which calls the
# functions below, and of undo, which will.  All is unpacked into a folder of its
# own, and nothing that was there is touched until every sum is right.  With $4
# "undo", what this run did is undone.
# Folders are "" (the target folder) or begin with a slash, files with "./",
# first below t, and once into was called, below that folder.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
b=$1; top=$1; u=$4; n=$5; s=; v=; begun=; own=; grp=; late=;
die() { echo "$*" >&2; exit 1; };
clean() {
	x=; trap - EXIT; trap "" HUP INT TERM PIPE;
	if [ "$1" != all ] && [ "$begun" ]; then
		if [ "$v" ] && [ "$u" != undo ] &&
			x=$(exec 2>&1; u=undo; rm -rf "$s/t" && cp -pPR "$v/t" "$s/t" && . "$v/undo"); then
			echo "stopped there; all was taken back" >&2;
		else
			echo "${x:+$x; }stopped there; what came before is in place" >&2; v=;
		fi;
	fi;
	cd /;
	if [ "$s" ]; then rm -rf "$s"; fi;
	if [ "$1" != all ] && [ "$v" ] && [ "$u" != undo ]; then rm -rf "$v"; fi;
	while [ "$1" != all ] && [ "$b" ] && [ "$b" != "$top" ]; do rmdir "$b" 2>/dev/null; b=${b%/*}; done;
};
trap clean EXIT;
trap "exit 1" HUP INT TERM PIPE;
# What was kept under a name: one folder an undo, by numbers that count all names.
if [ "$(id -u)" = 0 ]; then k=/var/lib/dt/undo/$n; else k=${XDG_STATE_HOME:-$HOME/.local/state}/dt/undo/$n; fi;
if [ "$u" = undo ]; then
	for i in "$k"/*/undo; do
		if [ -f "$i" ] && read -r x w < "${i%/*}/by" && [ "$x" = "$7" ]; then v=${i%/*}; fi;
	done;
	[ "$v" ] || die "there is nothing to undo";
	b=$(cat "$v/folder"; echo .); b=${b%.}; top=$b;
fi;
if [ "$3" = mkdir ]; then
	while [ ! -d "${top:-/}" ]; do top=${top%/*}; done;
	mkdir -p -- "$b" || exit 1;
	top=$(cd -P -- "${top:-/}" && pwd -P) || exit 1;
	top=${top%/};
fi;
cd -P -- "${b:-/}" || exit 1;
b=${PWD%/};
if [ "$3" != mkdir ]; then top=$b; fi;
w=$b/.dt-$$-$2-$(uname -n);
s=$w;
( umask 077; mkdir -- "$w" ) || { s=; exit 1; };
cd -P -- "$s" && [ "$PWD" = "$s" ] || die "$s: another one made it";
x=$(df -Pk . 2>/dev/null); x=${x% *%*}; while [ "$x" != "${x% }" ]; do x=${x% }; done; x=${x##* };
if [ "$x" -lt "$6" ] 2>/dev/null; then die "No space left on device: $6 KiB to come, and room for $x"; fi;
# So many blocks and bytes of stdin, and none of what follows.  Where the file $3, which gets them, grows no more,
# it ends early: tee goes on when the disk is full.
some() {
	o=$1; x=;
	while [ "$o" -gt 2048 ]; do
		dd bs=65536 count=2048 iflag=fullblock 2>/dev/null || return 1;
		o=$((o - 2048)); y=$x; x=$(stat -c %s "$3");
		[ "$x" != "$y" ] || return 1;
	done;
	dd bs=65536 count="$o" iflag=fullblock 2>/dev/null &&
	if [ "$2" != 0 ]; then dd bs="$2" count=1 iflag=fullblock 2>/dev/null; fi;
};
# Of stdin, which an openssl(1) that does not work must not take.
sum() { if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; fi; };
# The huge ones: each has its sum taken while it is written; one that could not be written whole is removed.
# busybox tee does not say why: cat does.
huge() {
	while read -r i o t y && [ "$i" ]; do
		some "$o" "$t" "$i" | { tee "$i" || { echo | cat >> "$i"; rm -f "$i"; }; } | sum > "$i.sum";
		[ "$(stat -c %s "$i" 2>/dev/null)" = "$y" ] || return 1;
	done;
};
if [ "$u" = undo ]; then cp -pPR "$v/t" t;
elif [ "$u" = zstd ]; then zstd -dcq | { huge && tar -xopf -; }; else huge && tar -xopf -; fi || die "the files did not arrive";
[ -f do ] || [ "$u" = undo ] || die "the files did not arrive whole";
[ -d t ] || mkdir t && cd t || exit 1;
if [ "$n" != - ] && [ "$u" != undo ]; then
	x=000000;
	for i in "${k%/*}"/*/*/; do i=${i%/}; i=${i##*/}; if [ "$i" -gt "$x" ] 2>/dev/null; then x=$i; fi; done;
	( umask 077; mkdir -p "$k" ) || exit 1;
	x=1$x;
	until x=$((x + 1)); ( umask 077; mkdir "$k/${x#1}" ); do [ -d "$k/${x#1}" ] || exit 1; done;
	v=$k/${x#1}; x=${SSH_CONNECTION%% *};
	mkdir "$v/t" && cp ../undo "$v/new" && printf %s "$b" > "$v/folder" && printf %s "$top" > "$v/top" &&
	echo "$7 $(date -u +%Y%m%dT%H%M%SZ) ${SUDO_USER:-$(id -un)} ${x:--}" > "$v/by" || exit 1;
fi;
# Sums of small files of plain names, on stdin.
v() { sha256sum -c - > ../checked || die "wrong SHA-256: $(grep -v ": OK\$" ../checked | head -n 1)"; };
# Of one file, large or of a strange name: $1 the sum, $3 its number where it came before the archive.
w() {
	x=;
	if [ "$3" ]; then
		read -r x < "../$3.sum";
		touch -r "$2" "../$3" && mv -f "../$3" "$2" || exit 1;
	fi;
	[ "$x" ] || x=$(openssl dgst -sha256 -r < "$2" 2>/dev/null || sha256sum < "$2");
	[ "${x%%[ *]*}" = "$1" ] || die "$2: wrong SHA-256";
};
# A file that is there already, with another mode or owner: $1 its folder, $2 its name.
k() { mkdir -p ".$1" && cp -p "$b$1/$2" ".$1/$2" || exit 1; };
o() { chown -h "$@" || exit 1; };
O() { chown -hR "$@" || exit 1; };
g() { chmod "$@" || exit 1; };
# The mode $1 of a new folder, which may have what mkdir(1) gives on.
G() { if [ -g . ]; then chmod "$1" . && chmod g+s . || exit 1; else g "$1" .; fi; };
# A time: $1 as GNU touch takes it, $2 as busybox does.
T() { x=$1; y=$2; shift 2; touch -h -c -m -d "@$x" "$@" 2>/dev/null || touch -h -c -d "@$y" "$@" || exit 1; };
# To disk: files or folders; all there is.
f() { sync "$@" 2>/dev/null || sync; };
F() { sync -f . 2>/dev/null || sync; };
# Into a folder, and through no link.  $t is what has arrived for it.
into() {
	cd -P -- "$b$1/" && [ "${PWD%/}" = "$b$1" ] || die "$b$1: no longer the folder it was";
	t=$s/t$1; o=$v/t$1;
};
# Keeps the old ones for an undo.
B() { mkdir -p "$o" && cp -pPR "$@" "$o/" || die "$b: what is there could not be kept"; };
# The old ones go on under another name: $1 the suffix.
y() {
	x=$1; shift;
	for i do
		if [ -L "$i" ]; then cp -P "$i" "$i$x"; elif [ -f "$i" ]; then ln -f "$i" "$i$x" 2>/dev/null || cp -p "$i" "$i$x"; fi ||
		die "$b: no backup";
	done;
};
Y() { x=$1; shift; for i do mv -f "$i" "$i$x" || exit 1; done; };
# From the first of these on, an end before the last is undone.
begin() { sync "$v" 2>/dev/null || sync; mv "$v/new" "$v/undo" || exit 1; begun=1; };
m() {
	begun=1;
	if [ -g . ] && [ "$u" != undo ]; then inherit "$@"; fi;
	mv -f -- "$@" . 2>/dev/null || one "$@";
};
# What is new in a folder with the set-group-id bit is of its group, as what mkdir(1) makes there.
inherit() {
	x=$(stat -c %g .);
	for i do
		if [ -e "./${i##*/}" ] || [ -L "./${i##*/}" ]; then continue; fi;
		[ "$grp" ] || find "$i" ! -group "$x" ! -perm -4000 ! -perm -2000 -exec chgrp -h "$x" {} + 2>/dev/null;
		find "$i" -type d -exec chmod g+s {} + || exit 1;
		if [ -d "$i" ] && [ ! -L "$i" ] && [ ! -g "$i" ]; then make "$i" || exit 1; fi;
	done;
};
# Only mkdir(1) gives on a group that is not ours: the folder $1 is made here, and what is in it follows.
make() {
	d=./${1##*/};
	( umask "$(printf %o $((0777 & ~0$(stat -c %a "$1"))))"; mkdir "$d" ) &&
	( cd "$d" && for j in "$1"/* "$1"/.[!.]* "$1"/..?*; do if [ -e "$j" ] || [ -L "$j" ]; then m "$j"; fi; done ) && rm -rf "$1";
};
# Each by itself, where not all could be moved.
one() {
	for i do
		if [ ! -e "$i" ] && [ ! -L "$i" ]; then continue; fi;
		if x=$(mv -f -- "$i" . 2>&1); then continue; fi;
		case $x in *"esource busy"*) if pour "$i"; then continue; fi;; esac;
		if [ "$u" = undo ]; then l "$i" || exit 1; else die "$x"; fi;
	done;
};
# Have two files the same bytes?
same() { a=$(sha256sum < "$1") && [ "$a" = "$(sha256sum < "$2")" ]; };
# The bytes, the mode and, as root, the owner of the file $1 go into the file $2; what it has already is not touched.
into_file() {
	same "$1" "$2" || { cat "$1" > "$2" && same "$1" "$2"; } || return 1;
	a=$(stat -c %u:%g "$1"); [ "$a" = "$(stat -c %u:%g "$2")" ] || chown "$a" "$2" 2>/dev/null || [ ! "$own" ] || return 1;
	a=$(stat -c %a "$1"); [ "$a" = "$(stat -c %a "$2")" ] || chmod "$a" "$2" || return 1;
	sync "$2" 2>/dev/null || sync;
};
# A file that is a mount of its own cannot be replaced: $1 is written into it, and what was there lies beside it
# until all of that is on disk.
pour() {
	i=$1; d=./${i##*/}; q=$d.dt-$$; p=$PWD/${i##*/};
	if [ -L "$i" ] || [ ! -f "$i" ] || [ -L "$d" ] || [ ! -f "$d" ]; then return 1; fi;
	trap "" HUP INT TERM PIPE;
	cp -p "$d" "$q" && { sync "$q" 2>/dev/null || sync; } || { rm -f "$q"; die "$p: what is there could not be kept"; };
	if into_file "$i" "$d"; then
		touch -r "$i" "$d" 2>/dev/null; rm -f "$q" "$i";
		if [ "$u" != undo ]; then printf "I %s//\n" "$p"; fi;
	elif into_file "$q" "$d"; then
		touch -r "$q" "$d" 2>/dev/null;
		rm -f "$q"; die "$p: it could not be written in place, and is as it was";
	else die "$p: it could not be written in place, and is torn; what was there is in ${q#./}"; fi;
	trap "exit 1" HUP INT TERM PIPE;
};
# Of these, those that could not be moved: what is in place anyway, and what stands in the way.
l() {
	for i do
		if [ ! -e "$i" ] && [ ! -L "$i" ]; then continue; fi;
		x=./${i##*/};
		if [ -f "$i" ] && [ ! -L "$i" ] && [ -f "$x" ] &&
			same "$i" "$x"; then continue; fi;
		rm -rf "$x" && mv -f -- "$i" . || return 1;
	done;
};
r() { rm -rf "$@" || exit 1; };
if [ "$u" = undo ]; then
	. "$v/undo";
	top=$(cat "$v/top"; echo .); top=${top%.}; rm -rf "$v"; begun=;
	clean; exit 0;
fi;
. ../do;
clean all;
if [ "$late" ]; then T $late "${b:-/}"; fi;
# Five undos are enough.
if [ "$n" != - ]; then set -- "$k"/*/; while [ $# -gt 5 ]; do rm -rf "$1"; shift; done; fi;
