# status, list: $1... patterns of names, none for all.  Behind common.sh.
begin;
for s in *; do if fits "$s" "$@"; then tell "$s" -; fi; done;
missing "$@";
echo dt-service end;
