# A command, and the wait for what it leads to: $1 the verb, $2 its bytes for runit, "" for none, $3 for others,
# $4 how many milliseconds to wait, 0 for not at all, $5... patterns of names.  Behind common.sh.
verb=$1; bytes=$2; others=$3; ms=$4; shift 4;
tick=0.25; part=250; sleep 0.01 2>/dev/null || { tick=1; part=1000; };
# So many looks there are; so many have to see the same process, a second of it.
looks=$(((ms+part-1)/part)); need=$((1000/part)); [ $need -le $looks ] || need=$looks;
end=$(($(date +%s)+(ms+999)/1000+1));
# Of the digits in h: at (when the state began), seconds (the low ones of it), run (a process is there, and no finish
# script), pid (any is), paused, want (u, d, o: nothing), term; false where they make no sense.  See supervise.h.
fields() { run=; pid=; paused=; want=d; term=; kind=runit; skew=10;
	case ${#h}$h in 3640000000*|4040000000*|7040000000*|8640000000*) ;; *) return 1;; esac;
	at=${h%"${h#????????????????????????}"}; x=${at#????????}; seconds=$((0x${x%????????})); x=${h#"$at"};
	case ${#h} in
	40|36) f=${x#????????}; case $x in 00000000*) ;; *) pid=1;; esac;
		case $f in 0[01]75|0[01]64|0[01]00|0[01]750[01]0[012]|0[01]640[01]0[012]) ;; *) return 1;; esac;
		case $f in 01*) paused=1;; esac; case $f in ??75*) want=u;; ??00*) want=o;; esac;
		if [ ${#h} = 36 ]; then kind=daemontools; run=$pid; return 0; fi;
		case $f in ????01*) term=1;; esac; case $f in *01) run=$pid;; esac;;
	70|86) kind=s6; skew=37; f=${h#"${h%?}"}; x=${x#????????????????????????};
		case $x in 0000000000000000*) ;; *) pid=1;; esac;
		case $f in [13579bdf]) paused=1;; esac; case $f in [4567cdef]) want=u;; esac;
		case $f in [2367abef]) ;; *) run=$pid;; esac;;
	esac; };
# Has it run for a second?  What dies at once is not up, though there it is for a moment.
settled() { [ "$run" ] && [ ! "$term" ] && { [ $((now+skew-seconds)) -gt 1 ] || [ "$c" -ge $need ]; }; };
script() { cd "./$1" && safe && exec ./check >/dev/null 2>&1 </dev/null; };
# As sv(8): its own ./check says whether it is of use.
checked() { [ ! -x "./$s/check" ] || bound $((end>now?end-now:1)) script "$s"; };
as_wanted() { case $want in
	u) settled && checked;;
	d) [ ! "$pid" ] || { [ "$run" ] && [ $kind = runit ] && [ ! "$term" ]; };;
	esac; };
reached() { case $verb in
	up) settled && checked;;
	down) [ ! "$pid" ];;
	restart|term|kill) if [ ! "$pid" ] && [ "$want" != u ]; then return 0; fi; [ "$at" != "$o" ] && settled && checked;;
	once) if [ "$pid" ]; then [ "$run" ] && [ "$want" != u ]; else [ "$at" != "$o" ]; fi;;
	pause) [ "$run" ] && [ "$paused" ];;
	cont) [ ! "$paused" ];;
	# runsvdir(8) and its like start another supervisor at once
	exit) alive "$s"; [ $a = n ] || { [ "$at" != "$o" ] && [ "$c" -ge $need ]; };;
	*) as_wanted;;
	esac; };
# Of ./$s, which has an answer in r: w, what comes is waited for.
order() { alive "$s"; case $a in n) r=g; return;; [px]) r=$a; return;; esac;
	digits "$s"; fields || { r=b; return; };
	case $kind in runit) b=$bytes;; *) b=$others;; esac;
	case $kind$b in daemontools[q12]) r=k; return;; esac;
	r=w; [ "$b" ] || return;
	( enter "$s"; fifo control || exit 1; bound 2 poke control "$b" ""; );
	case $? in 0) r=w;; 1) r=g;; 2) r=p;; 3) r=x;; *) r=t;; esac; };
# Service number i: s_i its name, r_i the result, o_i when its state began, c_i how often what runs now was seen.
i=0;
for s in *; do if fits "$s" "$@"; then
	i=$((i+1)); h=; at=; order; eval "s_$i=\$s; r_$i=\$r; o_$i=\$at; b_$i=; c_$i=0";
fi; done;
count=$i; left=1;
# The supervisor has an instant to do what it was told.
if [ "$part" = 250 ]; then sleep 0.1; fi;
if [ "$ms$verb" = 0check ]; then ms=1; fi;
while [ "$ms" -gt 0 ] && [ "$left" ]; do
	now=$(date +%s); left=; i=0;
	while [ $i -lt $count ]; do
		i=$((i+1)); eval "s=\$s_$i; r=\$r_$i; o=\$o_$i; b=\$b_$i; c=\$c_$i"; [ "$r" = w ] || continue;
		digits "$s"; fields || { left=1; continue; };
		if [ "$at" = "$b" ]; then c=$((c+1)); else c=0; fi; eval "b_$i=\$at; c_$i=\$c";
		if reached; then eval "r_$i=o"; else left=1; fi;
	done;
	if [ "$left" ]; then
		if [ $looks -le 0 ] || [ "$now" -ge $end ]; then left=; else sleep $tick; fi;
	fi;
	looks=$((looks-1));
done;
begin;
i=0;
while [ $i -lt $count ]; do
	i=$((i+1)); eval "s=\$s_$i; r=\$r_$i";
	if [ "$r" = w ]; then if [ "$ms" = 0 ]; then r=s; else r=l; fi; fi;
	tell "$s" $r;
done;
missing "$@";
echo dt-service end;
