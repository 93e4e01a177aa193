# Changes accounts.  Behind as.sh.  $1 keys.sh.  stdin: calls "run NUMBER
# FUNCTION ..." of the functions below, and "#end" in its last line.  "D NUMBER" says
# what is done; nothing is after what failed.
#
# Where the tools of shadow(5) are missing, as on busybox, the files are edited
# here as its own adduser(8) does it: passwd+ is made, which only one can at a
# time, filled and moved over passwd; passwd- is what was.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
keys=$1; set -f;
die() { echo "$*" >&2; exit 1; };
run() { k=$1; shift; "$@" </dev/null >&2 || exit 1; echo "D $k"; };
tools=; if has useradd && has usermod && has userdel && has groupadd && has groupdel; then tools=yes; fi;

# In file $1 the line of $2: through function $3 with further arguments.  $add is a line to add.
edit() {
	f=/etc/$1; n=$2; op=$3; shift 3; t=$f+; i=0; there=;
	until (set -C; : > $t) 2>/dev/null; do
		i=$((i+1)); if [ $i -ge 20 ]; then die "$t is there: someone else edits $f, or died of it"; fi; sleep 1;
	done;
	trap "rm -f $t" EXIT; trap "exit 1" HUP INT TERM PIPE;
	cp -p $f $f- && cp -p $f $t || exit 1;
	while IFS= read -r l || [ "$l" ]; do
		case $l in "$n":*) there=yes; $op "$@";; *) printf "%s\n" "$l";; esac || exit 1;
	done < $f > $t;
	if [ "$add" ]; then printf "%s\n" "$add" >> $t || exit 1;
	elif [ -z "$there" ]; then die "$n is not in $f any more"; fi;
	{ sync $t 2>/dev/null || sync; } && mv -f $t $f || exit 1;
	trap - EXIT HUP INT TERM PIPE; add=;
};
add=;
already() { die "$n is in $f already"; };
drop() { :; };
# Field $1 becomes $2.
put() {
	r=$l:; v=; c=0;
	while [ -n "$r" ]; do x=${r%%:*}; r=${r#*:}; c=$((c+1)); if [ $c = $1 ]; then x=$2; fi; v=$v:$x; done;
	printf "%s\n" "${v#:}";
};
password() { v=${l#*:}; v=${v%%:*}; };
bolt() { password; case $v in "!"*) ;; *) v="!$v";; esac; put 2 "$v"; };
unbolt() { password; while :; do case $v in "!"*) v=${v#?};; *) break;; esac; done; put 2 "${v:-*}"; };
# Is there a line of $2 in file $1?  A name may have what grep(1) takes for more.
in_file() { while IFS= read -r z || [ "$z" ]; do case $z in "$2":*) return 0;; esac; done 2>/dev/null < "$1"; return 1; };
# The last field is a list, of which $2 is part, or no longer.
member() {
	o=; IFS=,; for x in ${l##*:}; do if [ "$x" != "$2" ]; then o=$o,$x; fi; done; unset IFS;
	if [ $1 = yes ]; then o=$o,$2; fi;
	printf "%s:%s\n" "${l%:*}" "${o#,}";
};
in_group() {
	edit group "$1" member $2 "$3";
	if in_file /etc/gshadow "$1"; then edit gshadow "$1" member $2 "$3"; fi;
};

# NAME GID SYSTEM
add_group() {
	if [ "$tools" ]; then groupadd ${3:+-r} -g "$2" "$1"; return; fi;
	add="$1:x:$2:"; edit group "$1" already;
	if [ -f /etc/gshadow ]; then add="$1:!::"; edit gshadow "$1" already; fi;
};
del_group() {
	in_file /etc/group "$1" || return 0;
	if [ "$tools" ]; then groupdel "$1"; return; fi;
	edit group "$1" drop;
	if in_file /etc/gshadow "$1"; then edit gshadow "$1" drop; fi;
};
# As "as", and dies with it.  The user does not get a channel of ours, which he could keep open.
work_as() {
	s=$({ as "$@" 2>&1; echo "=$?"; } 2>/dev/null | $limit tail -c 300);
	case $s in *=0) ;; ""|*=137) die "it took too long";; *) die "${s%=*}";; esac;
};
# No folder above $1 is another one than root made it.
safe() {
	d=$1;
	while d=${d%/*}; [ "$d" ]; do
		if [ -e "$d" ]; then
			ls -ldn -- "$d/." |
			{ read -r m x o y; case $m in ?????w*|????????w*) false;; *) [ "$o" = 0 ];; esac; } ||
			die "$d: a home below a folder that others may write to";
		fi;
	done;
	[ -d "${1%/*}/" ] || mkdir -m 755 -p -- "${1%/*}";
};
# NAME UID GID HOME: all in it is written as its owner.
make_home() {
	safe "$4" && mkdir -m 700 -- "$4" && chown "$2:$3" "$4" || exit 1;
	if [ -d /etc/skel ]; then
		printf "%s\n" "$4" | work_as "$2" "$3" "$1" "IFS= read -r h; cd -P -- \"\$h\" && cp -R /etc/skel/. .";
	fi;
};
# NAME UID GID HOME SHELL COMMENT EXPIRE-DAYS EXPIRE-DATE SYSTEM MAKE-HOME
add_user() {
	if [ "$tools" ]; then
		m=-M; if [ "${10}" ]; then m=-m; safe "$4" || exit 1; fi;
		useradd -u "$2" -g "$3" -d "$4" ${5:+-s "$5"} -c "$6" ${8:+-e "$8"} ${9:+-r} -p "*" $m "$1";
		return;
	fi;
	p="*";
	if [ -f /etc/shadow ]; then
		p=x; add="$1:*:$(($(date +%s)/86400)):0:99999:7::$7:"; edit shadow "$1" drop;
	fi;
	add="$1:$p:$2:$3:$6:$4:${5:-/bin/sh}"; edit passwd "$1" already;
	if [ "${10}" ]; then make_home "$1" "$2" "$3" "$4"; fi;
};
# NAME UID GID HOME: what is in it goes as its owner, who may have put links there.  It takes as long as it takes.
drop_home() {
	s="find . -type d ! -perm -700 -exec chmod u+rwx {} \\;; find . ! -name . -prune -exec rm -rf {} +";
	s="IFS= read -r h; chmod u+rwx \"\$h\"; cd -P -- \"\$h\" || exit 1; $s";
	( limit=; printf "%s\n" "$4" | work_as "$2" "$3" "$1" "$s" ) &&
	rmdir -- "$4" || die "$4 could not be removed whole";
};
# NAME UID GID HOME GROUPS OWN: HOME where it goes too, OWN where its group does.
# The home first: a second run could not find one that could not be removed.
del_user() {
	if [ "$4" ]; then safe "$4" && drop_home "$@" || exit 1; fi;
	if [ "$tools" ]; then
		userdel "$1" || exit 1;
		if [ "$6" ] && in_file /etc/group "$1"; then groupdel "$1" || exit 1; fi;
	else
		edit passwd "$1" drop;
		if in_file /etc/shadow "$1"; then edit shadow "$1" drop; fi;
		IFS=,; for g in $5; do unset IFS; in_group "$g" no "$1"; done; unset IFS;
		if [ "$6" ]; then del_group "$1"; fi;
	fi;
	rm -f "$kept/@$1";
};
# NAME GROUPS GROUPS-NOW
set_groups() {
	if [ "$tools" ]; then usermod -G "$2" "$1"; return; fi;
	IFS=,; for g in $3; do unset IFS; case ,$2, in *,"$g",*) ;; *) in_group "$g" no "$1";; esac; done;
	IFS=,; for g in $2; do unset IFS; case ,$3, in *,"$g",*) ;; *) in_group "$g" yes "$1";; esac; done; unset IFS;
};
# NAME OPTION FIELD VALUE: an option of usermod, or a field of passwd.
set_field() { if [ "$tools" ]; then usermod $2 "$4" "$1"; else edit passwd "$1" put $3 "$4"; fi; };
kept=/var/lib/dt/locked;
# NAME UID DAYS: the end date of an account that is locked, for unlock; without DAYS there is none.
keep_expire() {
	if [ ! "$3" ]; then rm -f "$kept/@$1"; return; fi;
	mkdir -p $kept && [ ! -L $kept ] && rm -f "$kept/+$1" && printf "%s %s\n" "$2" "$3" > "$kept/+$1" &&
	{ sync "$kept/+$1" 2>/dev/null || sync; } && mv -f "$kept/+$1" "$kept/@$1";
};
# NAME DAYS DATE
set_expire() { if [ "$tools" ]; then usermod -e "$3" "$1"; else edit shadow "$1" put 8 "$2"; fi; };
# NAME HASH: printf is part of the shell, so that no list of processes shows it.
set_hash() {
	if [ "$tools" ] && has chpasswd; then printf "%s:%s\n" "$1" "$2" | chpasswd -e;
	else edit shadow "$1" put 2 "$2"; fi;
};
lock() { if [ "$tools" ]; then usermod -L "$1"; else edit shadow "$1" bolt; fi; };
unlock() {
	if [ "$tools" ]; then usermod -U "$1" 2>/dev/null || usermod -p "*" "$1";
	else edit shadow "$1" unbolt; fi;
};
# NAME UID GID ASSIGNMENTS
set_keys() { printf "%s" "$4" | work_as "$2" "$3" "$1" "$keys"; };
p=$(cat);
case $p in *"#end") ;; *) die "what is to be done did not come whole";; esac;
eval "$p";
