#!/usr/bin/env python3
"""Files that README.md, the manual pages and other texts name are there."""
import os
import re

from lint import ROOT, Lint, files, read

# In texts: a path of the project begins with one of its folders.
FOLDERS = sorted(d for d in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, d)) and not d.startswith(("build", ".git")))
PATH = re.compile(r"(?<![\w/.~-])((?:%s)/[\w./*{},-]*[\w*}/])" % "|".join(re.escape(f) for f in FOLDERS))
LINK = re.compile(r"\]\(([^)#:]+)\)")
PAGE = re.compile(r"^\.Xr (dt[\w.-]*) (\d)|\b(dt[\w.-]*)\((\d)\)", re.M)


def exists(path):
    import glob
    for start, end in re.findall(r"()\{([^}]*)\}", path)[:1]:
        head, tail = path.split("{", 1)[0], path.split("}", 1)[1]
        return all(exists(head + word + tail) for word in end.split(","))
    return bool(glob.glob(os.path.join(ROOT, path.rstrip("/"))))


def faults_of(path):
    faults = []
    for number, line in enumerate(read(path).split("\n"), 1):
        at = "%s:%d: " % (path, number)
        for name in PATH.findall(line):
            if not exists(name):
                faults.append(at + "%s is not there" % name)
        if path.endswith(".md"):
            for name in LINK.findall(line):
                if not os.path.exists(os.path.join(ROOT, os.path.dirname(path), name)):
                    faults.append(at + "the link to %s leads nowhere" % name)
        for m in PAGE.finditer(line):
            page = "%s.%s" % (m.group(1) or m.group(3), m.group(2) or m.group(4))
            if not os.path.exists(os.path.join(ROOT, "man", page)):
                faults.append(at + "there is no manual page %s" % page)
    return faults


lint = Lint()
for text in files(".md") + files(".1", ".3", ".5", under="man"):
    lint.check(faults_of(text))
lint.check("" if not exists("tests/nothing.c") and exists("dt/base/*.h") else "the check does not bite")
lint.end()
