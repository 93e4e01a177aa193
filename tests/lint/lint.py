"""What the lint programs share: the project's files, and how a program ends."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DT_BUILD", os.path.join(ROOT, "build"))
SKIPPED = ("build", ".git")


def files(*suffixes, under="."):
    """Paths below the root, sorted; build folders left out."""
    found = []
    for folder, names, entries in os.walk(os.path.join(ROOT, under)):
        names[:] = [n for n in names if not n.startswith(SKIPPED)]
        for entry in entries:
            if entry.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, entry), ROOT))
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def code_only(text, strings=False):
    """C source with comments (and strings, unless wanted) as spaces; lines stay where they are."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(m):
        if strings and m.group(0)[0] in "\"'":
            return m.group(0)
        return re.sub(r"[^\n]", " ", m.group(0))

    return pattern.sub(blank, text)


def dt(*args, **kwargs):
    """Runs the built dt, without a user's dt.conf."""
    env = dict(os.environ, DT_CONF="/dev/null")
    return subprocess.run([os.path.join(BUILD, "bin/dt"), *args], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **kwargs)


class Lint:
    """Counts checks; each fault is a line."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, faults, what=""):
        """faults: texts of what is wrong with one thing; empty: it passes."""
        if isinstance(faults, str):
            faults = [faults] if faults else []
        for fault in faults:
            print("%s%s" % (what + ": " if what else "", fault))
        if faults:
            self.failed += 1
        else:
            self.passed += 1

    def end(self):
        print("%d passed, %d failed" % (self.passed, self.failed))
        sys.exit(1 if self.failed or not self.passed else 0)
