#!/usr/bin/env -S python3 -B
"""dtsh on a simulated fleet: one login a host, one command a line.

DT_TEST_HEAVY=2: 1,000 hosts behind a round trip of 50 ms, what each line takes, and beside it clush over the
sockets of masters that ssh(1) has open already (ControlPersist).
"""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY  # noqa: E402
from dtsh import Piped, Typed  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from testing import check, equal, main  # noqa: E402

HOSTS = 1000 if HEAVY > 1 else 200
RTT = "[*]\nrtt = 50ms\n" if HEAVY > 1 else ""
LINES = 6


def okay(word, count=HOSTS):
    return ["okay::dt:ssh:%s:%s" % (name(n + 1), word) for n in range(count)]


def test_lines():
    fleet = Fleet(RTT, HOSTS)
    shell = Piped(fleet, "-C", str(HOSTS), "all")
    took = []
    for n in range(LINES):
        if HEAVY > 1:
            time.sleep(0.5)  # as long as somebody reads what came, at the least
        began = time.monotonic()
        equal(shell.line("echo # sim: stdout=%d\\n" % n, HOSTS), okay(str(n)))
        took.append(time.monotonic() - began)
    equal(shell.end()[0], 0)
    print("# %d hosts%s, seconds for each line: %s" % (HOSTS, ", 50 ms" if RTT else "", " ".join("%.3f" % t for t in took)))
    if HEAVY > 1 and shutil.which("clush"):
        beside(fleet)
        return
    counted = fleet.end()
    equal([counted[k] for k in ("accepted", "logins", "execs")], [HOSTS, HOSTS, HOSTS * LINES])


def test_few_files():
    """With 256 open files, half of them may be connections that lie open; the others log in anew."""
    fleet = Fleet("", HOSTS)
    shell = Piped(fleet, "-C", "20", "all", limit=256)
    for n in range(3):
        equal(shell.line("echo # sim: stdout=%d\\n" % n, HOSTS), okay(str(n)))
    equal(shell.end()[0], 0)
    counted = fleet.end()
    equal(counted["execs"], HOSTS * 3)
    kept = HOSTS * 3 - counted["accepted"]
    check(kept == 2 * min(128, HOSTS), counted)


def test_faults():
    """Who was lost, refused or killed logs in again; the others do not."""
    fleet = Fleet("".join("[%s]\ncommand = *second*\nfault = %s\n" % (name(n), fault) for n, fault in
                          enumerate(("close-exec", "reset", "no-status", "signal", "exec-refused"), 1)), 20)
    shell = Piped(fleet, "all")
    equal(shell.line("echo # sim: stdout=a\\n", 20), okay("a", 20))
    said = shell.line("echo second # sim: stdout=b\\n", 20)
    equal([line for line in said if line.startswith("okay")], okay("b", 20)[5:])
    equal(len(said), 20)
    equal(shell.line("echo # sim: stdout=c\\n", 20), okay("c", 20))
    equal(shell.end()[0], 0)
    counted = fleet.end()
    check(20 + 3 <= counted["accepted"] <= 20 + 5, counted)


RESTING = 5


def resting(fault, *words):
    """Hosts that do this once a command has run; and dtsh at a terminal, after a line."""
    fleet = Fleet("[*]\nfault = %s\n" % fault, RESTING)
    t = Typed(fleet, "--progress", "never", *words, "all")
    t.until("all 0/%d> " % RESTING)
    says(t, "a")
    return fleet, t


def says(t, word):
    """A line, and that each host says this one word and no other."""
    t.keys("echo # sim: stdout=%s\\n\n" % word)
    said = t.until("/%d> " % RESTING)
    equal(sorted(line[-1] for line in said.split("\r\n") if "::dt:ssh:" in line), [word] * RESTING, said)
    check("fail" not in said, said)


def falls_to_none(t):
    """The prompt does."""
    end = time.monotonic() + 30
    text = ""
    while "all 0/" not in text:
        check(time.monotonic() < end, "the prompt counts", text)
        t.keys("\n")
        text = t.until("/%d> " % RESTING)


def test_hosts_that_misbehave_idle():
    """What they do with the channel that is opened in advance costs them nothing but that, and is no line's answer."""
    for fault, logins in (("rest-refused", 1), ("rest-close", 1), ("rest-lie", 1), ("rest-silent", 3)):
        fleet, t = resting(fault, "-T", "1s")
        says(t, "b")
        says(t, "c")
        counted = fleet.end()
        equal((counted["execs"], counted["logins"]), (3 * RESTING, logins * RESTING), fault)
        falls_to_none(t)
        t.keys("\x04")
        t.end()


def test_hosts_that_flood_idle():
    fleet, t = resting("rest-flood")
    falls_to_none(t)
    says(t, "b")
    falls_to_none(t)
    t.keys("\x04")
    equal(t.end(), 0)
    fleet.end()


def beside(fleet):
    hosts = fleet.write("names", "".join("127.64.%d.%d\n" % ((n + 1) // 256, (n + 1) % 256) for n in range(HOSTS)))
    os.mkdir(fleet.join("m"), 0o700)
    config = fleet.write("clush_config", "Host *\nPort %d\nUser root\nIdentityFile %s\nStrictHostKeyChecking no\n"
                         "UserKnownHostsFile /dev/null\nLogLevel ERROR\nKexAlgorithms curve25519-sha256\nControlMaster auto\n"
                         "ControlPath %s/%%h\nControlPersist 60\n" % (fleet.port, fleet.key, fleet.join("m")))
    took = []
    for n in range(3):
        began = time.monotonic()
        done = subprocess.run(["clush", "-f", str(100 if n == 0 else HOSTS), "--hostfile", hosts, "-o", "-F " + config,
                               "echo # sim: stdout=%d\\n" % n], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        took.append(time.monotonic() - began)
        equal(done.stdout.count(": %d\n" % n), HOSTS, done.stdout[-300:])
    print("# clush -f %d, ControlPersist: %s (the first with -f 100, and it logs in)" %
          (HOSTS, " ".join("%.3f" % t for t in took)))
    for path in os.listdir(fleet.join("m")):
        subprocess.run(["ssh", "-F", config, "-O", "exit", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main(globals())
