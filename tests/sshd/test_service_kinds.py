#!/usr/bin/env -S python3 -B
"""service where it is daemontools or s6, or busybox."""
import functools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import Busybox, Sshd, wait_for  # noqa: E402
from supervisors import (DIES, SIGNALS, SLOW, Services, agree, at_once, bed, beside, folders, host, one,  # noqa: E402
                         rows, service, words)
from testing import check, equal, has, main  # noqa: E402

server = Sshd(bed.authorized)
for kind in ("daemontools", "s6"):
    host(kind, Services(kind).service("off", down=True).service("web").service("dies", DIES).service("slow", SLOW).
         service("signals", SIGNALS).service("logged", log="#!/bin/sh\nexec cat >/dev/null\n").start(), server)
if Busybox.possible():
    there = Busybox(bed.authorized)
    folders["busybox"] = Services(path=there.root + "/service").service("web").service("off", down=True)
    folders["busybox"].service("dies", DIES).start()
    bed.host("busybox", there, "user=root", address="127.0.0.9")


def status(kind):
    """As svstat and s6-svstat have it."""
    folder = folders[kind]
    folder.wait("logged/log", pid=True)
    began = time.monotonic()
    found = rows("list", hosts=kind, status=0)[kind]
    equal(sorted(found), ["dies", "logged", "off", "signals", "slow", "web"])
    for name in ("logged", "off", "signals", "slow", "web"):
        row = found[name]
        agree(folder, row, began)
        equal(row["normally"], "down" if name == "off" else "up")
        equal(row["log"], "run" if name == "logged" else None)
    for line in service("status", "logged", "off", "web", hosts=kind)[kind]:
        beside("status", kind, line, line.split()[0])


def commands(kind):
    folder = folders[kind]
    pid = folder.pid("web")
    line = words(one(kind, "restart", "web"))
    check(int(line["pid"]) == folder.pid("web") != pid, line)
    one(kind, "pause", "web", "--wait", "5s")
    has(folder.says("web"), ", paused")
    has(one(kind, "status", "web", status=5), "fault=paused")
    one(kind, "cont", "web", "--wait", "5s")
    one(kind, "down", "web", "--wait", "5s")
    equal(folder.pid("web"), None)
    has(one(kind, "status", "web", status=5), "fault=down")
    line = words(one(kind, "once", "web", "--wait", "5s"))
    equal((line["state"], line["want"]), ("run", "once" if kind == "daemontools" else "down"))
    if kind == "daemontools":
        one(kind, "status", "web")
    pid = folder.pid("web")
    one(kind, "kill", "web")
    folder.wait("web", pid=False)
    one(kind, "up", "web", "--wait", "5s")
    check(folder.pid("web") not in (None, pid))
    has(one(kind, "down", "slow", "--wait", "500ms", status=5), "want=down")
    folder.put("slow/end", "")
    one(kind, "down", "slow", "--wait", "9s")
    for verb, did in (("disable", "disabled"), ("disable", "unchanged"), ("enable", "enabled"),
                      ("enable", "unchanged")):
        equal(one(kind, verb, "web"), "web " + did)


def signals(kind):
    """daemontools knows no QUIT, USR1 and USR2: that is said, and nothing is sent."""
    for verb, signal in (("hup", "HUP"), ("alarm", "ALRM"), ("int", "INT"), ("quit", "QUIT"), ("usr1", "USR1"),
                         ("usr2", "USR2"), ("term", "TERM")):
        if kind == "daemontools" and signal in ("QUIT", "USR1", "USR2"):
            has(one(kind, verb, "signals", status=5), "fault=unsupported: daemontools' supervise knows no " + verb)
            continue
        equal(words(one(kind, verb, "signals"))["sent"], verb)
        with open(folders[kind].join("signals/got")) as f:
            wait_for(lambda: f.seek(0) == 0 and signal in f.read().split(), signal)


def leaves(kind):
    """Their x alone would wait for a service that goes on."""
    pid = folders[kind].pid("signals")
    one(kind, "exit", "web", "--wait", "9s")
    equal(folders[kind].pid("signals"), pid)
    folders[kind].stop()
    for verb, done in (("exit", 0), ("up", 5)):
        equal(service(verb, "web", "signals", hosts=kind, status=done)[kind],
              ["signals unsupervised", "web unsupervised"])
    folders[kind].start()


def of_kind(kind):
    for work in (status, commands, signals, leaves):
        work(kind)


def busybox():
    """A host that has nothing but busybox, and a runit that this machine runs for it."""
    if "busybox" not in folders:
        print("# not root, or no device files can be made here: no busybox")
        return
    folder = folders["busybox"]
    equal(int(words(one("busybox", "status", "web"))["pid"]), folder.pid("web"))
    pid = folder.pid("web")
    check(int(words(one("busybox", "restart", "web"))["pid"]) == folder.pid("web") != pid)
    one("busybox", "down", "web", "--wait", "5s")
    equal(folder.pid("web"), None)
    has(one("busybox", "up", "dies", "--wait", "2s", status=5), "fault=timeout")
    equal(one("busybox", "disable", "web"), "web disabled")
    service("list", "--dir", "/service", hosts="busybox")
    folder.stop()
    equal(one("busybox", "status", "web", status=5), "web unsupervised")


test_daemontools, test_s6, test_busybox = at_once(functools.partial(of_kind, "daemontools"),
                                                  functools.partial(of_kind, "s6"), busybox)
main(globals())
