#!/usr/bin/env python3
"""cppcheck finds nothing, and neither does the compiler when warnings are errors."""
import concurrent.futures
import os
import shlex
import subprocess

from lint import ROOT, Lint, files

CC = shlex.split(os.environ.get("CC", "cc"))
GEN = "-I" + os.path.join(os.environ.get("DT_BUILD", os.path.join(ROOT, "build")), "gen")
FLAGS = ("-std=c11 -D_GNU_SOURCE -DDT_VERSION=\"x\" -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes "
         "-Wmissing-prototypes -Wformat=2 -Wpointer-arith -Wwrite-strings -Wvla -Werror -O1 -fsyntax-only").split()
CPPCHECK = ["cppcheck", "--quiet", "--std=c11", "--language=c", "--enable=warning,performance,portability",
            "--inline-suppr", "--error-exitcode=1", "--template={file}:{line}: {message} [{id}]",
            "-D_GNU_SOURCE", "-DDT_VERSION=\"x\"", "-I.", GEN, GEN + "/modules", "-Imodules", "--suppress=missingIncludeSystem",
            # It does not follow ownership into lists and threads; the leak sanitizer does.
            "--suppress=memleak", "--suppress=normalCheckLevelMaxBranches", "--suppress=checkersReport", "--suppress=unmatchedSuppression"]


def compile_one(path):
    where = ["-Imodules", GEN + "/modules"] if path.startswith("modules/") else ["-I.", GEN, "-Imodules"]
    done = subprocess.run(CC + FLAGS + where + [path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.stdout if done.returncode else ""


def cppcheck(group):
    done = subprocess.run(CPPCHECK + group, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout.split("\n")[:-1] if done.returncode else []


lint = Lint()
sources = files(".c", under="dt") + files(".c", under="inventory") + files(".c", under="modules")
tests = files(".c", under="tests/unit")
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for found in pool.map(compile_one, sources + tests):
        lint.check(found)
    halves = [sources[0::2], sources[1::2]]
    for found in pool.map(cppcheck, halves):
        lint.check(found)
lint.end()
