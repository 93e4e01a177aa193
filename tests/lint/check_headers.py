#!/usr/bin/env python3
"""Each header compiles alone, and has a guard named after its path."""
import concurrent.futures
import os
import re
import shlex
import subprocess

from lint import ROOT, Lint, files, read

CC = shlex.split(os.environ.get("CC", "cc"))
FLAGS = "-std=c11 -D_GNU_SOURCE -I. -Imodules -Wall -Wextra -Werror -fsyntax-only -x c".split()


def faults_of(header):
    faults = []
    guard = re.search(r"^#ifndef (\w+)\n#define \1$", read(header), re.M)
    name = re.sub(r"\W", "_", header).upper()
    if not guard or not (name == guard.group(1) or name.endswith("_" + guard.group(1)) or
                         guard.group(1).endswith("_" + name)):
        faults.append("%s: no guard #ifndef %s" % (header, name))
    # As another file sees it: a static function that it does not call is no fault.
    done = subprocess.run(CC + FLAGS + ["-"], cwd=ROOT, input='#include "%s"\n' % header, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        faults.append("%s does not compile alone:\n%s" % (header, done.stdout))
    return faults


lint = Lint()
headers = [h for h in files(".h") if not h.startswith("tests/fuzz")]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for found in pool.map(faults_of, headers):
        lint.check(found)
lint.end()
