# Sends files: stdin has cd and tar commands, $1 zstd or "-".
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
h=$PWD;
# GNU tar takes \n in a name for a newline.
n=; if tar --version 2>/dev/null | grep -q GNU; then n=--no-unquote; fi;
p=$(cat);
if [ "$1" = zstd ]; then { eval "$p"; } | zstd -cq -1; else eval "$p"; fi;
