#!/usr/bin/env python3
"""A room includes only rooms below it, and each third-party header has one door."""
import re

from lint import Lint, files, read

# The first prefix that fits; a room is (level, name), and rooms of one level are strangers.
ROOMS = [
    ("modules/dt_module.h", (0, "contract")),
    ("dt/base/", (0, "base")),
    ("inventory/", (1, "inventory")),
    ("dt/ssh/", (2, "ssh")),
    ("dt/files/", (2, "files")),
    ("dt/run/pool", (2, "pool")),
    ("dt/run/pace", (2, "pace")),
    ("dt/run/modload", (2, "modload")),
    ("dt/run/modscript", (2, "modload")),
    ("dt/run/param", (2, "modload")),
    ("dt/run/arguments", (2, "modload")),
    ("dt/run/local", (2, "local")),
    ("dt/report/result", (2, "result")),
    ("dt/run/plan", (3, "plan")),
    ("dt/run/input", (3, "services")),
    ("dt/run/services", (3, "services")),
    ("dt/report/format", (3, "format")),
    ("dt/report/hooks", (3, "format")),
    ("dt/report/json", (2, "json")),
    ("dt/report/color", (3, "format")),
    ("dt/report/gather", (3, "format")),
    ("dt/report/mask", (3, "format")),
    ("dt/report/spool", (2, "spool")),
    ("dt/report/status_line", (3, "format")),
    ("dt/report/textdiff", (3, "format")),
    ("dt/report/filter", (5, "filter")),
    ("dt/report/journal", (3, "journal")),
    ("dt/run/limits", (4, "limits")),
    ("dt/run/engine", (4, "engine")),
    ("dt/report/progress", (4, "progress")),
    ("dt/report/sink", (4, "sink")),
    ("dt/cli/", (5, "cli")),
    ("dt/main.c", (6, "main")),
    ("dt/tools/", (6, "tools")),
]
# Of one level, and yet one needs the other: services run what a plan says; the contract is base's.
ALLOWED = {("services", "plan"), ("base", "contract")}

DOORS = {
    "libssh2.h": r"dt/ssh/",
    "libssh2_sftp.h": r"dt/ssh/",
    "libssh2_publickey.h": r"dt/ssh/",
    "pcre2.h": r"inventory/match\.",
    "ini.h": r"dt/base/ini\.",
    "sqlite3.h": r"dt/base/db\.",
    "pthread.h": r"dt/run/pool",
    "threads.h": r"dt/run/pool",
    "dlfcn.h": r"dt/run/modload\.",
    "zstd.h": r"dt/base/pack\.",
    "histedit.h": r"dt/cli/lineedit\.",
}
# OpenSSL reads and checks keys, and takes sums; nothing else sees it.
OPENSSL = r"dt/ssh/|dt/base/sha256\."


def room(path):
    for prefix, where in ROOMS:
        if path.startswith(prefix):
            return where
    return None


def faults_of(path):
    faults = []
    here = room(path)
    module = path != "modules/dt_module.h" and path.startswith(("modules/", "contrib/skeleton/", "tests/modules/"))
    name = path.split("/")[1].removesuffix(".c")  # of the module
    if not here and not module:
        return ["%s: in no room of tests/lint/check_layers.py" % path]
    for number, line in enumerate(read(path).split("\n"), 1):
        m = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if not m:
            continue
        own, system = m.groups()
        at = "%s:%d: " % (path, number)
        if own and module:
            if own != "dt_module.h" and not own.startswith(("lib/", name + "/")):
                faults.append(at + "a module sees dt_module.h, lib/ and its own folder, and nothing else of dt")
        elif own:
            there = room(own)
            if not there:
                faults.append(at + "%s is in no room" % own)
            elif there != here and there[0] >= here[0] and (here[1], there[1]) not in ALLOWED:
                faults.append(at + "%s (level %d) may not see %s (level %d)" % (here[1], here[0], own, there[0]))
        elif system in DOORS and not re.match(DOORS[system], path):
            faults.append(at + "<%s> has its one door at %s" % (system, DOORS[system].replace("\\", "")))
        elif system.startswith("openssl/") and not re.match(OPENSSL, path):
            faults.append(at + "<%s> belongs to dt/ssh" % system)
    return faults


lint = Lint()
sources = files(".c", ".h", under="dt") + files(".c", ".h", under="inventory") + files(".c", ".h", under="modules") + \
    files(".c", under="contrib/skeleton") + files(".c", under="tests/modules")
for source in sources:
    lint.check(faults_of(source))
# The check itself must bite.
lint.check("" if room("dt/base/err.h") < room("dt/ssh/lib.h") else "rooms are not in order")
lint.end()
