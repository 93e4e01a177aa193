#!/usr/bin/env python3
"""mandoc finds nothing to say about the manual pages."""
import os
import subprocess

from lint import ROOT, Lint, files

lint = Lint()
for page in files(".1", ".3", ".5", ".7", ".8", under="man"):
    # Style messages too; but which pages this machine has installed is no fault of ours.
    done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", os.path.join(ROOT, page)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    said = [line for line in done.stdout.split("\n") if line and "referenced manual not found" not in line and
            "mandoc.db lacks" not in line]
    lint.check([line.replace("mandoc: " + ROOT + "/", "") for line in said])
lint.end()
