#!/usr/bin/env python3
"""Shell text that is sent to hosts as one line: every shell reads it so, and a quoting of it is short."""
import subprocess

from lint import Lint, files, read

SHELLS = (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"])
lint = Lint()
for path in files(".sh", under="dt") + files(".sh", under="modules"):
    lines = [line.strip() for line in read(path).split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    text = " ".join(lines)
    faults = [path + ": a single quote" for line in lines if "'" in line]
    faults += ["%s: \"%s\" needs a semicolon at its end" % (path, line) for line in lines
               if not line.endswith((";", "{", "do", "then", "else", "in", "||", "&&", "|", "("))]
    for shell in SHELLS:
        for form in (read(path), text):
            done = subprocess.run(shell + ["-n"], input=form, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            if done.returncode:
                faults.append("%s: %s: %s" % (path, shell[0], done.stdout.strip()))
    lint.check(faults)
lint.end()
