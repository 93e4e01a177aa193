#!/usr/bin/env -S python3 -B
"""service on hosts with a real runit: every verb, its line, and what sv(8) says beside it."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import Sshd, wait_for  # noqa: E402
from supervisors import (DIES, LOGGED, LOGGER, SIGNALS, SLEEP, SLOW, Services, agree, at_once, bed,  # noqa: E402
                         beside, folders, host, one, rows, service, words)
from testing import check, equal, has, main  # noqa: E402

FIVE = ["dies", "logged", "off", "paused", "slow"]
NAMES = ["web01", "web02", "web03"]
server = Sshd(bed.authorized)
for name in NAMES:
    five = Services().service("dies", DIES).service("logged", LOGGED, log=LOGGER).service("off", down=True)
    host(name, five.service("paused").service("slow", SLOW).start(), server)
    five.wait("logged/log", pid=True)


def agrees(folder, row, began):
    """sv(8) tells what is wanted where it is not what the state says."""
    wanted = {("up", False): "up", ("down", True): "down"}.get((row["want"], bool(row["pid"])))
    equal(agree(folder, row, began)["want"], wanted, row)


def test_status():
    began = time.monotonic()
    for name, found in rows("status").items():
        equal(sorted(found), FIVE)
        for of, row in found.items():
            equal(" ".join(row), "name state pid uptime downtime want paused normally log fault")
            equal(row["normally"], "down" if of == "off" else "up")
            equal(row["log"], "run" if of == "logged" else None)
            if of != "dies":
                agrees(folders[name], row, began)
                equal(row["fault"], None)
    for name, lines in service("status", "logged", "off").items():
        pid = folders[name].pid("logged")
        check(re.fullmatch(r"logged run pid=%d up=\d+s want=up log=run" % pid, lines[0]), lines)
        check(re.fullmatch(r"off down for=\d+s want=down normally=down", lines[1]), lines)
    for name, lines in service("list").items():
        equal([words(l)["name"] for l in lines], FIVE)
        for line in lines:
            beside("list", name, line, line.split()[0])


def faults():
    """What is not as it should be comes first, with a word that says why."""
    began = time.monotonic()
    wait_for(lambda: folders["web01"].pid("dies") is None, "dies")
    lines = service("status", hosts="web01", status=5)["web01"]
    check(re.fullmatch("dies down for=[01]s want=up normally=up fault=down", lines[0]), lines)
    service("list")
    equal(words(one("web01", "pause", "paused", "--wait", "5s"))["paused"], "yes")
    line = one("web01", "status", "paused", status=5)
    has(line, " want=up paused=yes fault=paused")
    beside("pause", "web01", line, "paused")
    agrees(folders["web01"], rows("list", "paused", hosts="web01")["web01"]["paused"], began)
    one("web01", "cont", "paused", "--wait", "5s")
    one("web01", "status", "paused")
    # down by hand, and no file says that it stays so
    one("web01", "down", "paused", "--wait", "5s")
    line = one("web01", "status", "paused", status=5)
    check(re.fullmatch(r"paused down for=\ds want=down normally=up fault=down", line), line)
    beside("down", "web01", line, "paused")
    agrees(folders["web01"], rows("list", "paused", hosts="web01")["web01"]["paused"], began)
    one("web01", "up", "paused", "--wait", "5s")


def patterns():
    """Patterns are for all of the name; each service once."""
    for names, wanted in ((["*"], FIVE), (["s*", "slow"], ["slow"]), (["?o*"], ["logged"]),
                          (["[op]*"], ["off", "paused"]), (["off", "slow"], ["off", "slow"])):
        equal([words(l)["name"] for l in service("list", *names, hosts="web01")["web01"]], wanted, names)
    for verb in ("status", "list", "up", "log"):
        line = service(verb, "nope", "o*f", hosts="web01", status=5)["web01"]
        has("\n".join(line), "nope missing: no such service in " + folders["web01"].path)
    equal(folders["web01"].pid("off") is None, False)  # "up o*f" it was
    service("down", "off", "--wait", "5s", hosts="web01")


def signals():
    for name in NAMES:
        folders[name].service("signals", SIGNALS)
        wait_for(lambda: os.path.exists(folders[name].join("signals/got")), "signals")
    sent = (("hup", "HUP"), ("alarm", "ALRM"), ("int", "INT"), ("quit", "QUIT"), ("usr1", "USR1"), ("usr2", "USR2"),
            ("term", "TERM"))
    for verb, signal in sent:
        for name, lines in service(verb, "signals", hosts="tag:web" if verb == "term" else "web01").items():
            equal(words(lines[0])["sent"], verb)
            with open(folders[name].join("signals/got")) as f:
                wait_for(lambda: f.seek(0) == 0 and signal in f.read().split(), signal)
            beside(verb, name, lines[0], "signals")
    before = {name: folders[name].pid("signals") for name in NAMES}
    for name, lines in service("kill", "signals", "--wait", "8s").items():
        line = words(lines[0])
        check(line["state"] == "run" and int(line["pid"]) != before[name], lines)
        equal(int(line["pid"]), folders[name].pid("signals"))
        beside("kill --wait 8s", name, lines[0], "signals")


def up_and_down():
    pids = {name: folders[name].pid("logged") for name in NAMES}
    for name, lines in service("up", "logged", "--wait", "9s").items():
        equal(int(words(lines[0])["pid"]), pids[name])  # it ran, and runs on
    for name, lines in service("down", "logged", "--wait", "9s").items():
        equal((words(lines[0])["state"], folders[name].pid("logged")), ("down", None))
    for name, lines in service("up", "logged", "--wait", "9s").items():
        beside("up --wait 9s", name, lines[0], "logged")
        check(folders[name].pid("logged") == int(words(lines[0])["pid"]) != pids[name], lines)
    for name, lines in service("once", "off", "--wait", "9s").items():
        line = words(lines[0])
        equal((line["state"], line["want"], line["normally"]), ("run", "down", "down"))
        beside("once --wait 9s", name, lines[0], "off")
    service("status", "off")
    service("down", "off", "--wait", "9s")
    # sent, and not waited for
    for name, lines in service("up", "off").items():
        equal(words(lines[0])["sent"], "up")
        beside("up", name, lines[0], "off")
        folders[name].wait("off", pid=True)
    service("down", "off", "--wait", "9s")


def enable_disable():
    for verb, did, there in (("disable", "disabled", True), ("disable", "unchanged", True),
                             ("enable", "enabled", False), ("enable", "unchanged", False)):
        for name, lines in service(verb, "slow").items():
            equal(lines, ["slow " + did])
            equal(os.path.exists(folders[name].join("slow/down")), there)
            beside(verb, name, lines[0], "slow")
    # a link that somebody laid is not followed, and nothing is made where it leads
    os.symlink(bed.join("planted"), folders["web01"].join("slow/down"))
    has(service("disable", "slow", hosts="web01", status=5)["web01"][0], "slow not changed")
    check(not os.path.exists(bed.join("planted")))
    equal(service("enable", "slow", hosts="web01")["web01"], ["slow enabled"])
    # one that is elsewhere is linked
    bed.write("sv/fresh/run", SLEEP, 0o755)
    equal(service("enable", "--from", bed.join("sv"), "fresh", hosts="web01")["web01"], ["fresh linked and enabled"])
    equal(os.readlink(folders["web01"].join("fresh")), bed.join("sv/fresh"))
    equal(service("enable", "--from", bed.join("sv"), "fresh", hosts="web01")["web01"], ["fresh unchanged"])
    os.remove(folders["web01"].join("fresh"))


def logs():
    for name, lines in service("log", "logged").items():
        equal(lines[-1], "line 20")
        equal(len(lines), 10)
    for name, lines in service("log", "-n", "2", "logged").items():
        equal(lines, ["line 19", "line 20"])
    lines = service("log", "-n", "1", "logged", "off", hosts="web01", status=5)["web01"]
    equal(lines, ["==> logged <==", "line 20", "off: no log found"])


def dirs():
    """The option wins over the host's attribute."""
    line = service("list", "--dir", folders["web02"].path, "logged", hosts="web01")["web01"][0]
    equal(int(words(line)["pid"]), folders["web02"].pid("logged"))
    has(str(service("status", "--dir", "/no/where", hosts="web01", status=5)), "there is no folder /no/where")
    os.mkdir(bed.join("empty"), 0o755)
    has(str(service("status", "--dir", bed.join("empty"), hosts="web01", status=5)), "no service in")
    has(str(service("list", "--dir", bed.join("empty"), hosts="web01")), "no service in")


# the first four take no service down that another one looks at; nor do the others
test_status_fails, test_names, test_log, test_dir = at_once(faults, patterns, logs, dirs)
test_signals, test_up_and_down, test_enable_disable = at_once(signals, up_and_down, enable_disable)


def test_exit():
    """Its supervisor ends; the scanner starts another one."""
    for name in NAMES:
        folders[name].service("leaves")
        folders[name].wait("leaves", pid=True)
    before = {name: folders[name].pid("leaves") for name in NAMES}
    for name, lines in service("exit", "leaves", "--wait", "9s").items():
        beside("exit --wait 9s", name, lines[0], "leaves")
        if words(lines[0])["state"] != "unsupervised":
            check(int(words(lines[0])["pid"]) != before[name], lines)
        folders[name].stop()
    # nobody is there
    for name, lines in service("exit", "leaves").items():
        equal(lines, ["leaves unsupervised"])
        beside("exit", name, lines[0], "leaves")
    for verb in ("status", "up", "hup", "restart", "check"):
        for name, lines in service(verb, "leaves", status=5).items():
            equal(lines, ["leaves unsupervised"])
    for name in NAMES:
        folders[name].start()


main(globals())
