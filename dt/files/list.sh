# What is to be fetched?  $1 "r" where folders are; then the sources.
#
# The first answer is "Z zstd" or "Z -".  For each source comes "S KIND", for a
# tree or file then a line "P ..." that ends in "//" for it and each thing in
# it, "X" where some could not be looked at, and the sums: "SUM  NAME" for
# small files of plain names, "B SUM NAME//" for others; for links "K NAME//" and
# a line with their text and "//"; and "Y SIZE", to what a sample of 256 KiB, or
# less, shrinks.  "E" is the end.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
r=$1; shift;
h=$PWD;
z=-; if command -v zstd >/dev/null 2>&1; then z=zstd; fi;
echo "Z $z";
f="P %f %s %.9Y %n//";
n="*[[:cntrl:]\\\\]*";
# Of a file alone; the faster one where it is large.
b() {
	s=; if [ "$(find "$1" -size +2048)" ]; then s=$(openssl dgst -sha256 -r < "$1" 2>/dev/null); fi;
	[ "$s" ] || s=$(sha256sum < "$1") && printf "B %s %s//\n" "${s%%[ *]*}" "$1";
};
l="for i do s=\$(openssl dgst -sha256 -r < \"\$i\" 2>/dev/null || sha256sum < \"\$i\") && printf \"B %s %s//\n\" \"\${s%%[ *]*}\" \"\$i\"; done";
k="for i do printf \"K %s//\n%s//\n\" \"\$i\" \"\$(readlink -n \"\$i\")\"; done";
# In a tree, -exec stands in no brackets: find(1) of busybox would not call it for the last of its files.
# One sample of a file, and one of each tree, tell for all.
y() { if [ $z = zstd ]; then echo "Y $(head -c 262144 | zstd -cq -1 | wc -c)"; fi; };
sampled=;
for x do
	cd -- "$h";
	case $x in /*) ;; *) x=./$x;; esac;
	if [ -d "$x" ]; then
		if [ "$r" != r ]; then echo "S folder"; continue; fi;
		if ! cd -P -- "$x"; then echo "S closed"; continue; fi;
		echo "S tree";
		find . -exec stat -c "$f" {} + || echo X;
		find . -type f \( -size +2048 -o -path "$n" \) -exec sh -c "$l" sh {} + -o -type f -exec sha256sum {} +;
		find . -type l -exec sh -c "$k" sh {} +;
		find . -type f -exec cat {} + 2>/dev/null | y;
	elif [ -f "$x" ]; then
		echo "S file";
		case $x in */*) cd -P -- "${x%/*}/" || continue;; esac;
		i="./${x##*/}";
		stat -L -c "$f" "$i";
		b "$i";
		if [ ! "$sampled" ]; then sampled=yes; y < "$i"; fi;
	elif [ -e "$x" ]; then echo "S special";
	elif [ -L "$x" ]; then echo "S dangling";
	else echo "S missing"; fi;
done;
echo E;
