# What both programs for hosts begin with: where tools are, and who may act as whom.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; umask 077; unset CDPATH;
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin;
has() { command -v "$1" >/dev/null 2>&1; };
me=$(id -u);
# What runs as a user can be stopped by him, and all hosts wait for the survey of each.
limit=; if timeout -s KILL 30 true >/dev/null 2>&1; then limit="timeout -s KILL 30"; fi;
# A timeout of busybox starts its own setpriv, which cannot.
own=; if $limit setpriv --reuid 0 --regid 0 --clear-groups true >/dev/null 2>&1; then own=yes; fi;
# As the user $1 of group $2 and name $3 the text $4: what is in a home may be a trap for root.
as() {
	if [ "$1" = "$me" ] && [ "$me" != 0 ]; then /bin/sh -c "$4";
	elif [ "$me" != 0 ]; then cat >/dev/null;
	elif [ "$own" ]; then env -i "PATH=$PATH" $limit setpriv --reuid "$1" --regid "$2" --clear-groups /bin/sh -c "$4";
	else env -i "PATH=$PATH" $limit su -s /bin/sh -c "$4" "$3"; fi;
};
