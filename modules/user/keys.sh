# Runs as the owner of a home: another authorized_keys.  stdin: assignments of
# home, old (what is in it as far as we know) and new.
# What is changed lies in the folder that we are in, whatever its name leads to by then.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; umask 077; unset CDPATH;
die() { echo "$*" >&2; exit 1; };
eval "$(cat)";
cd -P -- "$home" || exit 1;
home=$(pwd -P);
if [ -L .ssh ]; then die ".ssh is a symbolic link"; fi;
[ -d .ssh ] || mkdir .ssh || exit 1;
cd -P .ssh || exit 1;
[ "$(pwd -P)" = "${home%/}/.ssh" ] || die ".ssh is a symbolic link";
f=authorized_keys; t=$f.dt-$$;
now=.;
if [ -L $f ]; then die "$f is a symbolic link"; fi;
if [ -f $f ]; then now=$(cat $f; echo .); elif [ -e $f ]; then die "$f is not a regular file"; fi;
[ "$now" = "$old." ] || die "$f was changed by someone else just now; try again";
set -C; rm -f $t; trap "rm -f $t" EXIT; trap "exit 1" HUP INT TERM PIPE;
printf "%s" "$new" > $t || exit 1;
chmod 600 $t && chmod go-w . || exit 1;
{ sync $t 2>/dev/null || sync; } && mv -f $t $f || exit 1;
exit 0;
