# Runs as the owner of a home: what keys are in it?  stdin: the home, and "text"
# or "count".  The answer to "text" is a word, "second" before it where there is an
# authorized_keys2, and behind "file" the file and a newline.
# Nothing is read through a symbolic link.
#
# This file is sent as one line: each statement ends with a semicolon, and
# there are no single quotes.
export LC_ALL=C; unset CDPATH;
IFS= read -r h; IFS= read -r w;
say() { if [ $w = text ]; then echo $1; elif [ $1 = none ]; then echo 0; fi; exit 0; };
cd -P -- "$h" || say closed;
h=$(pwd -P);
if [ -L .ssh ]; then say folder-link; elif [ -d .ssh ]; then :; elif [ -e .ssh ]; then say other; else say none; fi;
cd -P .ssh || say closed;
if [ "$(pwd -P)" != "${h%/}/.ssh" ]; then say folder-link; fi;
f=authorized_keys;
if [ $w = text ] && { [ -e ${f}2 ] || [ -L ${f}2 ]; }; then echo second; fi;
if [ -L $f ]; then say link; elif [ -f $f ]; then :; elif [ -e $f ]; then say other; else say none; fi;
if [ -r $f ]; then :; else say closed; fi;
if [ $w = count ]; then exec grep -c "^[[:space:]]*[^#[:space:]]" $f; fi;
n=$(head -c 1000001 $f | wc -c);
if [ $n -gt 1000000 ]; then say big; fi;
if [ $(head -c 1000001 $f | tr -d "\000" | wc -c) -ne $n ]; then say nul; fi;
echo file; head -c 1000000 $f; echo;
