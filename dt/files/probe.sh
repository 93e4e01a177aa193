# What is there?  $1 the target folder, $2 "clean" where temporary folders that
# nobody fills any more may be removed, $3 how stat(1) tells the owner, $4 "huge"
# where it matters whether a huge file can have its sum taken while it comes, $5
# how it tells times.
# stdin: calls of the functions below.
# Folders are "" (the target folder) or begin with a slash, files with "./".
#
# The first answer is "B UID ZSTD HUGE FOLDER//"; "M UID ZSTD HUGE" where there is no such
# folder, "D" where it may not be entered, "N" where it is something else.  Of a file
# comes a line "P ..." that ends in "//", which no path contains, and then,
# where it may be the same, its SHA-256; "=" stands for a link with that text.  "E" is the end.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
z=-; if command -v zstd >/dev/null 2>&1; then z=zstd; fi;
y=-; if [ "$4" ] && dd bs=1 count=0 iflag=fullblock </dev/null 2>/dev/null && command -v tee >/dev/null 2>&1; then y=huge; fi;
u=$(id -u);
if ! cd -P -- "$1" 2>/dev/null; then
	if [ -d "$1" ]; then echo D; elif [ -e "$1" ] || [ -L "$1" ]; then echo N; else echo "M $u $z $y"; fi;
	exec cat >/dev/null;
fi;
b=${PWD%/};
printf "B %s %s %s %s//\n" "$u" "$z" "$y" "$PWD";
f="P %f %u %g %s $5 %d $3/%n//";
# Files and folders of plain names, with sums of those that are not large.
p() { find "$@" -prune -exec stat -c "$f" {} + -type f -size -2049 -exec sha256sum {} + 2>/dev/null; };
# The same without sums.
t() { find "$@" -prune -exec stat -c "$f" {} + 2>/dev/null; };
# A large file, or one of a strange name: $1 its size here, $2 its name.
b() {
	if [ -L "$2" ] || [ -e "$2" ]; then
		stat -c "$f" "$2" 2>/dev/null;
		if [ -f "$2" ] && [ ! -L "$2" ] && [ "$(stat -c %s "$2")" = "$1" ]; then
			openssl dgst -sha256 -r < "$2" 2>/dev/null || sha256sum < "$2" 2>/dev/null;
		fi;
	fi;
};
# A link: $1 its text here, $2 its name.
s() {
	if [ -L "$2" ] || [ -e "$2" ]; then
		stat -c "$f" "$2" 2>/dev/null;
		if [ -L "$2" ] && [ "$(readlink -n "$2"; echo .)" = "$1." ]; then echo =; fi;
	fi;
};
stale() {
	n=${2#.dt-};
	case $2 in *-"$(uname -n)") [ -d /proc/self ] && [ ! -d "/proc/${n%%-*}" ];; *) false;; esac || [ "$(find "$b$1/$2" -prune -mtime +0)" ] &&
	( cd -P -- "$b$1/" && [ "${PWD%/}" = "$b$1" ] && rm -rf "./$2" );
};
# Temporary folders in the folder $1.
d() { for x in "$b$1"/.dt-[0-9]*-*; do if [ -d "$x" ] && [ ! -L "$x" ]; then stale "$1" "${x##*/}"; fi; done; };
# All that is in folders.
l() { echo L; find "$@" -mindepth 1 -exec printf "%s//\n" {} + 2>/dev/null; };
eval "$(cat)";
[ "$whole" ] && echo E;
