# Puts files in their places.  $1 the target folder, $2 random digits, $3
# "mkdir" where that folder may be made, $4 zstd or "-".  stdin: a tar archive of
# t/, the files, and do, which calls the functions below.  All is unpacked into
# a folder of its own, and nothing that was there is touched until every sum
# is right.  Folders are "" (the target folder) or begin with a slash, files
# with "./", first below t, and once into was called, below that folder.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
b=$1; top=$1; s=;
die() { echo "$*" >&2; exit 1; };
clean() {
	trap - EXIT; cd /;
	if [ "$s" ]; then rm -rf "$s"; fi;
	while [ "$1" != all ] && [ "$b" ] && [ "$b" != "$top" ]; do rmdir "$b" 2>/dev/null; b=${b%/*}; done;
};
trap clean EXIT;
trap "exit 1" HUP INT TERM PIPE;
if [ "$3" = mkdir ]; then
	while [ ! -d "${top:-/}" ]; do top=${top%/*}; done;
	mkdir -p -- "$b" || exit 1;
	top=$(cd -P -- "${top:-/}" && pwd -P) || exit 1;
	top=${top%/};
fi;
cd -P -- "$b" || exit 1;
b=${PWD%/};
if [ "$3" != mkdir ]; then top=$b; fi;
w=$b/.dt-$$-$2-$(uname -n);
( umask 077; mkdir -- "$w" ) || exit 1;
s=$w;
cd -P -- "$s" && [ "$PWD" = "$s" ] || die "$s: another one made it";
if [ "$4" = zstd ]; then zstd -dcq | tar -xopf -; else tar -xopf -; fi || die "the files did not arrive";
[ -f do ] || die "the files did not arrive whole";
mkdir -p t && cd t || exit 1;
# Sums of files of plain names: $1 the sums, a line each.
v() {
	x=$1; shift;
	[ "$(sha256sum "$@" | cut -c1-64)" = "$x" ] || die "wrong SHA-256 in $1 or a file after it";
};
# Of one file, large or of a strange name: $1 the sum.
w() {
	x=$(openssl dgst -sha256 -r < "$2" 2>/dev/null || sha256sum < "$2");
	[ "${x%%[ *]*}" = "$1" ] || die "$2: wrong SHA-256";
};
# A file that is there already, with another mode or owner: $1 its folder, $2 its name.
k() { mkdir -p ".$1" && cp -p "$b$1/$2" ".$1/$2" || exit 1; };
o() { chown -h "$@" || exit 1; };
O() { chown -hR "$@" || exit 1; };
g() { chmod "$@" || exit 1; };
# To disk: files or folders; all there is.
f() { sync "$@" 2>/dev/null || sync; };
F() { sync -f . 2>/dev/null || sync; };
# Into a folder, and through no link.  $t is what has arrived for it.
into() {
	cd -P -- "$b$1/" && [ "${PWD%/}" = "$b$1" ] || die "$b$1: no longer the folder it was";
	t=$s/t$1;
};
# The old ones go on under another name: $1 the suffix.
y() {
	x=$1; shift;
	for i do
		if [ -L "$i" ]; then cp -P "$i" "$i$x"; elif [ -f "$i" ]; then ln -f "$i" "$i$x" 2>/dev/null || cp -p "$i" "$i$x"; fi ||
		die "$b: no backup";
	done;
};
Y() { x=$1; shift; for i do mv -f "$i" "$i$x" || exit 1; done; };
m() { mv -f -- "$@" . || die "stopped there; what came before is in place"; };
r() { rm -rf "$@" || exit 1; };
. ../do;
clean all;
