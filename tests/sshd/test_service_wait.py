#!/usr/bin/env -S python3 -B
"""service with --wait: what stops slowly, dies at once, or is not content; and a rolling restart."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import Sshd, wait_for  # noqa: E402
from supervisors import DIES, SLOW, TABLE, Services, at_once, bed, beside, folders, host, service, words  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

NAMES = ["web01", "web02", "web03"]
server = Sshd(bed.authorized)
for name in NAMES:
    some = Services().service("dies", DIES).service("off", down=True).service("paused").service("slow", SLOW)
    host(name, some.start(), server)


def slow():
    """It has not ended when the time is over: the line says what it does."""
    pids = {name: folders[name].pid("slow") for name in NAMES}
    for name, lines in service("down", "slow", "--wait", "500ms", status=5).items():
        line = words(lines[0])
        equal((line["state"], line["want"], line["term"], line["fault"]), ("run", "down", "sent", "timeout"))
        equal(int(line["pid"]), pids[name])
        beside("down --wait 500ms", name, lines[0], "slow")
    has(str(service("status", "slow", hosts="web01", status=5)), "fault=stopping")
    for name in NAMES:
        folders[name].put("slow/end", "")
    service("down", "slow", "--wait", "9s")
    service("up", "slow", "--wait", "9s")
    for name, lines in service("restart", "slow", "--wait", "9s").items():
        beside("restart --wait 9s", name, lines[0], "slow")
        equal(int(words(lines[0])["pid"]), folders[name].pid("slow"))


def dies():
    """What dies at once is not up, whenever one looks."""
    for verb, wait in (("up", "3s"), ("restart", "2s")):
        for name, lines in service(verb, "dies", "--wait", wait, status=5).items():
            equal(words(lines[0])["fault"], "timeout")
            beside(verb + " --wait " + wait, name, lines[0], "dies")


def contents():
    """As sv check: what is wanted, and ./check is content."""
    for name in NAMES:
        folders[name].put("paused/check", "#!/bin/sh\ntest -e ready\n")
    for name, lines in service("check", "paused", "--wait", "1s", status=5).items():
        equal(words(lines[0])["fault"], "timeout")
        beside("check --wait 1s", name, lines[0], "paused")
    service("restart", "paused", "--wait", "2s", hosts="web01", status=5)
    for name in NAMES:
        folders[name].put("paused/ready", "")
    for name, lines in service("check", "paused", "off").items():
        beside("check", name, lines[1], "paused")
    service("restart", "paused", hosts="web01")
    # one that hangs is ended with the time
    folders["web01"].put("paused/check", "#!/bin/sh\nexec sleep 61\n")
    service("check", "paused", "--wait", "1s", hosts="web01", status=5)
    wait_for(lambda: b"61" not in b"".join(command_lines()), "the end of ./check")
    for name in NAMES:
        os.remove(folders[name].join("paused/check"))


def command_lines():
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as f:
                if f.read(5) == b"sleep":
                    yield f.read()
        except OSError:
            pass


def rolling():
    """The second host's service does not come up: the third is not touched."""
    for name in NAMES:
        folders[name].service("nginx", "#!/bin/sh\nif [ -e broken ]; then exit 1; fi\nexec sleep 1000\n")
        folders[name].wait("nginx", pid=True)
    folders["web02"].put("nginx/broken", "")
    for options, status in ((["--max-fail", "0"], 6), (["--max-fail", "1"], 5)):
        before = {name: folders[name].pid("nginx") for name in NAMES}
        done = ended(bed.dt("tag:web", "service", "restart", "nginx", "--batch", "1", "--wait", "4s", *options), status)
        said = {line.split(":")[4]: line for line in done.stdout.splitlines()}
        has(said["web01"], "okay::dt:service:web01:nginx run pid=%d" % folders["web01"].pid("nginx"))
        check(folders["web01"].pid("nginx") != before["web01"])
        check(re.search(r"web02:exit 1: nginx (down for|run pid)=.* fault=timeout", said["web02"]), said["web02"])
        if status == 6:
            has(said["web03"], "skipped: ")
            equal(folders["web03"].pid("nginx"), before["web03"])
        else:
            check(folders["web03"].pid("nginx") != before["web03"])
        if TABLE:
            print("# " + " ".join(options) + "\n# " + done.stdout.replace("\n", "\n# ") + "exit " + str(status))


test_slow, test_dies, test_check, test_rolling = at_once(slow, dies, contents, rolling)
main(globals())
