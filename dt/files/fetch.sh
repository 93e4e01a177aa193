# Sends files: stdin has cd and tar commands, $1 zstd or "-".
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
h=$PWD;
p=$(cat);
if [ "$1" = zstd ]; then { eval "$p"; } | zstd -cq -1; else eval "$p"; fi;
