#!/usr/bin/env python3
"""Functions that have hurt others: unbounded, not for threads, or a shell in disguise."""
import re

from lint import Lint, code_only, files, read

BANNED = {
    "strcpy": "snprintf, memcpy or struct buf", "strcat": "struct buf", "strncpy": "snprintf or memcpy",
    "strncat": "struct buf", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "read_file",
    "strtok": "strsep", "system": "dt/base/child.h", "popen": "dt/base/child.h", "tmpnam": "mkstemp",
    "mktemp": "mkstemp", "tempnam": "mkstemp", "alloca": "malloc", "atoi": "parse_int", "atol": "parse_int",
    "atoll": "parse_int", "atof": "parse_time_ms", "gethostbyname": "getaddrinfo", "inet_ntoa": "inet_ntop",
    "rand": "random_bytes", "srand": "random_bytes", "asctime": "strftime",
    "ctime": "strftime", "localtime": "localtime_r", "gmtime": "gmtime_r", "strerror": "strerror_r",
}
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
# Both are called, in an order that C leaves open; || has one, and stops at a failure.
BOTH = re.compile(r"\)\s\|\s+\(?[a-z_]\w*\(")
# Who ends the process: dt/main.c alone; a child after fork may.
EXIT = re.compile(r"(?<![\w.>])exit\s*\(")


def faults_of(path):
    text = code_only(read(path))
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        for m in CALL.finditer(line):
            faults.append("%s:%d: %s is banned: use %s" % (path, number, m.group(1), BANNED[m.group(1)]))
        if BOTH.search(line) or line.endswith(") |"):
            faults.append("%s:%d: the order of calls around | is open: write ||" % (path, number))
        if EXIT.search(line) and path.startswith(("dt/", "inventory/", "modules/")) and \
                not path.startswith(("dt/main.c", "dt/tools/")):
            faults.append("%s:%d: only main ends the process" % (path, number))
    return faults


lint = Lint()
for source in files(".c", ".h", under="dt") + files(".c", ".h", under="inventory") + files(".c", ".h", under="modules"):
    lint.check(faults_of(source))
lint.check("" if CALL.search("x = strcpy(a, b)") and not CALL.search("p->system(x)") else "the pattern does not bite")
lint.check("" if BOTH.search("r = f(a) | g(b)") and not BOTH.search("open(a, B | C) || g(b)") else "the pattern does not bite")
lint.end()
